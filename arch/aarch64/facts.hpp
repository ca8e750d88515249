// SPDX-License-Identifier: Apache-2.0
// Facts about the AArch64 CPU that this runs on, and what a freestanding engine needs of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "arch/aarch64/isa.hpp"

namespace cmodx::target {

using isa = aarch64::isa;

// Lets a spinning thread give way to another on the same core.
inline void pause() { asm volatile("yield" ::: "memory"); }

// The virtual counter, which ticks CNTFRQ_EL0 times a second, alike on all CPUs.
inline std::uint64_t ticks() {
    std::uint64_t value;
    asm volatile("mrs %0, cntvct_el0" : "=r"(value));
    return value;
}

// The same behind what came before: the counter may otherwise be read early (DDI0487 "CNTVCT_EL0").
inline std::uint64_t ordered_ticks() {
    asm volatile("isb" ::: "memory");
    return ticks();
}
inline constexpr bool ticks_are_cycles = false;

// Calls add(key, value) for each fact of the calling CPU: what CTR_EL0 says of its caches, lines in bytes
// (DDI0487 "CTR_EL0, Cache Type Register").
template <class Add>
void collect_facts(Add&& add) {
    std::uint64_t ctr;
    asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
    constexpr std::string_view flag[] = {"0", "1"};
    constexpr std::string_view line[] = {"4",    "8",    "16",   "32",   "64",    "128",   "256",   "512",
                                         "1024", "2048", "4096", "8192", "16384", "32768", "65536", "131072"};
    constexpr std::string_view l1ip[] = {"vpipt", "aivivt", "vipt", "pipt"};
    add("idc", flag[ctr >> 28 & 1]);
    add("dic", flag[ctr >> 29 & 1]);
    add("dline", line[ctr >> 16 & 15]);
    add("iline", line[ctr & 15]);
    add("l1ip", l1ip[ctr >> 14 & 3]);
    // FEAT_ExS or not, exceptions synchronize the context: SCTLR_EL1.EIS and EOS are set by Linux (6.12,
    // arch/arm64/include/asm/sysreg.h, INIT_SCTLR_EL1_MMU_ON) and by boot/start.S.
    add("exs", "0");
}

}  // namespace cmodx::target
