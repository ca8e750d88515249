// SPDX-License-Identifier: Apache-2.0
// The sites of riscv64: the pieces of code that are modified. A site changes a0 and t0, nothing else.
//
// With the C extension a fetch of an instruction at 2 mod 4 may tear between its halfwords (RISC-V profiles, "Ziccif"),
// so generations differ in both halves where the instruction allows it: imm in 15 of 16 pairs, branch where one is
// even and the other odd, nop_branch always.
#pragma once

#include "arch/riscv64/stub.hpp"
#include "arch/token.hpp"

namespace cmodx::riscv64 {

constexpr void trap_until(code_buffer& c, std::size_t size) {
    while (c.size < size) put_short(c, c_ebreak());
}

// --- imm: lui a0, imm20; srliw a0, a0, 12; ret ------------------------------------------------------------------

constexpr void emit_imm_patch(code_buffer& c, std::uint8_t g) { put(c, lui(reg::a0, token(g, 20))); }

constexpr void emit_imm(code_buffer& c) {
    const std::size_t start = c.size;
    emit_imm_patch(c, 0);
    put(c, srliw(reg::a0, reg::a0, 12));
    put(c, jalr(reg::zero, reg::ra, 0));
    trap_until(c, start + 16);
}

// --- branch: jal to one of two rows of sixteen pads -------------------------------------------------------------

// Returns `value`, 20 bits wide, in 16 bytes.
constexpr void emit_pad(code_buffer& c, std::uint32_t value) {
    const std::size_t start = c.size;
    put(c, lui(reg::a0, value));
    put(c, srliw(reg::a0, reg::a0, 12));
    put(c, jalr(reg::zero, reg::ra, 0));
    trap_until(c, start + 16);
}

// The slot is in the instruction's last byte, the row in its first halfword: halves of an even and an odd generation
// mixed lead to the slot in the wrong row, which belongs to neither.
constexpr std::int32_t branch_row = 4096;
constexpr std::int32_t branch_offset(unsigned g) {
    return 16 + static_cast<std::int32_t>(g) * 16 + static_cast<std::int32_t>(g & 1) * branch_row;
}

constexpr void emit_branch_patch(code_buffer& c, std::uint8_t g) { put(c, jal(reg::zero, branch_offset(g & 15))); }

constexpr void emit_branch(code_buffer& c) {
    const std::size_t start = c.size;
    emit_branch_patch(c, 0);
    for (unsigned row = 0; row < 2; ++row) {
        trap_until(c, start + row * branch_row + 16);
        for (unsigned g = 0; g < 16; ++g) {
            emit_pad(c, (g & 1) == row ? token(static_cast<std::uint8_t>(g), 20) : torn_token);
        }
    }
}

// --- nop_branch: a NOP or a jal over a return -------------------------------------------------------------------

// The jump leads into a second page: a jal whose other half is the NOP's lands on one of two pads that return
// torn_token, never on itself.
constexpr void emit_nop_branch_patch(code_buffer& c, std::uint8_t g) {
    put(c, g & 1 ? jal(reg::zero, branch_row + 32) : nop());
}

constexpr void emit_nop_branch(code_buffer& c) {
    const std::size_t start = c.size;
    emit_nop_branch_patch(c, 0);
    emit_pad(c, token(0, 20));
    trap_until(c, start + 32);
    emit_pad(c, torn_token);
    trap_until(c, start + branch_row);
    emit_pad(c, torn_token);
    trap_until(c, start + branch_row + 32);
    emit_pad(c, token(1, 20));
}

// --- body: a whole function, its token in four instructions -----------------------------------------------------

// Between them stand NOPs that are rewritten too: lui x0 is a HINT (RISC-V ISA vol. I, "HINT Instructions").
constexpr void emit_body_patch(code_buffer& c, std::uint8_t g) {
    const std::size_t start = c.size;
    const std::uint32_t all = token(g, 32);
    const auto piece = [all](unsigned i) { return all >> (8 * i) & 0xff; };
    const auto hints = [&](unsigned count) {
        for (unsigned i = 0; i < count; ++i) put(c, lui(reg::zero, token(g, 20)));
    };
    put(c, lui(reg::a0, piece(3) << 12));
    hints(4);
    put(c, lui(reg::t0, piece(2) << 4));
    put(c, or_(reg::a0, reg::a0, reg::t0));
    hints(4);
    put(c, addi(reg::t0, reg::zero, static_cast<std::int32_t>(piece(1))));
    put(c, slli(reg::t0, reg::t0, 8));
    put(c, or_(reg::a0, reg::a0, reg::t0));
    hints(3);
    put(c, ori(reg::a0, reg::a0, static_cast<std::int32_t>(piece(0))));
    hints(2);
    zero_extend(c, reg::a0);
    put(c, jalr(reg::zero, reg::ra, 0));
    trap_until(c, start + 96);
}

// --- literal: auipc a0, 0; lwu a0, 12(a0); ret; the word ---------------------------------------------------------

constexpr void emit_literal_patch(code_buffer& c, std::uint8_t g) { put(c, token(g, 32)); }

constexpr void emit_literal(code_buffer& c) {
    put(c, auipc(reg::a0, 0));
    put(c, lwu(reg::a0, reg::a0, 12));
    put(c, jalr(reg::zero, reg::ra, 0));
    emit_literal_patch(c, 0);
}

// --- short_branch: the target of c.j, 2 bytes --------------------------------------------------------------------

// 128 slots, of which 16 are a generation's. c.j has bits 4, 8, 9, 10 of the offset in its second byte and 5, 6, 7 in
// its first: bytes of two neighbours mixed lead to a slot of neither, and never to the branch itself.
constexpr unsigned short_slot(unsigned g) {
    const unsigned low = 1 + g % 7;
    return (g & 1) | low << 1 | g >> 1 << 4;
}

constexpr void emit_short_branch_patch(code_buffer& c, std::uint8_t g) {
    put_short(c, c_j(static_cast<std::int32_t>(short_slot(g & 15) * 16)));
}

constexpr void emit_short_branch(code_buffer& c) {
    const std::size_t start = c.size;
    emit_short_branch_patch(c, 0);
    trap_until(c, start + 16);
    for (unsigned slot = 1; slot < 128; ++slot) {
        std::uint32_t value = torn_token;
        for (unsigned g = 0; g < 16; ++g)
            if (short_slot(g) == slot) value = token(static_cast<std::uint8_t>(g), 20);
        emit_pad(c, value);
    }
}

// --- split, join: jal against two c.nop; shrink: c.j over the first half of jal ----------------------------------

// The second half of this jal alone is no instruction; its first half before a c.nop is a jump further ahead, to which
// whoever lays these sites out gives room.
constexpr std::int32_t split_distance = 4096;

constexpr void put_whole(code_buffer& c) { put(c, jal(reg::zero, split_distance)); }
constexpr void put_halves(code_buffer& c) {
    put_short(c, c_nop());
    put_short(c, c_nop());
}

constexpr void emit_split_patch(code_buffer& c, std::uint8_t g) { (g & 1) == 0 ? put_whole(c) : put_halves(c); }
constexpr void emit_join_patch(code_buffer& c, std::uint8_t g) { (g & 1) == 0 ? put_halves(c) : put_whole(c); }

constexpr void emit_by_halves(code_buffer& c, std::uint8_t near, std::uint8_t far) {
    const std::size_t start = c.size - 4;
    emit_pad(c, token(near, 20));
    trap_until(c, start + split_distance);
    emit_pad(c, token(far, 20));
}
constexpr void emit_split(code_buffer& c) {
    emit_split_patch(c, 0);
    emit_by_halves(c, 1, 0);
}
constexpr void emit_join(code_buffer& c) {
    emit_join_patch(c, 0);
    emit_by_halves(c, 0, 1);
}

constexpr void emit_shrink_patch(code_buffer& c, std::uint8_t g) {
    put_short(c, (g & 1) == 0 ? static_cast<std::uint16_t>(jal(reg::zero, split_distance)) : c_j(4));
}
constexpr void emit_shrink(code_buffer& c) {
    put_whole(c);
    emit_by_halves(c, 1, 0);
}

inline constexpr site_layout sites[] = {
    {.name = "imm",
     .meaning = "the 20-bit immediate of lui",
     .size = 16,
     .entry = 0,
     .patch = 0,
     .patch_size = 4,
     .alignment = 4,
     .generations = 256,
     .token_bits = 20,
     .straight = 8,
     .emit = emit_imm,
     .emit_patch = emit_imm_patch},
    {.name = "branch",
     .meaning = "the offset of jal",
     .size = branch_row + 16 + 256,
     .entry = 0,
     .patch = 0,
     .patch_size = 4,
     .alignment = 4,
     .generations = 16,
     .token_bits = 20,
     .emit = emit_branch,
     .emit_patch = emit_branch_patch},
    {.name = "nop_branch",
     .meaning = "a NOP that becomes jal and back",
     .size = branch_row + 48,
     .entry = 0,
     .patch = 0,
     .patch_size = 4,
     .alignment = 4,
     .generations = 2,
     .token_bits = 20,
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
     .meaning = "a word of data that lwu reads",
     .size = 16,
     .entry = 0,
     .patch = 12,
     .patch_size = 4,
     .alignment = 4,
     .generations = 256,
     .token_bits = 32,
     .data = true,
     .emit = emit_literal,
     .emit_patch = emit_literal_patch},
    {.name = "short_branch",
     .meaning = "the offset of c.j, 2 bytes",
     .size = 2048,
     .entry = 0,
     .patch = 0,
     .patch_size = 2,
     .alignment = 2,
     .generations = 16,
     .token_bits = 20,
     .by = tried::briefly,
     .emit = emit_short_branch,
     .emit_patch = emit_short_branch_patch},
    {.name = "split",
     .meaning = "one instruction of 4 bytes that becomes two of 2",
     .size = split_distance + 16,
     .entry = 0,
     .patch = 0,
     .patch_size = 4,
     .alignment = 4,
     .generations = 2,
     .token_bits = 20,
     .by = tried::one_way,
     .emit = emit_split,
     .emit_patch = emit_split_patch},
    {.name = "join",
     .meaning = "two instructions of 2 bytes that become one of 4",
     .size = split_distance + 16,
     .entry = 0,
     .patch = 0,
     .patch_size = 4,
     .alignment = 4,
     .generations = 2,
     .token_bits = 20,
     .by = tried::one_way,
     .emit = emit_join,
     .emit_patch = emit_join_patch},
    {.name = "shrink",
     .meaning = "the first half of an instruction of 4 bytes at 2 mod 4, over which c.j is written",
     .size = split_distance + 16,
     .entry = 0,
     .patch = 0,
     .patch_size = 2,
     .alignment = 2,
     .generations = 2,
     .token_bits = 20,
     .by = tried::one_way,
     .at = {8, 2},
     .emit = emit_shrink,
     .emit_patch = emit_shrink_patch},
};

}  // namespace cmodx::riscv64
