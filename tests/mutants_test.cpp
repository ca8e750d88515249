// SPDX-License-Identifier: Apache-2.0
// A shape must be able to fail: each is run with one of its events taken out, and has to show its witness; and whole,
// and must not.
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "runner/catalogue.hpp"
#include "runner/engine/script.hpp"
#include "runner/engine/trial.hpp"
#include "runner/engine/worker.hpp"
#include "runner/environment.hpp"

namespace cmodx {
namespace {

void no_store_of_code(code_buffer&, location, std::size_t) {}
void no_first_store_of_code(code_buffer& code, location x, std::size_t size) {
    if (x != 0) find_architecture(target_name())->isa.store_code(code, x, size);
}
void no_store_of_flag(code_buffer&, location, bool) {}

constexpr trial_options brief = {.cpus = {}, .nanoseconds = 40'000'000};
constexpr trial_options patient = {.cpus = {}, .nanoseconds = 40'000'000, .patience = 4'000'000'000};

// A thread of a machine on which a batch's usual time is over before anything has run.
void slow_to_begin(worker& w) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    if (w.in->stopped()) return;
    w.counts.rounds += 100;
    w.counts.fresh += 100;
    w.counts.transitions += 100;
}

// A site of which every other generation raises a signal.
const site_layout* sound = nullptr;
void traps_if_odd(code_buffer& code, std::uint8_t generation) {
    if (generation % 2 == 0) return sound->emit_patch(code, generation);
    for (std::size_t i = 0; i < 16; ++i) find_architecture(target_name())->isa.trap(code);
}

using store_code_function = void (*)(code_buffer&, location, std::size_t);
using store_flag_function = void (*)(code_buffer&, location, bool);

struct mutant {
    const char* shape;
    store_code_function store_code;  // null: as it is
    store_flag_function store_flag;
    witness shows;
};

const mutant mutants[] = {
    {"SM", no_store_of_code, nullptr, witness::stale},
    {"2SM", no_store_of_code, nullptr, witness::stale},
    {"Straight", no_store_of_code, nullptr, witness::stale},
    {"Block", no_store_of_code, nullptr, witness::stale},
    {"Noisy", no_store_of_code, nullptr, witness::stale},
    {"MP.RF", no_store_of_code, nullptr, witness::stale},
    {"Lazy", no_store_of_code, nullptr, witness::stale},
    {"PageEnd", no_store_of_code, nullptr, witness::stale},
    {"Chain", no_store_of_code, nullptr, witness::stale},
    {"Switch", no_store_of_code, nullptr, witness::stale},
    {"Literal", no_store_of_code, nullptr, witness::stale},
    {"SB.RF", no_store_of_code, nullptr, witness::stale},
    {"ISA2.F", no_store_of_code, nullptr, witness::stale},
    {"MP.FF", no_first_store_of_code, nullptr, witness::second_first},
    {"MP.FR", nullptr, no_store_of_flag, witness::fetch_then_old_data},
};

class mutation : public testing::Test {
  protected:
    // The first test of the shape that the catalogue calls sufficient, or else its first.
    static test_case find_test(std::string_view shape) {
        const known_architecture& on = *find_architecture(target_name());
        test_case found;
        for (const test_case& t : catalogue(on)) {
            if (t.form->name != shape || t.path != mapping::same) continue;
            bool here = true;
            for (const auto* steps : {&t.writer, &t.executor})
                for (const step* s : *steps) here &= s->needs.empty();
            if (!here) continue;
            if (found.form == nullptr || (t.from == origin::sufficient && found.from != origin::sufficient)) found = t;
        }
        return found;
    }
    // Of the CPUs that there are; patient, since others may have those.
    static trial_result run(const test_case& t, const architecture& isa, trial_options options) {
        std::vector<unsigned> cpus;
        cpu_set_t allowed;
        sched_getaffinity(0, sizeof allowed, &allowed);
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu)
            if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
        while (cpus.size() < t.form->programs.size()) cpus.push_back(cpus[0]);  // in turn, as well as it goes
        test parts = t.parts();
        parts.isa = &isa;
        options.cpus = cpus;
        options.seed = 1;
        return run_trial(parts, options);
    }
};

// Rounds that saw nothing new are no evidence, the first one of all included.
TEST_F(mutation, code_that_never_changes_is_never_fresh) {
    for (const char* shape : {"CoFF", "Patch", "CoFR"}) {
        const test_case t = find_test(shape);
        ASSERT_NE(t.form, nullptr);
        architecture isa = t.on->isa;
        isa.store_code = no_store_of_code;
        const trial_result r = run(t, isa, brief);
        ASSERT_EQ(r.error, nullptr) << r.error;
        EXPECT_GT(r.counts.rounds, 0u) << t.name;
        EXPECT_EQ(r.counts.fresh, 0u) << t.name;
        EXPECT_EQ(r.counts.transitions, 0u) << t.name;
    }
}

TEST_F(mutation, a_batch_grows_to_what_a_slow_machine_needs) {
    const test_case t = find_test("MP.RF");
    ASSERT_NE(t.form, nullptr);
    trial_options options = patient;
    options.replace_executor = slow_to_begin;
    const trial_result r = run(t, t.on->isa, options);
    ASSERT_EQ(r.error, nullptr) << r.error;
    EXPECT_GT(r.counts.fresh, 0u) << r.batches << " batches";
}

TEST_F(mutation, a_fault_is_one_round_and_does_not_go_on_for_ever) {
    for (const char* shape : {"Patch", "SB.RF"}) {
        SCOPED_TRACE(shape);
        test_case t = find_test(shape);
        ASSERT_NE(t.form, nullptr);
        sound = &*std::ranges::find(t.on->isa.sites, "nop_branch", &site_layout::name);
        site_layout site = *sound;
        site.emit_patch = traps_if_odd;
        t.site = &site;
        const trial_result r = run(t, t.on->isa, brief);
        ASSERT_EQ(r.error, nullptr) << r.error;
        const std::uint64_t faults = r.counts.seen(witness::fault);
        EXPECT_GT(faults, 0u);
        std::uint64_t all = 0;
        for (const std::uint64_t count : r.counts.count) all += count;
        EXPECT_EQ(all, r.counts.rounds + r.counts.seen(witness::never_new));
        if (t.form->together) {
            EXPECT_EQ(r.counts.rounds, r.counts.writes + faults);
        }
    }
}

TEST_F(mutation, a_side_waits_in_vain_for_as_long_as_the_machine_is_slow) {
    test_case t = find_test("Discard.Anon");
    ASSERT_NE(t.form, nullptr);
    scripted waits = *t.form->by_script;
    waits.run = [](script& s) { s.wait_for(s.words().turn, 1); };
    shape form = *t.form;
    form.by_script = &waits;
    t.form = &form;
    const trial_result r = run(t, t.on->isa, {.cpus = {}, .nanoseconds = 10'000'000, .patience = 40'000'000});
    EXPECT_STREQ(r.error, "one side waited for the other in vain");
    EXPECT_LT(r.nanoseconds, 1'000'000'000u);
}

// On a bare machine tests are in one process, and the watchdog ends one in the midst of what it does.
TEST_F(mutation, what_a_test_has_planned_for_faults_ends_with_it) {
    test_case t = find_test("Discard.Anon");
    ASSERT_NE(t.form, nullptr);
    scripted of = *t.form->by_script;
    of.maps = false;
    shape form = *t.form;
    form.by_script = &of;
    t.form = &form;
    constexpr trial_options moment = {.cpus = {}, .nanoseconds = 1'000'000, .patience = 1'000'000};
    of.run = [](script& s) {
        s.on_trap = [](script&, std::uintptr_t) { return true; };
        s.fail("the watchdog has ended it");
    };
    EXPECT_STREQ(run(t, t.on->isa, moment).error, "the watchdog has ended it");
    of.run = [](script& s) {
        static bool done = false;
        if (std::exchange(done, true)) return;
        s.image(s.memory().writable, s.memory().size, 1024, 0);
        platform::synchronize(s.memory().executable, s.memory().size);
        reinterpret_cast<void (*)()>(s.memory().executable)();  // a trap, in front of the site
    };
    EXPECT_EQ(run(t, t.on->isa, moment).counts.seen(witness::fault), 1u);
}

class mutation_of : public mutation, public testing::WithParamInterface<mutant> {};

TEST_P(mutation_of, shows_in_the_shape) {
    const mutant& m = GetParam();
    const test_case t = find_test(m.shape);
    ASSERT_NE(t.form, nullptr);
    architecture isa = t.on->isa;
    if (m.store_code != nullptr) isa.store_code = m.store_code;
    if (m.store_flag != nullptr) isa.store_flag = m.store_flag;
    const trial_result broken = run(t, isa, patient);
    ASSERT_EQ(broken.error, nullptr) << broken.error;
    EXPECT_GT(broken.counts.seen(m.shows), 0u) << t.name << ", rounds " << broken.counts.rounds;
    const trial_result whole = run(t, t.on->isa, patient);
    ASSERT_EQ(whole.error, nullptr) << whole.error;
    // Two that pass each other by is what SB.RF is about.
    if (std::string_view(m.shape) != "SB.RF") {
        EXPECT_EQ(whole.counts.seen(m.shows), 0u) << t.name;
    }
    EXPECT_EQ(whole.counts.seen(witness::torn), 0u) << t.name;
}

INSTANTIATE_TEST_SUITE_P(all, mutation_of, testing::ValuesIn(mutants), [](const auto& named) {
    std::string name;
    for (const char c : std::string(named.param.shape)) name += c == '.' ? '_' : c;
    return name;
});

}  // namespace
}  // namespace cmodx
