// SPDX-License-Identifier: Apache-2.0
// x86-64 from the PVH entry (Xen's docs/misc/pvh.pandoc: 32 bits, no paging, EBX the start info) to C++: long mode, all
// memory at its own address, and the first GiB once more writable only and once more executable only. Sections: Intel SDM
// vol. 3A.

#define STACK 0x40000
#define TRAP_STACK 0x4000
#define TRAMPOLINE 0x8000

    .section .note.pvh, "a", @note
    .balign 4
    .long   4, 8, 18                            // lengths of name and value; XEN_ELFNOTE_PHYS32_ENTRY
    .asciz  "Xen"
    .quad   _start

    .section .text.start, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    movl    %ebx, cmodx_start_info
    movl    $cmodx_bss_begin, %edi
    movl    $cmodx_bss_end, %ecx
    subl    %edi, %ecx
    shrl    $2, %ecx
    xorl    %eax, %eax
    rep stosl

// "Initializing IA-32e Mode"
enable:
    lgdt    descriptors_pointer
    movl    %cr4, %eax
    orl     $(1 << 5 | 1 << 9 | 1 << 10), %eax  // PAE, OSFXSR, OSXMMEXCPT
    movl    %eax, %cr4
    movl    $cmodx_translation, %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx                   // IA32_EFER
    rdmsr
    orl     $(1 << 8 | 1 << 11), %eax           // LME, NXE
    wrmsr
    movl    %cr0, %eax
    andl    $~(1 << 30 | 1 << 29 | 1 << 3 | 1 << 2), %eax   // CD, NW, TS, EM
    orl     $(1 << 31 | 1 << 16 | 1 << 5 | 1 << 1 | 1), %eax // PG, WP, NE, MP, PE
    movl    %eax, %cr0
    ljmp    $0x08, $in_long_mode

    .code64
in_long_mode:
    movl    $0x10, %eax
    movl    %eax, %ss
    movl    %eax, %ds
    movl    %eax, %es
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movl    $1, %eax
    cpuid
    shrl    $24, %ebx                           // the initial APIC ID
    movzbl  cmodx_number_of_apic(%rbx), %r12d
    // Traps have a stack of their own: code under test may leave any value in its stack pointer.
    leal    1(%r12), %esi
    imull   $STACK, %esi, %esi
    addq    cmodx_stacks, %rsi
    leaq    -TRAP_STACK(%rsi), %rsp
    movl    %r12d, %edi
    call    cmodx_prepare_cpu
    movl    %r12d, %edi
    testl   %edi, %edi
    jnz     1f
    call    cmodx_first
1:  call    cmodx_secondary

// What a start-up interrupt starts in real mode, at TRAMPOLINE ("MP Initialization Protocol").
    .globl cmodx_trampoline, cmodx_trampoline_end
    .code16
cmodx_trampoline:
    cli
    xorw    %ax, %ax
    movw    %ax, %ds
    lgdtl   TRAMPOLINE + trampoline_pointer - cmodx_trampoline
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $0x18, $TRAMPOLINE + protected_mode - cmodx_trampoline
    .code32
protected_mode:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    $enable, %eax
    jmp     *%eax
    .balign 4
trampoline_pointer:
    .word   cmodx_descriptors_end - cmodx_descriptors - 1
    .long   cmodx_descriptors
cmodx_trampoline_end:
    .code64

// "Exception and Interrupt Reference": these push an error code. 32 is the timer, 33 another CPU, 34 spurious.
    .balign 16
vectors:
    .set    vector, 0
    .rept   35
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    pushq   $0
    .endif
    pushq   $vector
    jmp     enter
    .set    vector, vector + 1
    .endr

enter:
    pushq   %rax
    pushq   %rcx
    pushq   %rdx
    pushq   %rbx
    pushq   %rbp
    pushq   %rsi
    pushq   %rdi
    pushq   %r8
    pushq   %r9
    pushq   %r10
    pushq   %r11
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    movq    %rsp, %rdi
    cld
    call    cmodx_trap
    popq    %r15
    popq    %r14
    popq    %r13
    popq    %r12
    popq    %r11
    popq    %r10
    popq    %r9
    popq    %r8
    popq    %rdi
    popq    %rsi
    popq    %rbp
    popq    %rbx
    popq    %rdx
    popq    %rcx
    popq    %rax
    addq    $16, %rsp                           // vector and error code
    iretq

    .globl cmodx_save                           // System V ABI: what a call preserves
cmodx_save:
    popq    %rdx
    movq    %rsp, 0(%rdi)
    movq    %rdx, 8(%rdi)
    movq    %rbx, 16(%rdi)
    movq    %rbp, 24(%rdi)
    movq    %r12, 32(%rdi)
    movq    %r13, 40(%rdi)
    movq    %r14, 48(%rdi)
    movq    %r15, 56(%rdi)
    xorl    %eax, %eax
    jmp     *%rdx

    .globl cmodx_restore
cmodx_restore:
    movq    0(%rdi), %rsp
    movq    16(%rdi), %rbx
    movq    24(%rdi), %rbp
    movq    32(%rdi), %r12
    movq    40(%rdi), %r13
    movq    48(%rdi), %r14
    movq    56(%rdi), %r15
    cld
    movl    $1, %eax
    jmp     *8(%rdi)

    .section .data.boot, "aw"
    .globl cmodx_start_info, cmodx_stacks, cmodx_vectors_at, cmodx_descriptors, cmodx_descriptors_end
cmodx_start_info:
    .quad   0
cmodx_stacks:
    .quad   stacks
cmodx_vectors_at:
    .quad   vectors
descriptors_pointer:
    .word   cmodx_descriptors_end - cmodx_descriptors - 1
    .long   cmodx_descriptors
    .balign 16
cmodx_descriptors:                              // "Segment Descriptors"; those of tasks are filled in by machine.cpp
    .quad   0
    .quad   0x00af9b000000ffff                  // 0x08: code, 64 bits
    .quad   0x00cf93000000ffff                  // 0x10: data
    .quad   0x00cf9b000000ffff                  // 0x18: code, 32 bits
    .fill   2 * 8, 8, 0
cmodx_descriptors_end:

// "4-Level Paging and 5-Level Paging": bit 0 present, 1 writable, 4 not cached, 5 accessed, 6 dirty, 7 a page of 2 MiB, 63
// never executed. What an upper level denies is denied.
    .section .data.translation, "aw"
    .balign 4096
    .globl cmodx_translation, cmodx_gibibytes
cmodx_translation:
    .quad   cmodx_gibibytes + 3
    .fill   511, 8, 0
cmodx_gibibytes:
    .quad   pages + 3
    .quad   pages + 0x1003
    .quad   pages + 0x2003
    .quad   pages + 0x3003
    .long   pages + 3, 1 << 31                  // 0x1_0000_0000: writable only
    .fill   3, 8, 0
    .quad   pages + 1                           // 0x2_0000_0000: executable only
    .fill   503, 8, 0
pages:
    .set    number, 0
    .rept   3 * 512
    .quad   number << 21 | 0xe3
    .set    number, number + 1
    .endr
    .rept   512                                 // the last GiB has the devices
    .quad   number << 21 | 0xf3
    .set    number, number + 1
    .endr

    .section .noinit, "aw", %nobits
    .balign 4096
stacks:
    .skip   8 * STACK

    .section .note.GNU-stack, "", %progbits
