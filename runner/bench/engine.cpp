// SPDX-License-Identifier: Apache-2.0
// `cmodx bench engine`: the hot loops' observations per second beside a loop that only calls the site, alternating
// in one run, under the same writer with the same seeds.
#include <fmt/format.h>

#include <algorithm>

#include "runner/commands.hpp"
#include "runner/engine/worker.hpp"
#include "runner/measure/measurement.hpp"

namespace cmodx {
namespace {

// The bare loop: nothing but the call, for as long as the batch lasts.
void bare_calls(worker& w) {
    const batch& b = *w.in;
    while (!b.stopped()) {
        w.current = &w.lanes[b.instance_count == 1 ? 0 : w.random.below(b.instance_count)];
        auto* const site = reinterpret_cast<void (*)()>(w.current->frame[word_of(field::site, 0)]);
        for (unsigned n = 0; n < 256; ++n) site();
        w.counts.rounds += 256;
    }
}

struct rates {
    double rounds = 0;  // executions of the site per second
    double fresh = 0;   // of them, the first to see a generation
};

rates run_for_rates(const test& t, const trial_options& options) {
    const trial_result r = run_trial(t, options);
    if (r.error != nullptr) throw std::runtime_error(r.error);
    if (r.refused != nullptr) throw std::runtime_error(r.refused);
    const double seconds = static_cast<double>(r.busy_nanoseconds) * 1e-9;
    return {static_cast<double>(r.counts.rounds) / seconds, static_cast<double>(r.counts.fresh) / seconds};
}

double median(std::vector<double> values) {
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
    return values[values.size() / 2];
}

}  // namespace

int bench_engine(const measure_arguments& arguments) {
    const double seconds = arguments.seconds > 0 ? arguments.seconds : 4;
    const environment here = probe_environment();
    const std::vector<unsigned> cpus = parse_cpus(arguments.cpus, here.cpus);
    if (cpus.size() < 2) throw usage_error("bench engine needs two CPUs");
    const std::uint64_t seed = parse_seed(arguments.seed);
    constexpr std::string_view names[] = {"MP.RF+imm+same+po+po", "Patch+imm+same+po+po"};
    constexpr std::pair<std::string_view, std::int32_t> paces[] = {
        {"unpaced", 0}, {"paced 256", 256}, {"paced 4096", 4096}, {"nearly quiet", 1 << 20}};
    constexpr std::uint64_t piece = 20'000'000;  // ns
    const auto pairs = std::max<std::size_t>(
        3, static_cast<std::size_t>(seconds * 1e9 / (2.0 * piece * std::size(names) * std::size(paces))));
    fmt::print("{:<24}{:<14}{:>14}{:>14}{:>14}{:>8}\n", "test", "writer", "engine M/s", "of it new", "bare M/s",
               "ratio");
    for (const std::string_view name : names) {
        test_case t;
        if (parse_name(*find_architecture(target_name()), name, t))
            throw std::runtime_error("the bench's test has no name");
        for (const auto& [label, pace] : paces) {
            std::vector<double> engine;
            std::vector<double> fresh;
            std::vector<double> bare;
            std::vector<double> ratios;
            for (std::size_t i = 0; i < pairs; ++i) {
                trial_options options = {.cpus = std::span(cpus).first(2), .nanoseconds = piece, .seed = seed + i};
                options.never_waits = true;
                options.pace = pace;
                const rates ours = run_for_rates(t.parts(), options);
                options.replace_executor = bare_calls;
                const rates theirs = run_for_rates(t.parts(), options);
                engine.push_back(ours.rounds);
                fresh.push_back(ours.fresh);
                bare.push_back(theirs.rounds);
                ratios.push_back(ours.rounds / theirs.rounds);
            }
            fmt::print("{:<24}{:<14}{:>14.2f}{:>14.2f}{:>14.2f}{:>8.2f}\n", name, label, median(engine) / 1e6,
                       median(fresh) / 1e6, median(bare) / 1e6, median(ratios));
        }
    }
    fmt::print("medians of {} alternating pairs of {} ms, seed {}\n", pairs, piece / 1'000'000, seed);
    return exit_conformant;
}

}  // namespace cmodx
