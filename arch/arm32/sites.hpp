// SPDX-License-Identifier: Apache-2.0
// The sites of arm32, in A32 and T32: what is modified, and what it returns in R0. A site clobbers R0, no other
// register.
#pragma once

#include "arch/arm32/encode_t32.hpp"
#include "arch/arm32/stub.hpp"
#include "arch/token.hpp"

namespace cmodx::arm32 {

// Executed where no intact branch leads, so that a torn one cannot pass for a late one.
constexpr void trap_until(code_buffer& code, std::size_t begin, std::size_t size) {
    while (code.size - begin < size) append(code, udf(0));
}

// ---------------------------------------------------------------------------------------------------------------
// imm: the immediate of one MOVW, outside the class that may be modified while it is executed (DDI0487 E2.2.5,
// DDI0406C A3.5.4).

constexpr void imm_patch(code_buffer& code, std::uint8_t generation) { append(code, movw(r0, token(generation, 16))); }

constexpr void imm_block(code_buffer& code) {
    const std::size_t begin = code.size;
    imm_patch(code, 0);
    append(code, bx(lr));
    trap_until(code, begin, 16);
}

// ---------------------------------------------------------------------------------------------------------------
// branch: the target of one B, inside the class. The slots begin where PC points, 8 bytes after the branch, so that
// the number of the slot stands unmixed in bits 2 to 9 of the instruction, and any mixture of two generations leads
// to a slot; row and column both tell the generation, so that a mixture of bytes leads to a slot of none.

inline constexpr std::size_t slot_size = 16;
inline constexpr std::size_t slots_at = 8;

constexpr std::uint32_t slot_of(std::uint32_t generation) { return generation << 4 | ((generation * 7 + 5) & 15); }

constexpr void branch_patch(code_buffer& code, std::uint8_t generation) {
    append(code, b(slots_at + slot_of(generation & 15) * slot_size));
}

constexpr void branch_block(code_buffer& code) {
    const std::size_t begin = code.size;
    branch_patch(code, 0);
    trap_until(code, begin, slots_at);
    for (std::uint32_t slot = 0; slot < 256; ++slot) {
        const std::uint32_t generation = slot >> 4;
        const bool pad = slot_of(generation) == slot;
        append(code, movw(r0, pad ? token(static_cast<std::uint8_t>(generation), 16) : torn_token), bx(lr));
        trap_until(code, begin, slots_at + (slot + 1) * slot_size);
    }
    trap_until(code, begin, slots_at + 256 * slot_size + 8);
}

// ---------------------------------------------------------------------------------------------------------------
// nop_branch: NOP against B, as a static key or a trace point does it; inside the class.

constexpr void nop_branch_patch(code_buffer& code, std::uint8_t generation) {
    append(code, generation % 2 == 0 ? nop() : b(16));
}

constexpr void nop_branch_block(code_buffer& code) {
    const std::size_t begin = code.size;
    nop_branch_patch(code, 0);
    append(code, movw(r0, token(0, 16)), bx(lr));
    trap_until(code, begin, 16);
    append(code, movw(r0, token(1, 16)), bx(lr));
    trap_until(code, begin, 32);
}

// ---------------------------------------------------------------------------------------------------------------
// body: a whole function; each byte of its token comes from an instruction of its own.

inline constexpr std::size_t body_size = 96;

constexpr void body_patch(code_buffer& code, std::uint8_t generation) {
    const std::uint32_t value = token(generation, 32);
    append(code, mov(r0, immediate{value & 0xff}));
    for (unsigned shift = 8; shift < 32; shift += 8) {
        for (int i = 0; i < 6; ++i) append(code, nop());
        append(code, orr(r0, r0, immediate{value & 0xffu << shift}));
    }
    append(code, nop(), bx(lr));
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
    append(code, ldr(r0, pc), bx(lr));
    literal_patch(code, 0);
    trap_until(code, begin, 16);
}

// ---------------------------------------------------------------------------------------------------------------
// T32, whose instructions are one or two halfwords. Fetches are of halfwords (DDI0487 E2.2.1), and the class is one of
// halfwords too (E2.2.5).

template <std::integral... Words>
constexpr void append_t32(code_buffer& code, Words... words) {
    (code.little(words, sizeof words), ...);
}

constexpr void trap_t32_until(code_buffer& code, std::size_t begin, std::size_t size) {
    while (code.size - begin < size) append_t32(code, t32::udf(0));
}

// short_branch: NOP against B, of 16 bits each: inside the class.
constexpr void short_branch_patch(code_buffer& code, std::uint8_t generation) {
    append_t32(code, generation % 2 == 0 ? t32::nop() : t32::b(8));
}

constexpr void short_branch_block(code_buffer& code) {
    const std::size_t begin = code.size;
    short_branch_patch(code, 0);
    append_t32(code, t32::movw(r0, token(0, 16)), t32::bx(lr));
    append_t32(code, t32::movw(r0, token(1, 16)), t32::bx(lr));
    trap_t32_until(code, begin, 16);
}

// call: the second halfword of one BL that lies at 2 mod 4: inside the class, as long as it remains a BL. The slots
// begin where PC points; the halfword holds the number of the slot from bit 3 on.
inline constexpr std::size_t call_slots = 248;
constexpr std::uint32_t call_slot(std::uint32_t generation) { return generation >> 1 << 5 | (generation + 8); }

constexpr std::uint32_t call_of(std::uint8_t generation) {
    return t32::bl(4 + std::int64_t{call_slot(generation & 15)} * std::int64_t{slot_size});
}
constexpr void call_patch(code_buffer& code, std::uint8_t generation) {
    append_t32(code, static_cast<std::uint16_t>(call_of(generation) >> 16));
}

constexpr void call_block(code_buffer& code) {
    const std::size_t begin = code.size;
    append_t32(code, t32::push_lr(), call_of(0));
    for (std::uint32_t slot = 0; slot < call_slots; ++slot) {
        std::uint32_t value = torn_token;
        for (std::uint8_t g = 0; g < 16; ++g)
            if (call_slot(g) == slot) value = token(g, 16);
        append_t32(code, t32::movw(r0, value), t32::pop_pc());
        trap_t32_until(code, begin, 6 + (slot + 1) * slot_size);
    }
    trap_t32_until(code, begin, 8 + call_slots * slot_size);
}

// wide_imm: the immediate of one MOVW of 32 bits at 2 mod 4, outside the class.
constexpr void wide_imm_patch(code_buffer& code, std::uint8_t generation) {
    append_t32(code, t32::movw(r0, token(generation, 16)));
}

constexpr void wide_imm_block(code_buffer& code) {
    const std::size_t begin = code.size;
    wide_imm_patch(code, 0);
    append_t32(code, t32::bx(lr));
    trap_t32_until(code, begin, 16);
}

// clang-format off
inline constexpr site_layout sites[] = {
    {.name = "imm", .meaning = "the immediate of MOVW",
     .size = 16, .entry = 0, .patch = 0, .patch_size = 4, .alignment = 4, .generations = 256, .token_bits = 16,
     .straight = 4, .emit = imm_block, .emit_patch = imm_patch},
    {.name = "branch", .meaning = "the target of B",
     .size = slots_at + 256 * slot_size + 8, .entry = 0, .patch = 0, .patch_size = 4, .alignment = 4, .generations = 16,
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
    {.name = "short_branch", .meaning = "T32: NOP against B, of 16 bits each",
     .size = 16, .entry = 0, .patch = 0, .patch_size = 2, .alignment = 2, .generations = 2, .token_bits = 16,
     .by = tried::briefly, .state = 1, .emit = short_branch_block, .emit_patch = short_branch_patch},
    {.name = "call", .meaning = "T32: the second halfword of BL",
     .size = 8 + call_slots * slot_size, .entry = 0, .patch = 4, .patch_size = 2, .alignment = 4, .generations = 16,
     .token_bits = 16, .by = tried::briefly, .state = 1, .emit = call_block, .emit_patch = call_patch},
    {.name = "wide_imm", .meaning = "T32: the immediate of MOVW, of 32 bits at 2 mod 4",
     .size = 16, .entry = 0, .patch = 0, .patch_size = 4, .alignment = 4, .generations = 256, .token_bits = 16,
     .by = tried::briefly, .state = 1, .at = {8, 2}, .emit = wide_imm_block, .emit_patch = wide_imm_patch},
};
// clang-format on

}  // namespace cmodx::arm32
