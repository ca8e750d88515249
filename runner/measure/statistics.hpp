// SPDX-License-Identifier: Apache-2.0
// What samples and counts come to: order statistics, a bootstrap interval of the median, an interval of a rate.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "runner/engine/random.hpp"

namespace cmodx {

struct interval {
    double low = 0;
    double high = 0;
};

// 95 % interval of a probability of which k of n were seen: Wilson's, and [0, 3/n] for none, [1 - 3/n, 1] for all;
// [0, 1] of nothing. The same as ci/cmodx_ci/interval.py.
interval rate_interval(std::uint64_t k, std::uint64_t n);

// The smallest value that at least the share p of the values does not exceed; `sorted` is not empty.
double percentile(std::span<const double> sorted, double p);
double median_of(std::vector<double> values);

// Samples taken in rounds, one vector a round. Between rounds other things were measured, so that what drifts differs
// from round to round: the bootstrap draws rounds, not samples, and the drift is inside its interval.
using rounds_of_samples = std::vector<std::vector<double>>;
// Of fewer it says nothing: of one, that the median is certain.
inline constexpr std::size_t fewest_rounds = 5;

struct distribution {
    std::size_t n = 0;
    double min = 0, median = 0, p90 = 0, p99 = 0, p999 = 0, max = 0;
    std::optional<interval> of_median;  // 95 %, percentile bootstrap over rounds; none of fewer than fewest_rounds
    std::vector<std::uint64_t> bins;    // counts by `bin_of`
};
// `rounds` holds one sample at least.
distribution describe(const rounds_of_samples& rounds, random_source random);

// Bins of a histogram on a logarithmic axis: ten a decade from 1 to 10^9, below and above in the first and the last.
inline constexpr std::size_t bin_count = 91;
std::size_t bin_of(double value);
double bin_begin(std::size_t bin);

// Where two curves over the same rising x cross, between the points where their difference changes sign for the last
// time, by the logarithm of x; 0 when they do not.
double crossing(std::span<const double> x, std::span<const double> one, std::span<const double> other);

// Two-sided 95 % percentiles of bootstrap replicates; those that are 0 (no value) are left out.
interval central(std::vector<double> replicates);

}  // namespace cmodx
