// SPDX-License-Identifier: Apache-2.0
// Runs tests one after the other, each in a process of its own, and hands every record on as soon as it is there.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "runner/environment.hpp"
#include "runner/judge.hpp"

namespace cmodx {

struct budget {
    std::string name = "default";
    double seconds = 0.25;  // a test
};
// quick, default, soak, or a number with ms, s, m or h; false: none of these.
bool parse_budget(std::string_view text, budget& result);

struct run_options {
    budget per_test;
    std::uint64_t seed = 0;
    double time_scale = 1;  // stretches budgets and limits for slow machines
    std::vector<unsigned> cpus;
};

// One test's record: everything that the result document says of it.
struct record {
    const test_case* of = nullptr;
    judged outcome;
    trial_result result;
    std::uint64_t code_hash = 0;
    std::uint64_t seed = 0;
    double seconds = 0;
    std::string complaint;  // what the test's process wrote on standard error
};

// Runs `tests` in order; `done` gets each record. `stop` is asked before each test.
void run_tests(const std::vector<const test_case*>& tests, const environment& here, const run_options& options,
               const std::function<void(const record&)>& done, const std::function<bool()>& stop);

// 0 conformant, 1 a violation, 3 the harness failed, 77 nothing ran.
int exit_code(const std::vector<status>& statuses);

}  // namespace cmodx
