// SPDX-License-Identifier: Apache-2.0
// The machine as this process finds it: facts, CPUs, and what the kernel denies.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runner/catalogue.hpp"

namespace cmodx {

struct environment {
    std::vector<std::pair<std::string, std::string>> facts;  // sorted by key; a fact that is not known is absent
    std::vector<unsigned> cpus;                              // this process may run on them

    // Empty when absent.
    std::string_view value(std::string_view key) const;
    // Views into `facts`.
    std::vector<fact> as_facts() const;
};

// Asks the CPU and the kernel; nothing is guessed from the architecture's name.
environment probe_environment();

// What the kernel wants to be told before the test's steps may be used; to be called in the test's own process.
// Empty, or what was refused.
std::string prepare_process(const test_case& t);

// Name of the architecture that this binary runs on.
std::string_view target_name();

std::string utc_now();  // RFC 3339, seconds

}  // namespace cmodx
