// SPDX-License-Identifier: Apache-2.0
// The two commands of membarrier that the cases about its registration call themselves.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace cmodx {

// 0 or the negated error; include/uapi/linux/membarrier.h, for the C library's headers may be older.
inline int membarrier_call(int command, unsigned flags = 0) {
    return syscall(SYS_membarrier, command, flags, 0) == 0 ? 0 : -errno;
}
inline int membarrier_sync_core() { return membarrier_call(1 << 5); }
inline int membarrier_with_flags() { return membarrier_call(1 << 5, 1U << 8); }
inline int membarrier_register() { return membarrier_call(1 << 6); }

}  // namespace cmodx
