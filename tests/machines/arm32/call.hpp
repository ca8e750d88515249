// SPDX-License-Identifier: Apache-2.0
// How a stub calls a function that plays the machine, A32.
#pragma once

#include "arch/arm32/isa.hpp"

namespace cmodx::faulty {

// The most bytes of code that the architecture promises to change at once: an instruction.
inline constexpr std::size_t changed_at_once = 4;

// to(frame, x, n)
inline void emit_call(code_buffer& c, std::uintptr_t to, std::uint32_t x, std::uint32_t n) {
    using namespace arm32;
    append(c, mov(r0, frame), movw(r1, x), movw(r2, n));
    append(c, movw(r3, to & 0xffff), movt(r3, to >> 16), blx(r3));
}

}  // namespace cmodx::faulty
