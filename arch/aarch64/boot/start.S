// SPDX-License-Identifier: Apache-2.0
// AArch64 from reset to C++: EL1, MMU and caches on, one address of all RAM that is writable and executable, one that is
// executable only, one that is writable only. Sections: Arm ARM, DDI0487.

#define STACK 0x40000

    .section .text.start, "ax"
    .globl _start
_start:
    msr     daifset, #15
    adrp    x1, cmodx_bss_begin
    add     x1, x1, :lo12:cmodx_bss_begin
    adrp    x2, cmodx_bss_end
    add     x2, x2, :lo12:cmodx_bss_end
1:  stp     xzr, xzr, [x1], #16
    cmp     x1, x2
    b.lo    1b
    mov     x20, #0                             // number of this CPU
    bl      enable
    b       cmodx_first

    .globl cmodx_secondary_start                // PSCI CPU_ON: the number is in x0
cmodx_secondary_start:
    msr     daifset, #15
    mov     x20, x0
    bl      enable
    bl      cmodx_prepare_secondary
    mov     x0, x20
    b       cmodx_secondary

// D13.2 "General system control registers"; D8.3 "Translation table descriptor formats".
enable:
    msr     tpidr_el1, x20
    ldr     x0, =0xff04                         // attribute 0: device nGnRE; 1: normal, write-back
    msr     mair_el1, x0
    ldr     x0, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32) // 39 bits by TTBR0 alone, 4 KiB, cacheable
    msr     tcr_el1, x0
    adrp    x0, cmodx_translation
    msr     ttbr0_el1, x0
    ldr     x0, cmodx_vectors_at
    msr     vbar_el1, x0
    mov     x0, #3 << 20                        // CPACR_EL1.FPEN
    msr     cpacr_el1, x0
    dsb     ish
    tlbi    vmalle1
    ic      iallu
    dsb     ish
    isb
    mrs     x0, sctlr_el1
    mov     x1, #(1 | 1 << 2 | 1 << 12)         // M, C, I
    orr     x0, x0, x1
    orr     x0, x0, #(1 << 22)                  // EIS and EOS: exceptions synchronize the context,
    orr     x0, x0, #(1 << 11)                  // with FEAT_ExS, too
    bic     x0, x0, #(1 << 19)                  // WXN
    bic     x0, x0, #(1 << 1)                   // A: the compiler may use unaligned accesses
    msr     sctlr_el1, x0
    isb
    // Traps have a stack of their own: code under test may leave any value in its stack pointer.
    ldr     x0, cmodx_stacks
    add     x1, x20, #1
    mov     x2, #STACK
    madd    x0, x1, x2, x0
    msr     spsel, #1
    mov     sp, x0
    msr     spsel, #0
    sub     x0, x0, #0x4000
    mov     sp, x0
    ret

    .balign 8
    .globl cmodx_stacks, cmodx_vectors_at
cmodx_stacks:
    .quad   stacks
cmodx_vectors_at:
    .quad   vectors

    .macro vector entry
    .balign 128
    b       \entry
    .endm

    .balign 2048
vectors:                                        // D1.3.1.2 "Exception vectors"
    vector  synchronous                         // this level, SP_EL0: all that runs
    vector  interrupt
    vector  interrupt
    vector  synchronous
    .rept 12
    vector  hopeless                            // inside the handler, or from a level that is not used
    .endr

    .macro enter kind
    sub     sp, sp, #288
    stp     x0, x1, [sp, #0]
    stp     x2, x3, [sp, #16]
    stp     x4, x5, [sp, #32]
    stp     x6, x7, [sp, #48]
    stp     x8, x9, [sp, #64]
    stp     x10, x11, [sp, #80]
    stp     x12, x13, [sp, #96]
    stp     x14, x15, [sp, #112]
    stp     x16, x17, [sp, #128]
    stp     x18, x19, [sp, #144]
    stp     x20, x21, [sp, #160]
    stp     x22, x23, [sp, #176]
    stp     x24, x25, [sp, #192]
    stp     x26, x27, [sp, #208]
    stp     x28, x29, [sp, #224]
    mrs     x1, elr_el1
    stp     x30, x1, [sp, #240]
    mrs     x1, spsr_el1
    mrs     x2, sp_el0
    stp     x1, x2, [sp, #256]
    mov     x0, sp
    mov     x1, #\kind
    bl      cmodx_trap
    b       leave
    .endm

synchronous:
    enter   0
interrupt:
    enter   1
hopeless:
    mov     x0, sp
    b       cmodx_trap_in_trap

leave:
    ldp     x1, x2, [sp, #256]
    msr     spsr_el1, x1
    msr     sp_el0, x2
    ldp     x30, x1, [sp, #240]
    msr     elr_el1, x1
    ldp     x28, x29, [sp, #224]
    ldp     x26, x27, [sp, #208]
    ldp     x24, x25, [sp, #192]
    ldp     x22, x23, [sp, #176]
    ldp     x20, x21, [sp, #160]
    ldp     x18, x19, [sp, #144]
    ldp     x16, x17, [sp, #128]
    ldp     x14, x15, [sp, #112]
    ldp     x12, x13, [sp, #96]
    ldp     x10, x11, [sp, #80]
    ldp     x8, x9, [sp, #64]
    ldp     x6, x7, [sp, #48]
    ldp     x4, x5, [sp, #32]
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp, #0]
    add     sp, sp, #288
    eret

    .globl cmodx_save                           // AAPCS64: what a call preserves
cmodx_save:
    stp     x19, x20, [x0, #0]
    stp     x21, x22, [x0, #16]
    stp     x23, x24, [x0, #32]
    stp     x25, x26, [x0, #48]
    stp     x27, x28, [x0, #64]
    mov     x1, sp
    stp     x29, x30, [x0, #80]
    str     x1, [x0, #96]
    stp     d8, d9, [x0, #104]
    stp     d10, d11, [x0, #120]
    stp     d12, d13, [x0, #136]
    stp     d14, d15, [x0, #152]
    mov     x0, #0
    ret

    .globl cmodx_restore
cmodx_restore:
    ldp     x19, x20, [x0, #0]
    ldp     x21, x22, [x0, #16]
    ldp     x23, x24, [x0, #32]
    ldp     x25, x26, [x0, #48]
    ldp     x27, x28, [x0, #64]
    ldp     x29, x30, [x0, #80]
    ldr     x1, [x0, #96]
    mov     sp, x1
    ldp     d8, d9, [x0, #104]
    ldp     d10, d11, [x0, #120]
    ldp     d12, d13, [x0, #136]
    ldp     d14, d15, [x0, #152]
    mov     x0, #1
    ret

// Level 1, blocks of 1 GiB: bit 0 valid, 2 to 4 attribute, 7 read-only, 8 and 9 inner shareable, 10 accessed, 53 never
// executed.
#define DEVICE (1 | 0 << 2 | 1 << 10 | 1 << 53 | 1 << 54)
#define NORMAL (1 | 1 << 2 | 3 << 8 | 1 << 10)
#define RAM 0x40000000
    .section .data.translation, "aw"
    .balign 4096
    .globl  cmodx_translation
cmodx_translation:
    .quad   DEVICE
    .quad   RAM | NORMAL
    .fill   3, 8, 0
    .quad   RAM | NORMAL | 1 << 7               // 0x1_4000_0000: executable only
    .fill   3, 8, 0
    .quad   RAM | NORMAL | 1 << 53 | 1 << 54    // 0x2_4000_0000: writable only
    .fill   502, 8, 0

    .section .noinit, "aw", %nobits
    .balign 4096
stacks:
    .skip   8 * STACK

    .section .note.GNU-stack, "", %progbits
