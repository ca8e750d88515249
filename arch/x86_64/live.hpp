// SPDX-License-Identifier: Apache-2.0
// What a library that changes code in a running x86-64 program needs; for the target alone.
#pragma once

#include <cstdint>
#include <span>

#include "arch/verdict.hpp"
#include "arch/x86_64/facts.hpp"
#include "arch/x86_64/length.hpp"
#include "arch/x86_64/rules.hpp"

namespace cmodx::target {

struct live {
    static constexpr const architecture_rules& rules = x86_64::rules;
    static constexpr std::size_t block = 8;         // bytes, aligned: the most that is exchanged by one store
    static constexpr bool breakpoint_first = true;  // a breakpoint may stand on any first byte: see rules
    static constexpr std::uint8_t breakpoint = 0xcc;
    static constexpr std::size_t behind_breakpoint = 1;  // where the signal says that it was raised
    // Whether the bytes are one instruction, and one that is known: what stands behind a second is not guarded.
    static bool one_instruction(const std::uint8_t* code, std::size_t length) {
        return length != 0 && x86_64::instruction_length(code, length) == length;
    }

    // Calls add(key, value) for what the rules ask for, without a side effect.
    template <class Add>
    static void probe(Add&& add) {
        collect_facts(add);
    }

    // Makes what was stored fit to be fetched, as far as the storing thread can; by executable address.
    static bool maintain(const void*, const void*) { return true; }

    // Whether the kernel itself lets every thread fetch anew; otherwise membarrier has to.
    static bool broadcast(const void*, const void*) { return false; }

    enum class way : std::uint8_t { iret, mfence, serialize };

    // The cheapest that suffices: Intel SDM vol. 3A, "Serializing Instructions"; AMD APM vol. 2 (24593), 7.6.4. CPUID
    // would do, and leaves a virtual machine.
    static way choose(std::span<const fact> facts) {
        return known("serialize=1", facts) ? way::serialize : known("vendor=amd", facts) ? way::mfence : way::iret;
    }

    // The calling thread fetches anew from here on.
    static void synchronize(way by) {
        switch (by) {
            case way::serialize: asm volatile(".byte 0x0f, 0x01, 0xe8" ::: "memory"); break;
            case way::mfence: asm volatile("mfence" ::: "memory"); break;
            case way::iret: {  // to itself, as Linux arch/x86/include/asm/sync_core.h
                std::uint64_t scratch;
                asm volatile(
                    "leaq -128(%%rsp), %%rsp\n\t"  // the red zone
                    "mov %%ss, %k0\n\tpushq %q0\n\t"
                    "leaq 136(%%rsp), %q0\n\tpushq %q0\n\t"
                    "pushfq\n\t"
                    "mov %%cs, %k0\n\tpushq %q0\n\t"
                    "leaq 1f(%%rip), %q0\n\tpushq %q0\n\t"
                    "iretq\n1:"
                    : "=&r"(scratch)
                    :
                    : "cc", "memory");
                break;
            }
        }
    }

    // The suite's name of a site that is exchanged so: nothing here depends on which instruction it is.
    static std::string_view site(std::uint32_t, std::uint32_t) { return "imm"; }

    // `return value;`
    static void emit_return(code_buffer& c, std::uint8_t value) {
        x86_64::mov_r32_imm32(c, x86_64::reg::ax, value);
        x86_64::ret(c);
    }

    // A jump to the address that stands behind it, in the last word of `entry_size` bytes.
    static constexpr std::size_t entry_size = 16;
    static void emit_entry(code_buffer& c, std::uintptr_t to) {
        c.little(0x0225ff, 6);  // jmp *2(%rip)
        x86_64::nop(c, 2);
        c.little(to, 8);
    }
};

}  // namespace cmodx::target
