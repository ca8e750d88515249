// SPDX-License-Identifier: Apache-2.0
// Stores of 4 and 8 bytes over A64 instructions.
#pragma once

#include "arch/aarch64/stub.hpp"
#include "arch/tear.hpp"

namespace cmodx::target {

inline constexpr tear_target tear_targets[] = {
    {"movz x0, imm16",
     4,
     0,
     {0, 0xffff},
     {0xffff},
     [](code_buffer& c, unsigned g) {
         aarch64::append(c, aarch64::movz(aarch64::x0, g != 0 ? 0xffff : 0), aarch64::ret());
     }},
    {"movz x0, imm16 and the movk x0, imm16 behind it",
     8,
     0,
     {0, 0xffffffff},
     {0xffff, 0xffff0000},
     [](code_buffer& c, unsigned g) {
         aarch64::append(c, aarch64::movz(aarch64::x0, g != 0 ? 0xffff : 0),
                         aarch64::movk(aarch64::x0, g != 0 ? 0xffff : 0, 16), aarch64::ret());
     }},
};

inline constexpr fetch_promise fetch_promises[] = {
    {"", 0,
     "DDI0487 B2.2.5 \"Concurrent modification and execution of instructions\" lists what may be exchanged while it "
     "runs, and neither MOVZ nor MOVK"},
};

}  // namespace cmodx::target
