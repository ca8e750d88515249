// SPDX-License-Identifier: Apache-2.0
// Instructions as text, for people: by Capstone where it was linked in and knows the architecture, else as bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cmodx {

struct instruction {
    std::size_t offset;  // bytes
    std::size_t size;
    std::string text;  // empty: the bytes alone
};

// Every byte of `code` from `begin` on is in one of them, in order; offsets, those of branches' targets too, count
// from the first byte of `code`.
std::vector<instruction> disassemble(std::string_view architecture, std::size_t granule,
                                     std::span<const std::uint8_t> code, std::size_t begin);

// Why disassemble() shows bytes alone for this architecture; empty if it does not.
std::string no_disassembly(std::string_view architecture);

}  // namespace cmodx
