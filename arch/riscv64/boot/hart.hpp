// SPDX-License-Identifier: Apache-2.0
// What a board of either mode does for trap.cpp, which is the same in both.
#pragma once

#include "runner/bare/machine.hpp"

namespace cmodx::machine {

extern "C" {
extern std::uint8_t cmodx_image_end;
extern const std::uint64_t cmodx_boot_hart;          // start.S
extern const std::uint8_t* const cmodx_device_tree;  // start.S
}

// A timer's or another hart's interrupt was taken.
void acknowledge_timer();
void acknowledge_interrupt();

void interrupt_itself();
// Where no firmware does it: another hart waits for this one's FENCE.I, and this one may be in a handler.
void fence_if_wanted();

// A property of the device tree that is a number; `otherwise` without one.
std::uint32_t tree_number(std::string_view property, std::uint32_t otherwise);

}  // namespace cmodx::machine
