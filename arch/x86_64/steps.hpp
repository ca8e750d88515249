// SPDX-License-Identifier: Apache-2.0
// The steps of x86-64 protocols as instructions and Linux system calls.
//
// Registers of a stub: r14 the frame, r15d what load_flag last loaded, both untouched by every step; a step may
// change the registers that the C ABI calls volatile, rbx (which CPUID writes and the prologue saves) and the flags.
#pragma once

#include "arch/x86_64/encode.hpp"

namespace cmodx::x86_64 {

inline constexpr reg frame = reg::r14;
inline constexpr reg flag_value = reg::r15;

constexpr memory word(std::size_t index) { return {frame, static_cast<std::int32_t>(8 * index)}; }
constexpr memory word(field f, location x = 0) { return word(word_of(f, x)); }

// A Linux system call whose arguments are already in rdi, rsi, rdx; its result is or-ed into the status.
constexpr void system_call(code_buffer& c, std::uint32_t nr) {
    mov_r32_imm32(c, reg::ax, nr);
    syscall(c);
    or_m64_r64(c, word(field::status), reg::ax);
}

constexpr void emit_jmp(code_buffer& c, location) { jmp_rel8(c, 0); }

constexpr void emit_cpuid(code_buffer& c, location) {
    xor_r32_r32(c, reg::ax, reg::ax);
    xor_r32_r32(c, reg::cx, reg::cx);
    cpuid(c);
}

constexpr void emit_iret(code_buffer& c, location) {  // as iret_to_self(), Linux arch/x86/include/asm/sync_core.h
    mov_r64_r64(c, reg::dx, reg::sp);
    mov_r32_ss(c, reg::ax);
    push_r64(c, reg::ax);
    push_r64(c, reg::dx);
    pushfq(c);
    mov_r32_cs(c, reg::ax);
    push_r64(c, reg::ax);
    lea_r64_rip(c, reg::ax, 3);  // behind push (1 byte) and iretq (2)
    push_r64(c, reg::ax);
    iretq(c);
}

// Fixed steps of 64 bytes, the line of every x86-64 CPU to date; the fact `line` says what CPUID reports.
template <void (*Flush)(code_buffer&, memory)>
constexpr void emit_flush(code_buffer& c, location x) {
    mov_r64_m64(c, reg::ax, word(field::begin, x));
    mov_r64_m64(c, reg::dx, word(field::end, x));
    and_r64_imm(c, reg::ax, -64);
    const std::size_t loop = c.size;
    Flush(c, {reg::ax});
    add_r64_imm(c, reg::ax, 64);
    cmp_r64_r64(c, reg::ax, reg::dx);
    jcc_rel8(c, condition::b, static_cast<std::int32_t>(loop) - static_cast<std::int32_t>(c.size + 2));
}

constexpr void emit_membarrier(code_buffer& c, location) {
    mov_r32_imm32(c, reg::di, 1u << 5);  // MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
    xor_r32_r32(c, reg::si, reg::si);    // flags
    xor_r32_r32(c, reg::dx, reg::dx);    // cpu
    system_call(c, 324);
}

constexpr void emit_ctrl(code_buffer& c, location) {
    test_r32_r32(c, flag_value, flag_value);
    jcc_rel8(c, condition::ne, 0);
}

constexpr void emit_nothing(code_buffer&, location) {}

// Makes the address of the site depend on the flag last loaded, by way of the thread's own frame, so that fetch stays
// as cheap as it is. Two registers: XOR of one with itself is known to CPUs as a zero that depends on nothing.
constexpr void emit_addr(code_buffer& c, location x) {
    mov_r32_r32(c, reg::ax, flag_value);
    xor_r32_r32(c, reg::ax, flag_value);
    mov_r64_m64(c, reg::dx, word(field::site, x));
    add_r64_r64(c, reg::dx, reg::ax);
    mov_m64_r64(c, word(field::site, x), reg::dx);
}

// getpid(): a system call that does nothing but enter the kernel and return; its result is not an error's.
constexpr void emit_syscall(code_buffer& c, location) {
    mov_r32_imm32(c, reg::ax, 39);
    syscall(c);
}

// Written as it is read: what the translations are kept by stays, and those that are not global are forgotten.
template <unsigned Register>
constexpr void emit_mov_cr(code_buffer& c, location) {
    mov_r64_cr(c, reg::ax, Register);
    mov_cr_r64(c, Register, reg::ax);
}

// The page of the first byte and that of the last.
constexpr void emit_invlpg(code_buffer& c, location x) {
    mov_r64_m64(c, reg::ax, word(field::begin, x));
    invlpg(c, {reg::ax});
    mov_r64_m64(c, reg::ax, word(field::end, x));
    invlpg(c, {reg::ax, -1});
}

inline constexpr step steps[] = {
    // Intel SDM vol. 3A, "Handling Self- and Cross-Modifying Code": the jump of its Option 1.
    {"jmp", "Takes a direct jump to the next instruction.", "", emit_jmp},
    // Intel SDM vol. 3A, "Serializing Instructions"; AMD APM vol. 2, "Serializing Instructions".
    {"cpuid", "Executes CPUID, which serializes; under a hypervisor it leaves the guest.", "", emit_cpuid},
    {"serialize", "Serializes, and does nothing else.", "serialize", [](code_buffer& c, location) { serialize(c); }},
    {"iret", "Returns to the next instruction by IRETQ, which serializes.", "", emit_iret},
    // AMD APM vol. 2, "Serializing Instructions" lists MFENCE; Intel's list does not.
    {"mfence", "Orders earlier loads and stores before later ones; serializes on AMD, not on Intel.", "",
     [](code_buffer& c, location) { mfence(c); }},
    {"lfence", "Waits until earlier instructions are complete; does not serialize.", "",
     [](code_buffer& c, location) { lfence(c); }},
    {"sfence", "Orders earlier stores before later ones; does not serialize.", "",
     [](code_buffer& c, location) { sfence(c); }},
    // Intel SDM vol. 3A, "Locked Atomic Operations": not to be used to fetch data written as instructions.
    {"lock", "Orders memory by a locked OR to the stack; does not serialize.", "",
     [](code_buffer& c, location) {
         lock_or_m32_imm8(c, {reg::sp, -4}, 0);
     }},
    {"clflush", "Writes back and invalidates each line of 64 bytes of the range.", "clflush", emit_flush<clflush>},
    {"clflushopt", "As clflush, the lines in no particular order.", "clflushopt", emit_flush<clflushopt>},
    {"clear_cache", "Nothing: the compiler's __builtin___clear_cache emits no instruction here.", "", emit_nothing},
    // Linux include/uapi/linux/membarrier.h.
    {"membarrier", "Has the kernel serialize every thread of the process (membarrier, SYNC_CORE).",
     "membarrier_sync_core", emit_membarrier},
    {"ctrl", "Branches to the next instruction on a condition that depends on the flag last loaded.", "", emit_ctrl},
    {"addr", "Makes the address of the site depend on the flag last loaded.", "", emit_addr},
    {"rel", "Marks how the flag is published: as a release, which every store is. No instruction of its own.", "",
     emit_nothing},
    {"acq", "Marks how the flag is read: as an acquire, which every load is. No instruction of its own.", "",
     emit_nothing},
    {"syscall", "Makes a system call that does nothing (getpid).", "linux", emit_syscall},
    // Intel SDM vol. 3A, "Serializing Instructions"; AMD APM vol. 2, "Serializing Instructions".
    {"mov.cr3", "Writes CR3 as it is: serializes, and forgets the translations of this CPU that are not global.",
     "privileged", emit_mov_cr<3>},
    {"mov.cr0", "Writes CR0 as it is, which serializes.", "privileged", emit_mov_cr<0>},
    {"invlpg", "Forgets this CPU's translations of the range, and serializes.", "privileged", emit_invlpg},
    {"wbinvd", "Writes back and invalidates this CPU's caches, and serializes.", "privileged",
     [](code_buffer& c, location) { wbinvd(c); }},
    {"ipi", "Interrupts every other CPU, which serializes, and waits until all have.", "privileged",
     [](code_buffer& c, location) { call_m64(c, word(field::interrupt)); }},
};

}  // namespace cmodx::x86_64
