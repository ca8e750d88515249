// SPDX-License-Identifier: Apache-2.0
// The steps of riscv64 protocols as instructions and Linux system calls.
#pragma once

#include "arch/riscv64/stub.hpp"

namespace cmodx::riscv64 {

constexpr void emit_flush_icache(code_buffer& c, location x, std::int32_t flags) {
    load_word(c, reg::a0, field::begin, x);
    load_word(c, reg::a1, field::end, x);
    load_immediate(c, reg::a2, flags);
    system_call(c, 259);
}

constexpr void emit_prctl_icache(code_buffer& c, location) {
    load_immediate(c, reg::a0, 71);  // PR_RISCV_SET_ICACHE_FLUSH_CTX
    load_immediate(c, reg::a1, 0);   // PR_RISCV_CTX_SW_FENCEI_ON
    load_immediate(c, reg::a2, 0);   // PR_RISCV_SCOPE_PER_PROCESS
    system_call(c, 167);
}

constexpr void emit_membarrier(code_buffer& c, location) {
    load_immediate(c, reg::a0, 1 << 5);  // MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE
    load_immediate(c, reg::a1, 0);       // flags
    load_immediate(c, reg::a2, 0);       // cpu
    system_call(c, 283);
}

constexpr void emit_clear_cache(code_buffer& c, location x) {
    load_word(c, reg::a0, field::begin, x);
    load_word(c, reg::a1, field::end, x);
    load_word(c, reg::t1, field::clear_cache);
    put(c, jalr(reg::ra, reg::t1, 0));
}

constexpr void marker(code_buffer&, location) {}

// Makes the address of the site depend on the flag last loaded, by way of the thread's own frame: a dependency is
// carried through memory too (RISC-V ISA vol. I, "Pipeline Dependencies"), and fetch stays as cheap as it is.
constexpr void emit_addr(code_buffer& c, location x) {
    put(c, xor_(reg::t0, flag_value, flag_value));
    load_word(c, reg::t1, field::site, x);
    put(c, add(reg::t1, reg::t1, reg::t0));
    store_word(c, reg::t1, word_of(field::site, x));
}

// getpid(): a system call that does nothing but enter the kernel and return; its result is not an error's.
constexpr void emit_syscall(code_buffer& c, location) {
    load_immediate(c, reg::a7, 172);
    put(c, ecall());
}

// The page of the first byte and that of the last, in every address space.
constexpr void emit_sfence_vma(code_buffer& c, location x) {
    load_word(c, reg::t0, field::begin, x);
    load_word(c, reg::t1, field::end, x);
    put(c, addi(reg::t1, reg::t1, -1));
    put(c, sfence_vma(reg::t0, reg::zero));
    put(c, sfence_vma(reg::t1, reg::zero));
}

// sbi_remote_fence_i(0, -1): all harts (SBI specification, "RFENCE Extension").
constexpr void emit_remote_fence_i(code_buffer& c, location) {
    load_immediate(c, reg::a0, 0);
    load_immediate(c, reg::a1, -1);
    load_immediate(c, reg::a6, 0);
    put(c, lui(reg::a7, 0x52465));
    put(c, addi(reg::a7, reg::a7, 0x52464e43 - 0x52465000));
    put(c, ecall());
    load_word(c, reg::t1, field::status);
    put(c, or_(reg::t1, reg::t1, reg::a0));
    store_word(c, reg::t1, word_of(field::status, 0));
}

constexpr void emit_ipi(code_buffer& c, location) {
    load_word(c, reg::t1, field::interrupt);
    put(c, jalr(reg::ra, reg::t1, 0));
}

inline constexpr std::uint32_t set_rw = set_r | set_w;
inline constexpr std::uint32_t set_iorw = set_i | set_o | set_r | set_w;

inline constexpr step steps[] = {
    // RISC-V ISA vol. I, "Zifencei": the local hart only.
    {"fence.i", "Orders this hart's earlier memory accesses before its later fetches.", "",
     [](code_buffer& c, location) { put(c, fence_i()); }},
    // RISC-V ISA vol. I, "Memory Ordering Instructions".
    {"fence.w.w", "Orders earlier stores before later ones.", "",
     [](code_buffer& c, location) { put(c, fence(set_w, set_w)); }},
    {"fence.r.r", "Orders earlier loads before later ones.", "",
     [](code_buffer& c, location) { put(c, fence(set_r, set_r)); }},
    {"fence.rw.w", "Orders earlier loads and stores before later stores.", "",
     [](code_buffer& c, location) { put(c, fence(set_rw, set_w)); }},
    {"fence.r.rw", "Orders earlier loads before later loads and stores.", "",
     [](code_buffer& c, location) { put(c, fence(set_r, set_rw)); }},
    {"fence.rw.rw", "Orders earlier loads and stores before later ones.", "",
     [](code_buffer& c, location) { put(c, fence(set_rw, set_rw)); }},
    {"fence", "Orders earlier accesses, those of devices included, before later ones.", "",
     [](code_buffer& c, location) { put(c, fence(set_iorw, set_iorw)); }},
    // RISC-V ISA vol. I, "Code Porting and Mapping Guidelines".
    {"rel", "Marks how the flag is published: behind a FENCE RW,W. No instruction of its own.", "", marker},
    {"acq", "Marks how the flag is read: with a FENCE R,RW behind it. No instruction of its own.", "", marker},
    // Linux arch/riscv/kernel/sys_riscv.c.
    {"flush_icache", "Has the kernel execute FENCE.I for every thread of the process (riscv_flush_icache).",
     "flush_icache", [](code_buffer& c, location x) { emit_flush_icache(c, x, 0); }},
    {"flush_icache.local", "Has the kernel execute FENCE.I for the calling thread (riscv_flush_icache, LOCAL).",
     "flush_icache", [](code_buffer& c, location x) { emit_flush_icache(c, x, 1); }},
    // Linux Documentation/arch/riscv/cmodx.rst.
    {"prctl.icache", "Has the kernel execute FENCE.I from now on whenever a thread of the process migrates.",
     "prctl_icache", emit_prctl_icache},
    // Linux include/uapi/linux/membarrier.h.
    {"membarrier", "Has the kernel execute FENCE.I for every thread of the process (membarrier, SYNC_CORE).",
     "membarrier_sync_core", emit_membarrier},
    {"clear_cache", "Calls the compiler's __builtin___clear_cache.", "", emit_clear_cache},
    {"ctrl", "Branches to the next instruction on a condition that depends on the flag last loaded.", "",
     [](code_buffer& c, location) { put(c, bne(flag_value, reg::zero, 4)); }},
    {"addr", "Makes the address of the site depend on the flag last loaded.", "", emit_addr},
    {"syscall", "Makes a system call that does nothing (getpid).", "linux", emit_syscall},
    // RISC-V ISA vol. II, "Supervisor Memory-Management Fence Instruction".
    {"sfence.vma", "Orders this hart's earlier stores to page tables before its later translations of the range.",
     "privileged", emit_sfence_vma},
    {"rfence.i", "Has the firmware execute FENCE.I on every hart (SBI, remote FENCE.I).", "sbi", emit_remote_fence_i},
    {"ipi", "Interrupts every other hart, which executes FENCE.I, and waits until all have.", "privileged", emit_ipi},
};

}  // namespace cmodx::riscv64
