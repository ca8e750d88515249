// SPDX-License-Identifier: Apache-2.0
// How a stub calls a function that plays the machine, x86-64.
#pragma once

#include "arch/x86_64/isa.hpp"

namespace cmodx::faulty {

// The most bytes of code that the architecture promises to change at once: AMD's aligned quadword.
inline constexpr std::size_t changed_at_once = 8;

// to(frame, x, n)
inline void emit_call(code_buffer& c, std::uintptr_t to, std::uint32_t x, std::uint32_t n) {
    using namespace x86_64;
    mov_r64_r64(c, reg::di, frame);
    mov_r32_imm32(c, reg::si, x);
    mov_r32_imm32(c, reg::dx, n);
    mov_r64_imm64(c, reg::ax, to);
    call_r64(c, reg::ax);
}

}  // namespace cmodx::faulty
