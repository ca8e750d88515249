// SPDX-License-Identifier: Apache-2.0
// The steps of an AArch64 protocol as instructions and system calls of Linux.
#pragma once

#include "arch/aarch64/stub.hpp"

namespace cmodx::aarch64 {

enum class address : bool { executable, writable };

// One cache operation on every line that the range of location x touches, named by its executable or its writable
// address. The size of a line is 4 << a field of
// CTR_EL0, read here each time: it may differ from CPU to CPU, and a kernel that hides such a difference does so
// when the register is read (DDI0487 "CTR_EL0, Cache Type Register"; Linux, arch/arm64/kernel/traps.c).
template <unsigned LineField, std::uint32_t (*Operation)(xreg), address By = address::executable>
constexpr void each_line(code_buffer& code, location x) {
    append(code, load(x0, field::begin, x), load(x1, field::end, x));
    if (By == address::writable) append(code, sub(x1, x1, x0), load(x0, field::target, x), add(x1, x1, x0));
    append(code, mrs(x2, system_register::ctr_el0), ubfx(x2, x2, LineField, 4));
    append(code, movz(x3, 4), lslv(x3, x3, x2));    // the bytes of a line
    append(code, sub(x4, x3, 1), bic(x0, x0, x4));  // the first line
    append(code, Operation(x0), add(x0, x0, x3), cmp(x0, x1), b(cond::lo, -12));
}

inline constexpr unsigned data_line = 16;        // CTR_EL0.DminLine
inline constexpr unsigned instruction_line = 0;  // CTR_EL0.IminLine

template <std::uint32_t... Words>
constexpr void words(code_buffer& code, location) {
    append(code, Words...);
}

constexpr void marker(code_buffer&, location) {}

// membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE, 0, 0) (Linux, include/uapi/linux/membarrier.h).
constexpr void membarrier(code_buffer& code, location) {
    append(code, movz(x0, 1 << 5), movz(x1, 0), movz(x2, 0));
    system_call(code, 283);
}

constexpr void clear_cache(code_buffer& code, location x) {
    append(code, load(x0, field::begin, x), load(x1, field::end, x), load(x2, field::clear_cache), blr(x2));
}

// Makes the address of the site depend on the flag last loaded, by way of the thread's own frame: a dependency through
// memory of the same thread is one (DDI0487, "Dependency definitions"), and fetch stays as cheap as it is.
constexpr void addr(code_buffer& code, location x) {
    constexpr auto flag = static_cast<xreg>(last_flag);
    append(code, eor(x0, flag, flag), load(x1, field::site, x), add(x1, x1, x0), store(x1, field::site, x));
}

// getpid(): a system call that does nothing but enter the kernel and return; its result is not an error's.
constexpr void trivial_system_call(code_buffer& code, location) { append(code, movz(x8, 172), svc(0)); }

// Every other CPU takes an interrupt, whose handler ends in an ISB, and has answered when this is over.
constexpr void ipi(code_buffer& code, location) { append(code, load(x1, field::interrupt), blr(x1)); }

// The page of the first byte and that of the last, by whatever ASID.
constexpr void tlbi(code_buffer& code, location x) {
    append(code, load(x0, field::begin, x), load(x1, field::end, x), sub(x1, x1, 1));
    append(code, lsr(x0, x0, 12), lsr(x1, x1, 12), tlbi_vaae1is(x0), tlbi_vaae1is(x1));
}
constexpr void tlbi_asid(code_buffer& code, location) {
    append(code, mrs(x0, system_register::ttbr0_el1), lsr(x0, x0, 48), lsl(x0, x0, 48), tlbi_aside1is(x0));
}

// To the next instruction, in the state that this is. No interrupt may come between what it returns by and ERET.
constexpr void exception_return(code_buffer& code, location) {
    append(code, mrs(x0, system_register::daif), msr_daifset(2), mrs(x1, system_register::currentel), orr(x0, x0, x1));
    append(code, mrs(x1, system_register::spsel), orr(x0, x0, x1), msr(system_register::spsr_el1, x0));
    append(code, adr(x0, 12), msr(system_register::elr_el1, x0), eret());
}

// After DC and IC stands a DSB: neither is complete before one (DDI0487 B2.7.4.2 "Synchronization and coherency
// issues between data and instruction accesses").
// clang-format off
inline constexpr step steps[] = {
    {"dc.cvau", "Cleans the data cache to the point of unification, line by line.", "", each_line<data_line, dc_cvau>},
    {"dc.civac", "Cleans and invalidates the data cache to the point of coherency, line by line.", "", each_line<data_line, dc_civac>},
    {"ic.ivau", "Invalidates the instruction cache to the point of unification, line by line.", "", each_line<instruction_line, ic_ivau>},
    {"dc.cvau.w", "As dc.cvau, the lines being named by their writable addresses.", "", each_line<data_line, dc_cvau, address::writable>},
    {"ic.ivau.w", "As ic.ivau, the lines being named by their writable addresses.", "", each_line<instruction_line, ic_ivau, address::writable>},
    {"dsb.ish", "Waits until earlier accesses and cache maintenance are complete for the inner shareable domain.", "", words<dsb(barrier::ish)>},
    {"dsb.sy", "Waits until earlier accesses and cache maintenance are complete for the whole system.", "", words<dsb(barrier::sy)>},
    {"dsb.ishst", "Waits until earlier stores are complete for the inner shareable domain.", "", words<dsb(barrier::ishst)>},
    {"dsb.ishld", "Waits until earlier loads are complete for the inner shareable domain.", "", words<dsb(barrier::ishld)>},
    {"dmb.ish", "Orders earlier accesses before later ones.", "", words<dmb(barrier::ish)>},
    {"dmb.sy", "Orders earlier accesses before later ones, for the whole system.", "", words<dmb(barrier::sy)>},
    {"dmb.ishst", "Orders earlier stores before later ones.", "", words<dmb(barrier::ishst)>},
    {"dmb.ishld", "Orders earlier loads before later accesses.", "", words<dmb(barrier::ishld)>},
    {"isb", "Synchronizes the context: later instructions are fetched anew.", "", words<isb()>},
    {"stlr", "Marks how the flag is published: by a store-release. No instruction of its own.", "", marker},
    {"rel", "Another name of stlr.", "", marker},
    {"acq", "Marks how the flag is read: by a load-acquire. No instruction of its own.", "", marker},
    {"membarrier", "Has every running thread of the process synchronize its context, through Linux; maintains no cache.", "membarrier_sync_core", membarrier},
    {"clear_cache", "Calls the compiler's __builtin___clear_cache.", "", clear_cache},
    {"ctrl", "A conditional branch to the next instruction that depends on the flag last loaded.", "", words<cbz(last_flag, 4)>},
    {"addr", "Makes the address of the site depend on the flag last loaded.", "", addr},
    {"syscall", "Makes a system call that does nothing (getpid).", "linux", trivial_system_call},
    {"ic.iallu", "Invalidates all of this CPU's instruction caches to the point of unification.", "privileged", words<ic_iallu()>},
    {"ic.ialluis", "Invalidates all instruction caches of the inner shareable domain to the point of unification.", "privileged", words<ic_ialluis()>},
    {"tlbi", "Invalidates the translations of the range by whatever ASID, for the inner shareable domain (VAAE1IS).", "privileged", tlbi},
    {"tlbi.asid", "Invalidates all translations of the current ASID, for the inner shareable domain (ASIDE1IS).", "privileged", tlbi_asid},
    {"eret", "Returns from an exception to the next instruction.", "privileged", exception_return},
    {"ipi", "Interrupts every other CPU, which synchronizes its context, and waits until all have.", "privileged", ipi},
};
// clang-format on

}  // namespace cmodx::aarch64
