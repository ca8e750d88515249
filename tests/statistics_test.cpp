// SPDX-License-Identifier: Apache-2.0
// The statistics of measurements, and samplers on fake back ends whose costs and rates are planted.
#include "runner/measure/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "runner/measure/adaptive.hpp"
#include "runner/measure/sampler.hpp"

namespace cmodx {
namespace {

TEST(statistics, percentile_is_the_nearest_rank) {
    const double v[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    EXPECT_EQ(percentile(v, 0.5), 5);
    EXPECT_EQ(percentile(v, 0.9), 9);
    EXPECT_EQ(percentile(v, 0.91), 10);
    EXPECT_EQ(percentile(v, 0), 1);
    EXPECT_EQ(percentile(v, 1), 10);
    EXPECT_EQ(median_of({7}), 7);
    EXPECT_EQ(median_of({}), 0);
}

// Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion", Statistical Science 16 (2001): the formula;
// 15 of 50 comes to 0.1910 … 0.4375.
TEST(statistics, rate_interval_is_wilsons) {
    EXPECT_NEAR(rate_interval(15, 50).low, 0.1910, 5e-5);
    EXPECT_NEAR(rate_interval(15, 50).high, 0.4375, 5e-5);
    EXPECT_EQ(rate_interval(0, 1000).low, 0);
    EXPECT_DOUBLE_EQ(rate_interval(0, 1000).high, 0.003);
    EXPECT_DOUBLE_EQ(rate_interval(1000, 1000).low, 0.997);
    EXPECT_EQ(rate_interval(0, 0).high, 1);
    EXPECT_LT(rate_interval(1, 1'000'000'000).high, 1e-8);
}

TEST(statistics, rate_interval_covers_the_rate) {
    random_source random(1);
    for (const double p : {0.02, 0.3, 0.7}) {
        int covered = 0;
        constexpr int tries = 1000;
        for (int t = 0; t < tries; ++t) {
            std::uint64_t k = 0;
            for (int i = 0; i < 200; ++i) k += random.below(1'000'000) < p * 1e6;
            const interval i = rate_interval(k, 200);
            covered += i.low <= p && p <= i.high;
        }
        EXPECT_GT(covered, tries * 92 / 100) << p;
        EXPECT_LT(covered, tries * 98 / 100) << p;
    }
}

TEST(statistics, bins_are_ten_a_decade) {
    EXPECT_EQ(bin_of(-5), 0U);
    EXPECT_EQ(bin_of(1), 0U);
    EXPECT_EQ(bin_of(10), 10U);
    EXPECT_EQ(bin_of(1000), 30U);
    EXPECT_EQ(bin_of(1e30), bin_count - 1);
    for (std::size_t b = 1; b + 1 < bin_count; ++b) EXPECT_EQ(bin_of(bin_begin(b) * 1.0001), b);
}

TEST(statistics, curves_cross_where_their_difference_changes_sign) {
    const double x[] = {1, 10, 100, 1000};
    const double rising[] = {1, 2, 4, 8};
    const double falling[] = {7, 4, 2, 1};
    EXPECT_NEAR(crossing(x, rising, falling), std::pow(10.0, 1.5), 1e-9);
    EXPECT_EQ(crossing(x, rising, std::vector<double>{9, 9, 9, 9}), 0);
}

// Each round has a drift of its own, as a machine has: an interval that took samples for independent would be a tenth
// as wide and miss the truth most of the time.
TEST(statistics, bootstrap_interval_covers_the_median_under_drift) {
    random_source random(3);
    const auto uniform = [&] { return random.below(1'000'000) / 1e6; };
    int covered = 0;
    constexpr int tries = 200;
    for (int t = 0; t < tries; ++t) {
        rounds_of_samples rounds;
        for (int r = 0; r < 40; ++r) {
            const double drift = 10 * (uniform() + uniform() + uniform() - 1.5);
            std::vector<double>& round = rounds.emplace_back();
            for (int i = 0; i < 25; ++i) round.push_back(100 + drift + uniform() - 0.5);
        }
        const distribution d = describe(rounds, random_source(static_cast<std::uint64_t>(t)));
        ASSERT_TRUE(d.of_median);
        EXPECT_LE(d.of_median->low, d.median);
        EXPECT_GE(d.of_median->high, d.median);
        covered += d.of_median->low <= 100 && 100 <= d.of_median->high;
    }
    EXPECT_GT(covered, tries * 88 / 100);
}

// One round drawn from one is always the same: [m, m] would say that the median is certain.
TEST(statistics, few_rounds_have_no_interval) {
    rounds_of_samples rounds;
    while (rounds.size() < fewest_rounds) {
        const auto more = static_cast<double>(rounds.size());
        rounds.push_back({1 + more, 2 + more, 3 + more});
        const distribution d = describe(rounds, random_source(1));
        EXPECT_EQ(d.of_median.has_value(), rounds.size() >= fewest_rounds);
        EXPECT_TRUE(!d.of_median || d.of_median->low < d.of_median->high);
    }
    EXPECT_EQ(rounds_of(20), fewest_rounds);
    EXPECT_EQ(rounds_of(10'000), 50U);
}

// A machine with a clock that drifts by a factor of three meanwhile, noise with a tail, and known prices.
TEST(sampler, recovers_planted_costs) {
    random_source noise(7);
    double drift = 1;
    const auto costing = [&](double ns, unsigned repeats) {
        return [&, ns, repeats](std::vector<double>& samples) {
            drift *= 1.0002;
            for (double& s : samples) {
                const double timer = 25 * drift;
                s = timer + ns * repeats + 0.1 * noise.below(10) + (noise.below(1000) == 0 ? 5000 : 0);
            }
        };
    };
    std::vector<price> prices(4);
    prices[0] = {.name = "timer", .sample = costing(0, 1)};
    prices[1] = {.name = "cheap", .repeats = 8, .less = "timer", .sample = costing(3, 8)};
    prices[2] = {.name = "dear", .less = "timer", .sample = costing(1100, 1)};
    prices[3] = {.name = "broken", .sample = [](std::vector<double>&) { throw std::runtime_error("is denied"); }};
    const std::vector<priced> all = take_samples(prices, {.samples = 10'000, .rounds = 50, .seed = 5, .go_on = {}});
    EXPECT_EQ(all[1].ns.n, 10'000U);
    EXPECT_NEAR(all[1].ns.median, 3, 0.1);
    EXPECT_NEAR(all[2].ns.median, 1100, 1);
    EXPECT_LE(all[2].ns.of_median->low, 1100.3);
    EXPECT_GE(all[2].ns.of_median->high, 1099.7);
    EXPECT_LT(all[2].ns.p99, 1105);
    EXPECT_GT(all[2].ns.max, 6000);  // the tail stays in
    EXPECT_EQ(all[3].failure, "is denied");
}

// Rounds of a price that failed hold no times: nothing would be subtracted.
TEST(sampler, what_contains_a_failed_price_has_none) {
    const auto ten = [](std::vector<double>& samples) { samples.assign(samples.size(), 10); };
    unsigned calls = 0;
    std::vector<price> prices(4);
    prices[0] = {.name = "timer", .sample = [&](std::vector<double>& samples) {
                     if (++calls == 3) throw std::runtime_error("is denied");
                     samples.assign(samples.size(), 4);
                 }};
    prices[1] = {.name = "contains it", .less = "timer", .sample = ten};
    prices[2] = {.name = "contains what there is not", .less = "clock", .sample = ten};
    prices[3] = {.name = "contains nothing", .sample = ten};
    const std::vector<priced> all = take_samples(prices, {.samples = 100, .rounds = 10, .seed = 1, .go_on = {}});
    EXPECT_EQ(all[0].failure, "is denied");
    EXPECT_EQ(all[1].failure, "no price of what a sample contains besides, timer: is denied");
    EXPECT_EQ(all[2].failure, "no price of what a sample contains besides, clock");
    EXPECT_EQ(all[3].ns.median, 10);
}

TEST(sampler, order_is_the_seeds) {
    const auto order_of = [](std::uint64_t seed) {
        std::string order;
        std::vector<price> prices;
        for (const char c : {'a', 'b', 'c', 'd'})
            prices.push_back({.name = {c}, .sample = [&order, c](std::vector<double>&) { order += c; }});
        take_samples(prices, {.samples = 20, .rounds = 10, .seed = seed, .go_on = {}});
        return order;
    };
    EXPECT_EQ(order_of(1), order_of(1));
    EXPECT_NE(order_of(1), order_of(2));
    EXPECT_NE(order_of(1).substr(0, 4), order_of(1).substr(4, 4) + order_of(1).substr(8, 4));
}

TEST(sampler, an_interrupt_keeps_what_is_done) {
    const std::vector<price> prices = {{.name = "a", .sample = [](std::vector<double>& s) { s.assign(s.size(), 1); }}};
    const auto some = take_samples(
        prices,
        {.samples = 100, .rounds = 10, .seed = 1, .go_on = [](std::size_t done, std::size_t) { return done < 3; }});
    EXPECT_EQ(some[0].ns.n, 30U);
    const auto none =
        take_samples(prices, {.samples = 100, .rounds = 10, .seed = 1, .go_on = [](auto, auto) { return false; }});
    EXPECT_FALSE(none[0].failure.empty());
}

// Cells of a fake machine: known rates, a fixed number of executions a nanosecond, a clock that only slices advance.
struct fake_map {
    std::vector<double> rates;
    std::uint64_t clock = 0;
    random_source random{11};

    std::vector<cell_counts> spend(std::uint64_t budget) {
        spending how;
        how.budget = budget;
        how.slice = 1000;
        how.now = [this] { return clock; };
        return cmodx::spend(rates.size(), how, [this](std::size_t cell, std::uint64_t ns) {
            clock += ns;
            cell_counts c;
            c.nanoseconds = ns;
            c.executions = ns;
            for (std::uint64_t i = 0; i < ns; ++i) c.torn += random.below(1'000'000'000) < rates[cell] * 1e9;
            return c;
        });
    }
};

TEST(adaptive, recovers_planted_rates) {
    fake_map map{.rates = {0, 0.5, 1e-4, 0.02, 0}};
    const auto counts = map.spend(2'000'000);
    int covered = 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
        const interval p = rate_interval(counts[i].torn, counts[i].executions);
        covered += p.low <= map.rates[i] && map.rates[i] <= p.high;
    }
    EXPECT_GE(covered, 4);
    EXPECT_GT(counts[2].torn, 0U);
    EXPECT_EQ(counts[0].torn, 0U);
}

TEST(adaptive, quiet_cells_get_the_time_and_the_budget_holds) {
    fake_map map{.rates = {0.5, 0, 0.5, 0}};
    const auto counts = map.spend(1'000'000);
    EXPECT_GT(counts[1].nanoseconds, 100 * counts[0].nanoseconds);
    EXPECT_LE(map.clock, 1'000'000U + 4 * 1000U);
    fake_map small{.rates = std::vector<double>(100, 0.0)};
    for (const cell_counts& c : small.spend(5000)) EXPECT_GT(c.executions, 0U);
    EXPECT_LE(small.clock, 10'000U);
}

}  // namespace
}  // namespace cmodx
