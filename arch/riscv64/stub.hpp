// SPDX-License-Identifier: Apache-2.0
// How a stub of riscv64 uses the registers, and the pieces that steps and events are put together from.
//
// s0 holds the frame, s1 what load_flag last loaded, zero-extended; no step changes them. Everything else that the C
// ABI calls volatile is scratch, and so is ra, which the prologue saves.
#pragma once

#include "arch/riscv64/encode.hpp"

namespace cmodx::riscv64 {

inline constexpr reg frame = reg::s0;
inline constexpr reg flag_value = reg::s1;

constexpr void put(code_buffer& c, std::uint32_t instruction) { c.little(instruction, 4); }
constexpr void put_short(code_buffer& c, std::uint16_t instruction) { c.little(instruction, 2); }

// d = the frame's word.
constexpr void load_word(code_buffer& c, reg d, std::size_t index) {
    put(c, ld(d, frame, static_cast<std::int32_t>(8 * index)));
}
constexpr void load_word(code_buffer& c, reg d, field f, location x = 0) { load_word(c, d, word_of(f, x)); }
constexpr void store_word(code_buffer& c, reg s, std::size_t index) {
    put(c, sd(s, frame, static_cast<std::int32_t>(8 * index)));
}

constexpr void load_immediate(code_buffer& c, reg d, std::int32_t value) { put(c, addi(d, reg::zero, value)); }

// d = d's low 32 bits.
constexpr void zero_extend(code_buffer& c, reg d) {
    put(c, slli(d, d, 32));
    put(c, srli(d, d, 32));
}

// A Linux system call whose arguments are already in a0, a1, a2; its result is or-ed into the status.
constexpr void system_call(code_buffer& c, std::int32_t nr) {
    load_immediate(c, reg::a7, nr);
    put(c, ecall());
    load_word(c, reg::t1, field::status);
    put(c, or_(reg::t1, reg::t1, reg::a0));
    store_word(c, reg::t1, word_of(field::status, 0));
}

}  // namespace cmodx::riscv64
