// SPDX-License-Identifier: Apache-2.0
// The registers of the privilege mode that an image runs in, for C++ and assembly. Sections: RISC-V Instruction Set
// Manual, vol. II, "Supervisor-Level ISA" and "Machine-Level ISA".
#pragma once

#ifdef CMODX_MACHINE_MODE
#define CSR_STATUS mstatus
#define CSR_ENABLE mie
#define CSR_PENDING mip
#define CSR_VECTOR mtvec
#define CSR_SCRATCH mscratch
#define CSR_PC mepc
#define CSR_CAUSE mcause
#define CSR_VALUE mtval
#define TRAP_RETURN mret
#define INTERRUPTS_ON 8
#define STATUS_IN_TRAP 0x3880 /* FS initial, MPP machine, MPIE */
#define SOFTWARE_INTERRUPT 3
#define TIMER_INTERRUPT 7
#else
#define CSR_STATUS sstatus
#define CSR_ENABLE sie
#define CSR_PENDING sip
#define CSR_VECTOR stvec
#define CSR_SCRATCH sscratch
#define CSR_PC sepc
#define CSR_CAUSE scause
#define CSR_VALUE stval
#define TRAP_RETURN sret
#define INTERRUPTS_ON 2
#define STATUS_IN_TRAP 0x2120 /* FS initial, SPP supervisor, SPIE */
#define SOFTWARE_INTERRUPT 1
#define TIMER_INTERRUPT 5
#endif

#define CMODX_TEXT(x) #x
#define CMODX_NAME(x) CMODX_TEXT(x) /* of a register, as text */
