// SPDX-License-Identifier: Apache-2.0
// All four architectures, behind values: what any host can assemble, explain and judge.
#pragma once

#include <array>

#include "arch/aarch64/isa.hpp"
#include "arch/aarch64/rules.hpp"
#include "arch/arm32/isa.hpp"
#include "arch/arm32/rules.hpp"
#include "arch/riscv64/isa.hpp"
#include "arch/riscv64/rules.hpp"
#include "arch/x86_64/isa.hpp"
#include "arch/x86_64/rules.hpp"

namespace cmodx {

struct known_architecture {
    architecture isa;
    const architecture_rules* rules;
};

inline constexpr std::array<known_architecture, 4> architectures = {{
    {describe<x86_64::isa>(), &x86_64::rules},
    {describe<aarch64::isa>(), &aarch64::rules},
    {describe<riscv64::isa>(), &riscv64::rules},
    {describe<arm32::isa>(), &arm32::rules},
}};

// Null when there is no such architecture.
constexpr const known_architecture* find_architecture(std::string_view name) {
    for (const known_architecture& a : architectures)
        if (a.isa.name == name) return &a;
    return nullptr;
}

}  // namespace cmodx
