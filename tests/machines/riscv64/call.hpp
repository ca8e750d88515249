// SPDX-License-Identifier: Apache-2.0
// How a stub calls a function that plays the machine, riscv64.
#pragma once

#include "arch/riscv64/isa.hpp"

namespace cmodx::faulty {

// The most bytes of code that the architecture promises to change at once: an instruction.
inline constexpr std::size_t changed_at_once = 4;

// to(frame, x, n)
inline void emit_call(code_buffer& c, std::uintptr_t to, std::uint32_t x, std::uint32_t n) {
    using namespace riscv64;
    put(c, addi(reg::a0, frame, 0));
    load_immediate(c, reg::a1, static_cast<std::int32_t>(x));
    load_immediate(c, reg::a2, static_cast<std::int32_t>(n));
    // A static executable lies in the first 2 GiB.
    const auto low = static_cast<std::int32_t>(to << 20) >> 20;
    put(c, lui(reg::t1, static_cast<std::uint32_t>((to - static_cast<std::uintptr_t>(low)) >> 12)));
    put(c, addiw(reg::t1, reg::t1, low));
    put(c, jalr(reg::ra, reg::t1, 0));
}

}  // namespace cmodx::faulty
