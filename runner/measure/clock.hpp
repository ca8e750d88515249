// SPDX-License-Identifier: Apache-2.0
// The clock of measurements: the CPU's counter where user mode may read it, else the kernel's clock.
#pragma once

#include <cstdint>
#include <string_view>

#include "facts.hpp"
#include "runner/engine/platform.hpp"

namespace cmodx {

struct clock_rate {
    bool counter = false;  // the CPU's; its ticks are scaled
    double ns_per_tick = 1;
    double resolution_ns = 0;  // smallest step that was seen
    std::string_view name() const { return counter ? "counter" : "clock_gettime"; }
};

// Measured once against the kernel's monotonic clock.
const clock_rate& the_clock();

// Ticks of the_clock(), ordered after what came before.
inline std::uint64_t now_ticks(bool counter) { return counter ? target::ordered_ticks() : platform::nanoseconds(); }

// A reading, ns since the process began to measure; differences are what it is for.
class stopwatch {
  public:
    std::uint64_t read() const { return now_ticks(counter_); }
    double between(std::uint64_t begin, std::uint64_t end) const {
        return static_cast<double>(static_cast<std::int64_t>(end - begin)) * scale_;
    }

  private:
    bool counter_ = the_clock().counter;
    double scale_ = the_clock().ns_per_tick;
};

// What the calling thread has had of its CPU, ns: what others take on a busy machine is not in it.
std::uint64_t thread_nanoseconds();

// How far the counter of CPU `to` is ahead of that of CPU `from`, ns, and how far off that may be: half of the
// shortest message there and back. Below its own uncertainty it is taken for 0.
struct clock_offset {
    double ns = 0;
    double uncertainty_ns = 0;
};
clock_offset offset_between(unsigned from, unsigned to);

}  // namespace cmodx
