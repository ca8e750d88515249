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

// clang-format off
inline constexpr step steps[] = {
    {"cacheflush", "Cleans and invalidates the caches for all CPUs, and synchronizes the context of this one, through Linux.", "cacheflush", cacheflush},
    {"dsb", "Waits until earlier accesses are complete for the inner shareable domain.", "", words<dsb(barrier::ish)>},
    {"dmb", "Orders earlier accesses before later ones.", "", words<dmb(barrier::ish)>},
    {"isb", "Synchronizes the context: later instructions are fetched anew.", "", words<isb()>},
    {"membarrier", "Has every running thread of the process synchronize its context, through Linux; maintains no cache.", "membarrier_sync_core", membarrier},
    {"clear_cache", "Calls the compiler's __builtin___clear_cache.", "", clear_cache},
    {"ctrl", "A conditional branch to the next instruction that depends on the flag last loaded.", "", words<cmp(last_flag, immediate{0}), b(4, cond::eq)>},
};
// clang-format on

}  // namespace cmodx::arm32
