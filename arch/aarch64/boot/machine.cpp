// SPDX-License-Identifier: Apache-2.0
// AArch64 on QEMU's board "virt".
#include "runner/bare/machine.hpp"

#include "runner/bare/arm_virt.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/hexadecimal.hpp"

extern "C" {
extern std::uint8_t cmodx_image_end;
extern void cmodx_secondary_start();
}

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t executable_only = 0x100000000;  // start.S
constexpr std::uintptr_t writable_only = 0x200000000;
// DEN0022 (PSCI), by HVC as the board's device tree says.
std::int64_t psci(std::uint64_t function, std::uint64_t a = 0, std::uint64_t b = 0, std::uint64_t c = 0) {
    register std::uint64_t x0 asm("x0") = function;
    register std::uint64_t x1 asm("x1") = a;
    register std::uint64_t x2 asm("x2") = b;
    register std::uint64_t x3 asm("x3") = c;
    asm volatile("hvc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)::"memory");
    return static_cast<std::int64_t>(x0);
}

struct frame {
    std::uint64_t x[31];
    std::uint64_t pc;
    std::uint64_t state;
    std::uint64_t stack;
};

}  // namespace

void prepare_pages();

void prepare() {
    prepare_pages();
    arm_virt::open_distributor();
    arm_virt::open_interrupts();
    unmask();
}

unsigned start_cpus() {
    constexpr std::uint64_t cpu_on = 0xc4000003;
    unsigned count = 1;
    while (count < most_cpus &&
           psci(cpu_on, count, reinterpret_cast<std::uintptr_t>(cmodx_secondary_start), count) == 0)
        ++count;
    return count;
}

extern "C" void cmodx_prepare_secondary() { arm_virt::open_interrupts(); }

unsigned current_cpu() {
    std::uint64_t number;
    asm volatile("mrs %0, tpidr_el1" : "=r"(number));
    return static_cast<unsigned>(number);
}

void put(char c) { arm_virt::put(c); }

std::string_view command_line() { return arm_virt::command_line(); }

// Semihosting's SYS_EXIT_EXTENDED carries the code to whoever started the emulator.
void power_off(int code) {
    const std::uint64_t words[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, static_cast<std::uint64_t>(code)};
    if (arm_virt::first_power_off()) {
        register std::uint64_t x0 asm("x0") = 0x20;
        register const void* x1 asm("x1") = words;
        asm volatile("hlt #0xf000" : "+r"(x0) : "r"(x1) : "memory");
    }
    psci(arm_virt::system_off);
    for (;;) asm volatile("wfi");
}

std::uint64_t ticks() {
    std::uint64_t value;
    asm volatile("isb; mrs %0, cntvct_el0" : "=r"(value)::"memory");
    return value;
}
std::uint64_t ticks_per_second() {
    std::uint64_t value;
    asm volatile("mrs %0, cntfrq_el0" : "=r"(value));
    return value;
}
void set_timer(std::uint64_t deadline) {
    asm volatile("msr cntv_cval_el0, %0; msr cntv_ctl_el0, %1; isb" ::"r"(deadline), "r"(std::uint64_t{1}));
}

void interrupt(unsigned cpu) {
    asm volatile("dsb ish" ::: "memory");
    arm_virt::interrupt(cpu);
}
void sleep() { asm volatile("dsb sy; wfi" ::: "memory"); }
std::string_view firmware() { return {}; }
void give_way() {}
void mask() { asm volatile("msr daifset, #2" ::: "memory"); }
void unmask() { asm volatile("msr daifclr, #2" ::: "memory"); }

std::uint8_t* memory_begin() { return &cmodx_image_end; }
std::uint8_t* memory_end() { return reinterpret_cast<std::uint8_t*>(arm_virt::ram_end); }
std::uint8_t* writable_alias(std::uint8_t* p) { return p + writable_only; }
std::uint8_t* executable_alias(std::uint8_t* p) { return p + executable_only; }

void synchronize(std::uint8_t* begin, std::uint8_t* end) {
    __builtin___clear_cache(reinterpret_cast<char*>(begin), reinterpret_cast<char*>(end));
}
void synchronize_context() { asm volatile("isb" ::: "memory"); }

// The exception class of ESR_EL1, and 1.
std::string_view fault_name(int cause) {
    switch (cause - 1) {
        case 0x00: return "undefined instruction";
        case 0x0e: return "illegal execution state";
        case 0x15: return "SVC";
        case 0x21: return "instruction abort";
        case 0x22: return "misaligned program counter";
        case 0x25: return "data abort";
        case 0x26: return "misaligned stack pointer";
        case 0x2f: return "system error";
        case 0x3c: return "BRK";
        default: return "another exception";
    }
}

std::size_t describe(const void* from, char* to) {
    const frame& f = *static_cast<const frame*>(from);
    std::uint64_t syndrome;
    std::uint64_t address;
    asm volatile("mrs %0, esr_el1; mrs %1, far_el1" : "=r"(syndrome), "=r"(address));
    bare::hexadecimal out(to);
    out.add("cpu", current_cpu()).add("pc", f.pc).add("esr", syndrome).add("far", address).add("sp", f.stack);
    out.add("pstate", f.state);
    for (unsigned i = 0; i < 31; ++i) out.add("x", i, f.x[i]);
    return out.size();
}

extern "C" void cmodx_trap(frame* f, unsigned kind) {
    using trap = bare::trap;
    trap t = {.what = trap::kind::fault, .pc = f->pc};
    if (kind == 1) {
        const unsigned number = arm_virt::acknowledge();
        if (number >= arm_virt::spurious) return;
        t.what = number == arm_virt::timer_interrupt ? trap::kind::timer : trap::kind::interrupt;
        if (t.what == trap::kind::timer) asm volatile("msr cntv_ctl_el0, xzr; isb");
    } else {
        std::uint64_t syndrome;
        asm volatile("mrs %0, esr_el1; mrs %1, far_el1" : "=r"(syndrome), "=r"(t.address));
        t.cause = static_cast<int>(syndrome >> 26 & 0x3f) + 1;
    }
    const context* const next = bare::on_trap(t, f, describe);
    if (next == nullptr) {
        f->pc = t.pc;
        return;
    }
    f->pc = reinterpret_cast<std::uintptr_t>(cmodx_restore);
    f->x[0] = reinterpret_cast<std::uintptr_t>(next);
    f->state = 4;  // EL1, SP_EL0, interrupts on
}

extern "C" [[noreturn]] void cmodx_trap_in_trap(const void*) { bare::panic("a trap inside the handler of traps"); }

}  // namespace cmodx::machine
