// SPDX-License-Identifier: Apache-2.0
// What Linux on x86-64 says of itself and of a signal; for the target alone.
#pragma once

#include <ucontext.h>

#include <cstdint>

namespace cmodx::target {

// Address of the instruction that raised the signal; behind it for int3.
inline std::uintptr_t program_counter(const ucontext_t& context) {
    return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
}
inline void set_program_counter(ucontext_t& context, std::uintptr_t to) {
    context.uc_mcontext.gregs[REG_RIP] = static_cast<greg_t>(to);
}

// Calls add(std::string_view key, std::string_view value) for each fact: none, CPUID has said it all.
template <class Add>
void collect_linux_facts(Add&&) {}

}  // namespace cmodx::target
