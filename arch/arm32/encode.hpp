// SPDX-License-Identifier: Apache-2.0
// Encodings of A32 instructions (T32: encode_t32.hpp), named by mnemonic; the operand form follows from the types
// of the operands. The condition stands last and is "always" by default.
//
// Offsets are bytes: of a branch from the branch itself, of a load or store from its base. A value that its field
// cannot hold stops the compilation or, at run time, traps. Source: Arm ARM DDI0406C, chapter "Instruction Details".
#pragma once

#include <bit>
#include <cstdint>

namespace cmodx::arm32 {

// clang-format off
enum reg : std::uint8_t { r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r13, r14, r15, sp = r13, lr = r14, pc = r15 };
enum class cond : std::uint8_t { eq, ne, hs, lo, mi, pl, vs, vc, hi, ls, ge, lt, gt, le, al };
// clang-format on

// The domain and the kind of access that a barrier orders (the load kinds: from Armv8 on).
// clang-format off
enum class barrier : std::uint8_t {
    oshld = 1, oshst, osh, nshld = 5, nshst, nsh, ishld = 9, ishst, ish, ld = 13, st, sy
};
// clang-format on

// An instruction.
using word = std::uint32_t;

constexpr void require(bool ok) {
    if (!ok) __builtin_trap();
}

// ---------------------------------------------------------------------------------------------------------------
// Fields.

constexpr word at(std::uint32_t value, unsigned bits, unsigned position) {
    require(value < (std::uint64_t{1} << bits));
    return value << position;
}
constexpr word when(cond c) { return at(static_cast<std::uint32_t>(c), 4, 28); }

// A signed byte distance in units of `unit` bytes.
constexpr word distance(std::int64_t bytes, unsigned unit, unsigned bits) {
    const std::int64_t units = bytes / unit;
    require(bytes % unit == 0);
    require(units >= -(std::int64_t{1} << (bits - 1)) && units < (std::int64_t{1} << (bits - 1)));
    return static_cast<std::uint32_t>(units) & ((std::uint32_t{1} << bits) - 1);
}

// Eight bits rotated right by twice four bits, the least rotation that gives `value`.
constexpr bool has_modified_immediate(std::uint32_t value) {
    for (int turn = 0; turn < 16; ++turn)
        if (std::rotl(value, 2 * turn) < 256) return true;
    return false;
}
constexpr word modified_immediate(std::uint32_t value) {
    require(has_modified_immediate(value));
    std::uint32_t turn = 0;
    while (std::rotl(value, static_cast<int>(2 * turn)) >= 256) ++turn;
    return turn << 8 | std::rotl(value, static_cast<int>(2 * turn));
}

// ---------------------------------------------------------------------------------------------------------------
// Data processing.

constexpr word immediate_form(std::uint32_t base, reg rd, reg rn, std::uint32_t value, cond c) {
    return when(c) | 0x02000000 | base | at(rn, 4, 16) | at(rd, 4, 12) | modified_immediate(value);
}
constexpr word register_form(std::uint32_t base, reg rd, reg rn, reg rm, unsigned lsl, cond c) {
    return when(c) | base | at(rn, 4, 16) | at(rd, 4, 12) | at(lsl, 5, 7) | at(rm, 4, 0);
}

constexpr word movw(reg rd, std::uint32_t imm16, cond c = cond::al) {
    return when(c) | 0x03000000 | at(imm16 >> 12, 4, 16) | at(rd, 4, 12) | (imm16 & 0xfff);
}
constexpr word movt(reg rd, std::uint32_t imm16, cond c = cond::al) { return movw(rd, imm16, c) | 0x00400000; }

struct immediate {
    std::uint32_t value;
};

// clang-format off
constexpr word and_(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x00000000, rd, rn, i.value, c); }
constexpr word eor(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x00200000, rd, rn, i.value, c); }
constexpr word sub(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x00400000, rd, rn, i.value, c); }
constexpr word subs(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x00500000, rd, rn, i.value, c); }
constexpr word add(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x00800000, rd, rn, i.value, c); }
constexpr word tst(reg rn, immediate i, cond c = cond::al) { return immediate_form(0x01100000, r0, rn, i.value, c); }
constexpr word cmp(reg rn, immediate i, cond c = cond::al) { return immediate_form(0x01500000, r0, rn, i.value, c); }
constexpr word cmn(reg rn, immediate i, cond c = cond::al) { return immediate_form(0x01700000, r0, rn, i.value, c); }
constexpr word orr(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x01800000, rd, rn, i.value, c); }
constexpr word mov(reg rd, immediate i, cond c = cond::al) { return immediate_form(0x01a00000, rd, r0, i.value, c); }
constexpr word bic(reg rd, reg rn, immediate i, cond c = cond::al) { return immediate_form(0x01c00000, rd, rn, i.value, c); }
constexpr word mvn(reg rd, immediate i, cond c = cond::al) { return immediate_form(0x01e00000, rd, r0, i.value, c); }

constexpr word and_(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x00000000, rd, rn, rm, lsl, c); }
constexpr word eor(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x00200000, rd, rn, rm, lsl, c); }
constexpr word sub(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x00400000, rd, rn, rm, lsl, c); }
constexpr word subs(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x00500000, rd, rn, rm, lsl, c); }
constexpr word add(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x00800000, rd, rn, rm, lsl, c); }
constexpr word tst(reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x01100000, r0, rn, rm, lsl, c); }
constexpr word cmp(reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x01500000, r0, rn, rm, lsl, c); }
constexpr word orr(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x01800000, rd, rn, rm, lsl, c); }
constexpr word mov(reg rd, reg rm, cond c = cond::al) { return register_form(0x01a00000, rd, r0, rm, 0, c); }
constexpr word bic(reg rd, reg rn, reg rm, unsigned lsl = 0, cond c = cond::al) { return register_form(0x01c00000, rd, rn, rm, lsl, c); }
constexpr word mvn(reg rd, reg rm, cond c = cond::al) { return register_form(0x01e00000, rd, r0, rm, 0, c); }
// clang-format on

// LSL by 1 to 31, LSR by 1 to 31.
constexpr word lsl(reg rd, reg rm, unsigned shift, cond c = cond::al) {
    require(shift != 0);
    return register_form(0x01a00000, rd, r0, rm, shift, c);
}
constexpr word lsr(reg rd, reg rm, unsigned shift, cond c = cond::al) {
    require(shift != 0);
    return register_form(0x01a00020, rd, r0, rm, shift, c);
}

// ---------------------------------------------------------------------------------------------------------------
// Loads and stores.

// Words and bytes: twelve bits of magnitude and the sign in bit 23 ("up").
constexpr word transfer(std::uint32_t base, reg rt, reg rn, std::int32_t offset, cond c) {
    require(offset > -4096 && offset < 4096);
    const std::uint32_t up = offset >= 0 ? 1u << 23 : 0;
    return when(c) | base | up | at(rn, 4, 16) | at(rt, 4, 12) |
           static_cast<std::uint32_t>(offset < 0 ? -offset : offset);
}
// Halfwords: eight bits of magnitude, in two halves.
constexpr word transfer_half(std::uint32_t base, reg rt, reg rn, std::int32_t offset, cond c) {
    require(offset > -256 && offset < 256);
    const std::uint32_t up = offset >= 0 ? 1u << 23 : 0;
    const auto size = static_cast<std::uint32_t>(offset < 0 ? -offset : offset);
    return when(c) | base | up | at(rn, 4, 16) | at(rt, 4, 12) | (size & 0xf0) << 4 | (size & 0x0f);
}
// Writeback to the register that is loaded or stored is UNPREDICTABLE, and so is writeback to PC.
constexpr word post(std::uint32_t base, reg rt, reg rn, std::int32_t offset, cond c) {
    require(rn != rt && rn != pc);
    return transfer(base, rt, rn, offset, c);
}

// clang-format off
constexpr word str(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer(0x05000000, rt, rn, offset, c); }
constexpr word ldr(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer(0x05100000, rt, rn, offset, c); }
constexpr word strb(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer(0x05400000, rt, rn, offset, c); }
constexpr word ldrb(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer(0x05500000, rt, rn, offset, c); }
constexpr word strh(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer_half(0x014000b0, rt, rn, offset, c); }
constexpr word ldrh(reg rt, reg rn, std::int32_t offset = 0, cond c = cond::al) { return transfer_half(0x015000b0, rt, rn, offset, c); }
constexpr word str_post(reg rt, reg rn, std::int32_t offset, cond c = cond::al) { return post(0x04000000, rt, rn, offset, c); }
constexpr word ldr_post(reg rt, reg rn, std::int32_t offset, cond c = cond::al) { return post(0x04100000, rt, rn, offset, c); }
// clang-format on

// Lists of registers are masks, bit i for Ri.
constexpr word stmia(reg rn, std::uint32_t list, cond c = cond::al) {
    require(list != 0 && rn != pc);
    return when(c) | 0x08800000 | at(rn, 4, 16) | at(list, 16, 0);
}
constexpr word ldmia(reg rn, std::uint32_t list, cond c = cond::al) { return stmia(rn, list, c) | 0x00100000; }
constexpr word push(std::uint32_t list, cond c = cond::al) {
    require(list != 0 && (list >> sp & 1) == 0);
    return when(c) | 0x092d0000 | at(list, 16, 0);
}
constexpr word pop(std::uint32_t list, cond c = cond::al) {
    require(list != 0 && (list >> sp & 1) == 0);
    return when(c) | 0x08bd0000 | at(list, 16, 0);
}

constexpr word ldrex(reg rt, reg rn, cond c = cond::al) {
    require(rt != pc && rn != pc);
    return when(c) | 0x01900f9f | at(rn, 4, 16) | at(rt, 4, 12);
}
constexpr word strex(reg rd, reg rt, reg rn, cond c = cond::al) {
    require(rd != pc && rt != pc && rn != pc && rd != rt && rd != rn);
    return when(c) | 0x01800f90 | at(rn, 4, 16) | at(rd, 4, 12) | at(rt, 4, 0);
}

// ---------------------------------------------------------------------------------------------------------------
// Branches. PC reads as the address of the instruction plus 8.

constexpr word b(std::int64_t offset, cond c = cond::al) { return when(c) | 0x0a000000 | distance(offset - 8, 4, 24); }
constexpr word bl(std::int64_t offset, cond c = cond::al) { return when(c) | 0x0b000000 | distance(offset - 8, 4, 24); }
// To T32 code; unconditional.
constexpr word blx(std::int64_t offset) {
    const std::uint32_t halfwords = distance(offset - 8, 2, 25);
    return 0xfa000000 | (halfwords & 1) << 24 | halfwords >> 1;
}
constexpr word bx(reg rm, cond c = cond::al) { return when(c) | 0x012fff10 | at(rm, 4, 0); }
constexpr word blx(reg rm, cond c = cond::al) {
    require(rm != pc);
    return when(c) | 0x012fff30 | at(rm, 4, 0);
}

// ---------------------------------------------------------------------------------------------------------------
// Hints, barriers, exceptions and the system.

constexpr word nop(cond c = cond::al) { return when(c) | 0x0320f000; }
constexpr word yield(cond c = cond::al) { return when(c) | 0x0320f001; }
constexpr word wfe(cond c = cond::al) { return when(c) | 0x0320f002; }
constexpr word wfi(cond c = cond::al) { return when(c) | 0x0320f003; }
constexpr word sev(cond c = cond::al) { return when(c) | 0x0320f004; }

constexpr word dsb(barrier option) { return 0xf57ff040 | static_cast<std::uint32_t>(option); }
constexpr word dmb(barrier option) { return 0xf57ff050 | static_cast<std::uint32_t>(option); }
constexpr word isb() { return 0xf57ff06f; }

constexpr word svc(std::uint32_t imm24, cond c = cond::al) { return when(c) | 0x0f000000 | at(imm24, 24, 0); }
constexpr word bkpt(std::uint32_t imm16) { return 0xe1200070 | at(imm16 >> 4, 12, 8) | (imm16 & 15); }
constexpr word hvc(std::uint32_t imm16) { return 0xe1400070 | at(imm16 >> 4, 12, 8) | (imm16 & 15); }
constexpr word smc(std::uint32_t imm4, cond c = cond::al) { return when(c) | 0x01600070 | at(imm4, 4, 0); }
constexpr word udf(std::uint32_t imm16) { return 0xe7f000f0 | at(imm16 >> 4, 12, 8) | (imm16 & 15); }

// Coprocessor 15: mcr p15, opc1, rt, crn, crm, opc2.
constexpr word mcr15(unsigned opc1, reg rt, unsigned crn, unsigned crm, unsigned opc2, cond c = cond::al) {
    require(rt != pc);
    return when(c) | 0x0e000f10 | at(opc1, 3, 21) | at(crn, 4, 16) | at(rt, 4, 12) | at(opc2, 3, 5) | at(crm, 4, 0);
}
constexpr word mrc15(unsigned opc1, reg rt, unsigned crn, unsigned crm, unsigned opc2, cond c = cond::al) {
    return mcr15(opc1, rt, crn, crm, opc2, c) | 0x00100000;
}

}  // namespace cmodx::arm32
