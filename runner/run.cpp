// SPDX-License-Identifier: Apache-2.0
#include "runner/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "runner/isolate.hpp"

namespace cmodx {
namespace {

constexpr std::size_t code_room = 16384;           // bytes: the longest stub or site
constexpr std::uint64_t enough_allowed = 200;      // sightings after which an allowed witness is known well enough
constexpr std::uint64_t enough_forbidden = 20000;  // and a forbidden one
constexpr double patience_seconds = 2;             // for a run that others starve of the CPUs
constexpr double grace_seconds = 5;                // beyond twice the budget, before a test counts as hung

// What must be so for the test to run here; empty when all of it is.
std::string absent(const test_case& t, const environment& here, const run_options& options) {
    const scripted* script = t.form->by_script;
    const std::size_t cpus = script != nullptr ? script->cpus : t.form->programs.size();
    if (options.cpus.size() < cpus) {
        const std::string_view silent = here.value("cpus_silent");
        return fmt::format("needs {} CPUs, has {}{}{}", cpus, options.cpus.size(),
                           silent.empty() ? "" : "; did not start: CPU ", silent);
    }
    if (script != nullptr && !script->needs.empty() && here.value(script->needs) != "1")
        return fmt::format("{}: absent", script->needs);
    const std::string path = fmt::format("mapping_{}", mapping_names[static_cast<std::size_t>(t.path)]);
    if (here.value(path) != "1") return fmt::format("{}: {}", path, here.value(path));
    for (const auto* steps : {&t.writer, &t.executor})
        for (const step* s : *steps)
            if (!s->needs.empty() && here.value(s->needs) != "1") {
                const std::string_view value = here.value(s->needs);
                return fmt::format("{}: {}", s->needs, value.empty() || value == "0" ? "absent" : value);
            }
    return {};
}

void run_one(const test_case& t, const environment& here, const run_options& options, record& r) {
    const std::vector<fact> facts = here.as_facts();
    const std::vector<ruled_witness> rulings = rule(t, facts);
    for (const ruled_witness& ruled : rulings) r.outcome.witnesses.push_back({.ruled = ruled, .upper95 = {}});
    if (std::string why = absent(t, here, options); !why.empty()) {
        r.outcome.is = status::skip;
        r.outcome.reason = std::move(why);
        return;
    }
    const bool forbidden = rulings.front().ruling.ruling == verdict::forbidden;
    const double seconds = options.per_test.seconds * options.time_scale;
    trial_options trial = {.cpus = options.cpus,
                           .nanoseconds = static_cast<std::uint64_t>(seconds * 1e9),
                           .patience = static_cast<std::uint64_t>(patience_seconds * options.time_scale * 1e9),
                           .seed = r.seed,
                           .exclusive = must_be_exclusive(t, facts),
                           .enough = forbidden ? enough_forbidden : enough_allowed};
    const auto limit =
        std::chrono::nanoseconds(static_cast<std::int64_t>((2 * seconds + grace_seconds * options.time_scale) * 1e9));
    std::array<std::byte, sizeof(trial_result)> bytes = {};
    const isolated came = run_isolated(bytes, limit, [&](std::span<std::byte> out) {
        trial_result result;
        // Pointers to constant text: parent and child are one image, so they mean the same there.
        if (const std::string refused = prepare_process(t); !refused.empty())
            result.refused = "membarrier registration is denied";
        else
            result = run_trial(t.parts(), trial);
        std::memcpy(out.data(), &result, sizeof result);
    });
    r.complaint = came.complaint;
    switch (came.how) {
        case isolated::end::completed:
            std::memcpy(&r.result, bytes.data(), sizeof r.result);
            r.outcome = judge_trial(t, rulings, r.result);
            break;
        case isolated::end::crashed:
            r.outcome.is = status::crash;
            r.outcome.reason = "ended by " + signal_name(came.signal);
            break;
        case isolated::end::timed_out:
            r.outcome.is = status::timeout;
            r.outcome.reason =
                fmt::format("still running after {:.1f} s", std::chrono::duration<double>(limit).count());
            break;
        case isolated::end::silent:
            r.outcome.is = status::error;
            r.outcome.reason = fmt::format("exited with {} and no record", came.code);
            break;
        case isolated::end::failed:
            r.outcome.is = status::error;
            r.outcome.reason = came.complaint;
            break;
    }
}

}  // namespace

bool parse_budget(std::string_view text, budget& result) {
    constexpr std::pair<std::string_view, double> named[] = {{"quick", 0.04}, {"default", 0.25}, {"soak", 10}};
    for (const auto& [name, seconds] : named)
        if (name == text) {
            result = {std::string(name), seconds};
            return true;
        }
    constexpr std::pair<std::string_view, double> units[] = {{"ms", 1e-3}, {"s", 1}, {"m", 60}, {"h", 3600}};
    double value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc{}) return false;
    const std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    for (const auto& [unit, factor] : units)
        if (rest == unit && value * factor > 0 && value * factor <= 7 * 86400) {
            result = {std::string(text), value * factor};
            return true;
        }
    return false;
}

void run_tests(const std::vector<const test_case*>& tests, const environment& here, const run_options& options,
               const std::function<void(const record&)>& done, const std::function<bool()>& stop) {
    std::array<std::uint8_t, code_room> room;
    for (const test_case* t : tests) {
        if (stop()) return;
        record r;
        r.of = t;
        r.seed = fnv(t->name, fnv_basis ^ options.seed);
        r.code_hash = hash_of(t->parts(), room);
        const auto begin = std::chrono::steady_clock::now();
        run_one(*t, here, options, r);
        r.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (stop() && (r.outcome.is == status::crash || r.outcome.is == status::timeout)) return;  // we ended it
        done(r);
    }
}

int exit_code(const std::vector<status>& statuses) {
    bool ran = false;
    bool harness = false;
    for (const status s : statuses) {
        if (s == status::fail || s == status::crash || s == status::timeout || s == status::missing) return 1;
        harness |= s == status::error;
        ran |= s != status::skip;
    }
    return harness ? 3 : ran ? 0 : 77;
}

}  // namespace cmodx
