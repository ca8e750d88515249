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

}  // namespace
}  // namespace cmodx
