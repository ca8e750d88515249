// SPDX-License-Identifier: Apache-2.0
// What runner/bare asks of a machine without an operating system; arch/*/boot/ provides it, and calls back below.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/arch.hpp"
#include "runner/engine/kernel.hpp"

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
// Has the other CPUs start at cmodx_secondary, and does not wait; returns how many there are in all, numbered from 0.
unsigned start_cpus();
unsigned current_cpu();

void put(char c);                 // to the serial line
std::string_view command_line();  // as whoever started the image gave it
[[noreturn]] void power_off(int code);

std::uint64_t ticks();
std::uint64_t ticks_per_second();
void set_timer(std::uint64_t deadline);  // of the calling CPU, whichever, in ticks; one interrupt
void interrupt(unsigned cpu);            // another, or itself, when earlier stores are complete
void sleep();                            // until an interrupt is pending, which the caller then takes; called masked
// Lets the other CPUs of an emulator go on that runs all of them in turn, where the instruction that pauses does not.
void give_way();
void mask();  // no interrupt from here on
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

// --- Address spaces: 0 is what the image runs in, and 1 differs from it in the window alone, which lies at one address
// in both and is empty at first. Null: there are no page tables.
inline constexpr unsigned spaces = 2;
inline constexpr std::size_t window_pages = kernel::window_pages;  // of 4 KiB
std::uint8_t* window();
bool tagged();  // whether a CPU keeps translations by ASID or PCID
// Writes one entry, which is not global; a walk of the tables that begins after the return finds it. Invalidates
// nothing. `memory`: by its main address.
void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how);
// The calling CPU alone, which synchronizes its context. `tag`, 0 or 1, is the ASID or PCID, where there is one: with
// it nothing need be forgotten, and nothing is. Every CPU begins in space 0 with tag 0.
void enter_space(unsigned space, unsigned tag);
// Forgets the translation of an address by whatever tag, or all of a tag; on all CPUs if the architecture has an
// instruction for that, or else false: on the calling CPU.
bool invalidate_page(std::uint8_t* address);
bool invalidate_tag(unsigned tag);

std::string_view fault_name(int cause);
// The interface of what is below this level, as the name of a fact; empty: there is nothing that anyone needs to know.
std::string_view firmware();

}  // namespace cmodx::machine

namespace cmodx::bare {

struct trap {
    enum class kind : std::uint8_t { timer, interrupt, fault };
    kind what;
    int cause = 0;  // fault: a number for fault_name, never 0
    std::uintptr_t pc = 0;
    std::uintptr_t address = 0;  // fault: the one that was accessed, where that is said
};
// The handler's core. Null: go on at t.pc, where the trap came from unless that was changed; else this context is to be
// restored, interrupts on.
// `registers`: text for people, asked for only when the fault ends a test.
const machine::context* on_trap(trap& t, const void* frame, std::size_t (*describe)(const void*, char*));

// Where CPUs come to when memory and stack are there.
extern "C" [[noreturn]] void cmodx_first();
extern "C" [[noreturn]] void cmodx_secondary(unsigned cpu);

}  // namespace cmodx::bare
