// SPDX-License-Identifier: Apache-2.0
// What Linux on riscv64 says of the machine, of its own system calls and of a signal; for the target alone.
#pragma once

#include <sys/prctl.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <string_view>

namespace cmodx::target {

// Address of the instruction that raised the signal.
inline std::uintptr_t program_counter(const ucontext_t& context) {
    return static_cast<std::uintptr_t>(context.uc_mcontext.__gregs[REG_PC]);
}
inline void set_program_counter(ucontext_t& context, std::uintptr_t to) { context.uc_mcontext.__gregs[REG_PC] = to; }

// Whether every CPU of the device tree has an extension: '1' or '0'; '\0' without a tree that says so. (Devicetree
// binding "RISC-V ISA extensions", property riscv,isa-extensions: names, each with a NUL behind it.)
inline char extension_in_device_tree(std::string_view name) {
    char every = '\0';
    for (unsigned cpu = 0; every != '0'; ++cpu) {
        char path[80];
        std::snprintf(path, sizeof path, "/proc/device-tree/cpus/cpu@%x/riscv,isa-extensions", cpu);
        std::FILE* const file = std::fopen(path, "rb");
        if (file == nullptr) break;
        char names[4096] = {};
        const std::size_t size = std::fread(names, 1, sizeof names - 1, file);
        std::fclose(file);
        every = '0';
        for (std::string_view rest(names, size); !rest.empty();) {
            const std::string_view first = rest.data();
            if (first == name) every = '1';
            rest.remove_prefix(std::min(rest.size(), first.size() + 1));
        }
    }
    return every;
}

// Calls add(std::string_view key, std::string_view value) for each fact; the views live as long as the call. A fact
// that this kernel does not know is absent.
template <class Add>
void collect_hwprobe_facts(Add&& add) {
    struct pair {
        std::int64_t key;  // the kernel writes -1 over one that it does not know
        std::uint64_t value;
    };
    // Linux Documentation/arch/riscv/hwprobe.rst.
    pair pairs[] = {{0, 0}, {1, 0}, {2, 0}, {4, 0}, {16, 0}};
    const auto hexadecimal = [&](std::string_view key, const pair& p) {
        char digits[18] = {'0', 'x'};
        for (unsigned i = 0; i < 16; ++i) digits[2 + i] = "0123456789abcdef"[p.value >> (60 - 4 * i) & 15];
        if (p.key >= 0) add(key, std::string_view(digits, sizeof digits));
    };
    const auto bit = [&](std::string_view key, const pair& p, unsigned position) {
        if (p.key >= 0) add(key, std::string_view(p.value >> position & 1 ? "1" : "0"));
    };
    constexpr long riscv_hwprobe = 258;
    bool told = false;
    if (syscall(riscv_hwprobe, pairs, std::size(pairs), 0, nullptr, 0) == 0) {
        hexadecimal("mvendorid", pairs[0]);
        hexadecimal("marchid", pairs[1]);
        hexadecimal("mimpid", pairs[2]);
        bit("c", pairs[3], 1);
        bit("v", pairs[3], 2);
        bit("ziccif", pairs[4], 3);
        told = pairs[4].key >= 0;
    }
    // A kernel that knows no such key hands out the tree all the same.
    const char ziccif = told ? '\0' : extension_in_device_tree("ziccif");
    if (ziccif != '\0') add("ziccif", std::string_view(&ziccif, 1));
}

// The same, and whether the kernel's own ways to flush work, which is found out by using them.
template <class Add>
void collect_linux_facts(Add&& add) {
    collect_hwprobe_facts(add);

    // Linux arch/riscv/kernel/sys_riscv.c; flags 1 is LOCAL.
    constexpr long riscv_flush_icache = 259;
    char range[64];
    const bool flushes = syscall(riscv_flush_icache, range, range + sizeof range, 1L) == 0;
    add("flush_icache", std::string_view(flushes ? "1" : "0"));

    // Linux Documentation/arch/riscv/cmodx.rst: OFF per process, which is what the kernel starts with.
    constexpr int set_icache_flush_ctx = 71;
    const bool defers = prctl(set_icache_flush_ctx, 1L, 0L, 0L, 0L) == 0;
    add("prctl_icache", std::string_view(defers ? "1" : "0"));
}

}  // namespace cmodx::target
