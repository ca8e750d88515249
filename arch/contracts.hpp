// SPDX-License-Identifier: Apache-2.0
// What Linux promises of the result of a system call, whatever the architecture. In a question a call is a step.
#pragma once

#include "arch/arch.hpp"

namespace cmodx {

struct contract {
    std::string_view call;
    basis strength;
    std::string_view source;
    std::string_view reason;  // what it has to come to
};

inline constexpr std::string_view linux_membarrier = "Linux 6.12, kernel/sched/membarrier.c";
inline constexpr std::string_view linux_arm_cacheflush = "Linux 6.12, arch/arm/kernel/traps.c, do_cache_op";

// clang-format off
inline constexpr contract contracts[] = {
    {"membarrier.unregistered", basis::kernel_abi,
     "membarrier(2) and include/uapi/linux/membarrier.h, MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE",
     "a process that has not registered its intent is refused by EPERM, and served once it has"},
    {"membarrier.fork", basis::kernel_impl, linux_membarrier,
     "a child has its parent's registration, which is copied with the memory, and is served"},
    {"membarrier.exec", basis::kernel_impl, linux_membarrier,
     "a program that another has become has no registration, and is refused by EPERM"},
    {"cacheflush.flags", basis::kernel_impl, linux_arm_cacheflush,
     "flags other than 0, or an end before the begin, are refused by EINVAL"},
    {"cacheflush.result", basis::kernel_impl, linux_arm_cacheflush,
     "a range that is mapped is maintained, and the result is 0"},
    {"membarrier.flags", basis::kernel_abi, "membarrier(2), \"EINVAL\"",
     "a command that takes no flags is refused by EINVAL if it is given one"},
    {"flush_icache.flags", basis::kernel_impl, "Linux 6.12, arch/riscv/kernel/sys_riscv.c, riscv_flush_icache",
     "flags other than SYS_RISCV_FLUSH_ICACHE_LOCAL are refused by EINVAL"},
    {"write.executable", basis::kernel_abi, "read(2), recv(2), process_vm_writev(2), \"EFAULT\"",
     "memory that the process may write is written, whether it is executable or not"},
};

// What a system call leaves open, whatever is done after it.
inline constexpr contract left_open[] = {
    {"mmap.private", basis::kernel_abi, "mmap(2), \"MAP_PRIVATE\"",
     "whether a private mapping shows changes that are made to the file after the call is not specified"},
};
// clang-format on

}  // namespace cmodx
