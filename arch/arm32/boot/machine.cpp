// SPDX-License-Identifier: Apache-2.0
// AArch32 on QEMU's board "virt". Sections: Arm ARM for Armv7-A, DDI0406C.
#include "runner/bare/machine.hpp"

#include "arch/arm32/boot/pages.hpp"
#include "runner/bare/arm_virt.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/hexadecimal.hpp"

extern "C" {
extern std::uint8_t cmodx_image_end;
extern void cmodx_secondary_start();
}

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t writable_only = 0x40000000;    // start.S: beyond the memory's own address
constexpr std::uintptr_t executable_only = 0x80000000;  // start.S

// DEN0022 (PSCI), by HVC as the board's device tree says.
std::int32_t psci(std::uint32_t function, std::uint32_t a = 0, std::uint32_t b = 0, std::uint32_t c = 0) {
    register std::uint32_t r0 asm("r0") = function;
    register std::uint32_t r1 asm("r1") = a;
    register std::uint32_t r2 asm("r2") = b;
    register std::uint32_t r3 asm("r3") = c;
    asm volatile(".arch_extension virt; hvc #0" : "+r"(r0), "+r"(r1), "+r"(r2), "+r"(r3)::"memory");
    return static_cast<std::int32_t>(r0);
}

struct frame {
    std::uint32_t sp;
    std::uint32_t lr;
    std::uint32_t fpscr;
    std::uint32_t d[16];  // those that a call may change
    std::uint32_t r[13];
    std::uint32_t pc;
    std::uint32_t status;
};
constexpr std::uint32_t mode_bits = 0x1f, system_mode = 0x1f, thumb = 1 << 5, no_fiq = 1 << 6;

enum kind : unsigned { interrupt_request, undefined, supervisor_call, prefetch_abort, data_abort };

// B4.1 "DFSR", "DFAR", "IFSR", "IFAR".
std::uint32_t fault_status(unsigned kind) {
    std::uint32_t value;
    if (kind == prefetch_abort)
        asm volatile("mrc p15, 0, %0, c5, c0, 1" : "=r"(value));
    else
        asm volatile("mrc p15, 0, %0, c5, c0, 0" : "=r"(value));
    return value;
}
std::uint32_t fault_address(unsigned kind) {
    std::uint32_t value;
    if (kind == prefetch_abort)
        asm volatile("mrc p15, 0, %0, c6, c0, 2" : "=r"(value));
    else
        asm volatile("mrc p15, 0, %0, c6, c0, 0" : "=r"(value));
    return value;
}

void set_timer_control(std::uint32_t value) { asm volatile("mcr p15, 0, %0, c14, c3, 1; isb" ::"r"(value)); }

}  // namespace

void prepare() {
    prepare_pages();
    prepare_tags();
    arm_virt::open_distributor();
    arm_virt::open_interrupts();
    unmask();
}

unsigned start_cpus() {
    constexpr std::uint32_t cpu_on = 0x84000003;
    unsigned count = 1;
    while (count < most_cpus &&
           psci(cpu_on, count, reinterpret_cast<std::uintptr_t>(cmodx_secondary_start), count) == 0)
        ++count;
    return count;
}

extern "C" void cmodx_prepare_secondary() {
    prepare_tags();
    arm_virt::open_interrupts();
}

unsigned current_cpu() {
    std::uint32_t number;
    asm volatile("mrc p15, 0, %0, c13, c0, 4" : "=r"(number));
    return number;
}

void put(char c) { arm_virt::put(c); }

std::string_view command_line() { return arm_virt::command_line(); }

// Semihosting's SYS_EXIT_EXTENDED carries the code to whoever started the emulator.
void power_off(int code) {
    const std::uint32_t words[2] = {0x20026 /* ADP_Stopped_ApplicationExit */, static_cast<std::uint32_t>(code)};
    if (arm_virt::first_power_off()) {
        register std::uint32_t r0 asm("r0") = 0x20;
        register const void* r1 asm("r1") = words;
        asm volatile("svc #0x123456" : "+r"(r0) : "r"(r1) : "lr", "memory");
    }
    psci(arm_virt::system_off);
    for (;;) asm volatile("wfi");
}

std::uint64_t ticks() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("isb; mrrc p15, 1, %0, %1, c14" : "=r"(low), "=r"(high)::"memory");
    return std::uint64_t{high} << 32 | low;
}
std::uint64_t ticks_per_second() {
    std::uint32_t value;
    asm volatile("mrc p15, 0, %0, c14, c0, 0" : "=r"(value));
    return value;
}
void set_timer(std::uint64_t deadline) {
    asm volatile("mcrr p15, 3, %0, %1, c14" ::"r"(static_cast<std::uint32_t>(deadline)),
                 "r"(static_cast<std::uint32_t>(deadline >> 32)));
    set_timer_control(1);
}

void interrupt(unsigned cpu) {
    asm volatile("dsb ish" ::: "memory");
    arm_virt::interrupt(cpu);
}
void sleep() { asm volatile("dsb sy; wfi" ::: "memory"); }
std::string_view firmware() { return {}; }
void give_way() {}
void mask() { asm volatile("cpsid i" ::: "memory"); }
void unmask() { asm volatile("cpsie i" ::: "memory"); }

std::uint8_t* memory_begin() { return &cmodx_image_end; }
std::uint8_t* memory_end() { return reinterpret_cast<std::uint8_t*>(arm_virt::ram_end); }
std::uint8_t* writable_alias(std::uint8_t* p) { return p + writable_only; }
std::uint8_t* executable_alias(std::uint8_t* p) { return p + executable_only; }

// A3.5.4 "Concurrent modification and execution of instructions", with the lines that CTR names (B4.1 "CTR").
void synchronize(std::uint8_t* begin, std::uint8_t* end) {
    std::uint32_t ctr;
    asm volatile("mrc p15, 0, %0, c0, c0, 1" : "=r"(ctr));
    const std::uintptr_t data_line = 4u << (ctr >> 16 & 15);
    const std::uintptr_t line = 4u << (ctr & 15);
    const auto first = reinterpret_cast<std::uintptr_t>(begin);
    const auto last = reinterpret_cast<std::uintptr_t>(end);
    for (std::uintptr_t at = first & -data_line; at < last; at += data_line)
        asm volatile("mcr p15, 0, %0, c7, c11, 1" ::"r"(at) : "memory");  // DCCMVAU
    asm volatile("dsb ish" ::: "memory");
    for (std::uintptr_t at = first & -line; at < last; at += line)
        asm volatile("mcr p15, 0, %0, c7, c5, 1" ::"r"(at) : "memory");           // ICIMVAU
    asm volatile("mcr p15, 0, %0, c7, c1, 6; dsb ish; isb" ::"r"(0) : "memory");  // BPIALLIS
}
void synchronize_context() { asm volatile("isb" ::: "memory"); }

std::string_view fault_name(int cause) {
    switch (static_cast<unsigned>(cause)) {
        case undefined: return "undefined instruction";
        case supervisor_call: return "SVC";
        case prefetch_abort: return "prefetch abort";
        case data_abort: return "data abort";
        default: return "another exception";
    }
}

std::size_t describe(const void* from, char* to) {
    const frame& f = *static_cast<const frame*>(from);
    bare::hexadecimal out(to);
    out.add("cpu", current_cpu()).add("pc", f.pc).add("cpsr", f.status).add("sp", f.sp).add("lr", f.lr);
    out.add("dfsr", fault_status(data_abort)).add("dfar", fault_address(data_abort));
    out.add("ifsr", fault_status(prefetch_abort)).add("ifar", fault_address(prefetch_abort));
    for (unsigned i = 0; i < 13; ++i) out.add("r", i, f.r[i]);
    return out.size();
}

extern "C" [[noreturn]] void cmodx_trap_in_trap() { bare::panic("a trap inside the handler of traps"); }

extern "C" void cmodx_trap(frame* f, unsigned kind) {
    using trap = bare::trap;
    if ((f->status & mode_bits) != system_mode) cmodx_trap_in_trap();
    trap t = {.what = trap::kind::fault, .cause = static_cast<int>(kind), .pc = f->pc};
    if (kind == interrupt_request) {
        const std::uint32_t number = arm_virt::acknowledge();
        if (number >= arm_virt::spurious) return;
        t.what = number == arm_virt::timer_interrupt ? trap::kind::timer : trap::kind::interrupt;
        if (t.what == trap::kind::timer) set_timer_control(0);
    } else {
        // The address of an instruction of T32 is two bytes nearer.
        if (kind <= supervisor_call && (f->status & thumb) != 0) t.pc += 2;
        if (kind >= prefetch_abort) t.address = fault_address(kind);
    }
    const context* const next = bare::on_trap(t, f, describe);
    if (next == nullptr) {
        f->pc = t.pc;
        return;
    }
    f->pc = reinterpret_cast<std::uintptr_t>(cmodx_restore);
    f->r[0] = reinterpret_cast<std::uintptr_t>(next);
    f->status = system_mode | no_fiq;
}

// A division by zero, which the compiler's library would tell a C library.
// NOLINTBEGIN(bugprone-reserved-identifier)
extern "C" [[noreturn]] void __aeabi_idiv0() { bare::panic("a division by zero"); }
extern "C" [[noreturn]] void __aeabi_ldiv0() { bare::panic("a division by zero"); }
// NOLINTEND(bugprone-reserved-identifier)

}  // namespace cmodx::machine
