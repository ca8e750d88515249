// SPDX-License-Identifier: Apache-2.0
// Encoders of the x86-64 instructions that the suite emits, one function a mnemonic and operand form, each appending
// one instruction in its shortest form unless its name says otherwise.
//
// Source: Intel SDM vol. 2, "Instruction Format" and the page of each instruction. A field out of range does not
// compile in a constant expression and traps at run time.
#pragma once

#include "arch/arch.hpp"

namespace cmodx::x86_64 {

enum class reg : std::uint8_t { ax, cx, dx, bx, sp, bp, si, di, r8, r9, r10, r11, r12, r13, r14, r15 };

enum class xmm : std::uint8_t {
    xmm0,
    xmm1,
    xmm2,
    xmm3,
    xmm4,
    xmm5,
    xmm6,
    xmm7,
    xmm8,
    xmm9,
    xmm10,
    xmm11,
    xmm12,
    xmm13,
    xmm14,
    xmm15
};

enum class condition : std::uint8_t { o, no, b, ae, e, ne, be, a, s, ns, p, np, l, ge, le, g };

// [base + displacement]
struct memory {
    reg base;
    std::int32_t displacement = 0;
};

constexpr void require(bool holds) {
    if (!holds) __builtin_trap();
}

constexpr bool is_int8(std::int32_t value) { return value >= -128 && value <= 127; }

template <class E>
constexpr unsigned number(E field) {
    const auto value = static_cast<unsigned>(field);
    require(value < 16);
    return value;
}

enum class width : bool { w32, w64 };

// REX where it is needed: `r` and `b` are the numbers in ModRM.reg and ModRM.rm (or SIB.base, or the opcode).
constexpr void rex(code_buffer& c, width w, unsigned r, unsigned b, bool byte_register = false) {
    const unsigned bits = (w == width::w64 ? 8u : 0u) | (r >> 3) << 2 | b >> 3;
    if (bits != 0 || byte_register) c.byte(static_cast<std::uint8_t>(0x40 | bits));
}

constexpr void modrm(code_buffer& c, unsigned mod, unsigned r, unsigned m) {
    c.byte(static_cast<std::uint8_t>(mod << 6 | (r & 7) << 3 | (m & 7)));
}

// ModRM, SIB and displacement; rsp and r12 need a SIB, rbp and r13 a displacement.
constexpr void address(code_buffer& c, unsigned r, memory m) {
    const unsigned base = number(m.base);
    const bool none = m.displacement == 0 && (base & 7) != 5;
    const bool small = is_int8(m.displacement);
    modrm(c, none ? 0 : small ? 1 : 2, r, base);
    if ((base & 7) == 4) c.byte(0x24);
    if (!none) c.little(static_cast<std::uint32_t>(m.displacement), small ? 1 : 4);
}

// An opcode of one byte, or two with 0x0f in front, whose ModRM names a register or memory.
constexpr void opcode(code_buffer& c, unsigned op) {
    if (op > 0xff) c.byte(static_cast<std::uint8_t>(op >> 8));
    c.byte(static_cast<std::uint8_t>(op));
}

constexpr void op_reg(code_buffer& c, width w, unsigned op, unsigned r, reg m) {
    rex(c, w, r, number(m));
    opcode(c, op);
    modrm(c, 3, r, number(m));
}

constexpr void op_mem(code_buffer& c, width w, unsigned op, unsigned r, memory m, bool byte_register = false) {
    rex(c, w, r, number(m.base), byte_register);
    opcode(c, op);
    address(c, r, m);
}

// Group 1 with an immediate: the sign-extended byte where it fits.
constexpr void group1(code_buffer& c, width w, unsigned extension, reg d, std::int32_t imm) {
    op_reg(c, w, is_int8(imm) ? 0x83 : 0x81, extension, d);
    c.little(static_cast<std::uint32_t>(imm), is_int8(imm) ? 1 : 4);
}

// --- moves ------------------------------------------------------------------------------------------------------

constexpr void mov_r32_imm32(code_buffer& c, reg d, std::uint32_t imm) {
    rex(c, width::w32, 0, number(d));
    c.byte(static_cast<std::uint8_t>(0xb8 | (number(d) & 7)));
    c.little(imm, 4);
}
constexpr void mov_r64_imm64(code_buffer& c, reg d, std::uint64_t imm) {
    rex(c, width::w64, 0, number(d));
    c.byte(static_cast<std::uint8_t>(0xb8 | (number(d) & 7)));
    c.little(imm, 8);
}
constexpr void mov_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x89, number(s), d); }
constexpr void mov_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x89, number(s), d); }
constexpr void mov_r32_cs(code_buffer& c, reg d) { op_reg(c, width::w32, 0x8c, 1, d); }
constexpr void mov_r32_ss(code_buffer& c, reg d) { op_reg(c, width::w32, 0x8c, 2, d); }

constexpr void movzx_r32_m8(code_buffer& c, reg d, memory m) { op_mem(c, width::w32, 0x0fb6, number(d), m); }
constexpr void movzx_r32_m16(code_buffer& c, reg d, memory m) { op_mem(c, width::w32, 0x0fb7, number(d), m); }
constexpr void mov_r32_m32(code_buffer& c, reg d, memory m) { op_mem(c, width::w32, 0x8b, number(d), m); }
constexpr void mov_r64_m64(code_buffer& c, reg d, memory m) { op_mem(c, width::w64, 0x8b, number(d), m); }

constexpr void mov_m8_r8(code_buffer& c, memory m, reg s) {
    op_mem(c, width::w32, 0x88, number(s), m, number(s) >= 4);  // spl … dil exist only with a REX
}
constexpr void mov_m16_r16(code_buffer& c, memory m, reg s) {
    c.byte(0x66);
    op_mem(c, width::w32, 0x89, number(s), m);
}
constexpr void mov_m32_r32(code_buffer& c, memory m, reg s) { op_mem(c, width::w32, 0x89, number(s), m); }
constexpr void mov_m64_r64(code_buffer& c, memory m, reg s) { op_mem(c, width::w64, 0x89, number(s), m); }

constexpr void movdqu_xmm_m128(code_buffer& c, xmm d, memory m) {
    c.byte(0xf3);
    op_mem(c, width::w32, 0x0f6f, number(d), m);
}
constexpr void movdqu_m128_xmm(code_buffer& c, memory m, xmm s) {
    c.byte(0xf3);
    op_mem(c, width::w32, 0x0f7f, number(s), m);
}

constexpr void lea_r64_m(code_buffer& c, reg d, memory m) { op_mem(c, width::w64, 0x8d, number(d), m); }
constexpr void lea_r64_rip(code_buffer& c, reg d, std::int32_t displacement) {  // from the end of the instruction
    rex(c, width::w64, number(d), 0);
    c.byte(0x8d);
    modrm(c, 0, number(d), 5);
    c.little(static_cast<std::uint32_t>(displacement), 4);
}

constexpr void mov_r32_rip(code_buffer& c, reg d, std::int32_t displacement) {  // from the end of the instruction
    rex(c, width::w32, number(d), 0);
    c.byte(0x8b);
    modrm(c, 0, number(d), 5);
    c.little(static_cast<std::uint32_t>(displacement), 4);
}

constexpr void push_r64(code_buffer& c, reg r) {
    rex(c, width::w32, 0, number(r));
    c.byte(static_cast<std::uint8_t>(0x50 | (number(r) & 7)));
}
constexpr void pop_r64(code_buffer& c, reg r) {
    rex(c, width::w32, 0, number(r));
    c.byte(static_cast<std::uint8_t>(0x58 | (number(r) & 7)));
}
constexpr void pushfq(code_buffer& c) { c.byte(0x9c); }

constexpr void xchg_r64_r64(code_buffer& c, reg a, reg b) { op_reg(c, width::w64, 0x87, number(b), a); }
constexpr void xchg_m32_r32(code_buffer& c, memory m, reg r) { op_mem(c, width::w32, 0x87, number(r), m); }
constexpr void xchg_m64_r64(code_buffer& c, memory m, reg r) { op_mem(c, width::w64, 0x87, number(r), m); }
constexpr void rep_movsb(code_buffer& c) { c.little(0xa4f3, 2); }

// --- arithmetic -------------------------------------------------------------------------------------------------

constexpr void add_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x01, number(s), d); }
constexpr void add_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x01, number(s), d); }
constexpr void or_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x09, number(s), d); }
constexpr void or_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x09, number(s), d); }
constexpr void and_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x21, number(s), d); }
constexpr void and_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x21, number(s), d); }
constexpr void sub_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x29, number(s), d); }
constexpr void sub_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x29, number(s), d); }
constexpr void xor_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x31, number(s), d); }
constexpr void xor_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x31, number(s), d); }
constexpr void cmp_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x39, number(s), d); }
constexpr void cmp_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x39, number(s), d); }
constexpr void test_r32_r32(code_buffer& c, reg d, reg s) { op_reg(c, width::w32, 0x85, number(s), d); }
constexpr void test_r64_r64(code_buffer& c, reg d, reg s) { op_reg(c, width::w64, 0x85, number(s), d); }

constexpr void add_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 0, d, imm); }
constexpr void add_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 0, d, imm); }
constexpr void or_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 1, d, imm); }
constexpr void or_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 1, d, imm); }
constexpr void and_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 4, d, imm); }
constexpr void and_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 4, d, imm); }
constexpr void sub_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 5, d, imm); }
constexpr void sub_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 5, d, imm); }
constexpr void xor_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 6, d, imm); }
constexpr void xor_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 6, d, imm); }
constexpr void cmp_r32_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w32, 7, d, imm); }
constexpr void cmp_r64_imm(code_buffer& c, reg d, std::int32_t imm) { group1(c, width::w64, 7, d, imm); }

// The five-byte form, whatever the value: code whose immediate is rewritten must keep its length.
constexpr void or_eax_imm32(code_buffer& c, std::uint32_t imm) {
    c.byte(0x0d);
    c.little(imm, 4);
}
constexpr void or_m64_r64(code_buffer& c, memory m, reg s) { op_mem(c, width::w64, 0x09, number(s), m); }
constexpr void inc_r32(code_buffer& c, reg d) { op_reg(c, width::w32, 0xff, 0, d); }
constexpr void inc_r64(code_buffer& c, reg d) { op_reg(c, width::w64, 0xff, 0, d); }
constexpr void dec_r32(code_buffer& c, reg d) { op_reg(c, width::w32, 0xff, 1, d); }
constexpr void dec_r64(code_buffer& c, reg d) { op_reg(c, width::w64, 0xff, 1, d); }

constexpr void lock_or_m32_imm8(code_buffer& c, memory m, std::int8_t imm) {
    c.byte(0xf0);
    op_mem(c, width::w32, 0x83, 1, m);
    c.byte(static_cast<std::uint8_t>(imm));
}

// --- control flow; a displacement counts from the end of the instruction ----------------------------------------

constexpr void call_r64(code_buffer& c, reg r) { op_reg(c, width::w32, 0xff, 2, r); }
constexpr void jmp_r64(code_buffer& c, reg r) { op_reg(c, width::w32, 0xff, 4, r); }
constexpr void call_m64(code_buffer& c, memory m) { op_mem(c, width::w32, 0xff, 2, m); }
constexpr void jmp_m64(code_buffer& c, memory m) { op_mem(c, width::w32, 0xff, 4, m); }
constexpr void call_rel32(code_buffer& c, std::int32_t displacement) {
    c.byte(0xe8);
    c.little(static_cast<std::uint32_t>(displacement), 4);
}
constexpr void jmp_rel32(code_buffer& c, std::int32_t displacement) {
    c.byte(0xe9);
    c.little(static_cast<std::uint32_t>(displacement), 4);
}
constexpr void jmp_rel8(code_buffer& c, std::int32_t displacement) {
    require(is_int8(displacement));
    c.byte(0xeb);
    c.byte(static_cast<std::uint8_t>(displacement));
}
constexpr void jcc_rel32(code_buffer& c, condition when, std::int32_t displacement) {
    c.byte(0x0f);
    c.byte(static_cast<std::uint8_t>(0x80 | number(when)));
    c.little(static_cast<std::uint32_t>(displacement), 4);
}
constexpr void jcc_rel8(code_buffer& c, condition when, std::int32_t displacement) {
    require(is_int8(displacement));
    c.byte(static_cast<std::uint8_t>(0x70 | number(when)));
    c.byte(static_cast<std::uint8_t>(displacement));
}
constexpr void ret(code_buffer& c) { c.byte(0xc3); }
constexpr void iretq(code_buffer& c) { c.little(0xcf48, 2); }
constexpr void syscall(code_buffer& c) { c.little(0x050f, 2); }
constexpr void int3(code_buffer& c) { c.byte(0xcc); }
constexpr void ud2(code_buffer& c) { c.little(0x0b0f, 2); }

// --- no operation, order, caches --------------------------------------------------------------------------------

// One NOP of 1 to 9 bytes: the forms that Intel and AMD recommend ("NOP", table "Recommended Multi-Byte Sequence").
// `operand`, which 4 bytes or more leave room for, fills the displacement that the instruction ignores.
constexpr void nop(code_buffer& c, std::size_t length, std::uint32_t operand = 0) {
    require(length >= 1 && length <= 9);
    if (length == 2 || length == 6 || length == 9) c.byte(0x66);
    switch (length) {
        case 1:
        case 2: c.byte(0x90); break;
        case 3: c.little(0x001f0f, 3); break;
        case 4: c.little(0x401f0f, 3); break;
        case 5:
        case 6: c.little(0x00441f0f, 4); break;
        case 7: c.little(0x801f0f, 3); break;
        default: c.little(0x00841f0f, 4); break;
    }
    const std::size_t room = length >= 7 ? 4 : length >= 4 ? 1 : 0;
    require(room == 4 || operand < 1u << (8 * room));
    c.little(operand, room);
}
constexpr void pause(code_buffer& c) { c.little(0x90f3, 2); }
constexpr void lfence(code_buffer& c) { c.little(0xe8ae0f, 3); }
constexpr void mfence(code_buffer& c) { c.little(0xf0ae0f, 3); }
constexpr void sfence(code_buffer& c) { c.little(0xf8ae0f, 3); }
constexpr void clflush(code_buffer& c, memory m) { op_mem(c, width::w32, 0x0fae, 7, m); }
constexpr void clflushopt(code_buffer& c, memory m) {
    c.byte(0x66);
    clflush(c, m);
}
constexpr void clwb(code_buffer& c, memory m) {
    c.byte(0x66);
    op_mem(c, width::w32, 0x0fae, 6, m);
}
constexpr void wbinvd(code_buffer& c) { c.little(0x090f, 2); }
constexpr void invlpg(code_buffer& c, memory m) { op_mem(c, width::w32, 0x0f01, 7, m); }
constexpr void mov_r64_cr(code_buffer& c, reg d, unsigned cr) {
    require(cr < 8);
    op_reg(c, width::w32, 0x0f20, static_cast<std::uint8_t>(cr), d);
}
constexpr void mov_cr_r64(code_buffer& c, unsigned cr, reg s) {
    require(cr < 8);
    op_reg(c, width::w32, 0x0f22, static_cast<std::uint8_t>(cr), s);
}
constexpr void cpuid(code_buffer& c) { c.little(0xa20f, 2); }
constexpr void serialize(code_buffer& c) { c.little(0xe8010f, 3); }
constexpr void rdtscp(code_buffer& c) { c.little(0xf9010f, 3); }

}  // namespace cmodx::x86_64
