// SPDX-License-Identifier: Apache-2.0
// Encodings of A64 instructions, named by mnemonic; the operand form follows from the types of the operands.
//
// Offsets are bytes: of a branch from the branch itself, of a load or store from its base. A value that its field
// cannot hold stops the compilation or, at run time, traps. Source: Arm ARM DDI0487, chapter "A64 Base Instruction
// Descriptions".
#pragma once

#include <concepts>
#include <cstdint>

namespace cmodx::aarch64 {

// clang-format off
enum wreg : std::uint8_t { w0, w1, w2, w3, w4, w5, w6, w7, w8, w9, w10, w11, w12, w13, w14, w15, w16, w17, w18, w19, w20,
                           w21, w22, w23, w24, w25, w26, w27, w28, w29, w30, wzr };
enum xreg : std::uint8_t { x0, x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, x13, x14, x15, x16, x17, x18, x19, x20,
                           x21, x22, x23, x24, x25, x26, x27, x28, x29, x30, xzr, sp = xzr };
enum class cond : std::uint8_t { eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le, al };
// clang-format on

// The domain and the kind of access that a barrier orders.
// clang-format off
enum class barrier : std::uint8_t {
    oshld = 1, oshst, osh, nshld = 5, nshst, nsh, ishld = 9, ishst, ish, ld = 13, st, sy
};
// clang-format on

// op0:op1:CRn:CRm:op2, as it stands in bits 20 to 5 of MRS.
enum class system_register : std::uint16_t {
    midr_el1 = 0xc000,
    ttbr0_el1 = 0xc100,
    spsr_el1 = 0xc200,
    elr_el1 = 0xc201,
    spsel = 0xc210,
    currentel = 0xc212,
    daif = 0xda11,
    ctr_el0 = 0xd801,
    dczid_el0 = 0xd807,
    cntfrq_el0 = 0xdf00,
    cntvct_el0 = 0xdf02,
};

template <class R>
concept general_register = std::same_as<R, wreg> || std::same_as<R, xreg>;

// An instruction.
using word = std::uint32_t;

constexpr void require(bool ok) {
    if (!ok) __builtin_trap();
}

// ---------------------------------------------------------------------------------------------------------------
// Fields.

template <general_register R>
inline constexpr std::uint32_t width = std::same_as<R, xreg> ? 64 : 32;

template <general_register R>
inline constexpr std::uint32_t sf = std::same_as<R, xreg> ? std::uint32_t{1} << 31 : 0;

constexpr word at(std::uint32_t value, unsigned bits, unsigned position) {
    require(value < (std::uint64_t{1} << bits));
    return value << position;
}

// A signed byte distance in units of `unit` bytes.
constexpr word distance(std::int64_t bytes, unsigned unit, unsigned bits, unsigned position) {
    const std::int64_t units = bytes / unit;
    require(bytes % unit == 0);
    require(units >= -(std::int64_t{1} << (bits - 1)) && units < (std::int64_t{1} << (bits - 1)));
    return (static_cast<std::uint32_t>(units) & ((std::uint32_t{1} << bits) - 1)) << position;
}

constexpr word at_d(std::uint8_t reg) { return at(reg, 5, 0); }  // also Rt
constexpr word at_n(std::uint8_t reg) { return at(reg, 5, 5); }
constexpr word at_t2(std::uint8_t reg) { return at(reg, 5, 10); }
constexpr word at_m(std::uint8_t reg) { return at(reg, 5, 16); }

// ---------------------------------------------------------------------------------------------------------------
// Moves and arithmetic.

template <general_register R>
constexpr word wide(std::uint32_t base, R rd, std::uint32_t imm16, unsigned shift) {
    require(shift % 16 == 0 && shift < width<R>);
    return base | sf<R> | at(shift / 16, 2, 21) | at(imm16, 16, 5) | at_d(rd);
}
template <general_register R>
constexpr word movn(R rd, std::uint32_t imm16, unsigned shift = 0) {
    return wide(0x12800000, rd, imm16, shift);
}
template <general_register R>
constexpr word movz(R rd, std::uint32_t imm16, unsigned shift = 0) {
    return wide(0x52800000, rd, imm16, shift);
}
template <general_register R>
constexpr word movk(R rd, std::uint32_t imm16, unsigned shift = 0) {
    return wide(0x72800000, rd, imm16, shift);
}

template <general_register R>
constexpr word arithmetic(std::uint32_t base, R rd, R rn, std::uint32_t imm12, unsigned shift) {
    require(shift == 0 || shift == 12);
    return base | sf<R> | at(shift / 12, 1, 22) | at(imm12, 12, 10) | at_n(rn) | at_d(rd);
}
template <general_register R>
constexpr word shifted(std::uint32_t base, R rd, R rn, R rm, unsigned lsl) {
    require(lsl < width<R>);
    return base | sf<R> | at_m(rm) | at(lsl, 6, 10) | at_n(rn) | at_d(rd);
}

// With an immediate, register 31 is SP (of SUBS and CMP: only the source); with a register it is the zero register.
template <general_register R>
constexpr word add(R rd, R rn, std::uint32_t imm12, unsigned shift = 0) {
    return arithmetic(0x11000000, rd, rn, imm12, shift);
}
template <general_register R>
constexpr word sub(R rd, R rn, std::uint32_t imm12, unsigned shift = 0) {
    return arithmetic(0x51000000, rd, rn, imm12, shift);
}
template <general_register R>
constexpr word subs(R rd, R rn, std::uint32_t imm12, unsigned shift = 0) {
    return arithmetic(0x71000000, rd, rn, imm12, shift);
}
template <general_register R>
constexpr word cmp(R rn, std::uint32_t imm12, unsigned shift = 0) {
    return subs(R{31}, rn, imm12, shift);
}

template <general_register R>
constexpr word add(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x0b000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word sub(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x4b000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word subs(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x6b000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word cmp(R rn, R rm, unsigned lsl = 0) {
    return subs(R{31}, rn, rm, lsl);
}

template <general_register R>
constexpr word and_(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x0a000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word bic(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x0a200000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word orr(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x2a000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word eor(R rd, R rn, R rm, unsigned lsl = 0) {
    return shifted(0x4a000000, rd, rn, rm, lsl);
}
template <general_register R>
constexpr word mov(R rd, R rm) {
    return orr(rd, R{31}, rm);
}

template <general_register R>
constexpr word ubfm(R rd, R rn, unsigned immr, unsigned imms) {
    require(immr < width<R> && imms < width<R>);
    return 0x53000000 | sf<R> | sf<R> >> 9 | at(immr, 6, 16) | at(imms, 6, 10) | at_n(rn) | at_d(rd);
}
template <general_register R>
constexpr word lsl(R rd, R rn, unsigned shift) {
    require(shift < width<R>);
    return ubfm(rd, rn, (width<R> - shift) % width<R>, width<R> - 1 - shift);
}
template <general_register R>
constexpr word lsr(R rd, R rn, unsigned shift) {
    return ubfm(rd, rn, shift, width<R> - 1);
}
template <general_register R>
constexpr word ubfx(R rd, R rn, unsigned lsb, unsigned bits) {
    require(bits >= 1 && lsb < width<R> && bits <= width<R> - lsb);
    return ubfm(rd, rn, lsb, lsb + bits - 1);
}
template <general_register R>
constexpr word lslv(R rd, R rn, R rm) {
    return 0x1ac02000 | sf<R> | at_m(rm) | at_n(rn) | at_d(rd);
}

constexpr word adr(xreg rd, std::int64_t offset) {
    const std::uint32_t imm = distance(offset, 1, 21, 0);
    return 0x10000000 | (imm & 3) << 29 | (imm >> 2) << 5 | at_d(rd);
}

// ---------------------------------------------------------------------------------------------------------------
// Loads and stores.

// log2 of the bytes in bits 31 and 30.
template <general_register R>
inline constexpr std::uint32_t size_bits = std::uint32_t{std::same_as<R, xreg> ? 3 : 2} << 30;

constexpr word unsigned_offset(std::uint32_t base, std::uint8_t rt, xreg rn, std::uint32_t offset) {
    const std::uint32_t scale = base >> 30;
    require(offset % (1u << scale) == 0);
    return base | at(offset >> scale, 12, 10) | at_n(rn) | at_d(rt);
}
// Writeback to the register that is loaded or stored is CONSTRAINED UNPREDICTABLE.
constexpr word indexed(std::uint32_t base, std::uint8_t rt, xreg rn, std::int64_t offset) {
    require(rt != rn || rn == sp);
    return base | distance(offset, 1, 9, 12) | at_n(rn) | at_d(rt);
}

template <general_register R>
constexpr word str(R rt, xreg rn, std::uint32_t offset = 0) {
    return unsigned_offset(0x39000000 | size_bits<R>, rt, rn, offset);
}
template <general_register R>
constexpr word ldr(R rt, xreg rn, std::uint32_t offset = 0) {
    return unsigned_offset(0x39400000 | size_bits<R>, rt, rn, offset);
}
constexpr word ldr_literal(wreg rt, std::int64_t offset) { return 0x18000000 | distance(offset, 4, 19, 5) | at_d(rt); }
constexpr word ldr_literal(xreg rt, std::int64_t offset) { return 0x58000000 | distance(offset, 4, 19, 5) | at_d(rt); }
constexpr word strb(wreg rt, xreg rn, std::uint32_t offset = 0) { return unsigned_offset(0x39000000, rt, rn, offset); }
constexpr word ldrb(wreg rt, xreg rn, std::uint32_t offset = 0) { return unsigned_offset(0x39400000, rt, rn, offset); }
constexpr word strh(wreg rt, xreg rn, std::uint32_t offset = 0) { return unsigned_offset(0x79000000, rt, rn, offset); }
constexpr word ldrh(wreg rt, xreg rn, std::uint32_t offset = 0) { return unsigned_offset(0x79400000, rt, rn, offset); }

template <general_register R>
constexpr word str_post(R rt, xreg rn, std::int64_t offset) {
    return indexed(0x38000400 | size_bits<R>, rt, rn, offset);
}
template <general_register R>
constexpr word ldr_post(R rt, xreg rn, std::int64_t offset) {
    return indexed(0x38400400 | size_bits<R>, rt, rn, offset);
}

template <general_register R>
constexpr word stlr(R rt, xreg rn) {
    return 0x089ffc00 | size_bits<R> | at_n(rn) | at_d(rt);
}
template <general_register R>
constexpr word ldar(R rt, xreg rn) {
    return 0x08dffc00 | size_bits<R> | at_n(rn) | at_d(rt);
}
template <general_register R>
constexpr word ldapr(R rt, xreg rn) {
    return 0x38bfc000 | size_bits<R> | at_n(rn) | at_d(rt);
}

template <general_register R>
constexpr word paired(std::uint32_t base, R rt, R rt2, xreg rn, std::int64_t offset) {
    return base | sf<R> | distance(offset, width<R> / 8, 7, 15) | at_t2(rt2) | at_n(rn) | at_d(rt);
}
// Writeback to a register that is loaded or stored, and loading one twice, are CONSTRAINED UNPREDICTABLE.
template <general_register R>
constexpr word paired_writeback(word base, R rt, R rt2, xreg rn, std::int64_t offset) {
    require((+rt != +rn && +rt2 != +rn) || rn == sp);
    return paired(base, rt, rt2, rn, offset);
}

template <general_register R>
constexpr word stp(R rt, R rt2, xreg rn, std::int64_t offset) {
    return paired(0x29000000, rt, rt2, rn, offset);
}
template <general_register R>
constexpr word stp_pre(R rt, R rt2, xreg rn, std::int64_t offset) {
    return paired_writeback(0x29800000, rt, rt2, rn, offset);
}
template <general_register R>
constexpr word stp_post(R rt, R rt2, xreg rn, std::int64_t offset) {
    return paired_writeback(0x28800000, rt, rt2, rn, offset);
}
template <general_register R>
constexpr word ldp(R rt, R rt2, xreg rn, std::int64_t offset) {
    require(rt != rt2);
    return paired(0x29400000, rt, rt2, rn, offset);
}
template <general_register R>
constexpr word ldp_pre(R rt, R rt2, xreg rn, std::int64_t offset) {
    require(rt != rt2);
    return paired_writeback(0x29c00000, rt, rt2, rn, offset);
}
template <general_register R>
constexpr word ldp_post(R rt, R rt2, xreg rn, std::int64_t offset) {
    require(rt != rt2);
    return paired_writeback(0x28c00000, rt, rt2, rn, offset);
}

// ---------------------------------------------------------------------------------------------------------------
// Branches.

constexpr word b(std::int64_t offset) { return 0x14000000 | distance(offset, 4, 26, 0); }
constexpr word bl(std::int64_t offset) { return 0x94000000 | distance(offset, 4, 26, 0); }
constexpr word b(cond c, std::int64_t offset) {
    return 0x54000000 | distance(offset, 4, 19, 5) | static_cast<std::uint32_t>(c);
}
constexpr word br(xreg rn) { return 0xd61f0000 | at_n(rn); }
constexpr word blr(xreg rn) { return 0xd63f0000 | at_n(rn); }
constexpr word ret(xreg rn = x30) { return 0xd65f0000 | at_n(rn); }
constexpr word eret() { return 0xd69f03e0; }

template <general_register R>
constexpr word cbz(R rt, std::int64_t offset) {
    return 0x34000000 | sf<R> | distance(offset, 4, 19, 5) | at_d(rt);
}
template <general_register R>
constexpr word cbnz(R rt, std::int64_t offset) {
    return 0x35000000 | sf<R> | distance(offset, 4, 19, 5) | at_d(rt);
}

constexpr word test_bit(std::uint32_t base, xreg rt, unsigned bit, std::int64_t offset) {
    return base | at(bit >> 5, 1, 31) | at(bit & 31, 5, 19) | distance(offset, 4, 14, 5) | at_d(rt);
}
constexpr word tbz(xreg rt, unsigned bit, std::int64_t offset) { return test_bit(0x36000000, rt, bit, offset); }
constexpr word tbnz(xreg rt, unsigned bit, std::int64_t offset) { return test_bit(0x37000000, rt, bit, offset); }

// ---------------------------------------------------------------------------------------------------------------
// Hints, barriers, exceptions and the system.

constexpr word nop() { return 0xd503201f; }
constexpr word yield() { return 0xd503203f; }
constexpr word wfe() { return 0xd503205f; }
constexpr word wfi() { return 0xd503207f; }
constexpr word sev() { return 0xd503209f; }

constexpr word isb() { return 0xd5033fdf; }
constexpr word dsb(barrier option) { return 0xd503309f | static_cast<std::uint32_t>(option) << 8; }
constexpr word dmb(barrier option) { return 0xd50330bf | static_cast<std::uint32_t>(option) << 8; }

constexpr word svc(std::uint32_t imm16) { return 0xd4000001 | at(imm16, 16, 5); }
constexpr word hvc(std::uint32_t imm16) { return 0xd4000002 | at(imm16, 16, 5); }
constexpr word smc(std::uint32_t imm16) { return 0xd4000003 | at(imm16, 16, 5); }
constexpr word brk(std::uint32_t imm16) { return 0xd4200000 | at(imm16, 16, 5); }
constexpr word udf(std::uint32_t imm16) { return at(imm16, 16, 0); }

constexpr word dc_ivac(xreg rt) { return 0xd5087620 | at_d(rt); }
constexpr word dc_cvac(xreg rt) { return 0xd50b7a20 | at_d(rt); }
constexpr word dc_cvau(xreg rt) { return 0xd50b7b20 | at_d(rt); }
constexpr word dc_civac(xreg rt) { return 0xd50b7e20 | at_d(rt); }
constexpr word ic_ialluis() { return 0xd508711f; }
constexpr word ic_iallu() { return 0xd508751f; }
constexpr word ic_ivau(xreg rt) { return 0xd50b7520 | at_d(rt); }
constexpr word tlbi_vmalle1is() { return 0xd508831f; }
constexpr word tlbi_aside1is(xreg rt) { return 0xd5088340 | at_d(rt); }
constexpr word tlbi_vaae1is(xreg rt) { return 0xd5088360 | at_d(rt); }

constexpr word mrs(xreg rt, system_register from) {
    return 0xd5200000 | static_cast<std::uint32_t>(from) << 5 | at_d(rt);
}
constexpr word msr(system_register to, xreg rt) { return 0xd5000000 | static_cast<std::uint32_t>(to) << 5 | at_d(rt); }
constexpr word msr_daifset(std::uint32_t imm4) { return 0xd50340df | at(imm4, 4, 8); }

}  // namespace cmodx::aarch64
