// SPDX-License-Identifier: Apache-2.0
// A thread's stub as it runs, and which event or step each part of it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runner/catalogue.hpp"

namespace cmodx {

struct traced_part {
    std::size_t offset;  // bytes
    std::string of;      // such as "store x" or "dc.cvau"
    bool frame;          // belongs to the stub, not to the test: how it is entered, repeated and left
};
struct traced_stub {
    std::vector<std::uint8_t> code;
    std::vector<traced_part> parts;  // in order
};

inline constexpr std::string_view location_names[] = {"x", "y"};

// The stub of a thread of a shape's program. Throws std::length_error if it is too long to run.
traced_stub trace(const test_case& t, std::size_t thread, spacing draw = {});

// The steps alone of thread 0, the writer, or 1: what a scripted shape runs.
traced_stub trace_steps(const test_case& t, std::size_t thread);

}  // namespace cmodx
