// SPDX-License-Identifier: Apache-2.0
// The price list of `cmodx bench`: each file of this folder adds the prices of one kind.
#pragma once

#include "runner/environment.hpp"
#include "runner/measure/clock.hpp"
#include "runner/measure/rig.hpp"
#include "runner/measure/sampler.hpp"

namespace cmodx {

struct bench_context {
    const known_architecture& on;
    const environment& here;
    std::vector<unsigned> cpus;  // the first is the writer's
    stopwatch watch;

    const site_layout& site(std::string_view name) const;
    // Counts of executors to try: 1, 2, 4 … as the CPUs suffice, and all of them.
    std::vector<unsigned> company_sizes() const;
    std::span<const unsigned> others(unsigned count) const { return std::span(cpus).subspan(1, count); }
    // Whether the architecture's rules forbid the test's first witness on this machine.
    bool sufficient(const test_case& t) const;
};

using price_list = std::vector<price>;

// A sample is repeated until it is so long that the clock's resolution does not matter.
inline constexpr double long_enough = 400;  // ns
inline constexpr unsigned repeat_choices[] = {1, 4, 16, 64};
unsigned repeats_for(double one_ns);
// The price that contains the timer and so many calls of a stub without steps.
std::string empty_stubs(unsigned repeats);

// One sample of `run`, ns.
template <class F>
double timed(const stopwatch& watch, F&& run) {
    const std::uint64_t begin = watch.read();
    run();
    return watch.between(begin, watch.read());
}

void add_steps(const bench_context& c, price_list& list);
void add_protocols(const bench_context& c, price_list& list);
void add_memory(const bench_context& c, price_list& list);
void add_breakpoints(const bench_context& c, price_list& list);

std::string joined(step_sequence steps);  // "po" for none

}  // namespace cmodx
