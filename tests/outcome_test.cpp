// SPDX-License-Identifier: Apache-2.0
// Counts add up without wrapping, and a run's exit code is that of its worst test.
#include <gtest/gtest.h>

#include "runner/engine/outcome.hpp"
#include "runner/run.hpp"

namespace cmodx {
namespace {

TEST(tally, adds_up_beyond_32_bits) {
    constexpr std::uint64_t many = std::uint64_t{1} << 40;
    tally one;
    one.count.fill(many);
    one.rounds = one.fresh = one.transitions = one.writes = many;
    tally sum;
    for (int i = 0; i < 3; ++i) sum.add(one);
    for (const std::uint64_t c : sum.count) EXPECT_EQ(c, 3 * many);
    EXPECT_EQ(sum.seen(witness::stale), 3 * many);
    for (const std::uint64_t c : {sum.rounds, sum.fresh, sum.transitions, sum.writes}) EXPECT_EQ(c, 3 * many);
}

TEST(tally, keeps_the_first_witness) {
    tally first;
    first.first = {.present = true, .what = outcome_of(witness::torn)};
    tally second;
    second.first = {.present = true, .what = outcome_of(witness::stale)};
    tally sum;
    sum.add(tally{});
    sum.add(first);
    sum.add(second);
    EXPECT_EQ(sum.first.what, outcome_of(witness::torn));
}

TEST(exit_code, is_that_of_the_worst) {
    using enum status;
    EXPECT_EQ(exit_code({}), 77);
    EXPECT_EQ(exit_code({skip, skip}), 77);
    EXPECT_EQ(exit_code({pass, skip, seen, not_seen}), 0);
    EXPECT_EQ(exit_code({pass, error, skip}), 3);
    for (const status s : {fail, crash, timeout, missing}) {
        EXPECT_EQ(exit_code({pass, s, error}), 1) << status_names[static_cast<std::size_t>(s)];
        EXPECT_EQ(exit_code({s}), 1);
    }
}

// Met half way, two stores are no violation; AMD's CPUs take each of them whole, and nobody else promises as much.
TEST(judge, a_test_shows_what_is_not_forbidden_by_any_witness) {
    trial_result r;
    r.counts.rounds = r.counts.fresh = r.counts.writes = r.counts.transitions = 1000;
    const auto status_on = [&](std::string_view vendor) {
        test_case t;
        EXPECT_FALSE(parse_name(*find_architecture("x86_64"), "Pair+pair+same+po+po", t));
        const fact facts[] = {{"vendor", vendor}};
        return judge_trial(t, rule(t, facts), r).is;
    };
    EXPECT_EQ(status_on("amd"), status::pass);
    EXPECT_EQ(status_on("intel"), status::not_seen);
    r.counts.count[static_cast<std::size_t>(outcome_of(witness::mixed))] = 7;
    EXPECT_EQ(status_on("amd"), status::pass);
    EXPECT_EQ(status_on("intel"), status::seen);
    r.counts.count[static_cast<std::size_t>(outcome_of(witness::neither_pair))] = 1;
    EXPECT_EQ(status_on("amd"), status::fail);
    EXPECT_EQ(status_on("intel"), status::seen);
}

// A thousand rounds of a test whose protocol suffices, in which its witness was seen so often.
struct judged_run {
    explicit judged_run(std::string_view name, std::uint64_t seen = 0) {
        EXPECT_FALSE(parse_name(*find_architecture("x86_64"), name, t));
        r.batches = 4;
        r.counts.rounds = r.counts.fresh = r.counts.writes = r.counts.transitions = 1000;
        r.counts.count[static_cast<std::size_t>(outcome_of(t.form->seeks[0]))] = seen;
    }
    status is() const { return judge_trial(t, rule(t, {}), r).is; }

    test_case t;
    trial_result r;
};

TEST(judge, what_is_forbidden_and_seen_is_not_skipped) {
    judged_run seen("MP.RF+imm+same+po+ctrl-iret", 1);
    EXPECT_EQ(seen.is(), status::fail);
    seen.r.refused = "memory could not be mapped";
    EXPECT_EQ(seen.is(), status::fail);
}

TEST(judge, what_is_refused_in_the_midst_of_a_run_is_an_error) {
    for (const char* name : {"MP.RF+imm+same+po+ctrl-iret", "Exec+imm+same+po"}) {
        judged_run begun(name);
        begun.r.refused = "memory could not be mapped";
        EXPECT_EQ(begun.is(), status::error) << name;
        begun.r.batches = 0;  // in its first call a script may have run the code before it asks
        EXPECT_EQ(begun.is(), status::skip) << name;
    }
    judged_run never_modified("MP.RF+imm+same+po+ctrl-iret");
    never_modified.r.refused = "the subject refuses";
    never_modified.r.counts.writes = 0;
    EXPECT_EQ(never_modified.is(), status::skip);
}

TEST(judge, nothing_is_held_against_a_protocol_whose_call_failed) {
    judged_run without_a_step("MP.RF+imm+same+membarrier+ctrl", 1);
    EXPECT_EQ(without_a_step.is(), status::fail);
    without_a_step.r.counts.failed_calls = 1;
    EXPECT_EQ(without_a_step.is(), status::error);
}

TEST(judge, rounds_that_cannot_be_told_apart_are_no_chances) {
    judged_run some("MP.RF+imm+same+po+ctrl-iret", 1);
    some.r.counts.count[static_cast<std::size_t>(outcome::ambiguous)] = 900;
    for (const counted_witness& w : judge_trial(some.t, rule(some.t, {}), some.r).witnesses) {
        const bool is_no_generation = w.ruled.what == witness::torn || w.ruled.what == witness::fault;
        EXPECT_EQ(w.n, is_no_generation ? 1000u : 100u) << static_cast<int>(w.ruled.what);
    }
}

}  // namespace
}  // namespace cmodx
