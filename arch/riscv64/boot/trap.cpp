// SPDX-License-Identifier: Apache-2.0
// Traps, interrupts and memory of a hart, in supervisor mode or in machine mode.
#include "arch/riscv64/boot/hart.hpp"
#include "arch/riscv64/boot/mode.h"
#include "arch/riscv64/boot/pages.hpp"
#include "runner/bare/cpu.hpp"
#include "runner/bare/device_tree.hpp"
#include "runner/bare/hexadecimal.hpp"

namespace cmodx::machine {
namespace {

constexpr std::uintptr_t ram_size = 0x10000000;  // what the suite uses of it

struct frame {
    std::uint64_t pc;
    std::uint64_t x[31];  // from x1 on
    std::uint64_t status;
};

#define CMODX_READ(csr)                                          \
    [] {                                                         \
        std::uint64_t value;                                     \
        asm volatile("csrr %0, " CMODX_NAME(csr) : "=r"(value)); \
        return value;                                            \
    }()

}  // namespace

extern "C" void cmodx_prepare_cpu() {
    asm volatile("csrs " CMODX_NAME(CSR_ENABLE) ", %0" ::"r"(1ul << SOFTWARE_INTERRUPT | 1ul << TIMER_INTERRUPT));
}

void prepare() {
    prepare_pages();
    cmodx_prepare_cpu();
    unmask();
}

std::uint32_t tree_number(std::string_view property, std::uint32_t otherwise) {
    const std::string_view value = bare::property(bare::tree_at(cmodx_device_tree), property);
    return value.size() != 4 ? otherwise : bare::big_endian(reinterpret_cast<const std::uint8_t*>(value.data()));
}

std::string_view command_line() { return bare::boot_arguments(bare::tree_at(cmodx_device_tree)); }

unsigned current_cpu() {
    std::uint64_t number;
    asm volatile("mv %0, tp" : "=r"(number));
    return static_cast<unsigned>(number);
}

// PAUSE does not end a hart's turn in QEMU; WFI does, even if it does not wait.
void give_way() {
    fence_if_wanted();
    std::uint64_t before;
    asm volatile("csrrci %0, " CMODX_NAME(CSR_STATUS) ", %1" : "=r"(before) : "i"(INTERRUPTS_ON) : "memory");
    interrupt_itself();
    asm volatile("wfi" ::: "memory");
    if ((before & INTERRUPTS_ON) != 0) unmask();
}
void mask() { asm volatile("csrci " CMODX_NAME(CSR_STATUS) ", %0" ::"i"(INTERRUPTS_ON) : "memory"); }
void unmask() { asm volatile("csrsi " CMODX_NAME(CSR_STATUS) ", %0" ::"i"(INTERRUPTS_ON) : "memory"); }

std::uint8_t* memory_begin() { return &cmodx_image_end; }
std::uint8_t* memory_end() { return reinterpret_cast<std::uint8_t*>(0x80000000 + ram_size); }

void synchronize_context() { asm volatile("fence.i" ::: "memory"); }

// The exception code, and 1.
std::string_view fault_name(int cause) {
    constexpr std::string_view names[] = {"misaligned instruction address",
                                          "instruction access fault",
                                          "illegal instruction",
                                          "breakpoint",
                                          "misaligned load address",
                                          "load access fault",
                                          "misaligned store address",
                                          "store access fault",
                                          "call from user mode",
                                          "call from supervisor mode",
                                          "another exception",
                                          "call from machine mode",
                                          "instruction page fault",
                                          "load page fault",
                                          "another exception",
                                          "store page fault"};
    const auto code = static_cast<std::size_t>(cause - 1);
    return code < std::size(names) ? names[code] : "another exception";
}

std::size_t describe(const void* from, char* to) {
    const frame& f = *static_cast<const frame*>(from);
    bare::hexadecimal out(to);
    out.add("cpu", current_cpu())
        .add("pc", f.pc)
        .add("cause", CMODX_READ(CSR_CAUSE))
        .add("value", CMODX_READ(CSR_VALUE));
    out.add("status", f.status);
    for (unsigned i = 1; i < 32; ++i) out.add("x", i, f.x[i - 1]);
    return out.size();
}

extern "C" void cmodx_trap(frame* f) {
    using trap = bare::trap;
    const std::uint64_t cause = CMODX_READ(CSR_CAUSE);
    constexpr std::uint64_t by_interrupt = std::uint64_t{1} << 63;
    trap t = {
        .what = trap::kind::fault, .cause = static_cast<int>(cause) + 1, .pc = f->pc, .address = CMODX_READ(CSR_VALUE)};
    if (cause == (by_interrupt | TIMER_INTERRUPT)) {
        t.what = trap::kind::timer;
        acknowledge_timer();
    } else if (cause == (by_interrupt | SOFTWARE_INTERRUPT)) {
        t.what = trap::kind::interrupt;
        acknowledge_interrupt();
    }
    const context* const next = bare::on_trap(t, f, describe);
    if (next == nullptr) {
        f->pc = t.pc;
        return;
    }
    f->pc = reinterpret_cast<std::uintptr_t>(cmodx_restore);
    f->x[10 - 1] = reinterpret_cast<std::uintptr_t>(next);
    f->x[2 - 1] = next->word[1];
    f->x[4 - 1] = current_cpu();
    f->status = STATUS_IN_TRAP;
}

extern "C" [[noreturn]] void cmodx_trap_in_trap() { bare::panic("a trap inside the handler of traps"); }

}  // namespace cmodx::machine
