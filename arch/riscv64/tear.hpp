// SPDX-License-Identifier: Apache-2.0
// Stores of 2 to 8 bytes over riscv64 instructions; with the C extension at any multiple of two.
#pragma once

#include "arch/riscv64/stub.hpp"
#include "arch/tear.hpp"

namespace cmodx::target {

inline constexpr tear_target tear_targets[] = {
    {"c.li a0, imm6",
     2,
     0,
     {0, 31},
     {31},
     [](code_buffer& c, unsigned g) {
         c.little(riscv64::c_li(riscv64::reg::a0, g != 0 ? 31 : 0), 2);
         c.little(riscv64::c_jr(riscv64::reg::ra), 2);
     }},
    {"lui a0, imm20",
     4,
     0,
     {0, 0x7ffff000},
     {0x7ffff000},
     [](code_buffer& c, unsigned g) {
         riscv64::put(c, riscv64::lui(riscv64::reg::a0, g != 0 ? 0x7ffff : 0));
         c.little(riscv64::c_jr(riscv64::reg::ra), 2);
     }},
    {"lui a0, imm20 and the addi a0, a0, imm12 behind it",
     8,
     0,
     {0, 0x7ffff7ff},
     {0x7ffff000, 0x7ff},
     [](code_buffer& c, unsigned g) {
         riscv64::put(c, riscv64::lui(riscv64::reg::a0, g != 0 ? 0x7ffff : 0));
         riscv64::put(c, riscv64::addi(riscv64::reg::a0, riscv64::reg::a0, g != 0 ? 0x7ff : 0));
         c.little(riscv64::c_jr(riscv64::reg::ra), 2);
     }},
};

inline constexpr fetch_promise fetch_promises[] = {
    {"ziccif=1", 4, "RISC-V profiles, \"Ziccif\": an aligned fetch of min(ILEN, XLEN)"},
    {"", 0, "RISC-V ISA vol. I, \"Zifencei\" promises nothing without FENCE.I; Ziccif is not known to be here"},
};

}  // namespace cmodx::target
