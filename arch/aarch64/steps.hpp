// SPDX-License-Identifier: Apache-2.0
// The steps of an AArch64 protocol as instructions and system calls of Linux.
#pragma once

#include "arch/aarch64/stub.hpp"

namespace cmodx::aarch64 {

// One cache operation on every line that begin … end of location x touches. The size of a line is 4 << a field of
// CTR_EL0, read here each time: it may differ from CPU to CPU, and a kernel that hides such a difference does so
// when the register is read (DDI0487 "CTR_EL0, Cache Type Register"; Linux, arch/arm64/kernel/traps.c).
template <unsigned LineField, std::uint32_t (*Operation)(xreg)>
constexpr void each_line(code_buffer& code, location x) {
    append(code, load(x0, field::begin, x), load(x1, field::end, x));
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

// After DC and IC stands a DSB: neither is complete before one (DDI0487 B2.7.4.2 "Synchronization and coherency
// issues between data and instruction accesses").
// clang-format off
inline constexpr step steps[] = {
    {"dc.cvau", "Cleans the data cache to the point of unification, line by line.", "", each_line<data_line, dc_cvau>},
    {"dc.civac", "Cleans and invalidates the data cache to the point of coherency, line by line.", "", each_line<data_line, dc_civac>},
    {"ic.ivau", "Invalidates the instruction cache to the point of unification, line by line.", "", each_line<instruction_line, ic_ivau>},
    {"dsb.ish", "Waits until earlier accesses and cache maintenance are complete for the inner shareable domain.", "", words<dsb(barrier::ish)>},
    {"dsb.ishst", "Waits until earlier stores are complete for the inner shareable domain.", "", words<dsb(barrier::ishst)>},
    {"dsb.ishld", "Waits until earlier loads are complete for the inner shareable domain.", "", words<dsb(barrier::ishld)>},
    {"dmb.ish", "Orders earlier accesses before later ones.", "", words<dmb(barrier::ish)>},
    {"dmb.ishst", "Orders earlier stores before later ones.", "", words<dmb(barrier::ishst)>},
    {"dmb.ishld", "Orders earlier loads before later accesses.", "", words<dmb(barrier::ishld)>},
    {"isb", "Synchronizes the context: later instructions are fetched anew.", "", words<isb()>},
    {"stlr", "Marks how the flag is published: by a store-release. No instruction of its own.", "", marker},
    {"acq", "Marks how the flag is read: by a load-acquire. No instruction of its own.", "", marker},
    {"membarrier", "Has every running thread of the process synchronize its context, through Linux; maintains no cache.", "membarrier_sync_core", membarrier},
    {"clear_cache", "Calls the compiler's __builtin___clear_cache.", "", clear_cache},
    {"ctrl", "A conditional branch to the next instruction that depends on the flag last loaded.", "", words<cbz(last_flag, 4)>},
};
// clang-format on

}  // namespace cmodx::aarch64
