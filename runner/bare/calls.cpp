// SPDX-License-Identifier: Apache-2.0
// Calls between CPUs.
#include "runner/bare/calls.hpp"

#include "runner/bare/cpu.hpp"

namespace cmodx::bare {
namespace {

struct alignas(64) request {
    std::atomic<std::uint32_t> left{0};  // who has not answered
    void (*handler)(void*) = nullptr;
    void* argument = nullptr;
};
// Of each caller.
std::array<request, machine::most_cpus> requests;

}  // namespace

breakpoint_handler breakpoints;

void begin_call(std::uint32_t which, void (*handler)(void*), void* argument) {
    const unsigned here = machine::current_cpu();
    for (unsigned k = 0; k < 32; ++k)
        if (k == here || k >= cpu_count || !cpus[k].online.load(std::memory_order_relaxed)) which &= ~(1u << k);
    request& r = requests[here];
    r.handler = handler;
    r.argument = argument;
    r.left.store(which);
    for (unsigned k = 0; k < cpu_count; ++k)
        if ((which >> k & 1) != 0) machine::interrupt(k);
}

void end_call() {
    const request& r = requests[machine::current_cpu()];
    while (r.left.load(std::memory_order_acquire) != 0) platform::pause();
}

void call(std::uint32_t which, void (*handler)(void*), void* argument) {
    begin_call(which, handler, argument);
    end_call();
}

void answer_calls() {
    const std::uint32_t own = 1u << machine::current_cpu();
    for (request& r : requests) {
        if ((r.left.load(std::memory_order_acquire) & own) == 0) continue;
        if (r.handler != nullptr)
            r.handler(r.argument);
        else
            machine::synchronize_context();
        r.left.fetch_and(~own, std::memory_order_release);
    }
}

void drop_calls() {
    breakpoints.handler.store(nullptr);
    for (request& r : requests) r.left.store(0);
}

}  // namespace cmodx::bare
