// SPDX-License-Identifier: Apache-2.0
// The engine's platform on a bare machine: one task a CPU, memory that is never given back but used again in turn,
// and traps turned into returns.
#include "runner/engine/platform.hpp"

#include <algorithm>

#include "facts.hpp"
#include "runner/bare/calls.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/turns.hpp"

namespace cmodx::platform {

using bare::cpus;

// Bytes that tests have, where there are more. In the image, so that tests of it can plant less.
extern "C" {
extern const volatile std::size_t cmodx_memory;
const volatile std::size_t cmodx_memory = ~std::size_t{0};
}

namespace {

constexpr std::size_t page = 4096;

bare::turns& memory() {
    const std::size_t most = cmodx_memory;
    const auto there = static_cast<std::size_t>(machine::memory_end() - machine::memory_begin());
    static bare::turns only(machine::memory_begin(), machine::memory_begin() + std::min(there, most));
    return only;
}

std::size_t whole_pages(std::size_t size) { return (size + page - 1) / page * page; }

}  // namespace

code_memory map(mapping path, std::size_t size) {
    size = whole_pages(size);
    if (path == mapping::poke || path == mapping::process || path == mapping::file)
        return {.failure = "needs an operating system"};
    // Of a `flip` mapping are the stubs, which run for as long as the test does; tests by it do not, environment.cpp.
    std::uint8_t* const got = path == mapping::flip ? memory().keep(size) : memory().take(size);
    if (got == nullptr) return {.failure = "memory could not be mapped"};
    if (path == mapping::alias) return {machine::writable_alias(got), machine::executable_alias(got), size, nullptr};
    return {got, got, size, nullptr};
}

void unmap(const code_memory&) {}  // its turn is over when others have had theirs

// Memory of a `flip` mapping is writable and executable here.
bool make_executable(const code_memory&, mapping) { return true; }

std::size_t page_size() { return page; }

void synchronize(std::uint8_t* begin, std::size_t size) { machine::synchronize(begin, begin + size); }

std::uintptr_t clear_cache_function() {
    return reinterpret_cast<std::uintptr_t>(
        +[](std::uint8_t* begin, std::uint8_t* end) { machine::synchronize(begin, end); });
}

std::uintptr_t interrupt_function() {
    return reinterpret_cast<std::uintptr_t>(+[] { bare::call(~0u, nullptr, nullptr); });
}

switches context_switches() { return {}; }

const char* run_for(std::span<const task> tasks, std::uint64_t duration, const std::atomic<std::uint32_t>* ready,
                    std::uint32_t* stop) {
    constexpr auto wrong = "a thread could not be started on its CPU";
    const unsigned here = machine::current_cpu();
    const task* mine = nullptr;
    for (const task& t : tasks) {
        if (t.cpu >= bare::cpu_count || (t.cpu == here && mine != nullptr)) return wrong;
        if (t.cpu == here)
            mine = &t;
        else if (!bare::give(t.cpu, t))
            return wrong;
    }
    machine::mask();
    bare::pending = {.limit = bare::pending.limit,
                     .ready = ready,
                     .wanted = static_cast<std::uint32_t>(tasks.size()),
                     .duration = bare::ticks_of(duration),
                     .stop = stop};
    bare::arm();
    machine::unmask();
    if (mine != nullptr) mine->body(mine->argument);
    while (std::atomic_ref<std::uint32_t>(*stop).load() == 0) pause();
    for (const task& t : tasks)
        while (t.cpu != here && cpus[t.cpu].work.load(std::memory_order_acquire) != nullptr) pause();
    return nullptr;
}

bool pin(unsigned cpu) { return cpu == machine::current_cpu(); }

unsigned current_cpu() { return machine::current_cpu(); }

bool run_beside(const task& other, void (*mine)(void*), void* argument) {
    if (other.cpu == machine::current_cpu() || other.cpu >= bare::cpu_count || !bare::give(other.cpu, other))
        return false;
    mine(argument);
    while (cpus[other.cpu].work.load(std::memory_order_acquire) != nullptr) pause();
    return true;
}

void* shared_memory(std::size_t size) {
    std::uint8_t* const got = memory().keep(whole_pages(size));
    for (std::size_t i = 0; got != nullptr && i < size; ++i) got[i] = 0;
    return got;
}

std::uint64_t nanoseconds() {
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t now = machine::ticks();
    const std::uint64_t rate = machine::ticks_per_second();
    return now / rate * second + now % rate * second / rate;
}

void yield() { pause(); }
void rest() { pause(); }
void pause() {
    constexpr std::uint32_t turn = 64;
    target::pause();
    if (++cpus[machine::current_cpu()].pauses % turn == 0) machine::give_way();
}

void guarded(void (*body)(void*), void (*on_fault)(void*, int, std::uintptr_t), void* argument) {
    bare::cpu& here = cpus[machine::current_cpu()];
    bare::guard* const outer = here.armed;
    bare::guard armed = {};
    if (machine::cmodx_save(&armed.back) != 0) on_fault(argument, armed.cause, armed.pc);
    here.armed = &armed;
    body(argument);
    here.armed = outer;
}

}  // namespace cmodx::platform

namespace cmodx::bare {

void release_memory() { platform::memory().release(); }

std::uint64_t ticks_of(std::uint64_t nanoseconds) {
    constexpr std::uint64_t second = 1'000'000'000;
    const std::uint64_t rate = machine::ticks_per_second();
    return nanoseconds / second * rate + nanoseconds % second * rate / second;
}

bool give(unsigned to, const platform::task& t) {
    const platform::task* none = nullptr;
    if (!cpus[to].work.compare_exchange_strong(none, &t)) return false;
    machine::interrupt(to);
    return true;
}

bool abandon_others() {
    const std::uint64_t limit = machine::ticks() + machine::ticks_per_second();
    for (unsigned k = 1; k < cpu_count; ++k) {
        if (cpus[k].work.load() == nullptr) continue;
        cpus[k].abandon.store(1);
        machine::interrupt(k);
        while (cpus[k].work.load() != nullptr)
            if (machine::ticks() > limit) return false;
    }
    return true;
}

extern "C" void cmodx_secondary(unsigned number) {
    cpu& here = cpus[number];
    here.online.store(true, std::memory_order_release);
    // Comes back here, too, when a task is abandoned.
    machine::cmodx_save(&here.base);
    here.armed = nullptr;
    here.abandon.store(0);
    here.work.store(nullptr);
    for (;;) {
        machine::mask();
        const platform::task* const t = here.work.load(std::memory_order_acquire);
        if (t == nullptr) machine::sleep();
        machine::unmask();
        if (t == nullptr) continue;
        machine::synchronize_context();
        t->body(t->argument);
        here.work.store(nullptr, std::memory_order_release);
    }
}

}  // namespace cmodx::bare
