// SPDX-License-Identifier: Apache-2.0
// QEMU's board "virt" (its hw/arm/virt.c has the addresses), alike for both Arm architectures: PL011, GICv2, the device
// tree at the begin of RAM.
#pragma once

#include <utility>

#include "runner/bare/device_tree.hpp"

namespace cmodx::machine::arm_virt {

inline constexpr std::uintptr_t serial = 0x09000000;       // PL011, DDI0183
inline constexpr std::uintptr_t distributor = 0x08000000;  // GICv2, IHI0048
inline constexpr std::uintptr_t cpu_interface = 0x08010000;
inline constexpr std::uintptr_t device_tree = 0x40000000;
inline constexpr std::uintptr_t ram_end = 0x50000000;  // what the suite uses of it
inline constexpr unsigned timer_interrupt = 27;        // the virtual timer's
inline constexpr unsigned spurious = 1020;
inline constexpr unsigned system_off = 0x84000008;  // PSCI

inline volatile std::uint32_t& device(std::uintptr_t address) {
    return *reinterpret_cast<volatile std::uint32_t*>(address);
}

inline void open_distributor() { device(distributor) = 1; }  // GICD_CTLR
// Of the calling CPU.
inline void open_interrupts() {
    device(distributor + 0x100) = 0xffff | 1u << timer_interrupt;  // GICD_ISENABLER0
    device(cpu_interface + 4) = 0xff;                              // GICC_PMR
    device(cpu_interface) = 1;                                     // GICC_CTLR
}
// The number of the interrupt that is taken, which may be spurious.
inline unsigned acknowledge() {
    const std::uint32_t acknowledged = device(cpu_interface + 0xc);  // GICC_IAR
    const unsigned number = acknowledged & 0x3ff;
    if (number < spurious) device(cpu_interface + 0x10) = acknowledged;  // GICC_EOIR
    return number;
}
inline void interrupt(unsigned cpu) { device(distributor + 0xf00) = 1u << (16 + cpu); }  // GICD_SGIR

inline void put(char c) {
    constexpr std::uint32_t full = 1 << 5;
    while ((device(serial + 0x18) & full) != 0) {
    }
    device(serial) = static_cast<std::uint8_t>(c);
}

inline std::string_view command_line() {
    return bare::boot_arguments(bare::tree_at(reinterpret_cast<const std::uint8_t*>(device_tree)));
}

// Where semihosting is off, it ends in a trap, which comes here again.
inline bool first_power_off() {
    static bool tried = false;
    return !std::exchange(tried, true);
}

}  // namespace cmodx::machine::arm_virt
