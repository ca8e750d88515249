// SPDX-License-Identifier: Apache-2.0
// Sleeping on a word until another thread of this process wakes whoever sleeps there (futex(2)).
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace cmodx {

// FUTEX_WAIT_PRIVATE, FUTEX_WAKE_PRIVATE of include/uapi/linux/futex.h.
inline void sleep_while(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    syscall(SYS_futex, &word, 0 | 128, value, nullptr, nullptr, 0);
}
inline void wake_sleepers(std::atomic<std::uint32_t>& word) {
    syscall(SYS_futex, &word, 1 | 128, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace cmodx
