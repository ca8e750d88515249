// SPDX-License-Identifier: Apache-2.0
// What simulators and test benches of cores have: a host that looks at `tohost` and `fromhost` (riscv-isa-sim's HTIF),
// and SiFive's CLINT. Machine mode alone, without translation.
#include "arch/riscv64/boot/hart.hpp"
#include "arch/riscv64/boot/pages.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/device_tree.hpp"

// One page of their own, since a host may watch all between them: QEMU makes that a device, and what else lay there
// would be part of it. They are no part of .bss, which is cleared by writing to it.
asm(R"(
    .pushsection .data.htif, "aw"
    .balign 4096
    .globl  tohost, fromhost
    .type   tohost, @object
    .size   tohost, 8
tohost:
    .quad   0
    .balign 64
    .type   fromhost, @object
    .size   fromhost, 8
fromhost:
    .quad   0
    .balign 4096
    .popsection
)");

extern "C" {
extern volatile std::uint64_t tohost;
extern volatile std::uint64_t fromhost;
extern std::uint32_t cmodx_number_of_hart[];
}

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t clint = 0x2000000;

volatile std::uint32_t& software_interrupt(std::uint64_t hart) {
    return *reinterpret_cast<volatile std::uint32_t*>(clint + 4 * hart);
}
volatile std::uint64_t& timer(std::uint64_t hart) {
    return *reinterpret_cast<volatile std::uint64_t*>(clint + 0x4000 + 8 * hart);
}
volatile std::uint64_t& time_now() { return *reinterpret_cast<volatile std::uint64_t*>(clint + 0xbff8); }

std::uint64_t hart_of[most_cpus];  // by number
unsigned count = 1;
std::atomic<bool> fence_wanted[most_cpus];
std::atomic<bool> asleep[most_cpus];  // and looks for what is wanted before it runs anything

// Commands of device 1, the console: 1 writes a character. Device 0: an odd number ends the simulation.
void tell_host(std::uint64_t word) {
    while (tohost != 0) fromhost = 0;
    tohost = word;
}

}  // namespace

// Harts are numbered from 0 on, as many as the device tree has; without a tree there is one.
unsigned start_cpus() {
    const unsigned harts = bare::count_nodes(bare::tree_at(cmodx_device_tree), "cpu@");
    for (std::uint64_t hart = 0; hart < harts && count < most_cpus; ++hart) {
        if (hart == cmodx_boot_hart) continue;
        hart_of[count] = hart;
        asm volatile("fence" ::: "memory");
        cmodx_number_of_hart[hart] = ++count;
    }
    return count;
}

std::string_view firmware() { return {}; }

// There are no address spaces. What comes first is to know whose timer is this hart's: it may ring at once.
void prepare_pages() { hart_of[0] = cmodx_boot_hart; }
std::uint8_t* window() { return nullptr; }
bool tagged() { return false; }
void set_page(unsigned, std::size_t, std::uint8_t*, access) {}
void enter_space(unsigned, unsigned) {}
bool invalidate_page(std::uint8_t*) { return true; }
bool invalidate_tag(unsigned) { return true; }

void put(char c) {
    constexpr std::uint64_t console = 1, write = 1;
    tell_host(console << 56 | write << 48 | static_cast<std::uint8_t>(c));
}

void power_off(int code) {
    tell_host(static_cast<std::uint64_t>(code) << 1 | 1);
    for (;;) asm volatile("wfi");
}

std::uint64_t ticks() {
    asm volatile("fence" ::: "memory");
    return time_now();
}
std::uint64_t ticks_per_second() {
    static const std::uint64_t rate = tree_number("timebase-frequency", 10'000'000);
    return rate;
}
void set_timer(std::uint64_t deadline) { timer(hart_of[current_cpu()]) = deadline; }
void acknowledge_timer() { set_timer(~std::uint64_t{0}); }

void interrupt(unsigned cpu) {
    asm volatile("fence" ::: "memory");
    software_interrupt(hart_of[cpu]) = 1;
}
void interrupt_itself() { interrupt(current_cpu()); }
void acknowledge_interrupt() {
    software_interrupt(hart_of[current_cpu()]) = 0;
    asm volatile("fence" ::: "memory");
    fence_if_wanted();
}
void fence_if_wanted() {
    std::atomic<bool>& wanted = fence_wanted[current_cpu()];
    if (!wanted.load()) return;
    asm volatile("fence; fence.i" ::: "memory");
    wanted.store(false);
}
void sleep() {
    asleep[current_cpu()].store(true);
    asm volatile("fence; wfi" ::: "memory");
    asleep[current_cpu()].store(false);
    fence_if_wanted();
}

std::uint8_t* writable_alias(std::uint8_t* p) { return p; }
std::uint8_t* executable_alias(std::uint8_t* p) { return p; }

// "Zifencei": a hart's FENCE.I is for itself alone, so the others execute one, too.
void synchronize(std::uint8_t*, std::uint8_t*) {
    asm volatile("fence; fence.i" ::: "memory");
    for (unsigned k = 0; k < count; ++k) {
        if (k == current_cpu() || !bare::cpus[k].online.load()) continue;
        fence_wanted[k].store(true);
        if (asleep[k].load()) continue;
        interrupt(k);
        while (fence_wanted[k].load() && !asleep[k].load()) fence_if_wanted();
    }
}

}  // namespace cmodx::machine
