// SPDX-License-Identifier: Apache-2.0
// The steps of an AArch32 protocol as instructions and system calls of Linux: user mode cannot maintain a cache.
#pragma once

#include "arch/arm32/stub.hpp"

namespace cmodx::arm32 {

template <std::uint32_t... Words>
constexpr void words(code_buffer& code, location) {
    append(code, Words...);
}

// cacheflush(begin, end, 0) (Linux, arch/arm/kernel/traps.c, do_cache_op): DCCMVAU, DSB, ICIMVAU, BPIALL and DSB,
// for all CPUs, and ISB on the calling one (DDI0487 E2.5.3.2, DDI0406C A3.5.4).
constexpr void cacheflush(code_buffer& code, location x) {
    append(code, load(r0, field::begin, x), load(r1, field::end, x), mov(r2, immediate{0}));
    system_call(code, 0x0f0002);
}

// membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) (Linux, include/uapi/linux/membarrier.h).
constexpr void membarrier(code_buffer& code, location) {
    append(code, mov(r0, immediate{1 << 5}), mov(r1, immediate{0}), mov(r2, immediate{0}));
    system_call(code, 389);
}

constexpr void clear_cache(code_buffer& code, location x) {
    append(code, load(r0, field::begin, x), load(r1, field::end, x), load(r2, field::clear_cache), blx(r2));
}

constexpr void marker(code_buffer&, location) {}

// Makes the address of the site depend on the flag last loaded, by way of the thread's own frame: a dependency through
// memory of the same thread is one (DDI0406C A3.8.2, "Ordering requirements for memory accesses"), and fetch stays as
// cheap as it is.
constexpr void addr(code_buffer& code, location x) {
    append(code, eor(r0, last_flag, last_flag), load(r1, field::site, x), add(r1, r1, r0), store(r1, field::site, x));
}

// getpid(): a system call that does nothing but enter the kernel and return; its result is not an error's.
constexpr void trivial_system_call(code_buffer& code, location) { append(code, movw(r7, 20), svc(0)); }

// An operation by address on all of the range: every 16 bytes, as no line of a cache is shorter.
template <unsigned Crm, unsigned Opc2, unsigned Stride = 16>
constexpr void each_line(code_buffer& code, location x) {
    append(code, load(r0, field::begin, x), load(r1, field::end, x), bic(r0, r0, immediate{Stride - 1}));
    append(code, mcr15(0, r0, 7, Crm, Opc2), add(r0, r0, immediate{Stride}), cmp(r0, r1), b(-12, cond::lo));
}

// An operation that takes no address.
template <unsigned Crn, unsigned Crm, unsigned Opc2>
constexpr void operation(code_buffer& code, location) {
    append(code, mov(r0, immediate{0}), mcr15(0, r0, Crn, Crm, Opc2));
}

// TLBIMVAAIS: the page of the first byte and that of the last, by whatever ASID.
constexpr void tlbi(code_buffer& code, location x) {
    append(code, load(r0, field::begin, x), load(r1, field::end, x), sub(r1, r1, immediate{1}));
    append(code, lsr(r0, r0, 12), lsl(r0, r0, 12), lsr(r1, r1, 12), lsl(r1, r1, 12));
    append(code, mcr15(0, r0, 8, 3, 3), mcr15(0, r1, 8, 3, 3));
}

constexpr void ipi(code_buffer& code, location) { append(code, load(r1, field::interrupt), blx(r1)); }

// clang-format off
inline constexpr step steps[] = {
    {"cacheflush", "Cleans and invalidates the caches for all CPUs, and synchronizes the context of this one, through Linux.", "cacheflush", cacheflush},
    {"dsb", "Waits until earlier accesses are complete for the inner shareable domain.", "", words<dsb(barrier::ish)>},
    {"dsb.ish", "Another name of dsb.", "", words<dsb(barrier::ish)>},
    {"dsb.sy", "Waits until earlier accesses are complete for the whole system.", "", words<dsb(barrier::sy)>},
    {"dsb.ishst", "Waits until earlier stores are complete for the inner shareable domain.", "", words<dsb(barrier::ishst)>},
    {"dmb", "Orders earlier accesses before later ones.", "", words<dmb(barrier::ish)>},
    {"dmb.ish", "Another name of dmb.", "", words<dmb(barrier::ish)>},
    {"dmb.ishst", "Orders earlier stores before later ones.", "", words<dmb(barrier::ishst)>},
    {"isb", "Synchronizes the context: later instructions are fetched anew.", "", words<isb()>},
    {"membarrier", "Has every running thread of the process synchronize its context, through Linux; maintains no cache.", "membarrier_sync_core", membarrier},
    {"clear_cache", "Calls the compiler's __builtin___clear_cache.", "", clear_cache},
    {"ctrl", "A conditional branch to the next instruction that depends on the flag last loaded.", "", words<cmp(last_flag, immediate{0}), b(4, cond::eq)>},
    {"addr", "Makes the address of the site depend on the flag last loaded.", "", addr},
    {"rel", "Marks how the flag is published: behind a DMB ISH. No instruction of its own.", "", marker},
    {"acq", "Marks how the flag is read: with a DMB ISH behind it. No instruction of its own.", "", marker},
    {"syscall", "Makes a system call that does nothing (getpid).", "linux", trivial_system_call},
    // DDI0406C B4.2.1 "Cache and branch predictor maintenance operations, VMSA", B4.2.2 "TLB maintenance operations".
    {"dccmvau", "Cleans the data cache to the point of unification, line by line.", "privileged", each_line<11, 1>},
    {"icimvau", "Invalidates the instruction cache to the point of unification, line by line.", "privileged", each_line<5, 1>},
    {"iciallu", "Invalidates all of this CPU's instruction caches, and its branch predictors.", "privileged", operation<7, 5, 0>},
    {"icialluis", "Invalidates all instruction caches and branch predictors of the inner shareable domain.", "privileged", operation<7, 1, 0>},
    {"bpiall", "Invalidates this CPU's branch predictors.", "privileged", operation<7, 5, 6>},
    {"bpiallis", "Invalidates all branch predictors of the inner shareable domain.", "privileged", operation<7, 1, 6>},
    {"bpimva", "Invalidates the branch predictors, by the address of each instruction.", "privileged", each_line<5, 7, 2>},
    {"tlbi", "Invalidates the translations of the range by whatever ASID, for the inner shareable domain (TLBIMVAAIS).", "privileged", tlbi},
    {"ipi", "Interrupts every other CPU, which synchronizes its context, and waits until all have.", "privileged", ipi},
};
// clang-format on

}  // namespace cmodx::arm32
