// SPDX-License-Identifier: Apache-2.0
// Encodings of T32 instructions, 16 bits (uint16_t) and 32 bits (uint32_t).
//
// A 32-bit instruction is two halfwords; the first, at the lower address, is the low half of the value, so that the
// value can be stored as a little-endian word. Source: Arm ARM DDI0406C, chapter "Instruction Details".
#pragma once

#include "arch/arm32/encode.hpp"

namespace cmodx::arm32::t32 {

constexpr std::uint32_t halfwords(std::uint32_t first, std::uint32_t second) { return first | second << 16; }

// R0 to R7.
constexpr std::uint32_t low(reg r, unsigned position) { return at(r, 3, position); }

constexpr std::uint16_t narrow(std::uint32_t value) { return static_cast<std::uint16_t>(value); }

constexpr std::uint16_t nop() { return 0xbf00; }
constexpr std::uint16_t bkpt(std::uint32_t imm8) { return narrow(0xbe00 | at(imm8, 8, 0)); }
constexpr std::uint16_t svc(std::uint32_t imm8) { return narrow(0xdf00 | at(imm8, 8, 0)); }
constexpr std::uint16_t udf(std::uint32_t imm8) { return narrow(0xde00 | at(imm8, 8, 0)); }
constexpr std::uint16_t movs(reg rd, std::uint32_t imm8) { return narrow(0x2000 | low(rd, 8) | at(imm8, 8, 0)); }
constexpr std::uint16_t bx(reg rm) { return narrow(0x4700 | at(rm, 4, 3)); }
constexpr std::uint16_t blx(reg rm) {
    require(rm != pc);
    return narrow(0x4780 | at(rm, 4, 3));
}
// PC reads as the address of the instruction plus 4.
constexpr std::uint16_t b(std::int64_t offset) { return narrow(0xe000 | distance(offset - 4, 2, 11)); }
constexpr std::uint16_t b(cond c, std::int64_t offset) {
    require(c != cond::al);
    return narrow(0xd000 | at(static_cast<std::uint32_t>(c), 4, 8) | distance(offset - 4, 2, 8));
}

constexpr std::uint16_t push_lr() { return 0xb500; }
constexpr std::uint16_t pop_pc() { return 0xbd00; }

constexpr std::uint32_t nop_w() { return halfwords(0xf3af, 0x8000); }
constexpr std::uint32_t isb() { return halfwords(0xf3bf, 0x8f6f); }
constexpr std::uint32_t dsb(barrier option) { return halfwords(0xf3bf, 0x8f40 | static_cast<std::uint32_t>(option)); }
constexpr std::uint32_t dmb(barrier option) { return halfwords(0xf3bf, 0x8f50 | static_cast<std::uint32_t>(option)); }

constexpr std::uint32_t movw(reg rd, std::uint32_t imm16) {
    require(imm16 < 0x10000 && rd != sp && rd != pc);
    return halfwords(0xf240 | (imm16 >> 11 & 1) << 10 | imm16 >> 12,
                     (imm16 >> 8 & 7) << 12 | at(rd, 4, 8) | (imm16 & 0xff));
}

// S:I1:I2:imm10:imm11:0, where J = NOT(I) EOR S.
constexpr std::uint32_t wide_branch(std::uint32_t second, std::int64_t offset) {
    const std::uint32_t units = distance(offset - 4, 2, 24);
    const std::uint32_t s = units >> 23;
    const std::uint32_t j1 = (units >> 22 & 1) ^ s ^ 1;
    const std::uint32_t j2 = (units >> 21 & 1) ^ s ^ 1;
    return halfwords(0xf000 | s << 10 | (units >> 11 & 0x3ff), second | j1 << 13 | j2 << 11 | (units & 0x7ff));
}
constexpr std::uint32_t b_w(std::int64_t offset) { return wide_branch(0x9000, offset); }
constexpr std::uint32_t bl(std::int64_t offset) { return wide_branch(0xd000, offset); }

}  // namespace cmodx::arm32::t32
