// SPDX-License-Identifier: Apache-2.0
// Tokens: what a site returns, with so much redundancy that a torn value is told from a stale one without doubt.
#pragma once

#include <cstdint>

namespace cmodx {

// The token of generation g, `bits` wide (16 to 32). Each byte is a different bijection of g, so two generations
// differ in every byte, and bytes of two generations mixed are the token of neither.
constexpr std::uint32_t token(std::uint8_t g, unsigned bits) {
    const std::uint32_t all = std::uint32_t{static_cast<std::uint8_t>(g * 0x9d + 0x35)} |
                              std::uint32_t{static_cast<std::uint8_t>(g * 0x6b + 0xc1)} << 8 |
                              std::uint32_t{static_cast<std::uint8_t>(g * 0xe5 + 0x5e)} << 16 |
                              std::uint32_t{static_cast<std::uint8_t>(g * 0x3b + 0x97)} << 24;
    return bits >= 32 ? all : all & ((std::uint32_t{1} << bits) - 1);
}

// What the landing pads return that no whole branch reaches; the token of no generation at any width from 16 on.
constexpr std::uint32_t torn_token = 0;

// What a site returns that ran the condition of one generation with the target of another; no token either.
constexpr std::uint32_t mixed_token = 0xff;

// The generation (modulo 256) whose token is `value`, or -1 if it is that of none.
constexpr int generation_of(std::uint32_t value, unsigned bits) {
    constexpr std::uint8_t inverse = 0xb5;  // 0x9d * 0xb5 = 1 (mod 256)
    const auto g = static_cast<std::uint8_t>((static_cast<std::uint8_t>(value) - 0x35) * inverse);
    return token(g, bits) == value ? g : -1;
}

static_assert(static_cast<std::uint8_t>(0x9d * 0xb5) == 1);
static_assert(generation_of(token(200, 16), 16) == 200 && generation_of(torn_token, 16) == -1 &&
              generation_of(mixed_token, 16) == -1);

}  // namespace cmodx
