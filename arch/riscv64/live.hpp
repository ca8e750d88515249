// SPDX-License-Identifier: Apache-2.0
// What a library that changes code in a running riscv64 program needs; for the target alone.
#pragma once

#include <sys/prctl.h>
#include <unistd.h>

#include <cstdint>
#include <span>

#include "arch/riscv64/facts.hpp"
#include "arch/riscv64/linux.hpp"
#include "arch/riscv64/rules.hpp"
#include "arch/verdict.hpp"

namespace cmodx::target {

struct live {
    static constexpr const architecture_rules& rules = riscv64::rules;
    static constexpr std::size_t block = 4;          // bytes, aligned: the most that is exchanged by one store
    static constexpr bool breakpoint_first = false;  // no rule for it
    static constexpr std::uint8_t breakpoint = 0;
    static constexpr std::size_t behind_breakpoint = 0;
    static bool one_instruction(const std::uint8_t*, std::size_t) { return false; }

    // Calls add(key, value) for what the rules ask for, without a side effect.
    template <class Add>
    static void probe(Add&& add) {
        collect_hwprobe_facts(add);
    }

    // Makes what was stored visible to the FENCE.I of others: RISC-V ISA vol. I, "Zifencei".
    static bool maintain(const void*, const void*) {
        asm volatile("fence rw, rw" ::: "memory");
        return true;
    }

    // Whether the kernel itself lets every thread fetch anew (Linux arch/riscv/kernel/sys_riscv.c, flags 0: all
    // threads); otherwise membarrier has to.
    static bool broadcast(const void* begin, const void* end) {
        constexpr long riscv_flush_icache = 259;
        return syscall(riscv_flush_icache, begin, end, 0L) == 0;
    }

    enum class way : std::uint8_t { fence_i, kernel };

    // Linux Documentation/arch/riscv/cmodx.rst: FENCE.I is for a hart, and a thread may be moved to another, so the
    // kernel has to be asked to follow it; where it does not know how, it has to execute the FENCE.I everywhere.
    static way choose(std::span<const fact>) {
        constexpr int set_icache_flush_ctx = 71;
        return prctl(set_icache_flush_ctx, 0L, 0L, 0L, 0L) == 0 ? way::fence_i : way::kernel;
    }

    // The calling thread fetches anew from here on.
    static void synchronize(way by) {
        if (by == way::fence_i || !broadcast(nullptr, nullptr)) asm volatile("fence.i" ::: "memory");
    }

    // The suite's name of a site that is exchanged so: nothing here depends on which instruction it is.
    static std::string_view site(std::uint32_t, std::uint32_t) { return "imm"; }

    // `return value;`
    static void emit_return(code_buffer& c, std::uint8_t value) {
        riscv64::load_immediate(c, riscv64::reg::a0, value);
        riscv64::put(c, riscv64::jalr(riscv64::reg::zero, riscv64::reg::ra, 0));
    }

    // A jump to the address that stands behind it, in the last word of `entry_size` bytes.
    static constexpr std::size_t entry_size = 24;
    static void emit_entry(code_buffer& c, std::uintptr_t to) {
        riscv64::put(c, riscv64::auipc(riscv64::reg::t1, 0));
        riscv64::put(c, riscv64::ld(riscv64::reg::t1, riscv64::reg::t1, 16));
        riscv64::put(c, riscv64::jalr(riscv64::reg::zero, riscv64::reg::t1, 0));
        riscv64::put(c, riscv64::nop());
        c.little(to, 8);
    }
};

}  // namespace cmodx::target
