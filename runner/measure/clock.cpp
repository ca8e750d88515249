// SPDX-License-Identifier: Apache-2.0
#include "runner/measure/clock.hpp"

#include <time.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

namespace cmodx {
namespace {

clock_rate calibrate() {
    clock_rate rate;
    const std::uint64_t probe = target::ordered_ticks();
    const std::uint64_t begin_ns = platform::nanoseconds();
    const std::uint64_t begin = target::ordered_ticks();
    while (platform::nanoseconds() - begin_ns < 20'000'000) {
    }
    const std::uint64_t end = target::ordered_ticks();
    const std::uint64_t end_ns = platform::nanoseconds();
    if (end != probe && end > begin) {
        rate.counter = true;
        rate.ns_per_tick = static_cast<double>(end_ns - begin_ns) / static_cast<double>(end - begin);
    }
    std::uint64_t smallest = std::numeric_limits<std::uint64_t>::max();
    for (std::uint64_t i = 0, last = now_ticks(rate.counter); i < 10'000; ++i) {
        const std::uint64_t next = now_ticks(rate.counter);
        if (next > last) smallest = std::min(smallest, next - last);
        last = next;
    }
    rate.resolution_ns = static_cast<double>(smallest) * rate.ns_per_tick;
    return rate;
}

struct message {
    alignas(64) std::atomic<std::uint32_t> ping{0};
    alignas(64) std::atomic<std::uint32_t> pong{0};
    std::atomic<std::uint64_t> at{0};
};

constexpr std::uint32_t messages = 2000;

void answer(void* argument) {
    message& m = *static_cast<message*>(argument);
    const stopwatch watch;
    for (std::uint32_t i = 1; i <= messages; ++i) {
        for (unsigned spins = 1; m.ping.load(std::memory_order_acquire) != i; ++spins)
            if (spins % 4096 == 0) platform::yield();
        m.at.store(watch.read(), std::memory_order_relaxed);
        m.pong.store(i, std::memory_order_release);
    }
}

struct asking {
    message* m;
    clock_offset result;
};

void ask(void* argument) {
    asking& a = *static_cast<asking*>(argument);
    const stopwatch watch;
    double shortest = std::numeric_limits<double>::max();
    for (std::uint32_t i = 1; i <= messages; ++i) {
        const std::uint64_t begin = watch.read();
        a.m->ping.store(i, std::memory_order_release);
        for (unsigned spins = 1; a.m->pong.load(std::memory_order_acquire) != i; ++spins)
            if (spins % 4096 == 0) platform::yield();
        const std::uint64_t end = watch.read();
        const double there_and_back = watch.between(begin, end);
        if (there_and_back >= shortest) continue;
        shortest = there_and_back;
        a.result = {watch.between(begin, a.m->at.load(std::memory_order_relaxed)) - there_and_back / 2,
                    there_and_back / 2};
    }
}

}  // namespace

const clock_rate& the_clock() {
    static const clock_rate rate = calibrate();
    return rate;
}

std::uint64_t thread_nanoseconds() {
    timespec now = {};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

clock_offset offset_between(unsigned from, unsigned to) {
    message m;
    asking a = {.m = &m, .result = {}};
    platform::pin(from);
    if (!platform::run_beside({.body = answer, .argument = &m, .cpu = to}, ask, &a)) return {};
    if (std::abs(a.result.ns) <= a.result.uncertainty_ns) a.result.ns = 0;
    return a.result;
}

}  // namespace cmodx
