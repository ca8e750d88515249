// SPDX-License-Identifier: Apache-2.0
// What Linux on AArch64 tells about the machine and about a signal.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string_view>

#include <asm/hwcap.h>
#include <sys/auxv.h>
#include <ucontext.h>

namespace cmodx::target {

inline std::uintptr_t program_counter(const ucontext_t& context) { return context.uc_mcontext.pc; }
inline void set_program_counter(ucontext_t& context, std::uintptr_t to) { context.uc_mcontext.pc = to; }

// Calls add(key, value): the midr of the calling CPU, if the kernel lets a process read it (Linux,
// Documentation/arch/arm64/cpu-feature-registers.rst), and "1" or "0" for what bears on published flags.
template <class Add>
void collect_linux_facts(Add&& add) {
    const unsigned long capabilities = getauxval(AT_HWCAP);
    if ((capabilities & HWCAP_CPUID) != 0) {
        std::uint64_t midr;
        asm volatile("mrs %0, midr_el1" : "=r"(midr));
        char text[20];
        const int length = std::snprintf(text, sizeof text, "0x%08llx", static_cast<unsigned long long>(midr));
        add("midr", std::string_view(text, static_cast<std::size_t>(length)));
    }
    add("lrcpc", std::string_view((capabilities & HWCAP_LRCPC) != 0 ? "1" : "0"));
    add("atomics", std::string_view((capabilities & HWCAP_ATOMICS) != 0 ? "1" : "0"));
}

}  // namespace cmodx::target
