// SPDX-License-Identifier: Apache-2.0
// How long an instruction is, in 64-bit mode. Source: Intel SDM vol. 2, "Instruction Format" and appendix A.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cmodx::x86_64 {

// Bytes of the instruction at `code`, of which `room` may be read; 0: it is longer, or none of those known here. Not
// known are VEX, EVEX, XOP, 3DNow!, and branches whose length depends on the processor.
constexpr std::size_t instruction_length(const std::uint8_t* code, std::size_t room) {
    const std::size_t most = room < 15 ? room : 15;
    const auto in = [](unsigned value, unsigned first, unsigned last) { return value >= first && value <= last; };
    std::size_t n = 0;
    bool word = false, short_address = false, wide = false;
    const auto next = [&]() -> unsigned { return n < most ? code[n++] : (n = most + 1, 0u); };
    unsigned op = next();
    for (;; op = next()) {
        if (op == 0x66)
            word = true;
        else if (op == 0x67)
            short_address = true;
        else if (op != 0xf0 && op != 0xf2 && op != 0xf3 && op != 0x26 && op != 0x2e && op != 0x36 && op != 0x3e &&
                 op != 0x64 && op != 0x65)
            break;
    }
    if (in(op, 0x40, 0x4f)) {
        wide = (op & 8) != 0;
        op = next();
    }
    const std::size_t z = word ? 2 : 4;  // an immediate of the operand's size, 4 at most
    std::size_t immediate = 0;
    bool modrm = false;
    const bool group_3 = op == 0xf6 || op == 0xf7;
    if (op == 0x0f) {
        op = next();
        if (op == 0x38 || op == 0x3a) {
            immediate = op == 0x3a ? 1 : 0;
            modrm = true;
            (void)next();
        } else if (in(op, 0x80, 0x8f)) {  // Jcc
            if (word) return 0;
            immediate = 4;
        } else if (op == 0x05 || op == 0x0b || op == 0x31 || op == 0x77 || op == 0xa2 || in(op, 0xc8, 0xcf)) {
            // no operand, or one in the opcode
        } else if (in(op, 0x10, 0x17) || op == 0x0d || in(op, 0x18, 0x1f) || in(op, 0x28, 0x2f) || in(op, 0x40, 0x76) ||
                   in(op, 0x7c, 0x7f) || in(op, 0x90, 0x9f) || in(op, 0xa3, 0xa5) || in(op, 0xab, 0xb7) ||
                   in(op, 0xba, 0xc7) || in(op, 0xd0, 0xfe)) {
            modrm = true;
            immediate =
                in(op, 0x70, 0x73) || op == 0xa4 || op == 0xac || op == 0xba || op == 0xc2 || in(op, 0xc4, 0xc6);
        } else {
            return 0;
        }
    } else if (op < 0x40 && (op & 7) < 6) {  // ADD … CMP
        modrm = (op & 7) < 4;
        immediate = (op & 7) == 4 ? 1 : (op & 7) == 5 ? z : 0;
    } else if (in(op, 0x50, 0x5f) || in(op, 0x6c, 0x6f) || in(op, 0x90, 0x99) || in(op, 0x9b, 0x9f) ||
               in(op, 0xa4, 0xa7) || in(op, 0xaa, 0xaf) || op == 0xc3 || op == 0xc9 || op == 0xcc || op == 0xd7 ||
               op == 0xf4 || op == 0xf5 || in(op, 0xf8, 0xfd)) {
        // no operand, or one in the opcode
    } else if (op == 0x63 || in(op, 0x84, 0x8e) || in(op, 0xd0, 0xd3) || in(op, 0xd8, 0xdf) || op >= 0xfe ||
               op == 0x69 || op == 0x6b || in(op, 0x80, 0x81) || op == 0x83 || in(op, 0xc0, 0xc1) ||
               in(op, 0xc6, 0xc7) || in(op, 0xf6, 0xf7)) {
        modrm = true;
        if (op == 0x6b || op == 0x80 || op == 0x83 || op == 0xc0 || op == 0xc1 || op == 0xc6) immediate = 1;
        if (op == 0x69 || op == 0x81 || op == 0xc7) immediate = z;
    } else if (op == 0x6a || op == 0xa8 || in(op, 0xb0, 0xb7) || op == 0xcd) {
        immediate = 1;
    } else if (in(op, 0x70, 0x7f) || in(op, 0xe0, 0xe3) || op == 0xeb) {
        if (word) return 0;
        immediate = 1;
    } else if (op == 0x68 || op == 0xa9) {
        immediate = z;
    } else if (op == 0xe8 || op == 0xe9) {
        if (word) return 0;
        immediate = 4;
    } else if (in(op, 0xb8, 0xbf)) {
        immediate = wide ? 8 : z;
    } else if (in(op, 0xa0, 0xa3)) {
        immediate = short_address ? 4 : 8;
    } else if (op == 0xc2) {
        immediate = 2;
    } else {
        return 0;
    }
    if (modrm) {
        const unsigned m = next(), mode = m >> 6, rm = m & 7;
        if (group_3 && (m & 0x30) == 0) immediate = op == 0xf6 ? 1 : z;  // TEST
        if (mode != 3) {
            const unsigned base = rm == 4 ? next() & 7 : rm;
            n += mode == 1 ? 1 : mode == 2 || base == 5 ? 4 : 0;
        }
    }
    if (word && wide && immediate == z) return 0;
    n += immediate;
    return n <= most ? n : 0;
}

}  // namespace cmodx::x86_64
