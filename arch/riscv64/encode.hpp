// SPDX-License-Identifier: Apache-2.0
// Encoders of the RV64GC instructions that the suite emits, one function a mnemonic, each the value of one instruction:
// 32 bits, or 16 for those whose name begins with c_.
//
// Source: The RISC-V Instruction Set Manual, Volume I, "RV32/64G Instruction Set Listings" and "C" extension.
// A field out of range does not compile in a constant expression and traps at run time.
#pragma once

#include "arch/arch.hpp"

namespace cmodx::riscv64 {

enum class reg : std::uint8_t {
    zero,
    ra,
    sp,
    gp,
    tp,
    t0,
    t1,
    t2,
    s0,
    s1,
    a0,
    a1,
    a2,
    a3,
    a4,
    a5,
    a6,
    a7,
    s2,
    s3,
    s4,
    s5,
    s6,
    s7,
    s8,
    s9,
    s10,
    s11,
    t3,
    t4,
    t5,
    t6
};

// The sets of FENCE, or-ed together.
inline constexpr std::uint32_t set_w = 1, set_r = 2, set_o = 4, set_i = 8;

// The ordering bits of an AMO, LR or SC.
enum class order : std::uint8_t { relaxed, release, acquire, acquire_release };

constexpr void require(bool holds) {
    if (!holds) __builtin_trap();
}

constexpr std::uint32_t number(reg r) {
    const auto value = static_cast<std::uint32_t>(r);
    require(value < 32);
    return value;
}

// The low `bits` of a signed value that fits them.
constexpr std::uint32_t signed_field(std::int32_t value, unsigned bits) {
    require(value >= -(1 << (bits - 1)) && value < 1 << (bits - 1));
    return static_cast<std::uint32_t>(value) & ((1u << bits) - 1);
}

constexpr std::uint32_t unsigned_field(std::uint32_t value, unsigned bits) {
    require(value >> bits == 0);
    return value;
}

// --- formats ----------------------------------------------------------------------------------------------------

constexpr std::uint32_t r_type(std::uint32_t opcode, std::uint32_t funct3, std::uint32_t funct7, reg d, reg s, reg t) {
    return funct7 << 25 | number(t) << 20 | number(s) << 15 | funct3 << 12 | number(d) << 7 | opcode;
}
constexpr std::uint32_t i_type(std::uint32_t opcode, std::uint32_t funct3, reg d, reg s, std::int32_t imm) {
    return signed_field(imm, 12) << 20 | number(s) << 15 | funct3 << 12 | number(d) << 7 | opcode;
}
constexpr std::uint32_t shift(std::uint32_t opcode, std::uint32_t funct3, reg d, reg s, std::uint32_t amount,
                              unsigned bits) {
    return unsigned_field(amount, bits) << 20 | number(s) << 15 | funct3 << 12 | number(d) << 7 | opcode;
}
constexpr std::uint32_t s_type(std::uint32_t funct3, reg t, reg s, std::int32_t imm) {
    const std::uint32_t i = signed_field(imm, 12);
    return i >> 5 << 25 | number(t) << 20 | number(s) << 15 | funct3 << 12 | (i & 31) << 7 | 0x23;
}
constexpr std::uint32_t b_type(std::uint32_t funct3, reg s, reg t, std::int32_t offset) {
    require((offset & 1) == 0);
    const std::uint32_t i = signed_field(offset, 13);
    return i >> 12 << 31 | (i >> 5 & 0x3f) << 25 | number(t) << 20 | number(s) << 15 | funct3 << 12 |
           (i >> 1 & 15) << 8 | (i >> 11 & 1) << 7 | 0x63;
}
constexpr std::uint32_t u_type(std::uint32_t opcode, reg d, std::uint32_t imm20) {
    return unsigned_field(imm20, 20) << 12 | number(d) << 7 | opcode;
}
constexpr std::uint32_t amo(std::uint32_t funct5, std::uint32_t funct3, order o, reg d, reg t, reg s) {
    return r_type(0x2f, funct3, funct5 << 2 | unsigned_field(static_cast<std::uint32_t>(o), 2), d, s, t);
}

// --- RV64I: d destination, s and t sources; offsets count from the instruction itself ---------------------------

constexpr std::uint32_t lui(reg d, std::uint32_t imm20) { return u_type(0x37, d, imm20); }
constexpr std::uint32_t auipc(reg d, std::uint32_t imm20) { return u_type(0x17, d, imm20); }
constexpr std::uint32_t addi(reg d, reg s, std::int32_t imm) { return i_type(0x13, 0, d, s, imm); }
constexpr std::uint32_t addiw(reg d, reg s, std::int32_t imm) { return i_type(0x1b, 0, d, s, imm); }
constexpr std::uint32_t xori(reg d, reg s, std::int32_t imm) { return i_type(0x13, 4, d, s, imm); }
constexpr std::uint32_t ori(reg d, reg s, std::int32_t imm) { return i_type(0x13, 6, d, s, imm); }
constexpr std::uint32_t andi(reg d, reg s, std::int32_t imm) { return i_type(0x13, 7, d, s, imm); }
constexpr std::uint32_t slli(reg d, reg s, std::uint32_t n) { return shift(0x13, 1, d, s, n, 6); }
constexpr std::uint32_t srli(reg d, reg s, std::uint32_t n) { return shift(0x13, 5, d, s, n, 6); }
constexpr std::uint32_t srliw(reg d, reg s, std::uint32_t n) { return shift(0x1b, 5, d, s, n, 5); }
constexpr std::uint32_t add(reg d, reg s, reg t) { return r_type(0x33, 0, 0, d, s, t); }
constexpr std::uint32_t sub(reg d, reg s, reg t) { return r_type(0x33, 0, 0x20, d, s, t); }
constexpr std::uint32_t xor_(reg d, reg s, reg t) { return r_type(0x33, 4, 0, d, s, t); }
constexpr std::uint32_t or_(reg d, reg s, reg t) { return r_type(0x33, 6, 0, d, s, t); }
constexpr std::uint32_t and_(reg d, reg s, reg t) { return r_type(0x33, 7, 0, d, s, t); }

constexpr std::uint32_t lb(reg d, reg s, std::int32_t offset) { return i_type(0x03, 0, d, s, offset); }
constexpr std::uint32_t lh(reg d, reg s, std::int32_t offset) { return i_type(0x03, 1, d, s, offset); }
constexpr std::uint32_t lw(reg d, reg s, std::int32_t offset) { return i_type(0x03, 2, d, s, offset); }
constexpr std::uint32_t ld(reg d, reg s, std::int32_t offset) { return i_type(0x03, 3, d, s, offset); }
constexpr std::uint32_t lbu(reg d, reg s, std::int32_t offset) { return i_type(0x03, 4, d, s, offset); }
constexpr std::uint32_t lhu(reg d, reg s, std::int32_t offset) { return i_type(0x03, 5, d, s, offset); }
constexpr std::uint32_t lwu(reg d, reg s, std::int32_t offset) { return i_type(0x03, 6, d, s, offset); }
constexpr std::uint32_t sb(reg t, reg s, std::int32_t offset) { return s_type(0, t, s, offset); }
constexpr std::uint32_t sh(reg t, reg s, std::int32_t offset) { return s_type(1, t, s, offset); }
constexpr std::uint32_t sw(reg t, reg s, std::int32_t offset) { return s_type(2, t, s, offset); }
constexpr std::uint32_t sd(reg t, reg s, std::int32_t offset) { return s_type(3, t, s, offset); }

constexpr std::uint32_t jal(reg d, std::int32_t offset) {
    require((offset & 1) == 0);
    const std::uint32_t i = signed_field(offset, 21);
    return i >> 20 << 31 | (i >> 1 & 0x3ff) << 21 | (i >> 11 & 1) << 20 | (i >> 12 & 0xff) << 12 | number(d) << 7 |
           0x6f;
}
constexpr std::uint32_t jalr(reg d, reg s, std::int32_t offset) { return i_type(0x67, 0, d, s, offset); }
constexpr std::uint32_t beq(reg s, reg t, std::int32_t offset) { return b_type(0, s, t, offset); }
constexpr std::uint32_t bne(reg s, reg t, std::int32_t offset) { return b_type(1, s, t, offset); }
constexpr std::uint32_t bltu(reg s, reg t, std::int32_t offset) { return b_type(6, s, t, offset); }
constexpr std::uint32_t bgeu(reg s, reg t, std::int32_t offset) { return b_type(7, s, t, offset); }

constexpr std::uint32_t fence(std::uint32_t before, std::uint32_t after) {
    return unsigned_field(before, 4) << 24 | unsigned_field(after, 4) << 20 | 0x0f;
}
constexpr std::uint32_t fence_i() { return 0x0000100f; }     // Zifencei
constexpr std::uint32_t pause() { return fence(set_w, 0); }  // Zihintpause
constexpr std::uint32_t ecall() { return 0x00000073; }
constexpr std::uint32_t ebreak() { return 0x00100073; }
// Privileged: of the page at [s] in the address space t, each zero for all.
constexpr std::uint32_t sfence_vma(reg s, reg t) { return r_type(0x73, 0, 0x09, reg::zero, s, t); }
constexpr std::uint32_t nop() { return addi(reg::zero, reg::zero, 0); }

// --- A: t is the operand, [s] the memory ------------------------------------------------------------------------

constexpr std::uint32_t lr_w(reg d, reg s, order o) { return amo(2, 2, o, d, reg::zero, s); }
constexpr std::uint32_t lr_d(reg d, reg s, order o) { return amo(2, 3, o, d, reg::zero, s); }
constexpr std::uint32_t sc_w(reg d, reg t, reg s, order o) { return amo(3, 2, o, d, t, s); }
constexpr std::uint32_t sc_d(reg d, reg t, reg s, order o) { return amo(3, 3, o, d, t, s); }
constexpr std::uint32_t amoswap_w(reg d, reg t, reg s, order o) { return amo(1, 2, o, d, t, s); }
constexpr std::uint32_t amoor_w(reg d, reg t, reg s, order o) { return amo(8, 2, o, d, t, s); }

// --- C ----------------------------------------------------------------------------------------------------------

constexpr std::uint16_t ci(std::uint32_t funct3, std::uint32_t d, std::uint32_t imm6, std::uint32_t op) {
    return static_cast<std::uint16_t>(funct3 << 13 | (imm6 >> 5 & 1) << 12 | d << 7 | (imm6 & 31) << 2 | op);
}
constexpr std::uint32_t not_zero(reg r) {
    require(number(r) != 0);
    return number(r);
}

constexpr std::uint16_t c_nop() { return 0x0001; }
constexpr std::uint16_t c_ebreak() { return 0x9002; }
constexpr std::uint16_t c_addi(reg d, std::int32_t imm) {
    require(imm != 0);
    return ci(0, not_zero(d), signed_field(imm, 6), 1);
}
constexpr std::uint16_t c_li(reg d, std::int32_t imm) { return ci(2, not_zero(d), signed_field(imm, 6), 1); }
// `imm6` is bits 12 to 17 of the value, sign-extended; not 0, and sp is another instruction's.
constexpr std::uint16_t c_lui(reg d, std::int32_t imm6) {
    require(d != reg::sp && imm6 != 0);
    return ci(3, not_zero(d), signed_field(imm6, 6), 1);
}
constexpr std::uint16_t c_mv(reg d, reg t) {
    return static_cast<std::uint16_t>(0x8002 | not_zero(d) << 7 | not_zero(t) << 2);
}
constexpr std::uint16_t c_jr(reg s) { return static_cast<std::uint16_t>(0x8002 | not_zero(s) << 7); }
constexpr std::uint16_t c_j(std::int32_t offset) {
    require((offset & 1) == 0);
    const std::uint32_t i = signed_field(offset, 12);
    return static_cast<std::uint16_t>(0xa001 | (i >> 11 & 1) << 12 | (i >> 4 & 1) << 11 | (i >> 8 & 3) << 9 |
                                      (i >> 10 & 1) << 8 | (i >> 6 & 1) << 7 | (i >> 7 & 1) << 6 | (i >> 1 & 7) << 3 |
                                      (i >> 5 & 1) << 2);
}

}  // namespace cmodx::riscv64
