// SPDX-License-Identifier: Apache-2.0
// AArch32 from reset to C++: system mode, MMU and caches on, one address of all RAM that is writable and executable, one
// that is executable only, one that is writable only. Sections: Arm ARM for Armv7-A, DDI0406C.

#define STACK 0x40000
#define TRAP_STACK 0x4000
#define SYSTEM 0x1f

    .syntax unified
    .arch   armv7-a
    .fpu    vfpv3-d16
    .arm

    .section .text.start, "ax"
    .globl _start
_start:
    cpsid   if
    ldr     r1, =cmodx_bss_begin
    ldr     r2, =cmodx_bss_end
    mov     r0, #0
1:  str     r0, [r1], #4
    cmp     r1, r2
    blo     1b
    mov     r10, #0                             // number of this CPU
    bl      enable
    b       cmodx_first

    .globl cmodx_secondary_start                // PSCI CPU_ON: the number is in r0
cmodx_secondary_start:
    cpsid   if
    mov     r10, r0
    bl      enable
    bl      cmodx_prepare_secondary
    mov     r0, r10
    b       cmodx_secondary

// B4.1 "VMSA System control registers descriptions"
enable:
    mov     r9, lr
    mcr     p15, 0, r10, c13, c0, 4             // TPIDRPRW
    ldr     r0, =cmodx_vectors_at
    ldr     r0, [r0]
    mcr     p15, 0, r0, c12, c0, 0              // VBAR
    mov     r0, #0
    mcr     p15, 0, r0, c2, c0, 2               // TTBCR: short descriptors, all by TTBR0
    ldr     r0, =cmodx_translation
    orr     r0, r0, #(1 << 6 | 1 << 3 | 1 << 1) // walks: inner and outer write-back, shareable
    mcr     p15, 0, r0, c2, c0, 0               // TTBR0
    mov     r0, #1
    mcr     p15, 0, r0, c3, c0, 0               // DACR: domain 0 as the descriptors say
    mov     r0, #(15 << 20)
    mcr     p15, 0, r0, c1, c0, 2               // CPACR: floating point
    isb
    mov     r0, #(1 << 30)
    vmsr    fpexc, r0
    mov     r0, #0
    mcr     p15, 0, r0, c8, c7, 0               // TLBIALL
    mcr     p15, 0, r0, c7, c5, 0               // ICIALLU
    mcr     p15, 0, r0, c7, c5, 6               // BPIALL
    dsb
    isb
    mrc     p15, 0, r0, c1, c0, 0               // SCTLR
    ldr     r1, =(1 | 1 << 2 | 1 << 11 | 1 << 12)       // M, C, Z, I
    orr     r0, r0, r1
    ldr     r1, =(1 << 1 | 1 << 13 | 1 << 28 | 1 << 29 | 1 << 30)       // A, V, TRE, AFE, TE
    bic     r0, r0, r1
    mcr     p15, 0, r0, c1, c0, 0
    isb
    // Traps have a stack of their own, the same in each of their modes: code under test may leave any value in its
    // stack pointer.
    ldr     r0, =cmodx_stacks
    ldr     r0, [r0]
    add     r1, r10, #1
    mov     r2, #STACK
    mla     r0, r1, r2, r0
    .irp    mode, 0x11, 0x12, 0x13, 0x17, 0x1b
    cps     #\mode
    mov     sp, r0
    .endr
    cps     #SYSTEM
    sub     sp, r0, #TRAP_STACK
    bx      r9

    .balign 32
vectors:                                        // B1.8.1 "Exception vectors and the exception base address"
    b       hopeless
    b       undefined
    b       supervisor_call
    b       prefetch_abort
    b       data_abort
    b       hopeless
    b       interrupt
    b       hopeless

    .macro enter mode, kind, offset
    sub     lr, lr, #\offset
    srsdb   sp!, #\mode
    push    {r0-r12}
    vpush   {d0-d7}
    vmrs    r0, fpscr
    push    {r0}
    sub     sp, sp, #8
    stmia   sp, {sp, lr}^
    mov     r0, sp
    mov     r1, #\kind
    bl      cmodx_trap
    ldmia   sp, {sp, lr}^
    nop
    add     sp, sp, #8
    pop     {r0}
    vmsr    fpscr, r0
    vpop    {d0-d7}
    pop     {r0-r12}
    rfeia   sp!
    .endm

interrupt:
    enter   0x12, 0, 4
undefined:
    enter   0x1b, 1, 4
supervisor_call:
    enter   0x13, 2, 4
prefetch_abort:
    enter   0x17, 3, 4
data_abort:
    enter   0x17, 4, 8
hopeless:
    b       cmodx_trap_in_trap

    .globl cmodx_save                           // AAPCS: what a call preserves
cmodx_save:
    mov     r12, sp
    stmia   r0!, {r4-r12, lr}
    vstmia  r0, {d8-d15}
    mov     r0, #0
    bx      lr

    .globl cmodx_restore
cmodx_restore:
    ldmia   r0!, {r4-r12, lr}
    mov     sp, r12
    vldmia  r0, {d8-d15}
    mov     r0, #1
    bx      lr

    .ltorg

    .section .data.boot, "aw"
    .balign 4
    .globl cmodx_stacks, cmodx_vectors_at
cmodx_stacks:
    .word   stacks
cmodx_vectors_at:
    .word   vectors

// B3.5.1 "Short-descriptor translation table format descriptors", sections of 1 MiB: bit 1 a section, 2 B, 3 C, 4 never
// executed, 10 for this level, 12 TEX, 15 read-only, 16 shareable.
#define DEVICE (1 << 1 | 1 << 2 | 1 << 4 | 1 << 10)
#define NORMAL (1 << 1 | 1 << 2 | 1 << 3 | 1 << 10 | 1 << 12 | 1 << 16)
    .macro gibibyte from, attributes
    .set    number, 0
    .rept   1024
    .word   \from + (number << 20) + (\attributes)
    .set    number, number + 1
    .endr
    .endm
    .section .data.translation, "aw"
    .balign 16384
    .globl cmodx_translation
cmodx_translation:
    gibibyte 0, DEVICE
    gibibyte 0x40000000, NORMAL
    gibibyte 0x40000000, NORMAL | 1 << 4        // 0x8000_0000: writable only
    gibibyte 0x40000000, NORMAL | 1 << 15       // 0xc000_0000: executable only

    .section .noinit, "aw", %nobits
    .balign 4096
stacks:
    .skip   8 * STACK

    .section .note.GNU-stack, "", %progbits
