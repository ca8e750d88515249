// SPDX-License-Identifier: Apache-2.0
// The sites of x86-64: the pieces of code that are modified. A site changes eax and the flags, nothing else.
#pragma once

#include "arch/token.hpp"
#include "arch/x86_64/encode.hpp"

namespace cmodx::x86_64 {

constexpr void trap_until(code_buffer& c, std::size_t size) {
    while (c.size < size) int3(c);
}

constexpr void return_value(code_buffer& c, std::uint32_t value) {
    mov_r32_imm32(c, reg::ax, value);
    ret(c);
}

// --- imm: mov eax, imm32; ret -----------------------------------------------------------------------------------

constexpr void emit_imm(code_buffer& c) {
    const std::size_t start = c.size;
    trap_until(c, start + 3);
    return_value(c, token(0, 32));
    trap_until(c, start + 16);
}
constexpr void emit_imm_patch(code_buffer& c, std::uint8_t g) { c.little(token(g, 32), 4); }

// --- branch: jmp rel32 to a pad of a 16 x 16 grid ---------------------------------------------------------------

// The displacement's second byte is the generation, its first 16 times a permutation of it, so bytes of two
// displacements mixed lead to a slot of the grid that belongs to neither. The grid begins behind the jump.
constexpr std::uint32_t branch_displacement(unsigned g) { return g << 8 | ((5 * g + 3) & 15) << 4; }

constexpr void emit_branch_patch(code_buffer& c, std::uint8_t g) { c.little(branch_displacement(g & 15), 4); }

constexpr void emit_branch(code_buffer& c) {
    const std::size_t start = c.size;
    trap_until(c, start + 11);
    jmp_rel32(c, static_cast<std::int32_t>(branch_displacement(0)));
    for (unsigned slot = 0; slot < 256; ++slot) {
        const unsigned g = slot >> 4;
        const bool whole = branch_displacement(g) == slot << 4;
        return_value(c, whole ? token(static_cast<std::uint8_t>(g), 32) : torn_token);
        trap_until(c, start + 16 * (slot + 2));
    }
}

// --- nop_branch: a five-byte NOP or a jump over a return, then a three-byte NOP ---------------------------------

// The NOP's operand makes a jump of mixed bytes lead 2 GiB away: a torn patch faults.
constexpr void emit_nop_branch_patch(code_buffer& c, std::uint8_t g) {
    if (g & 1) {
        jmp_rel32(c, 11);
    } else {
        nop(c, 5, 0x7f);
    }
    nop(c, 3);
}

constexpr void emit_nop_branch(code_buffer& c) {
    const std::size_t start = c.size;
    emit_nop_branch_patch(c, 0);
    return_value(c, token(0, 32));
    trap_until(c, start + 16);
    return_value(c, token(1, 32));
    trap_until(c, start + 32);
}

// --- body: a whole function, its token in four instructions -----------------------------------------------------

// Between them stand NOPs whose operands are rewritten too; all instructions keep their length.
constexpr void emit_body_patch(code_buffer& c, std::uint8_t g) {
    const std::size_t start = c.size;
    const std::uint32_t all = token(g, 32);
    for (unsigned i = 0; i < 4; ++i) {
        const std::uint32_t piece = all & 0xffu << (8 * i);
        if (i == 0) {
            mov_r32_imm32(c, reg::ax, piece);
        } else {
            or_eax_imm32(c, piece);
        }
        nop(c, 9, all);
        nop(c, 9, all);
    }
    ret(c);
    trap_until(c, start + 96);
}

// --- literal: mov eax, [rip + 2]; ret; the word -----------------------------------------------------------------

constexpr void emit_literal_patch(code_buffer& c, std::uint8_t g) { c.little(token(g, 32), 4); }

constexpr void emit_literal(code_buffer& c) {
    const std::size_t start = c.size;
    mov_r32_rip(c, reg::ax, 2);
    ret(c);
    trap_until(c, start + 8);
    emit_literal_patch(c, 0);
    trap_until(c, start + 16);
}

// --- pair: mov al, imm8; mov ah, imm8 ---------------------------------------------------------------------------

constexpr void emit_pair_patch(code_buffer& c, std::uint8_t g) {
    c.little(0xb0 | (token(g, 16) & 0xff) << 8 | 0xb4 << 16 | token(g, 16) >> 8 << 24, 4);
}

constexpr void emit_pair(code_buffer& c) {
    const std::size_t start = c.size;
    trap_until(c, start + 2);
    xor_r32_r32(c, reg::ax, reg::ax);
    emit_pair_patch(c, 0);
    ret(c);
    trap_until(c, start + 16);
}

// --- merge: the same two, which become mov ax, imm16 ------------------------------------------------------------

// Run from its middle, the new instruction and the AND behind it are a shift of memory at an address that is never
// mapped: it faults.
constexpr void emit_merge_patch(code_buffer& c, std::uint8_t g) {
    if ((g & 1) == 0) return emit_pair_patch(c, 0);
    c.little(0xb866 | token(1, 16) << 16, 4);
}

constexpr void emit_merge(code_buffer& c) {
    const std::size_t start = c.size;
    trap_until(c, start + 2);
    xor_r32_r32(c, reg::ax, reg::ax);
    emit_merge_patch(c, 0);
    c.byte(0x25);  // and eax, 0xffff
    c.little(0xffff, 4);
    ret(c);
    trap_until(c, start + 16);
}

inline constexpr site_layout sites[] = {
    {.name = "imm",
     .meaning = "the 32-bit immediate of mov eax, imm32",
     .size = 16,
     .entry = 3,
     .patch = 4,
     .patch_size = 4,
     .alignment = 4,
     .generations = 256,
     .token_bits = 32,
     .straight = 5,
     .emit = emit_imm,
     .emit_patch = emit_imm_patch},
    {.name = "branch",
     .meaning = "the displacement of jmp rel32",
     .size = 16 + 256 * 16,
     .entry = 11,
     .patch = 12,
     .patch_size = 4,
     .alignment = 4,
     .generations = 16,
     .token_bits = 32,
     .emit = emit_branch,
     .emit_patch = emit_branch_patch},
    {.name = "nop_branch",
     .meaning = "a five-byte NOP that becomes jmp rel32 and back, by one 8-byte store",
     .size = 32,
     .entry = 0,
     .patch = 0,
     .patch_size = 8,
     .alignment = 8,
     .generations = 2,
     .token_bits = 32,
     .emit = emit_nop_branch,
     .emit_patch = emit_nop_branch_patch},
    {.name = "body",
     .meaning = "a whole function of 96 bytes that puts its token together in four instructions",
     .size = 96,
     .entry = 0,
     .patch = 0,
     .patch_size = 96,
     .alignment = 16,
     .generations = 256,
     .token_bits = 32,
     .emit = [](code_buffer& c) { emit_body_patch(c, 0); },
     .emit_patch = emit_body_patch},
    {.name = "literal",
     .meaning = "a word of data that mov eax, [rip + 2] reads",
     .size = 16,
     .entry = 0,
     .patch = 8,
     .patch_size = 4,
     .alignment = 4,
     .generations = 256,
     .token_bits = 32,
     .data = true,
     .emit = emit_literal,
     .emit_patch = emit_literal_patch},
    {.name = "pair",
     .meaning = "two instructions, mov al, imm8 and mov ah, imm8, in one aligned word",
     .size = 16,
     .entry = 2,
     .patch = 4,
     .patch_size = 4,
     .alignment = 4,
     .generations = 256,
     .token_bits = 16,
     .by = tried::by_its_own,
     .first_bits = 8,
     .emit = emit_pair,
     .emit_patch = emit_pair_patch},
    {.name = "merge",
     .meaning = "two instructions, mov al, imm8 and mov ah, imm8, which become one, mov ax, imm16",
     .size = 16,
     .entry = 2,
     .patch = 4,
     .patch_size = 4,
     .alignment = 4,
     .generations = 2,
     .token_bits = 16,
     .by = tried::one_way,
     .emit = emit_merge,
     .emit_patch = emit_merge_patch},
};

}  // namespace cmodx::x86_64
