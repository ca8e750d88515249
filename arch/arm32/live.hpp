// SPDX-License-Identifier: Apache-2.0
// What a library that changes code in a running A32 program needs; for the target alone.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <span>

#include "arch/arm32/facts.hpp"
#include "arch/arm32/rules.hpp"
#include "arch/arm32/stub.hpp"
#include "arch/verdict.hpp"

namespace cmodx::target {

struct live {
    static constexpr const architecture_rules& rules = arm32::rules;
    static constexpr std::size_t block = 4;          // bytes, aligned: the most that is exchanged by one store
    static constexpr bool breakpoint_first = false;  // what BKPT may take the place of can be exchanged itself
    static constexpr std::uint8_t breakpoint = 0;
    static constexpr std::size_t behind_breakpoint = 0;
    static bool one_instruction(const std::uint8_t*, std::size_t) { return false; }

    // Calls add(key, value) for what the rules ask for, without a side effect.
    template <class Add>
    static void probe(Add&& add) {
        collect_facts(add);
    }

    // Makes what was stored fit to be fetched, as far as the storing thread can; by executable address. Linux
    // arch/arm/kernel/traps.c, do_cache_op: user mode has no instruction for it. QEMU's user-mode emulation returns
    // what is neither 0 nor an error.
    static bool maintain(const void* begin, const void* end) {
        constexpr long cacheflush = 0x0f0002;
        return syscall(cacheflush, begin, end, 0L) != -1;
    }

    // Whether the kernel itself lets every thread fetch anew; otherwise membarrier has to.
    static bool broadcast(const void*, const void*) { return false; }

    enum class way : std::uint8_t { isb };
    static way choose(std::span<const fact>) { return way::isb; }

    // The calling thread fetches anew from here on.
    static void synchronize(way) { asm volatile("isb" ::: "memory"); }

    // DDI0406C A3.5.4, "Concurrent modification and execution of instructions", the ARM instruction set: always
    // executed, or not conditional at all.
    static constexpr bool exchangeable(std::uint32_t i) {
        return (i & 0xfe000000) == 0xea000000      // B, BL
               || i == 0xe320f000                  // NOP
               || (i & 0xfff000f0) == 0xe1200070   // BKPT
               || (i & 0xff000000) == 0xef000000   // SVC
               || (i & 0xfff000f0) == 0xe1400070   // HVC
               || (i & 0xfffffff0) == 0xe1600070;  // SMC
    }
    // The suite's name of a site that is exchanged so.
    static std::string_view site(std::uint32_t before, std::uint32_t after) {
        return exchangeable(before) && exchangeable(after) ? "nop_branch" : "imm";
    }

    // `return value;`
    static void emit_return(code_buffer& c, std::uint8_t value) {
        arm32::append(c, arm32::movw(arm32::r0, value), arm32::bx(arm32::lr));
    }

    // A jump to the address that stands behind it, in the last word of `entry_size` bytes.
    static constexpr std::size_t entry_size = 8;
    static void emit_entry(code_buffer& c, std::uintptr_t to) {
        arm32::append(c, arm32::ldr(arm32::pc, arm32::pc, -4));
        c.little(to, 4);
    }
};

}  // namespace cmodx::target
