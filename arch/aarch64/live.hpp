// SPDX-License-Identifier: Apache-2.0
// What a library that changes code in a running A64 program needs; for the target alone.
#pragma once

#include <cstdint>
#include <span>

#include "arch/aarch64/facts.hpp"
#include "arch/aarch64/rules.hpp"
#include "arch/aarch64/stub.hpp"
#include "arch/verdict.hpp"

namespace cmodx::target {

struct live {
    static constexpr const architecture_rules& rules = aarch64::rules;
    static constexpr std::size_t block = 4;          // bytes, aligned: the most that is exchanged by one store
    static constexpr bool breakpoint_first = false;  // what BRK may take the place of can be exchanged itself
    static constexpr std::uint8_t breakpoint = 0;
    static constexpr std::size_t behind_breakpoint = 0;
    static bool one_instruction(const std::uint8_t*, std::size_t) { return false; }

    // Calls add(key, value) for what the rules ask for, without a side effect.
    template <class Add>
    static void probe(Add&& add) {
        collect_facts(add);
    }

    // Makes what was stored fit to be fetched, as far as the storing thread can; by executable address. DDI0487,
    // "Synchronization and coherency issues between data and instruction accesses". CTR_EL0 is read each time: line
    // sizes differ between the CPUs of one machine.
    static bool maintain(const void* begin, const void* end) {
        std::uint64_t ctr;
        asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
        const auto first = reinterpret_cast<std::uintptr_t>(begin);
        const auto last = reinterpret_cast<std::uintptr_t>(end);
        if ((ctr >> 28 & 1) == 0) {
            const std::uintptr_t line = std::uintptr_t{4} << (ctr >> 16 & 15);
            for (std::uintptr_t at = first & -line; at < last; at += line)
                asm volatile("dc cvau, %0" ::"r"(at) : "memory");
        }
        asm volatile("dsb ish" ::: "memory");
        if ((ctr >> 29 & 1) == 0) {
            const std::uintptr_t line = std::uintptr_t{4} << (ctr & 15);
            for (std::uintptr_t at = first & -line; at < last; at += line)
                asm volatile("ic ivau, %0" ::"r"(at) : "memory");
            asm volatile("dsb ish" ::: "memory");
        }
        return true;
    }

    // Whether the kernel itself lets every thread fetch anew; otherwise membarrier has to.
    static bool broadcast(const void*, const void*) { return false; }

    enum class way : std::uint8_t { isb };
    static way choose(std::span<const fact>) { return way::isb; }

    // The calling thread fetches anew from here on.
    static void synchronize(way) { asm volatile("isb" ::: "memory"); }

    // DDI0487, "Concurrent modification and execution of instructions": the list that all later editions share.
    static constexpr bool exchangeable(std::uint32_t i) {
        return (i & 0x7c000000) == 0x14000000                         // B, BL
               || (i & 0xffe0001f) == 0xd4200000                      // BRK
               || (i & 0xffe0001c) == 0xd4000000                      // SVC, HVC, SMC (and the unallocated 0)
               || (i & 0xfffff0ff) == 0xd50330df || i == 0xd503201f;  // ISB, NOP
    }
    // The suite's name of a site that is exchanged so.
    static std::string_view site(std::uint32_t before, std::uint32_t after) {
        return exchangeable(before) && exchangeable(after) ? "nop_branch" : "imm";
    }

    // `return value;`
    static void emit_return(code_buffer& c, std::uint8_t value) {
        aarch64::append(c, aarch64::movz(aarch64::w0, value), aarch64::ret());
    }

    // A jump to the address that stands behind it, in the last word of `entry_size` bytes.
    static constexpr std::size_t entry_size = 16;
    static void emit_entry(code_buffer& c, std::uintptr_t to) {
        aarch64::append(c, aarch64::ldr_literal(aarch64::x16, 8), aarch64::br(aarch64::x16));
        c.little(to, 8);
    }
};

}  // namespace cmodx::target
