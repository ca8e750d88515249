// SPDX-License-Identifier: Apache-2.0
// What runner/bare asks of a machine without an operating system; arch/*/boot/ provides it, and calls back below.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/arch.hpp"

namespace cmodx::machine {

inline constexpr unsigned most_cpus = 8;

// The registers that a call preserves, stack pointer and return address among them.
struct context {
    std::array<std::uintptr_t, 40> word;
};
// Returns 0, and once more with 1 when the context is restored.
extern "C" int cmodx_save(context* to) __attribute__((returns_twice));
extern "C" [[noreturn]] void cmodx_restore(const context* from);

// --- Before anything else, on the first CPU: devices, traps, interrupts on.
void prepare();
// Starts the other CPUs at cmodx_secondary; returns how many there are now in all, numbered from 0.
unsigned start_cpus();
unsigned current_cpu();

void put(char c);                 // to the serial line
std::string_view command_line();  // as whoever started the image gave it
[[noreturn]] void power_off(int code);

std::uint64_t ticks();
std::uint64_t ticks_per_second();
void set_timer(std::uint64_t deadline);  // of the calling CPU, in ticks; one interrupt
void interrupt(unsigned cpu);            // by another CPU's, or its own, inter-processor interrupt
void sleep();                            // until an interrupt is pending, which the caller then takes; called masked
void mask();                             // no interrupt from here on
void unmask();

// Memory for code, and its other addresses: one only writable, one only executable.
std::uint8_t* memory_begin();
std::uint8_t* memory_end();
std::uint8_t* writable_alias(std::uint8_t* p);
std::uint8_t* executable_alias(std::uint8_t* p);

// The whole protocol for code that the calling CPU wrote, as far as it can be done here: every other CPU still has to
// synchronize itself, as by synchronize_context, where the architecture has no broadcast.
void synchronize(std::uint8_t* begin, std::uint8_t* end);
void synchronize_context();

std::string_view fault_name(int cause);

}  // namespace cmodx::machine

namespace cmodx::bare {

struct trap {
    enum class kind : std::uint8_t { timer, interrupt, fault };
    kind what;
    int cause = 0;  // fault: a number for fault_name, never 0
    std::uintptr_t pc = 0;
    std::uintptr_t address = 0;  // fault: the one that was accessed, where that is said
};
// The handler's core. Null: go on where the trap came from; else this context is to be restored, interrupts on.
// `registers`: text for people, asked for only when the fault ends a test.
const machine::context* on_trap(const trap& t, const void* frame, std::size_t (*describe)(const void*, char*));

// Where CPUs come to when memory and stack are there.
extern "C" [[noreturn]] void cmodx_first();
extern "C" [[noreturn]] void cmodx_secondary(unsigned cpu);

}  // namespace cmodx::bare
