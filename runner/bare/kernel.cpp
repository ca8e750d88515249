// SPDX-License-Identifier: Apache-2.0
// The services of a kernel on a bare machine.
#include "runner/engine/kernel.hpp"

#include "runner/bare/calls.hpp"
#include "runner/bare/cpu.hpp"

namespace cmodx {
namespace {

struct bare_kernel final : kernel {
    std::uint8_t* window() const override { return machine::window(); }
    bool tagged() const override { return machine::tagged(); }
    void set_page(unsigned space, std::size_t page, std::uint8_t* memory, access how) const override {
        machine::set_page(space, page, memory, how);
    }
    void enter_space(unsigned space, unsigned tag) const override { machine::enter_space(space, tag); }
    void forget_page(std::uint8_t* address) const override {
        if (machine::invalidate_page(address)) return;
        bare::call(
            ~0u, [](void* a) { machine::invalidate_page(static_cast<std::uint8_t*>(a)); }, address);
    }
    void forget_tag(unsigned tag) const override {
        if (machine::invalidate_tag(tag)) return;
        bare::call(
            ~0u, [](void* t) { machine::invalidate_tag(*static_cast<unsigned*>(t)); }, &tag);
    }
    void interrupt(std::uint32_t which, void (*handler)(void*), void* argument) const override {
        bare::call(there(which), handler, argument);
    }
    void begin_interrupt(std::uint32_t which, void (*handler)(void*), void* argument) const override {
        bare::begin_call(there(which), handler, argument);
    }
    void end_interrupt() const override { bare::end_call(); }
    bool ending() const override {
        return bare::ended.how.load() != bare::ending::none || bare::cpus[machine::current_cpu()].abandon.load() != 0;
    }
    unsigned cpu() const override { return machine::current_cpu(); }
    unsigned cpus() const override { return bare::cpu_count; }
    void sleep(std::uint64_t nanoseconds) const override {
        machine::mask();
        machine::set_timer(machine::ticks() + bare::ticks_of(nanoseconds));
        machine::sleep();
    }
    void wake() const override { machine::unmask(); }
    void handle_breakpoints(on_breakpoint handler, void* argument) const override {
        bare::breakpoints.argument = argument;
        bare::breakpoints.handler.store(handler, std::memory_order_release);
    }

  private:
    // Who asks for a CPU that is not there meant another one, which would not be interrupted.
    static std::uint32_t there(std::uint32_t which) {
        for (unsigned k = 0; which != ~0u && which >> k != 0; ++k)
            if ((which >> k & 1) != 0 && (k >= bare::cpu_count || !bare::cpus[k].online.load()))
                bare::panic("a test interrupts a CPU that did not start");
        return which;
    }
};
constexpr bare_kernel services;

}  // namespace

const kernel* platform::as_kernel() { return &services; }

}  // namespace cmodx
