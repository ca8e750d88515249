// SPDX-License-Identifier: Apache-2.0
// How a stub calls a function that plays the machine, AArch64.
#pragma once

#include "arch/aarch64/isa.hpp"

namespace cmodx::faulty {

// The most bytes of code that the architecture promises to change at once: an instruction.
inline constexpr std::size_t changed_at_once = 4;

// to(frame, x, n)
inline void emit_call(code_buffer& c, std::uintptr_t to, std::uint32_t x, std::uint32_t n) {
    using namespace aarch64;
    append(c, mov(x0, frame), movz(w1, x), movz(w2, n));
    append(c, movz(x3, to & 0xffff), movk(x3, to >> 16 & 0xffff, 16), movk(x3, to >> 32 & 0xffff, 32), blr(x3));
}

}  // namespace cmodx::faulty
