// SPDX-License-Identifier: Apache-2.0
// QEMU's board "virt" (its hw/riscv/virt.c has the addresses) under firmware that speaks SBI: 16550, SiFive's test
// device.
#include "arch/riscv64/boot/hart.hpp"

extern "C" void cmodx_secondary_start();

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t serial = 0x10000000;
constexpr std::uintptr_t test_device = 0x100000;
constexpr std::uintptr_t writable_only = 0x80000000;     // start.S: beyond the memory's own address
constexpr std::uintptr_t executable_only = 0x180000000;  // start.S

volatile std::uint8_t& port(unsigned number) { return *reinterpret_cast<volatile std::uint8_t*>(serial + number); }

// RISC-V Supervisor Binary Interface 2.0: extensions by number; the error, 0 if there is none.
enum extension : std::uint64_t {
    timer = 0x54494d45,
    interrupts = 0x735049,
    remote_fence = 0x52464e43,
    hart_state = 0x48534d,
    system_reset = 0x53525354,
};
std::int64_t sbi(extension number, std::uint64_t function, std::uint64_t a = 0, std::uint64_t b = 0,
                 std::uint64_t c = 0) {
    register std::uint64_t a0 asm("a0") = a;
    register std::uint64_t a1 asm("a1") = b;
    register std::uint64_t a2 asm("a2") = c;
    register std::uint64_t a6 asm("a6") = function;
    register std::uint64_t a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return static_cast<std::int64_t>(a0);
}

std::uint64_t hart_of[most_cpus];  // by number
unsigned count = 1;

}  // namespace

unsigned start_cpus() {
    constexpr std::uint64_t most_harts = 64, start = 0;
    hart_of[0] = cmodx_boot_hart;
    for (std::uint64_t hart = 0; hart < most_harts && count < most_cpus; ++hart) {
        if (hart == cmodx_boot_hart) continue;
        hart_of[count] = hart;
        if (sbi(hart_state, start, hart, reinterpret_cast<std::uintptr_t>(cmodx_secondary_start), count) == 0) ++count;
    }
    return count;
}

std::string_view firmware() { return "sbi"; }

void put(char c) {
    constexpr std::uint8_t empty = 1 << 5;
    while ((port(5) & empty) == 0) {
    }
    port(0) = static_cast<std::uint8_t>(c);
}

void power_off(int code) {
    constexpr std::uint32_t pass = 0x5555, fail = 0x3333;
    *reinterpret_cast<volatile std::uint32_t*>(test_device) =
        code == 0 ? pass : static_cast<std::uint32_t>(code) << 16 | fail;
    sbi(system_reset, 0);
    for (;;) asm volatile("wfi");
}

std::uint64_t ticks() {
    std::uint64_t now;
    asm volatile("fence; rdtime %0" : "=r"(now)::"memory");
    return now;
}
std::uint64_t ticks_per_second() {
    static const std::uint64_t rate = tree_number("timebase-frequency", 10'000'000);
    return rate;
}
void set_timer(std::uint64_t deadline) { sbi(timer, 0, deadline); }
void acknowledge_timer() { set_timer(~std::uint64_t{0}); }

void interrupt(unsigned cpu) {
    asm volatile("fence" ::: "memory");
    sbi(interrupts, 0, 1, hart_of[cpu]);
}
void interrupt_itself() { asm volatile("csrsi sip, 2"); }
void fence_if_wanted() {}
void sleep() { asm volatile("fence; wfi" ::: "memory"); }
void acknowledge_interrupt() { asm volatile("csrci sip, 2"); }

std::uint8_t* writable_alias(std::uint8_t* p) { return p + writable_only; }
std::uint8_t* executable_alias(std::uint8_t* p) { return p + executable_only; }

// "Zifencei": a hart's FENCE.I is for itself alone, so the others execute one, too.
void synchronize(std::uint8_t*, std::uint8_t*) {
    asm volatile("fence; fence.i" ::: "memory");
    std::uint64_t others = 0;
    for (unsigned k = 0; k < count; ++k)
        if (k != current_cpu()) others |= std::uint64_t{1} << hart_of[k];
    if (others != 0) sbi(remote_fence, 0, others);
}

}  // namespace cmodx::machine
