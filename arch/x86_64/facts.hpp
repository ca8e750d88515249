// SPDX-License-Identifier: Apache-2.0
// What an x86-64 machine says of itself by CPUID, its clock and its pause; for the target alone, freestanding.
#pragma once

#include <cpuid.h>

#include "arch/x86_64/isa.hpp"

namespace cmodx::target {

using isa = x86_64::isa;

inline void pause() { __builtin_ia32_pause(); }

// Cycles of the time-stamp counter; not serialized.
inline std::uint64_t ticks() { return __builtin_ia32_rdtsc(); }

// The same behind what came before and in front of what comes next (Intel SDM vol. 2B, "RDTSC"; Linux sets the bit
// that makes LFENCE wait on AMD).
inline std::uint64_t ordered_ticks() {
    __builtin_ia32_lfence();
    const std::uint64_t value = __builtin_ia32_rdtsc();
    __builtin_ia32_lfence();
    return value;
}
// Whether a tick is called a cycle: of the constant rate that the time-stamp counter has.
inline constexpr bool ticks_are_cycles = true;

struct cpuid_result {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

// All zero beyond the highest basic leaf.
inline cpuid_result read_cpuid(unsigned leaf, unsigned subleaf = 0) {
    cpuid_result r;
    __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
    return r;
}

// The twelve characters of a signature, in the order of the registers given.
struct signature {
    char text[12];
    constexpr signature(unsigned a, unsigned b, unsigned c) : text{} {
        for (unsigned i = 0; i < 12; ++i) text[i] = static_cast<char>((i < 4 ? a : i < 8 ? b : c) >> (8 * (i % 4)));
    }
    constexpr std::string_view view() const {
        const std::string_view all(text, sizeof text);
        return all.substr(0, all.find('\0'));
    }
};

// Calls add(std::string_view key, std::string_view value) for each fact; the views live as long as the call.
template <class Add>
void collect_facts(Add&& add) {
    const auto number = [&](std::string_view key, unsigned value) {
        char digits[10];
        std::size_t first = sizeof digits;
        do {
            digits[--first] = static_cast<char>('0' + value % 10);
            value /= 10;
        } while (value != 0);
        add(key, std::string_view(digits + first, sizeof digits - first));
    };
    const auto bit = [&](std::string_view key, unsigned value, unsigned position) {
        add(key, std::string_view(value >> position & 1 ? "1" : "0"));
    };

    const cpuid_result highest = read_cpuid(0);
    const signature vendor(highest.ebx, highest.edx, highest.ecx);
    add("vendor", vendor.view() == "GenuineIntel"   ? std::string_view("intel")
                  : vendor.view() == "AuthenticAMD" ? std::string_view("amd")
                                                    : vendor.view());

    // Intel SDM vol. 2A, "CPUID", leaf 1: the extended fields count for families 6 and 15 only.
    const cpuid_result basic = read_cpuid(1);
    const unsigned family = basic.eax >> 8 & 15;
    const unsigned model = basic.eax >> 4 & 15;
    number("family", family == 15 ? family + (basic.eax >> 20 & 255) : family);
    number("model", family == 6 || family == 15 ? model | (basic.eax >> 16 & 15) << 4 : model);
    number("stepping", basic.eax & 15);
    bit("clflush", basic.edx, 19);
    if (basic.edx >> 19 & 1) number("line", (basic.ebx >> 8 & 255) * 8);

    const cpuid_result extended = read_cpuid(7);
    bit("clflushopt", extended.ebx, 23);
    bit("serialize", extended.edx, 14);
    bit("fred", extended.eax >= 1 ? read_cpuid(7, 1).eax : 0, 17);

    bit("hypervisor", basic.ecx, 31);
    if (basic.ecx >> 31 & 1) {
        cpuid_result r;
        __cpuid(0x40000000, r.eax, r.ebx, r.ecx, r.edx);
        const signature hypervisor(r.ebx, r.ecx, r.edx);
        if (!hypervisor.view().empty()) add("hypervisor_signature", hypervisor.view());
    }
}

}  // namespace cmodx::target
