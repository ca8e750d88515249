// SPDX-License-Identifier: Apache-2.0
// Facts about the arm32 CPU that this runs on, and what a freestanding engine needs of it.
#pragma once

#include <cstdint>
#include <string_view>

#include "arch/arm32/isa.hpp"

namespace cmodx::target {

using isa = arm32::isa;

// Lets a spinning thread give way to another on the same core.
inline void pause() { asm volatile("yield" ::: "memory"); }

// Always 0: no counter is readable in user mode on every Armv7-A (the generic timer is an extension, the cycle
// counter is closed). The platform's clock serves instead.
inline std::uint64_t ticks() { return 0; }
inline std::uint64_t ordered_ticks() { return 0; }
inline constexpr bool ticks_are_cycles = false;

// Calls add(key, value) for each fact: CTR and the like are closed to user mode, so only the instruction set.
template <class Add>
void collect_facts(Add&& add) {
    add(std::string_view("instruction_set"), std::string_view("a32"));
}

}  // namespace cmodx::target
