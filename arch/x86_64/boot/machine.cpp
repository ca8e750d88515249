// SPDX-License-Identifier: Apache-2.0
// A PC: local APIC, 16550 on COM1, 8254, ACPI's list of CPUs; QEMU's isa-debug-exit, Bochs's port of shutdown.
#include "runner/bare/machine.hpp"

#include <cstring>

#include "arch/x86_64/boot/pages.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/hexadecimal.hpp"

extern "C" {
extern std::uint8_t cmodx_image_end;
extern const std::uint8_t cmodx_trampoline;
extern const std::uint8_t cmodx_trampoline_end;
extern const std::uint8_t* const cmodx_vectors_at;
extern std::uint64_t cmodx_descriptors[];
extern const std::uint8_t* cmodx_stacks;
extern const std::uint64_t cmodx_start_info;
std::uint8_t cmodx_number_of_apic[256];
}

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t apic = 0xfee00000;
constexpr std::uintptr_t trampoline = 0x8000;            // start.S
constexpr std::uintptr_t writable_only = 0x100000000;    // start.S
constexpr std::uintptr_t executable_only = 0x200000000;  // start.S
constexpr std::uintptr_t ram_end = 0x10000000;           // what the suite uses of it
constexpr std::uint16_t serial = 0x3f8;
constexpr std::size_t stack_size = 0x40000;  // start.S
constexpr std::uint64_t code_segment = 0x08, data_segment = 0x10, task_segments = 0x20;
constexpr unsigned vectors = 35, vector_size = 16;  // start.S
constexpr unsigned timer_vector = 32, interrupt_vector = 33, spurious_vector = 34;
constexpr unsigned page_fault = 14;

void out8(std::uint16_t port, std::uint8_t value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }
std::uint8_t in8(std::uint16_t port) {
    std::uint8_t value;
    asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
void write_msr(std::uint32_t number, std::uint64_t value) {
    asm volatile("wrmsr" ::"c"(number), "a"(static_cast<std::uint32_t>(value)), "d"(value >> 32));
}

// Intel SDM vol. 3A, "Local APIC Register Address Map".
enum apic_register : std::uint32_t {
    apic_id = 0x20,
    task_priority = 0x80,
    end_of_interrupt = 0xb0,
    spurious = 0xf0,
    command_low = 0x300,
    command_high = 0x310,
    timer_entry = 0x320,
    timer_initial = 0x380,
    timer_current = 0x390,
    timer_divide = 0x3e0,
};
volatile std::uint32_t& local_apic(apic_register r) { return *reinterpret_cast<volatile std::uint32_t*>(apic + r); }

void send(std::uint32_t destination, std::uint32_t command) {
    constexpr std::uint32_t pending = 1 << 12;
    while ((local_apic(command_low) & pending) != 0) {
    }
    local_apic(command_high) = destination << 24;
    local_apic(command_low) = command;
}

std::array<std::uint8_t, most_cpus> apic_of{};  // by number
std::uint64_t tick_rate = 0;                    // of the time-stamp counter, a second
std::uint64_t timer_rate = 0;                   // of the APIC's timer

// "Interrupt Descriptor Table", "Task Management in 64-bit Mode".
struct gate {
    std::uint64_t low;
    std::uint64_t high;
};
gate gates[vectors];
struct [[gnu::packed]] task_state {
    std::uint32_t reserved;
    std::uint64_t stack[3];
    std::uint64_t reserved_too;
    std::uint64_t trap_stack[7];
    std::uint64_t reserved_as_well;
    std::uint32_t ports;
};
struct alignas(64) per_cpu {
    std::uint64_t number;  // found by GS
    bool inside;           // the handler of traps
    task_state task;
};
per_cpu state[most_cpus];

struct [[gnu::packed]] table_pointer {
    std::uint16_t limit;
    const void* base;
};

struct frame {
    std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, di, si, bp, bx, dx, cx, ax;
    std::uint64_t vector, error, pc, cs, flags, sp, ss;
};

// Of one measurement by the 8254 (its second channel, gated by port 0x61) what was too late on either side makes it too
// long: the shortest is the best.
void measure_rates() {
    constexpr std::uint32_t clock = 1193182, count = clock / 100;
    std::uint64_t fewest = ~std::uint64_t{0};
    for (unsigned attempt = 0; attempt < 5; ++attempt) {
        out8(0x61, 0);
        out8(0x43, 0xb0);  // channel 2, both bytes, mode 0: high at the end
        out8(0x42, count & 255);
        local_apic(timer_initial) = ~std::uint32_t{0};
        const std::uint64_t begin = ticks();
        const std::uint32_t timer = local_apic(timer_current);
        out8(0x61, 1);
        out8(0x42, count >> 8);
        while ((in8(0x61) & 0x20) == 0) {
        }
        const std::uint32_t passed = timer - local_apic(timer_current);
        const std::uint64_t taken = ticks() - begin;
        if (taken >= fewest) continue;
        fewest = taken;
        tick_rate = taken * 100;
        timer_rate = std::uint64_t{passed} * 100;
    }
    local_apic(timer_initial) = 0;
}

template <class T>
T load(std::uintptr_t from) {
    T value;
    std::memcpy(&value, reinterpret_cast<const void*>(from), sizeof value);
    return value;
}
bool has_name(std::uintptr_t at, std::string_view name) {
    return std::string_view(reinterpret_cast<const char*>(at), name.size()) == name;
}

// ACPI 6.5, "Finding the RSDP on IA-PC Systems" (the second place: all firmware for emulators uses it), "RSDT", and
// "Multiple APIC Description Table (MADT)". 0: there is none.
std::uintptr_t find_cpu_table() {
    for (std::uintptr_t at = 0xe0000; at < 0x100000; at += 16) {
        if (!has_name(at, "RSD PTR ")) continue;
        const std::uintptr_t tables = load<std::uint32_t>(at + 16);
        const std::uintptr_t end = tables + load<std::uint32_t>(tables + 4);
        for (std::uintptr_t entry = tables + 36; entry < end; entry += 4)
            if (const std::uintptr_t table = load<std::uint32_t>(entry); has_name(table, "APIC")) return table;
    }
    return 0;
}

// The calling CPU is number 0.
unsigned number_cpus() {
    const auto here = static_cast<std::uint8_t>(local_apic(apic_id) >> 24);
    apic_of[0] = here;
    unsigned count = 1;
    const std::uintptr_t table = find_cpu_table();
    if (table == 0) return count;
    const std::uintptr_t end = table + load<std::uint32_t>(table + 4);
    for (std::uintptr_t entry = table + 44; entry < end; entry += load<std::uint8_t>(entry + 1)) {
        constexpr std::uint8_t processor = 0;
        const auto id = load<std::uint8_t>(entry + 3);
        const bool enabled = (load<std::uint32_t>(entry + 4) & 1) != 0;
        if (load<std::uint8_t>(entry) != processor || !enabled || id == here || count == most_cpus) continue;
        apic_of[count] = id;
        cmodx_number_of_apic[id] = static_cast<std::uint8_t>(count++);
    }
    return count;
}

void wait_microseconds(std::uint64_t time) {
    const std::uint64_t end = ticks() + time * tick_rate / 1'000'000;
    while (ticks() < end) {
    }
}

}  // namespace

// Every CPU's way into C++, on its own stack.
extern "C" void cmodx_prepare_cpu(unsigned number) {
    per_cpu& here = state[number];
    here.number = number;
    write_msr(0xc0000101 /* IA32_GS_BASE */, reinterpret_cast<std::uintptr_t>(&here));
    here.task.trap_stack[0] = reinterpret_cast<std::uintptr_t>(cmodx_stacks + (number + 1) * stack_size);
    here.task.ports = sizeof here.task << 16;
    const auto task = reinterpret_cast<std::uintptr_t>(&here.task);
    std::uint64_t* const descriptor = &cmodx_descriptors[task_segments / 8 + 2 * number];
    constexpr std::uint64_t available_task = 0x89;
    descriptor[0] = (sizeof here.task - 1) | (task & 0xffffff) << 16 | available_task << 40 | (task >> 24 & 0xff) << 56;
    descriptor[1] = task >> 32;
    asm volatile("ltr %w0" ::"r"(task_segments + 16 * number));
    if (number == 0)
        for (unsigned i = 0; i < vectors; ++i) {
            const auto entry = reinterpret_cast<std::uintptr_t>(cmodx_vectors_at + i * vector_size);
            constexpr std::uint64_t interrupt_gate = 0x8e, first_of_task = 1;
            gates[i] = {(entry & 0xffff) | code_segment << 16 | first_of_task << 32 | interrupt_gate << 40 |
                            (entry >> 16 & 0xffff) << 48,
                        entry >> 32};
        }
    const table_pointer table = {sizeof gates - 1, gates};
    asm volatile("lidt %0" ::"m"(table));
    prepare_tags();
    local_apic(spurious) = 0x100 | spurious_vector;  // and enabled
    local_apic(task_priority) = 0;
    local_apic(timer_divide) = 3;  // by 16
    local_apic(timer_entry) = timer_vector;
}

void prepare() {
    prepare_pages();
    out8(0x21, 0xff);  // the interrupt controllers of old
    out8(0xa1, 0xff);
    out8(serial + 3, 0x80);  // 115200 baud, 8 bits, no parity
    out8(serial, 1);
    out8(serial + 1, 0);
    out8(serial + 3, 3);
    measure_rates();
    unmask();
}

unsigned start_cpus() {
    constexpr std::uint32_t init = 0x4500, start = 0x4600 | trampoline >> 12;
    const unsigned count = number_cpus();
    std::memcpy(reinterpret_cast<void*>(trampoline), &cmodx_trampoline,
                // The linker puts one behind the other.
                // cppcheck-suppress comparePointers
                static_cast<std::size_t>(&cmodx_trampoline_end - &cmodx_trampoline));
    for (unsigned k = 1; k < count; ++k) send(apic_of[k], init);
    wait_microseconds(10'000);
    for (unsigned attempt = 0; attempt < 2; ++attempt) {
        for (unsigned k = 1; k < count; ++k) send(apic_of[k], start);
        wait_microseconds(200);
    }
    return count;
}

unsigned current_cpu() {
    std::uint64_t number;
    asm volatile("movq %%gs:0, %0" : "=r"(number));
    return static_cast<unsigned>(number);
}

void put(char c) {
    constexpr std::uint8_t empty = 1 << 5;
    while ((in8(serial + 5) & empty) == 0) {
    }
    out8(serial, static_cast<std::uint8_t>(c));
}

std::string_view command_line() {
    constexpr std::uint32_t magic = 0x336ec578;
    if (cmodx_start_info == 0 || load<std::uint32_t>(cmodx_start_info) != magic) return {};
    const auto text = load<std::uint64_t>(cmodx_start_info + 24);
    return text == 0 ? std::string_view{} : reinterpret_cast<const char*>(text);
}

void power_off(int code) {
    constexpr std::uint8_t sent = 1 << 6;
    while ((in8(serial + 5) & sent) == 0) {
    }
    asm volatile("outl %0, %1" ::"a"(code), "Nd"(std::uint16_t{0xf4}));
    for (const char c : std::string_view("Shutdown")) out8(0x8900, static_cast<std::uint8_t>(c));
    for (;;) asm volatile("cli; hlt");
}

std::uint64_t ticks() {
    std::uint32_t low;
    std::uint32_t high;
    asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return std::uint64_t{high} << 32 | low;
}
std::uint64_t ticks_per_second() { return tick_rate; }

// One that is too far away rings too early, and is set again.
void set_timer(std::uint64_t deadline) {
    constexpr std::uint64_t most = 0xffffffff;
    const std::uint64_t now = ticks();
    const std::uint64_t left = deadline > now ? deadline - now : 0;
    const std::uint64_t count = left / tick_rate * timer_rate + left % tick_rate * timer_rate / tick_rate + 1;
    local_apic(timer_initial) = static_cast<std::uint32_t>(count < most ? count : most);
}

void interrupt(unsigned cpu) {
    asm volatile("mfence" ::: "memory");
    // The two halves of the command are one, and a handler sends, too.
    std::uint64_t flags;
    asm volatile("pushfq; popq %0; cli" : "=r"(flags)::"memory");
    send(apic_of[cpu], 0x4000 | interrupt_vector);
    asm volatile("pushq %0; popfq" ::"r"(flags) : "memory", "cc");
}
void sleep() { asm volatile("sti; hlt; cli" ::: "memory"); }
std::string_view firmware() { return {}; }
void give_way() {}
void mask() { asm volatile("cli" ::: "memory"); }
void unmask() { asm volatile("sti" ::: "memory"); }

std::uint8_t* memory_begin() { return &cmodx_image_end; }
std::uint8_t* memory_end() { return reinterpret_cast<std::uint8_t*>(ram_end); }
std::uint8_t* writable_alias(std::uint8_t* p) { return p + writable_only; }
std::uint8_t* executable_alias(std::uint8_t* p) { return p + executable_only; }

void synchronize(std::uint8_t*, std::uint8_t*) { asm volatile("" ::: "memory"); }
void synchronize_context() {
    std::uint32_t a = 0, c = 0;
    asm volatile("cpuid" : "+a"(a), "+c"(c)::"rbx", "rdx", "memory");
}

// The vector, and 1.
std::string_view fault_name(int cause) {
    constexpr std::string_view names[] = {"divide error",
                                          "debug exception",
                                          "NMI",
                                          "breakpoint",
                                          "overflow",
                                          "bound range exceeded",
                                          "invalid opcode",
                                          "device not available",
                                          "double fault",
                                          "coprocessor segment overrun",
                                          "invalid TSS",
                                          "segment not present",
                                          "stack-segment fault",
                                          "general protection",
                                          "page fault",
                                          "another exception",
                                          "x87 floating-point error",
                                          "alignment check",
                                          "machine check",
                                          "SIMD floating-point exception"};
    const auto vector = static_cast<std::size_t>(cause - 1);
    return vector < std::size(names) ? names[vector] : "another exception";
}

std::uint64_t fault_address() {
    std::uint64_t address;
    asm volatile("movq %%cr2, %0" : "=r"(address));
    return address;
}

std::size_t describe(const void* from, char* to) {
    const frame& f = *static_cast<const frame*>(from);
    bare::hexadecimal out(to);
    out.add("cpu", current_cpu())
        .add("vector", f.vector)
        .add("error", f.error)
        .add("rip", f.pc)
        .add("cr2", fault_address());
    out.add("rsp", f.sp).add("rflags", f.flags).add("rax", f.ax).add("rbx", f.bx).add("rcx", f.cx).add("rdx", f.dx);
    out.add("rsi", f.si).add("rdi", f.di).add("rbp", f.bp).add("r8", f.r8).add("r9", f.r9).add("r10", f.r10);
    out.add("r11", f.r11).add("r12", f.r12).add("r13", f.r13).add("r14", f.r14).add("r15", f.r15);
    return out.size();
}

extern "C" void cmodx_trap(frame* f) {
    using trap = bare::trap;
    per_cpu& here = state[current_cpu()];
    if (here.inside) bare::panic("a trap inside the handler of traps");
    here.inside = true;
    trap t = {.what = trap::kind::fault, .cause = static_cast<int>(f->vector) + 1, .pc = f->pc};
    if (f->vector == timer_vector) t.what = trap::kind::timer;
    if (f->vector == interrupt_vector) t.what = trap::kind::interrupt;
    if (t.what != trap::kind::fault) local_apic(end_of_interrupt) = 0;
    if (f->vector == page_fault) t.address = fault_address();
    if (const context* const next = f->vector == spurious_vector ? nullptr : bare::on_trap(t, f, describe)) {
        f->pc = reinterpret_cast<std::uintptr_t>(cmodx_restore);
        f->di = reinterpret_cast<std::uintptr_t>(next);
        f->sp = next->word[0];
        f->flags = 0x202;  // interrupts on
        f->cs = code_segment;
        f->ss = data_segment;
    } else {
        f->pc = t.pc;
    }
    here.inside = false;
}

}  // namespace cmodx::machine
