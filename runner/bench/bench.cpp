// SPDX-License-Identifier: Apache-2.0
// `cmodx bench`: the price list of code modification on this machine.
#include <fmt/format.h>

#include <algorithm>

#include "runner/bench/crossover.hpp"
#include "runner/commands.hpp"
#include "runner/linux/membarrier.hpp"

namespace cmodx {
namespace {

constexpr double crossover_seconds = 6;

}  // namespace

int bench_prices(const measure_arguments& arguments) {
    measurement m(arguments, crossover_seconds);
    if (m.cpus().size() > 1 || !arguments.cpus.empty()) platform::pin(m.cpus()[0]);
    if (m.here().value("membarrier_sync_core") == "1") membarrier_register();
    const bench_context context{architecture_named({}), m.here(), m.cpus(), {}};
    price_list list;
    for (const auto add : {add_steps, add_protocols, add_memory, add_breakpoints}) {
        if (!m.go_on("preparing", 0)) return exit_violation;
        add(context, list);
    }
    sampling how;
    how.samples = arguments.samples;
    how.rounds = rounds_of(arguments.samples);
    how.seed = m.seed();
    how.go_on = [&](std::size_t done, std::size_t all) {
        return m.go_on(fmt::format("{} prices, round {} of {}", list.size(), done + 1, all),
                       0.9 * static_cast<double>(done) / static_cast<double>(all));
    };
    const std::vector<priced> prices = take_samples(list, how);
    for (const priced& p : prices) m.add(p);
    print_prices(m, prices);
    add_claims(m, prices);
    if (!m.csv()) fmt::print("\n");
    measure_crossover(m, context, prices, m.budget_ns());
    return m.finish();
}

}  // namespace cmodx
