// SPDX-License-Identifier: Apache-2.0
// The first sector of a disk, by which a PC's firmware of old starts the image: behind it on the disk come 32 KiB with the
// command line, and the image as it lies in memory (ci/cmodx_ci/disk.py). It does what a PVH loader does. Enhanced Disk
// Drive Specification, "Extended Read"; Ralf Brown's Interrupt List, INT 15h AH=87h; Xen's docs/misc/pvh.pandoc.

#define SECTOR 0x7c00                           // where firmware puts it
#define BUFFER 0x10000
#define ARGUMENTS 0x20000
#define PIECE 0x8000                            // bytes read at a time
#define AT(label) (label - cmodx_boot_sector + SECTOR)

    .section .boot_sector, "a"
    .globl  cmodx_boot_sector
    .code16
cmodx_boot_sector:
    ljmp    $0, $AT(1f)
1:  xorw    %ax, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movw    $SECTOR, %sp
    cld
    movb    %dl, AT(drive)
    call    read
    movw    $BUFFER >> 4, AT(segment)
2:  call    read
    movb    $0x87, %ah                          // move a block
    movw    $PIECE / 2, %cx
    movw    $AT(blocks), %si
    int     $0x15
    jc      failed
    addl    $PIECE, AT(destination)
    cmpl    $cmodx_bss_begin + 0x93000000, AT(destination)
    jb      2b
    inb     $0x92, %al                          // address line 20
    orb     $2, %al
    andb    $0xfe, %al
    outb    %al, $0x92
    cli
    lgdtl   AT(pointer)
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    ljmpl   $0x08, $AT(protected)

read:
    movb    $0x42, %ah
    movb    AT(drive), %dl
    movw    $AT(packet), %si
    int     $0x13
    jc      failed
    addl    $PIECE / 512, AT(block)
    ret

failed:
    movw    $AT(text), %si
3:  lodsb
    testb   %al, %al
    jz      4f
    movb    $0x0e, %ah                          // a character on the screen
    movw    $7, %bx
    int     $0x10
    jmp     3b
4:  hlt
    jmp     4b

    .code32
protected:
    movl    $0x10, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    movl    $AT(start_info), %ebx
    movl    $_start, %eax
    jmp     *%eax

text:
    .asciz  "cmodx: the disk cannot be read"
drive:
    .byte   0
    .balign 8
packet:
    .byte   16, 0
    .word   PIECE / 512
    .word   0                                   // offset
segment:
    .word   ARGUMENTS >> 4
block:
    .quad   1
blocks:                                         // descriptors: two of firmware's, from, to, two of firmware's
    .fill   2, 8, 0
    .word   PIECE - 1
    .long   BUFFER + 0x93000000
    .word   0
    .word   PIECE - 1
destination:
    .long   cmodx_image_begin + 0x93000000
    .word   0
    .fill   2, 8, 0
descriptors:
    .quad   0
    .quad   0x00cf9b000000ffff                  // 0x08: code
    .quad   0x00cf93000000ffff                  // 0x10: data
descriptors_end:
pointer:
    .word   descriptors_end - descriptors - 1
    .long   AT(descriptors)
    .balign 8
start_info:
    .long   0x336ec578, 0, 0, 0                 // magic, version, flags, modules
    .quad   0
    .quad   ARGUMENTS
    .quad   0

    .org    510
    .word   0xaa55

    .section .note.GNU-stack, "", %progbits
