// SPDX-License-Identifier: Apache-2.0
// What cases of breakpoints have in common.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>

namespace cmodx {

// One store, as wide as the piece.
inline void store(std::uint8_t* to, const std::uint8_t* from, std::size_t size) {
    const auto as = [&](auto word) {
        std::memcpy(&word, from, sizeof word);
        std::atomic_ref(*reinterpret_cast<decltype(word)*>(to)).store(word, std::memory_order_relaxed);
    };
    if (size == 1) as(std::uint8_t{});
    if (size == 2) as(std::uint16_t{});
    if (size == 4) as(std::uint32_t{});
    if (size == 8) as(std::uint64_t{});
}

}  // namespace cmodx
