// SPDX-License-Identifier: Apache-2.0
// What Linux on arm32 tells about the machine and about a signal.
#pragma once

#include <cstdint>
#include <string_view>

#include <sys/auxv.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

namespace cmodx::target {

inline std::uintptr_t program_counter(const ucontext_t& context) { return context.uc_mcontext.arm_pc; }
inline void set_program_counter(ucontext_t& context, std::uintptr_t to) { context.uc_mcontext.arm_pc = to; }

// Calls add(key, value): "architecture" is what AT_PLATFORM names, "v7l" or "v8l"; cacheflush is "1" if the system
// call (Linux, arch/arm/kernel/traps.c) accepts a small range; cacheflush_returns, "0" on Linux, tells what came back.
template <class Add>
void collect_linux_facts(Add&& add) {
    // NOLINTNEXTLINE(performance-no-int-to-ptr): the auxiliary vector holds addresses as numbers.
    const auto* platform = reinterpret_cast<const char*>(getauxval(AT_PLATFORM));
    if (platform != nullptr) {
        const std::string_view name = platform;
        add("architecture", name.starts_with("v8")   ? std::string_view("armv8")
                            : name.starts_with("v7") ? std::string_view("armv7")
                                                     : name);
    }
    constexpr long cacheflush = 0x0f0002;  // __ARM_NR_cacheflush
    alignas(64) char range[64] = {};
    const long result = syscall(cacheflush, range, range + sizeof range, 0);
    add("cacheflush", std::string_view(result != -1 ? "1" : "0"));
    add("cacheflush_returns", result == 0 ? "0" : result == -1 ? "an error" : "what is neither 0 nor an error");
}

}  // namespace cmodx::target
