// SPDX-License-Identifier: Apache-2.0
// The commands of membarrier that registration and the cases about it call; include/uapi/linux/membarrier.h, for the C
// library's headers may be older.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace cmodx {

inline constexpr int sync_core_command = 1 << 5;

// What it returns, or the negated error.
inline int membarrier_call(int command, unsigned flags = 0) {
    const long came = syscall(SYS_membarrier, command, flags, 0);
    return came < 0 ? -errno : static_cast<int>(came);
}
inline int membarrier_query() { return membarrier_call(0); }  // the commands that there are
inline int membarrier_sync_core() { return membarrier_call(sync_core_command); }
inline int membarrier_with_flags() { return membarrier_call(sync_core_command, 1U << 8); }
inline int membarrier_register() { return membarrier_call(1 << 6); }

}  // namespace cmodx
