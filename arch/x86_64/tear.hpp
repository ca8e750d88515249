// SPDX-License-Identifier: Apache-2.0
// Stores of 2 to 16 bytes over immediates of x86-64.
#pragma once

#include "arch/tear.hpp"
#include "arch/x86_64/encode.hpp"

namespace cmodx::target {

inline constexpr tear_target tear_targets[] = {
    {"the low half of the immediate of mov eax, imm32",
     2,
     1,
     {0, 0xffff},
     {0xffff},
     [](code_buffer& c, unsigned g) {
         x86_64::mov_r32_imm32(c, x86_64::reg::ax, g != 0 ? 0xffff : 0);
         x86_64::ret(c);
     }},
    {"the immediate of mov eax, imm32",
     4,
     1,
     {0, 0xffffffff},
     {0xffffffff},
     [](code_buffer& c, unsigned g) {
         x86_64::mov_r32_imm32(c, x86_64::reg::ax, g != 0 ? ~0u : 0);
         x86_64::ret(c);
     }},
    {"the immediate of mov rax, imm64",
     8,
     2,
     {0, ~std::uint64_t{0}},
     {~std::uint64_t{0}},
     [](code_buffer& c, unsigned g) {
         x86_64::mov_r64_imm64(c, x86_64::reg::ax, g != 0 ? ~std::uint64_t{0} : 0);
         x86_64::ret(c);
     }},
    // The store ends two bytes in front of the second immediate's end.
    {"mov rax, imm64 and the mov rdx, imm64 behind it",
     16,
     2,
     {0, 0x0f0fffffffffffff},
     {0x0f0f0f0f0f0f0f0f, 0x0000f0f0f0f0f0f0},
     [](code_buffer& c, unsigned g) {
         x86_64::mov_r64_imm64(c, x86_64::reg::ax, g != 0 ? 0x0f0f0f0f0f0f0f0f : 0);
         x86_64::mov_r64_imm64(c, x86_64::reg::dx, g != 0 ? 0x0000f0f0f0f0f0f0 : 0);
         x86_64::or_r64_r64(c, x86_64::reg::ax, x86_64::reg::dx);
         x86_64::ret(c);
     }},
};

inline constexpr fetch_promise fetch_promises[] = {
    {"vendor=amd", 8, "AMD APM vol. 2, \"Cross-Modifying Code\": a naturally aligned quadword"},
    {"vendor=intel", 0,
     "Intel SDM vol. 3A, \"Handling Self- and Cross-Modifying Code\" promises nothing without synchronization"},
    {"", 0, "not known for this vendor"},
};

}  // namespace cmodx::target
