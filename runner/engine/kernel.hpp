// SPDX-License-Identifier: Apache-2.0
// What a case asks for that only a kernel can do: page tables, interrupts between CPUs, sleep, breakpoints. There is
// one where there is no operating system.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cmodx {

// Of a page, to the code that runs.
enum class access : std::uint8_t { none, read_write, read_execute, all };

class kernel {
  public:
    // --- Two address spaces that differ in a window of pages, at one address in both; the first is what all run in.
    // Null where there are no page tables.
    static constexpr std::size_t window_pages = 8;
    virtual std::uint8_t* window() const = 0;
    // Whether there are ASIDs or PCIDs here; without them a change of page tables forgets all translations.
    virtual bool tagged() const = 0;
    // Writes one entry of the tables and invalidates nothing. `memory`: of platform::map by the mapping `same`.
    virtual void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) const = 0;
    // The calling CPU alone; `tag`, 0 or 1, is what its translations are kept by (ASID, PCID). Synchronizes its
    // context.
    virtual void enter_space(unsigned space, unsigned tag) const = 0;
    // The translation of an address, or all of a tag's, is forgotten by all CPUs when this returns.
    virtual void forget_page(std::uint8_t* address) const = 0;
    virtual void forget_tag(unsigned tag) const = 0;

    // --- Interrupts.
    // Calls handler(argument) in an interrupt of each CPU of the set (bit = number; ~0: all) but the caller's; without
    // a handler each synchronizes its context. Returns when all have. A handler uses no floating-point register.
    virtual void interrupt(std::uint32_t which, void (*handler)(void*), void* argument) const = 0;
    // The same in two: `begin` returns at once.
    virtual void begin_interrupt(std::uint32_t which, void (*handler)(void*), void* argument) const = 0;
    virtual void end_interrupt() const = 0;
    // Whether the test is being ended: whoever waits in a handler has to return.
    virtual bool ending() const = 0;
    virtual unsigned cpu() const = 0;
    virtual unsigned cpus() const = 0;

    // The calling CPU sleeps until its timer says so, and goes on without having taken an interrupt, as far as the
    // architecture lets it: until `wake` no interrupt is taken.
    virtual void sleep(std::uint64_t nanoseconds) const = 0;
    virtual void wake() const = 0;

    // Asked at each trap of code under test: where to go on, or 0 if the trap is not the handler's. Null: no more.
    using on_breakpoint = std::uintptr_t (*)(void* argument, std::uintptr_t pc);
    virtual void handle_breakpoints(on_breakpoint handler, void* argument) const = 0;

  protected:
    ~kernel() = default;
};

}  // namespace cmodx
