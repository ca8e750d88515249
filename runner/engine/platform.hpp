// SPDX-License-Identifier: Apache-2.0
// All that the engine asks of what it runs on: memory by a mapping, threads on chosen CPUs, time, and faults
// turned into returns. Implemented in runner/linux/.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "arch/arch.hpp"
#include "runner/engine/kernel.hpp"

namespace cmodx::platform {

// Memory for code: the same bytes at one or two addresses, page-aligned, `size` bytes.
struct code_memory {
    std::uint8_t* writable = nullptr;
    std::uint8_t* executable = nullptr;
    std::size_t size = 0;
    const char* failure = nullptr;  // what was refused, when `executable` is null
};
code_memory map(mapping path, std::size_t size);
void unmap(const code_memory& memory);
// Turns a `flip` mapping; other mappings are left as they are. False when it is refused.
bool make_executable(const code_memory& memory, mapping path);
std::size_t page_size();

// Makes freshly written code executable for every thread that starts later.
void synchronize(std::uint8_t* begin, std::size_t size);
std::uintptr_t clear_cache_function();

// What a kernel may do; null in a process of an operating system.
const kernel* as_kernel();
// Address of void (): every other CPU is interrupted and has synchronized its context when it returns; 0 in a process.
std::uintptr_t interrupt_function();

// How often the calling thread lost its CPU so far.
struct switches {
    std::int64_t voluntary = 0;
    std::int64_t involuntary = 0;
};
switches context_switches();

// A thread of a batch: body(argument) on CPU number `cpu`.
struct task {
    void (*body)(void*) = nullptr;
    void* argument = nullptr;
    unsigned cpu = 0;
};
// Starts all tasks, waits until *ready has counted them, sleeps for `nanoseconds`, sets *stop to 1, and returns when
// all have ended. Null, or why a thread could not be started or pinned.
const char* run_for(std::span<const task> tasks, std::uint64_t nanoseconds, const std::atomic<std::uint32_t>* ready,
                    std::uint32_t* stop);

// Moves the calling thread to CPU number `cpu`; false: refused.
bool pin(unsigned cpu);
// The number of the CPU that the caller runs on.
unsigned current_cpu();
// Runs `other` in a thread of its own, and mine(argument) in the calling thread meanwhile; returns when both have
// ended. False: the thread could not be started, and nothing was run.
bool run_beside(const task& other, void (*mine)(void*), void* argument);
// Zeroed memory that processes forked from here share; null when it is refused.
void* shared_memory(std::size_t size);

std::uint64_t nanoseconds();  // monotonic
void yield();                 // gives the CPU to another thread
void rest();                  // sleeps for some microseconds: a thread that slept is preferred to one that yields
void pause();                 // a hint inside a spin loop

// Runs body(argument) and, each time that it is left by a fault in code outside the program itself, calls
// on_fault(argument, signal, program counter) and runs body again, until body returns. May be nested.
void guarded(void (*body)(void*), void (*on_fault)(void*, int signal, std::uintptr_t pc), void* argument);

}  // namespace cmodx::platform
