// SPDX-License-Identifier: Apache-2.0
// Claims of kernel developers about what code modification costs, each beside the price that answers it here.
#include <fmt/format.h>

#include <algorithm>

#include "runner/bench/crossover.hpp"

namespace cmodx {
namespace {

constexpr std::string_view thread =
    "A. Lutomirski, \"Re: [PATCH 07/32] mm: Bring back vmalloc_exec\", Linux kernel mailing list, 2023-06-17";

struct claim {
    std::string_view text;
    std::string_view group;
    std::string_view begins;  // the first price whose name begins so
    std::string_view absent;  // what it means that there is none
};
constexpr claim claims[] = {
    {"20 thousand cycles on each CPU the first time", "memory", "first call of a page", "no executable alias here"},
    {"20 thousand cycles on each CPU the first time: another CPU after it", "memory", "first call on CPU",
     "a single CPU"},
    {"an IPI to all costs 500 thousand to 1 million cycles", "step", "membarrier", "membarrier has no SYNC_CORE here"},
    {"an IPI to all costs 500 thousand to 1 million cycles: with a thread that runs the code", "writer",
     "same+membarrier by 1 runs", "no second CPU, or no protocol by membarrier alone"},
    {"SERIALIZE is merely slow", "step", "serialize", "this CPU has no SERIALIZE"},
    {"CPUID leaves a guest, and is very slow there", "step", "cpuid", "not an instruction of this architecture"},
    {"IRET to self serializes at a bearable price", "step", "iret", "not an instruction of this architecture"},
};

}  // namespace

void add_claims(measurement& m, const std::vector<priced>& prices) {
    const clock_rate& clock = the_clock();
    const bool cycles = clock.counter && target::ticks_are_cycles;
    if (!m.csv()) fmt::print("\nclaims ({})\n", thread);
    for (const claim& c : claims) {
        const auto p = std::find_if(prices.begin(), prices.end(), [&](const priced& of) {
            return of.of->group == c.group && of.of->name.starts_with(c.begins) && of.failure.empty();
        });
        std::string measured(c.absent);
        if (p != prices.end()) {
            measured = fmt::format("median {}, p99.9 {}", in_time_units(p->ns.median), in_time_units(p->ns.p999));
            if (cycles)
                measured += fmt::format(" ({:.0f} and {:.0f} cycles of the counter)", p->ns.median / clock.ns_per_tick,
                                        p->ns.p999 / clock.ns_per_tick);
        }
        m.add_claim(c.text, thread, p != prices.end() ? p->of->name : "", measured);
        if (!m.csv())
            fmt::print("  \"{}\"\n      {}{}\n", c.text, p != prices.end() ? p->of->name + ": " : "", measured);
    }
}

}  // namespace cmodx
