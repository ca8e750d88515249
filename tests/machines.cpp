// SPDX-License-Identifier: Apache-2.0
// The catalogue on trial: every machine that is at fault must make a test fail, and no machine that may be as it is
// may. `cmodx_machines` stops at a machine's first failure; `cmodx_machines --table [GLOB…]` runs all tests on all
// machines and prints which found which.
#include <fmt/format.h>

#include <set>
#include <string_view>

#include "runner/commands.hpp"
#include "tests/faulty_x86_64.hpp"

namespace cmodx {
namespace {

// As Intel's manual has it where a machine is as weak as that manual lets it be.
environment environment_of(const faulty::machine& m, environment here) {
    for (auto& [key, value] : here.facts)
        if (key == "vendor" && m.name.starts_with("lazy, and")) value = "intel";
    return here;
}

bool forbids(const test_case& t, const environment& here) {
    const std::vector<fact> facts = here.as_facts();
    for (const ruled_witness& w : rule(t, facts))
        if (w.ruling.ruling == verdict::forbidden && gates(w.ruling.strength)) return true;
    return false;
}
bool forbids_what_it_seeks(const test_case& t, const environment& here) {
    const std::vector<fact> facts = here.as_facts();
    const ruled_witness w = rule(t, facts).front();
    return w.ruling.ruling == verdict::forbidden && gates(w.ruling.strength);
}

// One a shape and executor's steps, that in which most is forbidden: enough to be found by.
std::vector<const test_case*> representatives(const std::vector<test_case>& all, const environment& here) {
    std::vector<const test_case*> chosen;
    std::set<std::string> there;
    for (const bool sought : {true, false})
        for (const test_case& t : all) {
            if (sought ? !forbids_what_it_seeks(t, here) : !forbids(t, here)) continue;
            const std::string key = fmt::format("{} {} {}", t.form->name, t.site->name,
                                                fmt::join(names_of(t.one_thread() ? t.writer : t.executor), "-"));
            if (there.insert(key).second) chosen.push_back(&t);
        }
    return chosen;
}

struct found {
    std::vector<std::string> failing;
    std::vector<std::string> broken;  // crash, timeout or error
};

found try_machine(const faulty::machine& m, std::vector<const test_case*> tests, const environment& here,
                  bool until_found, double seconds) {
    faulty::playing = &m;
    // Such a machine keeps what the site returned, where a real one would keep its code.
    if (m.name.starts_with("lazy") || m.name.starts_with("forgets"))
        std::erase_if(tests, [](auto* t) { return t->site->data; });
    run_options options = {.per_test = {"trial", seconds}, .seed = 1, .cpus = here.cpus};
    found f;
    run_tests(
        tests, here, options,
        [&](const record& r) {
            if (r.outcome.is == status::fail) f.failing.push_back(r.of->name);
            if (r.outcome.is == status::crash || r.outcome.is == status::timeout || r.outcome.is == status::error)
                f.broken.push_back(fmt::format("{} {}: {}", status_names[static_cast<std::size_t>(r.outcome.is)],
                                               r.of->name, r.outcome.reason));
        },
        [&] { return until_found && !f.failing.empty(); });
    return f;
}

int try_all(bool table, const std::vector<std::string>& globs) {
    const environment real = probe_environment();
    if (real.cpus.size() < 2) {
        fmt::print("needs two CPUs\n");
        return exit_nothing;
    }
    const known_architecture on = faulty::architecture_of_machines();
    const std::vector<test_case> all = catalogue(on);
    std::vector<const test_case*> tests = table ? select(all, globs) : representatives(all, real);
    std::erase_if(tests, [&](const test_case* t) { return !forbids(*t, real); });
    // What the play of a weak machine is faithful to: fetches that are calls, made from a stub.
    std::vector<const test_case*> ordinary = tests;
    std::erase_if(ordinary, [](const test_case* t) {
        constexpr std::string_view forms[] = {"2SM", "CoRF", "ISA2.F", "Lazy", "MP.RF", "Migrate", "SM"};
        return std::find(std::begin(forms), std::end(forms), t->form->name) == std::end(forms);
    });
    bool good = true;
    std::vector<std::set<std::string>> columns;
    for (const faulty::machine& m : faulty::machines) {
        if (!table && &m == &faulty::machines[std::size(faulty::machines) - 1]) break;  // CTest runs the suite on it
        const environment here = environment_of(m, real);
        const found f = try_machine(m, m.conforms ? ordinary : tests, here, !table && !m.conforms, table ? 0.04 : 0.02);
        columns.emplace_back(f.failing.begin(), f.failing.end());
        const bool as_it_should = m.conforms == f.failing.empty();
        good &= as_it_should;
        fmt::print("{:<22}{:<10}{}\n", m.name,
                   m.conforms ? (as_it_should ? "conforms" : "ACCUSED") : (as_it_should ? "killed" : "SURVIVES"),
                   f.failing.empty() ? "" : fmt::format("{} by {}", f.failing.size(), f.failing.front()));
        if (m.conforms)
            for (const std::string& b : f.broken) fmt::print("    {}\n", b);
    }
    if (table) {
        fmt::print("\n");
        for (std::size_t i = 0; i < columns.size(); ++i) fmt::print("{:>3}  {}\n", i + 1, faulty::machines[i].name);
        fmt::print("\n");
        for (const test_case* t : tests) {
            for (const auto& column : columns) fmt::print("{}", column.contains(t->name) ? " ✗" : " ·");
            fmt::print("  {}\n", t->name);
        }
    }
    return good ? exit_conformant : exit_violation;
}

}  // namespace
}  // namespace cmodx

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    const bool table = !arguments.empty() && arguments[0] == "--table";
    try {
        return cmodx::try_all(table, {arguments.begin() + (table ? 1 : 0), arguments.end()});
    } catch (const std::exception& e) {
        fmt::print(stderr, "cmodx_machines: {}\n", e.what());
        return cmodx::exit_usage;
    }
}
