// SPDX-License-Identifier: Apache-2.0
// Runs one test for a budget, in batches of random pace, placement, affinity and number of sites.
#pragma once

#include <span>

#include "runner/engine/assemble.hpp"
#include "runner/engine/outcome.hpp"

namespace cmodx {

struct trial_options {
    std::span<const unsigned> cpus;  // to pin threads to, at least as many as the shape has threads
    std::uint64_t nanoseconds = 0;   // the budget
    std::uint64_t patience = 0;      // nanoseconds by which it is stretched at most while a run is starved
    std::uint64_t seed = 0;
    bool exclusive = false;    // no thread may run the site while it is modified
    std::uint64_t enough = 0;  // stop early at so many of the first witness; 0: never
    // For benchmarks: another hot loop, a writer that never waits, one pace (spins; negative: drawn as ever).
    void (*replace_executor)(worker&) = nullptr;
    bool never_waits = false;
    std::int32_t pace = -1;
};

struct trial_result {
    tally counts;
    std::uint64_t nanoseconds = 0;
    std::uint64_t busy_nanoseconds = 0;  // inside batches
    std::uint32_t batches = 0;
    // Of what the seed decides in the first batches, however few are run: pace, sites, places and the writer's own
    // seed, which are equal for equal seeds on every machine of an architecture, and of these without the places, whose
    // number follows from the length of instructions: equal on every machine.
    std::uint64_t sequence_hash = fnv_basis;
    std::uint64_t arrangement_hash = fnv_basis;
    unsigned observers = 0;
    const char* error = nullptr;    // the harness failed
    const char* refused = nullptr;  // the machine denies something that the test needs
};

trial_result run_trial(const test& t, const trial_options& options);

}  // namespace cmodx
