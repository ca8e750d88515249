// SPDX-License-Identifier: Apache-2.0
// Steps that the catalogue does not use as they are: with which of its steps they may be exchanged, so that a test can
// show them all the same, and the few that no test could show.
#pragma once

#include <string_view>

namespace cmodx::faulty {

// Tried in tests that need `like`, in its place on one thread or on all.
struct substitute {
    std::string_view architecture, step, like;
};
inline constexpr substitute substitutes[] = {
    {"aarch64", "dc.civac", "dc.cvau"},
    {"aarch64", "dc.cvau.w", "dc.cvau"},
    {"aarch64", "ic.ivau.w", "ic.ivau"},
    {"aarch64", "dsb.sy", "dsb.ish"},
    {"aarch64", "dsb.ishst", "dmb.ishst"},
    {"aarch64", "dmb.ish", "dmb.ishst"},
    {"aarch64", "dmb.sy", "dmb.ishst"},
    {"aarch64", "rel", "stlr"},
    {"aarch64", "syscall", "isb"},
    {"riscv64", "fence.rw.w", "fence.w.w"},
    {"riscv64", "fence", "fence.w.w"},
    {"riscv64", "rel", "fence.w.w"},
    {"riscv64", "fence.r.r", "fence.rw.rw"},
    {"riscv64", "fence.r.rw", "fence.rw.rw"},
    {"riscv64", "acq", "fence.rw.rw"},
    {"arm32", "dsb", "dmb"},
    {"arm32", "dsb.ish", "dmb"},
    {"arm32", "dsb.sy", "dmb"},
    {"arm32", "dsb.ishst", "dmb"},
    {"arm32", "dmb.ish", "dmb"},
    {"arm32", "dmb.ishst", "dmb"},
    {"arm32", "rel", "dmb"},
    {"arm32", "acq", "dmb"},
    {"arm32", "syscall", "isb"},
};

struct exclusion {
    std::string_view architecture, step, reason;
};
inline constexpr std::string_view dependence =
    "a dependence orders no synchronization behind the load, and whom others have synchronized needs no order";
inline constexpr exclusion exclusions[] = {
    {"aarch64", "addr", dependence},
    {"arm32", "addr", dependence},
    {"riscv64", "addr", dependence},
    {"riscv64", "ctrl", "FENCE.I waits for earlier loads by itself"},
    {"riscv64", "prctl.icache", "counts for a thread that is moved; what is lost then is a machine of its own"},
};

}  // namespace cmodx::faulty
