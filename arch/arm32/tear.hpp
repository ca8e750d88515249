// SPDX-License-Identifier: Apache-2.0
// The store of 4 bytes over an A32 instruction; wider ones are two accesses on Armv7-A.
#pragma once

#include "arch/arm32/stub.hpp"
#include "arch/tear.hpp"

namespace cmodx::target {

inline constexpr tear_target tear_targets[] = {
    {"movw r0, imm16",
     4,
     0,
     {0, 0xffff},
     {0xffff},
     [](code_buffer& c, unsigned g) {
         arm32::append(c, arm32::movw(arm32::r0, g != 0 ? 0xffff : 0), arm32::bx(arm32::lr));
     }},
};

inline constexpr fetch_promise fetch_promises[] = {
    {"", 0,
     "DDI0406C A3.5.4 \"Concurrent modification and execution of instructions\" lists what may be exchanged while it "
     "runs, and not MOVW"},
};

}  // namespace cmodx::target
