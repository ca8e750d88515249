// SPDX-License-Identifier: Apache-2.0
// The catalogue on trial: every machine that is at fault must make a test fail, and no machine that may be as it is
// may, which counts if tests pass on it. What fails on the sound machine too says nothing of the fault.
// `cmodx_machines` stops at a machine's first failure; `cmodx_machines --table [GLOB…]` runs all tests on all machines
// and prints which found which.
#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string_view>

#include "runner/commands.hpp"
#include "tests/machines/faults.hpp"
#include "tests/machines/unused.hpp"
#include "tests/machines/weak.hpp"

namespace cmodx {
namespace {

using faulty::machine;

// As the manual has it of a machine that is as weak as that manual lets it be.
environment weakest(environment here) {
    constexpr std::pair<std::string_view, std::string_view> says[] = {
        {"vendor", "intel"}, {"idc", "0"}, {"dic", "0"}, {"ziccid", "0"}};
    for (auto& [key, value] : here.facts)
        for (const auto& [of, weak] : says)
            if (key == of) value = weak;
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

// Whether the step does anything that a rule could ask for.
bool does_something(std::string_view step_name, const environment& here) {
    const std::vector<fact> facts = here.as_facts();
    for (const action& a : find_architecture(target_name())->rules->actions)
        for (const effects e : a.does)
            if (a.step == step_name && known(a.when, facts) && e != 0) return true;
    return false;
}

// Whether all that the step does is to order what follows it behind a load.
bool only_waits(std::string_view step_name) {
    constexpr effects waiting = effect::branch | effect::depend | effect::order_loads | effect::loads_done;
    for (const action& a : find_architecture(target_name())->rules->actions)
        for (const effects e : a.does)
            if (a.step == step_name && (e & ~waiting) != 0) return false;
    return true;
}

// Whether what it looks for is forbidden with the step, and not without it. Where nobody may run the site while it is
// modified, the engine waits for the flag outside the stub, and the stub's own wait cannot be missed.
bool needs(const test_case& t, std::string_view step_name, const environment& here) {
    if (only_waits(step_name) && must_be_exclusive(t, here.as_facts())) return false;
    test_case without = t;
    for (auto* steps : {&without.writer, &without.executor})
        std::erase_if(*steps, [&](const step* s) { return s->name == step_name; });
    const std::size_t left = without.writer.size() + without.executor.size();
    return left != t.writer.size() + t.executor.size() && forbids_what_it_seeks(t, here) &&
           !forbids_what_it_seeks(without, here);
}

// What the play of a weak machine is faithful to: fetches that are calls, made from a stub, of code and not of data,
// by mappings that a store may be late for; of data, the one shape that is about them.
bool plays(const machine& m, const test_case& t) {
    constexpr std::string_view forms[] = {"2SM", "CoRF", "ISA2.F", "Lazy", "MP.RF", "SM"};
    const bool there = m.data ? t.form->name == "Literal"
                              : std::find(std::begin(forms), std::end(forms), t.form->name) != std::end(forms);
    return there && t.site->data == m.data && (t.path == mapping::same || t.path == mapping::alias);
}

// The name of the step in whose place this one is tried; itself, if the catalogue uses it.
std::string_view stands_for(std::string_view step_name) {
    for (const faulty::substitute& s : faulty::substitutes)
        if (s.architecture == target_name() && s.step == step_name) return s.like;
    return step_name;
}

// One a shape and executor's steps, that in which most is forbidden: enough to be found by.
std::vector<const test_case*> representatives(const std::vector<const test_case*>& all, const environment& here) {
    std::vector<const test_case*> chosen;
    std::set<std::string> there;
    for (const bool sought : {true, false})
        for (const test_case* t : all) {
            if (sought && !forbids_what_it_seeks(*t, here)) continue;
            const std::string key = fmt::format("{} {} {}", t->form->name, t->site->name,
                                                fmt::join(names_of(t->one_thread() ? t->writer : t->executor), "-"));
            if (there.insert(key).second) chosen.push_back(t);
        }
    return chosen;
}

class trial {
  public:
    trial(const environment& here, bool table) : here_(here), seconds_(table ? 0.04 : 0.02) {
        for (machine& m : faulty::machines_at_fault()) machines_.push_back(std::move(m));
    }

    // The weak machine, and its mutants: a step that the rules give an effect is missing, late or early. Whether a test
    // looks for that is the catalogue's affair; what no test can show is in unused.hpp.
    void add_weak(const std::vector<const test_case*>& all) {
        for (const step& s : faulty::steps) {
            if (!does_something(s.name, here_) && !does_something(s.name, weakest(here_))) continue;
            if (!s.needs.empty() && here_.value(s.needs) != "1") {
                not_here_ += fmt::format("{}{} ({})", not_here_.empty() ? "" : ", ", s.name, s.needs);
                continue;
            }
            add_weak(s.name, all);
        }
        machine remote = faulty::weak::sound();
        remote.name = "forgets remote cores";
        remote.conforms = remote.least = false;
        remote.alone = true;
        machines_.push_back(std::move(remote));
        const architecture_rules& rules = *find_architecture(target_name())->rules;
        faulty::weak::read_rules(rules, here_.as_facts());
        if (faulty::weak::by_cleaning) {
            machine down = faulty::weak::sound();
            down.name = "cleans the first line";
            down.conforms = down.least = false;
            down.rounds_down = true;
            machines_.push_back(std::move(down));
        }
        machines_.push_back(faulty::weak::sound());
        if (!rules.loads_in_order) machines_.push_back(faulty::weak::sound_in_data());
    }
    const std::vector<machine>& machines() const { return machines_; }
    const std::string& not_here() const { return not_here_; }
    std::size_t passes_on(const machine& m) const { return passes_.contains(m.name) ? passes_.at(m.name) : 0; }

    // What may find the machine, of these: of one that is at fault in a step, what needs that step.
    std::vector<const test_case*> candidates(const machine& m, const std::vector<const test_case*>& tests) {
        if (m.finish != faulty::weak::finish) return tests;
        std::vector<const test_case*> some;
        for (const test_case* t : tests)
            if (plays(m, *t)) {
                if (m.wrong.empty())
                    some.push_back(t);
                else
                    add_candidates(m, *t, some);
            }
        return some;
    }
    // Whether the test fails on the machine and passes on the sound one.
    bool accuses(const machine& m, const test_case& t) {
        return forbids(t, facts_of(m)) && ends(m, t) == status::fail && passes_when_sound(t);
    }

  private:
    environment facts_of(const machine& m) const { return m.least ? weakest(here_) : here_; }

    // With the first of the facts and of the weak machines for which a test needs the step; if there is none, it is one
    // that nothing finds.
    void add_weak(std::string_view step_name, const std::vector<const test_case*>& all) {
        machine wrong = faulty::weak::at_fault(faulty::weak::sound(), step_name, faulty::fate::none);
        bool found = false;
        for (const machine& sound : {faulty::weak::sound(), faulty::weak::sound_in_data()})
            for (const bool least : {false, true}) {
                if (found) break;
                machine m = faulty::weak::at_fault(sound, step_name, faulty::fate::none);
                m.least = least;
                found = !candidates(m, all).empty();
                if (found) wrong = m;
            }
        for (const faulty::exclusion& e : faulty::exclusions)
            if (!found && e.architecture == target_name() && e.step == step_name) {
                not_here_ += fmt::format("{}{} ({})", not_here_.empty() ? "" : ", ", e.step, e.reason);
                return;
            }
        machines_.push_back(wrong);
        if (only_waits(step_name)) return;  // too early is as good as not at all, and too late as well
        for (const faulty::fate becomes : {faulty::fate::late, faulty::fate::early}) {
            machine m = faulty::weak::at_fault(wrong, step_name, becomes);
            m.least = wrong.least;
            machines_.push_back(std::move(m));
        }
    }

    // The test, if it needs the step that the machine is at fault in; or what becomes of it with that step in the place
    // of another, on the writer's side, the executor's or both.
    void add_candidates(const machine& m, const test_case& t, std::vector<const test_case*>& some) {
        const std::string_view like = stands_for(m.wrong);
        if (like == m.wrong) {
            if (needs(t, m.wrong, facts_of(m))) some.push_back(&t);
            return;
        }
        const auto which =
            std::find_if(faulty::steps.begin(), faulty::steps.end(), [&](const step& s) { return s.name == m.wrong; });
        for (const unsigned sides : {1u, 2u, 3u}) {
            test_case other = t;
            bool all = true;
            for (auto* steps : {&other.writer, &other.executor}) {
                const bool wanted = (sides & (steps == &other.writer ? 1u : 2u)) != 0;
                bool some_there = false;
                if (wanted)
                    for (const step*& s : *steps)
                        if (s->name == like) s = &*which, some_there = true;
                all &= some_there == wanted;
            }
            if (!all || !needs(other, m.wrong, facts_of(m))) continue;
            other.name = name_of(other);
            some.push_back(&made_.emplace_back(std::move(other)));
        }
    }
    status ends(const machine& m, const test_case& t) {
        faulty::playing = &m;
        const environment here = facts_of(m);
        faulty::weak::read_rules(*find_architecture(target_name())->rules, here.as_facts());
        status end = status::missing;
        run_tests(
            {&t}, here, {.per_test = {"trial", seconds_}, .seed = 1, .cpus = here.cpus},
            [&](const record& r) {
                end = r.outcome.is;
                if (m.conforms && (r.outcome.is == status::crash || r.outcome.is == status::timeout))
                    fmt::print("    {}: {}\n", t.name, r.outcome.reason);
            },
            [] { return false; });
        if (end == status::pass) ++passes_[m.name];
        return end;
    }
    bool passes_when_sound(const test_case& t) {
        static const machine none{.name = "sound"};
        const auto [found, first] = sound_.try_emplace(t.name, false);
        if (first) found->second = ends(none, t) == status::pass;
        return found->second;
    }

    environment here_;
    double seconds_;
    std::vector<machine> machines_;
    std::string not_here_;                       // steps that this machine cannot be at fault in, and why
    std::deque<test_case> made_;                 // with steps that the catalogue does not use
    std::map<std::string, bool> sound_;          // by name: the test passes there
    std::map<std::string, std::size_t> passes_;  // by machine
};

void print_table(const std::vector<machine>& machines, const std::vector<const test_case*>& tests,
                 const std::vector<std::set<std::string>>& columns) {
    fmt::print("\n");
    for (std::size_t i = 0; i < machines.size(); ++i) fmt::print("{:>3}  {}\n", i + 1, machines[i].name);
    fmt::print("\n");
    for (const test_case* t : tests) {
        for (const auto& column : columns) fmt::print("{}", column.contains(t->name) ? " ✗" : " ·");
        fmt::print("  {}\n", t->name);
    }
}

int try_all(bool table, const std::vector<std::string>& globs) {
    const environment real = probe_environment();
    if (real.cpus.size() < 2) {
        fmt::print("needs two CPUs\n");
        return exit_nothing;
    }
    const known_architecture on = faulty::architecture_of_machines();
    const std::vector<test_case> catalogue_of_all = catalogue(on);
    std::vector<const test_case*> all = select(catalogue_of_all, globs);
    std::erase_if(all, [&](const test_case* t) { return !forbids(*t, real); });
    const std::vector<const test_case*> chosen = globs.empty() ? representatives(all, real) : all;
    // Representatives first: what finds a machine soon.
    std::vector<const test_case*> in_turn = chosen;
    for (const test_case* t : all)
        if (std::find(chosen.begin(), chosen.end(), t) == chosen.end()) in_turn.push_back(t);
    trial of(real, table);
    of.add_weak(all);
    bool good = true;
    std::vector<std::set<std::string>> columns;
    for (const machine& m : of.machines()) {
        std::set<std::string>& column = columns.emplace_back();
        std::string by;
        for (const test_case* t : of.candidates(m, table || m.conforms ? chosen : in_turn)) {
            if (!of.accuses(m, *t)) continue;
            column.insert(t->name);
            if (by.empty()) by = t->name;
            if (!table && !m.conforms) break;
        }
        const bool as_it_should = m.conforms ? column.empty() && of.passes_on(m) != 0 : !column.empty();
        good &= as_it_should;
        fmt::print("{:<34}{:<10}{}\n", m.name,
                   m.conforms ? (as_it_should     ? "conforms"
                                 : column.empty() ? "UNTRIED"
                                                  : "ACCUSED")
                              : (as_it_should ? "killed" : "SURVIVES"),
                   by.empty() ? "" : fmt::format("by {}", by));
    }
    const auto at_fault =
        std::count_if(of.machines().begin(), of.machines().end(), [](auto& m) { return !m.conforms; });
    fmt::print("{} machines at fault\n", at_fault);
    if (!of.not_here().empty()) fmt::print("not here: {}\n", of.not_here());
    if (table) print_table(of.machines(), chosen, columns);
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
