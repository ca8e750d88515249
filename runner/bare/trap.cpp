// SPDX-License-Identifier: Apache-2.0
// What is done in a trap.
#include "runner/bare/calls.hpp"
#include "runner/bare/cpu.hpp"

extern "C" {
extern const char cmodx_text_begin;
extern const char cmodx_text_end;
}

namespace cmodx::bare {

std::array<cpu, machine::most_cpus> cpus;
unsigned cpu_count = 1;
verdict_of_trap ended;
alarm pending;

namespace {

constexpr std::uint64_t looks_per_second = 20'000;  // whether all tasks are ready

bool own(std::uintptr_t pc) {
    return pc >= reinterpret_cast<std::uintptr_t>(&cmodx_text_begin) &&
           pc < reinterpret_cast<std::uintptr_t>(&cmodx_text_end);
}

// The test ends: on the first CPU at once, which then sees to the others.
const machine::context* end_test(ending how) {
    ended.how.store(how, std::memory_order_release);
    cpu& here = cpus[machine::current_cpu()];
    here.armed = nullptr;
    if (machine::current_cpu() != 0) machine::interrupt(0);
    return &here.base;
}

const machine::context* on_timer() {
    if (machine::current_cpu() != 0) return nullptr;  // it was asleep
    const std::uint64_t now = machine::ticks();
    if (pending.limit != 0 && now >= pending.limit) {
        pending = {};
        return end_test(ending::timeout);
    }
    if (pending.stop != nullptr) {
        if (pending.end == 0 && pending.ready->load(std::memory_order_acquire) >= pending.wanted)
            pending.end = now + pending.duration;
        if (pending.end != 0 && now >= pending.end) {
            std::atomic_ref<std::uint32_t>(*pending.stop).store(1);
            pending.stop = nullptr;
        }
    }
    arm();
    return nullptr;
}

const machine::context* on_interrupt() {
    cpu& here = cpus[machine::current_cpu()];
    here.waiting.store(false, std::memory_order_relaxed);
    answer_calls();
    if (here.abandon.exchange(0) != 0) {
        here.armed = nullptr;
        return &here.base;
    }
    // Another CPU has ended the test by a fault.
    if (here.isolated && ended.how.load(std::memory_order_acquire) != ending::none) {
        here.armed = nullptr;
        return &here.base;
    }
    return nullptr;
}

}  // namespace

void arm() {
    std::uint64_t next = pending.limit;
    if (pending.stop != nullptr) {
        const std::uint64_t look = machine::ticks() + machine::ticks_per_second() / looks_per_second;
        const std::uint64_t at = pending.end != 0 ? pending.end : look;
        if (next == 0 || at < next) next = at;
    }
    if (next != 0) machine::set_timer(next);
}

const machine::context* on_trap(trap& t, const void* frame, std::size_t (*describe)(const void*, char*)) {
    if (t.what == trap::kind::timer) return on_timer();
    if (t.what == trap::kind::interrupt) return on_interrupt();
    cpu& here = cpus[machine::current_cpu()];
    if (const auto handler = breakpoints.handler.load(std::memory_order_acquire); handler != nullptr && !own(t.pc))
        if (const std::uintptr_t on = handler(breakpoints.argument, t.pc); on != 0) {
            t.pc = on;
            return nullptr;
        }
    if (here.armed != nullptr && !own(t.pc)) {
        here.armed->cause = t.cause;
        here.armed->pc = t.pc;
        return &here.armed->back;
    }
    // A fault in the suite itself: the test is at fault if one is running, or else this image is.
    ended.cause = t.cause;
    ended.size = describe(frame, ended.text.data());
    if (!cpus[0].isolated) panic({ended.text.data(), ended.size});
    return end_test(ending::fault);
}

}  // namespace cmodx::bare
