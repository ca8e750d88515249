// SPDX-License-Identifier: Apache-2.0
// RISC-V from firmware or reset (A0 the hart's number, A1 the device tree) to C++, in supervisor mode with translation,
// or in machine mode without.
#include "mode.h"

#define STACK 0x40000
#define TRAP_STACK 0x4000
#define FRAME 432                               // x1 to x31, pc, status, ft, fa; above it the CPU's number

    .option norelax
    .section .text.start, "ax"
    .globl _start
_start:
    csrw    CSR_ENABLE, zero
    csrci   CSR_STATUS, INTERRUPTS_ON
#ifdef CMODX_MACHINE_MODE
    // All harts come here at once: one goes on, the others wait for their number.
    li      t0, 1
    la      t1, started
    amoadd.w.aq t0, t0, (t1)
    bnez    t0, wait_for_number
#endif
    la      t1, cmodx_bss_begin
    la      t2, cmodx_bss_end
1:  sd      zero, 0(t1)
    addi    t1, t1, 8
    bltu    t1, t2, 1b
    la      t1, cmodx_boot_hart
    sd      a0, 0(t1)
    sd      a1, 8(t1)
    li      s0, 0                               // number of this CPU
    call    enable
    tail    cmodx_first

#ifdef CMODX_MACHINE_MODE
wait_for_number:                                // one more than it; 0: not yet
    li      t0, 8
    bgeu    a0, t0, wait_for_number             // more harts than this image has room for
    la      t1, cmodx_number_of_hart
    slli    t0, a0, 2
    add     t1, t1, t0
1:  lw      t0, 0(t1)
    fence   rw, rw
    beqz    t0, 1b
    addi    a1, t0, -1
#endif
    .globl cmodx_secondary_start                // SBI hart_start: the number is in a1
cmodx_secondary_start:
    csrw    CSR_ENABLE, zero
    mv      s0, a1
    call    enable
    call    cmodx_prepare_cpu
    mv      a0, s0
    tail    cmodx_secondary

enable:
#ifndef CMODX_MACHINE_MODE
    la      t0, cmodx_translation                     // "Supervisor Address Translation and Protection (satp) Register"
    srli    t0, t0, 12
    li      t1, 8 << 60                         // Sv39
    or      t0, t0, t1
    sfence.vma
    csrw    satp, t0
    sfence.vma
#endif
    la      t0, cmodx_vectors_at
    ld      t0, 0(t0)
    csrw    CSR_VECTOR, t0
    li      t0, 1 << 13                         // FS: initial
    csrs    CSR_STATUS, t0
    csrw    fcsr, zero
    // Traps have a stack of their own: code under test may leave any value in its stack pointer.
    la      t0, cmodx_stacks
    ld      t0, 0(t0)
    addi    t1, s0, 1
    li      t2, STACK
    mul     t1, t1, t2
    add     t0, t0, t1
    addi    t0, t0, -16
    sd      s0, 0(t0)
    csrw    CSR_SCRATCH, t0
    li      t1, TRAP_STACK
    sub     sp, t0, t1
    mv      tp, s0
    ret

    .macro each_register operation              // but the stack pointer
    \operation x1, 8(sp)
    .irp n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \operation x\n, 8 * \n(sp)
    .endr
    .endm

    .macro each_float operation                 // those that a call may change
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7
    \operation ft\n, 264 + 8 * \n(sp)
    \operation fa\n, 328 + 8 * \n(sp)
    .endr
    .irp n, 8, 9, 10, 11
    \operation ft\n, 328 + 8 * \n(sp)
    .endr
    .endm

    .balign 4
vectors:                                        // the scratch register is 0 while a trap is handled
    csrrw   sp, CSR_SCRATCH, sp
    beqz    sp, nested
    addi    sp, sp, -FRAME
    each_register sd
    csrrw   t0, CSR_SCRATCH, zero
    sd      t0, 16(sp)
    csrr    t0, CSR_PC
    sd      t0, 0(sp)
    csrr    t0, CSR_STATUS
    sd      t0, 256(sp)
    each_float fsd
    ld      tp, FRAME(sp)
    mv      a0, sp
    call    cmodx_trap
    each_float fld
    ld      t0, 256(sp)
    csrw    CSR_STATUS, t0
    ld      t0, 0(sp)
    csrw    CSR_PC, t0
    addi    t0, sp, FRAME
    csrw    CSR_SCRATCH, t0
    each_register ld
    ld      sp, 16(sp)
    TRAP_RETURN

nested:
    csrrw   sp, CSR_SCRATCH, sp
    call    cmodx_trap_in_trap

    .globl cmodx_save                           // RISC-V calling convention: what a call preserves
cmodx_save:
    sd      ra, 0(a0)
    sd      sp, 8(a0)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    sd      s\n, 16 + 8 * \n(a0)
    fsd     fs\n, 112 + 8 * \n(a0)
    .endr
    li      a0, 0
    ret

    .globl cmodx_restore
cmodx_restore:
    ld      ra, 0(a0)
    ld      sp, 8(a0)
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    ld      s\n, 16 + 8 * \n(a0)
    fld     fs\n, 112 + 8 * \n(a0)
    .endr
    li      a0, 1
    ret

    .section .data.boot, "aw"
    .balign 8
    .globl cmodx_boot_hart, cmodx_device_tree, cmodx_stacks, cmodx_vectors_at, cmodx_number_of_hart
cmodx_boot_hart:
    .dword  0
cmodx_device_tree:
    .dword  0
cmodx_stacks:
    .dword  stacks
cmodx_vectors_at:
    .dword  vectors
#ifdef CMODX_MACHINE_MODE
started:
    .word   0
cmodx_number_of_hart:
    .fill   8, 4, 0
#endif

#ifndef CMODX_MACHINE_MODE
// "Sv39: Page-Based 39-bit Virtual-Memory System", pages of 1 GiB: bit 0 valid, 1 readable, 2 writable, 3 executable, 5
// global, 6 accessed, 7 dirty, from bit 10 on the address.
#define RAM 0x80000000 >> 2
    .section .data.translation, "aw"
    .balign 4096
    .globl cmodx_translation
cmodx_translation:
    .dword  0xe7                                // devices
    .dword  0
    .dword  RAM | 0xef
    .dword  0
    .dword  RAM | 0xe7                          // 0x1_0000_0000: writable only
    .fill   3, 8, 0
    .dword  RAM | 0xeb                          // 0x2_0000_0000: executable only
    .fill   503, 8, 0
#endif

    .section .noinit, "aw", %nobits
    .balign 4096
stacks:
    .skip   8 * STACK

    .section .note.GNU-stack, "", %progbits
