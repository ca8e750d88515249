// SPDX-License-Identifier: Apache-2.0
// Code as lines for people: offset, bytes, instruction.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runner/trace.hpp"

namespace cmodx {

struct listed {
    std::span<const std::uint8_t> code;
    std::size_t begin = 0;  // bytes of `code`
    std::size_t end = 0;
    std::span<const std::uint8_t> other{};  // instructions that differ from it have a star; empty: none has
    std::span<const traced_part> parts{};   // a title in front of each
    bool t32 = false;                       // of arm32: not A32
};

// The instructions that begin in begin … end; of more than two that are equal the first. Indented.
std::string listing(const architecture& isa, const listed& what);

// Why a listing shows bytes only, as a line; empty if it shows instructions.
std::string listing_remark(const architecture& isa);

}  // namespace cmodx
