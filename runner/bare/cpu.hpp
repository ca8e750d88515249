// SPDX-License-Identifier: Apache-2.0
// What the CPUs of a bare machine do, and how whatever they do is ended.
#pragma once

#include <atomic>

#include "runner/bare/machine.hpp"
#include "runner/engine/platform.hpp"

namespace cmodx::bare {

// A call of platform::guarded.
struct guard {
    machine::context back;
    int cause = 0;
    std::uintptr_t pc = 0;
};

struct alignas(64) cpu {
    machine::context base;  // where it comes back to when its task is abandoned; first CPU: the end of a test
    guard* armed = nullptr;
    std::atomic<const platform::task*> work{nullptr};
    std::atomic<std::uint32_t> abandon{0};  // not a bool: RISC-V exchanges words
    std::atomic<bool> online{false};        // has come to where it takes tasks
    std::uint32_t pauses = 0;
    bool isolated = false;             // first CPU: a test is running, and `base` ends it
    std::atomic<bool> waiting{false};  // asleep until it is interrupted
};
extern std::array<cpu, machine::most_cpus> cpus;
extern unsigned cpu_count;

// How a test was ended.
enum class ending : std::uint8_t { none, fault, timeout };
struct verdict_of_trap {
    std::atomic<ending> how{ending::none};
    int cause = 0;
    std::array<char, 2048> text{};  // registers
    std::size_t size = 0;
};
extern verdict_of_trap ended;

// The first CPU's timer: when the test has taken too long (ticks; 0: never), and when *stop is set: `duration` ticks
// after *ready has counted `wanted`.
struct alarm {
    std::uint64_t limit = 0;
    const std::atomic<std::uint32_t>* ready = nullptr;
    std::uint32_t wanted = 0;
    std::uint64_t duration = 0;
    std::uint64_t end = 0;
    std::uint32_t* stop = nullptr;
};
extern alarm pending;
void arm();  // after a change of `pending`

// Ends what the other CPUs do; false: one does not answer.
bool abandon_others();
// Gives a CPU its task; false: it has one.
bool give(unsigned to, const platform::task& t);

// What a test has kept for itself is anyone's again.
void release_memory();

std::uint64_t ticks_of(std::uint64_t nanoseconds);

// Text on the serial line.
void print(std::string_view text);
[[noreturn]] void panic(std::string_view why);

}  // namespace cmodx::bare
