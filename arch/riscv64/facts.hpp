// SPDX-License-Identifier: Apache-2.0
// What a riscv64 machine says of itself without a kernel, its clock and its pause; for the target alone, freestanding.
#pragma once

#include "arch/riscv64/isa.hpp"

namespace cmodx::target {

using isa = riscv64::isa;

// Zihintpause; a FENCE without effect where the extension is absent.
inline void pause() { asm volatile(".word %0" : : "i"(riscv64::pause()) : "memory"); }

// Ticks of the real-time counter; user mode may not read the cycle counter since Linux 6.6.
inline std::uint64_t ticks() {
    std::uint64_t now;
    asm volatile("rdtime %0" : "=r"(now));
    return now;
}
inline std::uint64_t ordered_ticks() {
    asm volatile("fence" ::: "memory");
    return ticks();
}
inline constexpr bool ticks_are_cycles = false;

// Calls add(std::string_view key, std::string_view value) for each fact. What else user mode would like to know
// (misa, mvendorid) is machine mode's.
template <class Add>
void collect_facts(Add&& add) {
    add("xlen", "64");
}

}  // namespace cmodx::target
