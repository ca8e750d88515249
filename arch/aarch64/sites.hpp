// SPDX-License-Identifier: Apache-2.0
// The sites of AArch64: what is modified, and what it returns in W0. A site clobbers W0 and W1, no other register.
#pragma once

#include "arch/aarch64/stub.hpp"
#include "arch/token.hpp"

namespace cmodx::aarch64 {

// Executed where no intact branch leads, so that a torn one cannot pass for a late one.
constexpr void trap_until(code_buffer& code, std::size_t begin, std::size_t size) {
    while (code.size - begin < size) append(code, udf(0));
}

// ---------------------------------------------------------------------------------------------------------------
// imm: the immediate of one MOVZ, outside the class that may be modified while it is executed (DDI0487 B2.2.5).

constexpr void imm_patch(code_buffer& code, std::uint8_t generation) { append(code, movz(w0, token(generation, 16))); }

constexpr void imm_block(code_buffer& code) {
    const std::size_t begin = code.size;
    imm_patch(code, 0);
    append(code, ret());
    trap_until(code, begin, 16);
}

// ---------------------------------------------------------------------------------------------------------------
// branch: the target of one B, inside the class. The branch goes backwards by 4096 - 16 * slot bytes, so that the
// number of the slot stands unmixed in bits 2 to 9 of the instruction, and any mixture of two generations leads to a
// slot; row and column both tell the generation, so that a mixture of bytes leads to a slot of none.

inline constexpr std::size_t slot_size = 16;
inline constexpr std::size_t branch_at = 256 * slot_size;

constexpr std::uint32_t slot_of(std::uint32_t generation) { return generation << 4 | ((generation * 7 + 5) & 15); }

constexpr void branch_patch(code_buffer& code, std::uint8_t generation) {
    const std::int64_t pad = slot_of(generation & 15) * std::int64_t{slot_size};
    append(code, b(pad - std::int64_t{branch_at}));
}

constexpr void branch_block(code_buffer& code) {
    for (std::uint32_t slot = 0; slot < 256; ++slot) {
        const std::uint32_t generation = slot >> 4;
        const bool pad = slot_of(generation) == slot;
        const std::size_t begin = code.size;
        append(code, movz(w0, pad ? token(static_cast<std::uint8_t>(generation), 16) : torn_token), ret());
        trap_until(code, begin, slot_size);
    }
    const std::size_t begin = code.size;
    branch_patch(code, 0);
    trap_until(code, begin, 16);
}

// ---------------------------------------------------------------------------------------------------------------
// nop_branch: NOP against B, as a static key or a trace point does it; inside the class.

constexpr void nop_branch_patch(code_buffer& code, std::uint8_t generation) {
    append(code, generation % 2 == 0 ? nop() : b(16));
}

constexpr void nop_branch_block(code_buffer& code) {
    const std::size_t begin = code.size;
    nop_branch_patch(code, 0);
    append(code, movz(w0, token(0, 16)), ret());
    trap_until(code, begin, 16);
    append(code, movz(w0, token(1, 16)), ret());
    trap_until(code, begin, 32);
}

// ---------------------------------------------------------------------------------------------------------------
// body: a whole function; each byte of its token comes from an instruction of its own.

inline constexpr std::size_t body_size = 96;

constexpr void body_patch(code_buffer& code, std::uint8_t generation) {
    const std::uint32_t value = token(generation, 32);
    append(code, movz(w0, value & 0xff));
    for (unsigned shift = 8; shift < 32; shift += 8) {
        for (int i = 0; i < 5; ++i) append(code, nop());
        append(code, movz(w1, value >> shift & 0xff), orr(w0, w0, w1, shift));
    }
    append(code, nop(), ret());
}

constexpr void body_block(code_buffer& code) {
    const std::size_t begin = code.size;
    body_patch(code, 0);
    trap_until(code, begin, body_size + 16);
}

// ---------------------------------------------------------------------------------------------------------------
// literal: a word of data behind the code that loads it.

constexpr void literal_patch(code_buffer& code, std::uint8_t generation) { append(code, token(generation, 32)); }

constexpr void literal_block(code_buffer& code) {
    const std::size_t begin = code.size;
    append(code, ldr_literal(w0, 8), ret());
    literal_patch(code, 0);
    trap_until(code, begin, 16);
}

// ---------------------------------------------------------------------------------------------------------------
// cond_branch: condition and target of one B.cond, where EQ holds. Generation 0 branches and 1 does not, so the old
// condition with the new target leads where no generation does, and back again.

constexpr void cond_branch_patch(code_buffer& code, std::uint8_t generation) {
    append(code, generation % 2 == 0 ? b(cond::eq, 48) : b(cond::ne, 68));
}

constexpr void cond_branch_block(code_buffer& code) {
    const std::size_t begin = code.size;
    append(code, cmp(w0, w0));
    cond_branch_patch(code, 0);
    append(code, movz(w0, token(1, 16)), ret());
    trap_until(code, begin, 4 + 36);  // where one byte of the target leads that goes with two of the other
    append(code, movz(w0, torn_token), ret());
    trap_until(code, begin, 4 + 48);
    append(code, movz(w0, token(0, 16)), ret());
    trap_until(code, begin, 4 + 68);
    append(code, movz(w0, mixed_token), ret());
    trap_until(code, begin, 4 + 80);
    append(code, movz(w0, torn_token), ret());
    trap_until(code, begin, 96);
}

// ---------------------------------------------------------------------------------------------------------------
// pair: the targets of two B, one behind the other, by one store of 8 bytes. The first leads to a pad that sets the
// low half of the token and goes on to the second, which leads to a pad that sets the high half.

inline constexpr std::size_t first_pads = 16;
inline constexpr std::size_t second_pads = first_pads + 16 * slot_size;

constexpr void pair_patch(code_buffer& code, std::uint8_t generation) {
    const std::int64_t pad = (generation & 15) * std::int64_t{slot_size};
    append(code, b(pad + std::int64_t{first_pads}), b(pad + std::int64_t{second_pads} - 4));
}

constexpr void pair_block(code_buffer& code) {
    const std::size_t begin = code.size;
    pair_patch(code, 0);
    trap_until(code, begin, first_pads);
    for (std::uint8_t g = 0; g < 16; ++g) {
        append(code, movz(w0, token(g, 32) & 0xffff));
        append(code, b(4 - static_cast<std::int64_t>(code.size - begin)));
        trap_until(code, begin, first_pads + (g + 1u) * slot_size);
    }
    for (std::uint8_t g = 0; g < 16; ++g) {
        append(code, movk(w0, token(g, 32) >> 16, 16), ret());
        trap_until(code, begin, second_pads + (g + 1u) * slot_size);
    }
}

// clang-format off
inline constexpr site_layout sites[] = {
    {.name = "imm", .meaning = "the immediate of MOVZ",
     .size = 16, .entry = 0, .patch = 0, .patch_size = 4, .alignment = 4, .generations = 256, .token_bits = 16,
     .straight = 4, .emit = imm_block, .emit_patch = imm_patch},
    {.name = "branch", .meaning = "the target of B",
     .size = branch_at + 16, .entry = branch_at, .patch = branch_at, .patch_size = 4, .alignment = 4, .generations = 16,
     .token_bits = 16, .emit = branch_block, .emit_patch = branch_patch},
    {.name = "nop_branch", .meaning = "NOP against B",
     .size = 32, .entry = 0, .patch = 0, .patch_size = 4, .alignment = 4, .generations = 2, .token_bits = 16,
     .emit = nop_branch_block, .emit_patch = nop_branch_patch},
    {.name = "body", .meaning = "a function of 24 instructions, all of them rewritten",
     .size = body_size + 16, .entry = 0, .patch = 0, .patch_size = body_size, .alignment = 16, .generations = 256,
     .token_bits = 32, .emit = body_block, .emit_patch = body_patch},
    {.name = "literal", .meaning = "a word of data that an LDR reads",
     .size = 16, .entry = 0, .patch = 8, .patch_size = 4, .alignment = 4, .generations = 256, .token_bits = 32,
     .data = true, .emit = literal_block, .emit_patch = literal_patch},
    {.name = "cond_branch", .meaning = "condition and target of B.cond",
     .size = 96, .entry = 0, .patch = 4, .patch_size = 4, .alignment = 4, .generations = 2, .token_bits = 16,
     .by = tried::by_its_own, .emit = cond_branch_block, .emit_patch = cond_branch_patch},
    {.name = "pair", .meaning = "the targets of two B, one behind the other, by one store",
     .size = second_pads + 16 * slot_size, .entry = 0, .patch = 0, .patch_size = 8, .alignment = 8, .generations = 16,
     .token_bits = 32, .by = tried::by_its_own, .first_bits = 16, .emit = pair_block, .emit_patch = pair_patch},
};
// clang-format on

}  // namespace cmodx::aarch64
