// SPDX-License-Identifier: Apache-2.0
// What CPUs have each other do in an interrupt, and breakpoints that belong to a test.
#pragma once

#include <atomic>

#include "runner/engine/kernel.hpp"

namespace cmodx::bare {

// Has each CPU of the set but the caller's own call handler(argument), or without one, synchronize its context.
// `begin_call` does not wait; one call at a time of each caller.
void call(std::uint32_t which, void (*handler)(void*), void* argument);
void begin_call(std::uint32_t which, void (*handler)(void*), void* argument);
void end_call();
// In the handler of interrupts.
void answer_calls();
// At the end of a test: those who were to be called, and to handle breakpoints, are left in peace.
void drop_calls();

struct breakpoint_handler {
    std::atomic<kernel::on_breakpoint> handler{nullptr};
    void* argument = nullptr;
};
extern breakpoint_handler breakpoints;

}  // namespace cmodx::bare
