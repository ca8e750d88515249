// SPDX-License-Identifier: Apache-2.0
// What `cmodx sweep torn` modifies: runs of instructions that one store covers, and what they return when they are
// whole, torn, or mixed. Each architecture lists its own in arch/NAME/tear.hpp, for the target alone.
#pragma once

#include <array>

#include "arch/arch.hpp"

namespace cmodx {

// A function of `size` bytes; its bytes patch … patch + width - 1 are written by one store of store_code.
struct tear_target {
    std::string_view meaning;
    std::uint8_t width;
    std::uint8_t patch;
    std::array<std::uint64_t, 2> value;   // what it returns, as a machine word, by generation
    std::array<std::uint64_t, 3> pieces;  // which of its bits each modified instruction makes; 0: no more
    void (*emit)(code_buffer& code, unsigned generation);
};

enum class wholeness : std::uint8_t { old_or_new, mixed, torn };

// mixed: each instruction is whole, but they are not of one generation.
constexpr wholeness wholeness_of(const tear_target& t, std::uint64_t value) {
    if (value == t.value[0] || value == t.value[1]) return wholeness::old_or_new;
    std::uint64_t known = 0;
    for (const std::uint64_t piece : t.pieces) {
        known |= piece;
        if ((value & piece) != (t.value[0] & piece) && (value & piece) != (t.value[1] & piece)) return wholeness::torn;
    }
    return (value & ~known) == 0 ? wholeness::mixed : wholeness::torn;
}

// What the vendor promises of a fetch that races with one store: it is whole if the store lies inside an aligned block
// of so many bytes.
struct fetch_promise {
    std::string_view when;  // facts, as in arch/rules.hpp; empty: always
    unsigned bytes;         // 0: nothing is promised
    std::string_view source;
};

}  // namespace cmodx
