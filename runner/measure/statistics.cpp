// SPDX-License-Identifier: Apache-2.0
#include "runner/measure/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace cmodx {
namespace {

constexpr std::size_t replicates = 400;

// The medians of resampled rounds, without sorting each: the samples are sorted once, and a resample is a weight for
// each round.
interval bootstrap_median(const rounds_of_samples& rounds, random_source random) {
    struct sample {
        double value;
        std::uint32_t round;
    };
    std::vector<sample> sorted;
    for (std::uint32_t r = 0; r < rounds.size(); ++r)
        for (const double v : rounds[r]) sorted.push_back({v, r});
    std::sort(sorted.begin(), sorted.end(), [](const sample& a, const sample& b) { return a.value < b.value; });
    std::vector<double> medians;
    std::vector<std::uint32_t> weight(rounds.size());
    for (std::size_t i = 0; i < replicates; ++i) {
        std::fill(weight.begin(), weight.end(), 0);
        std::uint64_t total = 0;
        for (std::size_t drawn = 0; drawn < rounds.size(); ++drawn) {
            const std::uint32_t r = random.below(static_cast<std::uint32_t>(rounds.size()));
            ++weight[r];
            total += rounds[r].size();
        }
        std::uint64_t passed = 0;
        for (const sample& s : sorted) {
            passed += weight[s.round];
            if (2 * passed < total || total == 0) continue;
            medians.push_back(s.value);
            break;
        }
    }
    std::sort(medians.begin(), medians.end());
    return {percentile(medians, 0.025), percentile(medians, 0.975)};
}

}  // namespace

interval rate_interval(std::uint64_t k, std::uint64_t n) {
    if (n == 0) return {0, 1};
    const auto all = static_cast<double>(n);
    if (k == 0) return {0, std::min(1.0, 3 / all)};
    if (k >= n) return {std::max(0.0, 1 - 3 / all), 1};
    constexpr double z = 1.959963984540054;
    const double p = static_cast<double>(k) / all;
    const double spread = z * std::sqrt(p * (1 - p) / all + z * z / (4 * all * all));
    const double middle = p + z * z / (2 * all);
    const double scale = 1 + z * z / all;
    return {std::max(0.0, (middle - spread) / scale), std::min(1.0, (middle + spread) / scale)};
}

double percentile(std::span<const double> sorted, double p) {
    const double rank = std::ceil(p * static_cast<double>(sorted.size()));
    const auto index = static_cast<std::size_t>(std::max(1.0, rank)) - 1;
    return sorted[std::min(index, sorted.size() - 1)];
}

double median_of(std::vector<double> values) {
    if (values.empty()) return 0;
    std::sort(values.begin(), values.end());
    return percentile(values, 0.5);
}

distribution describe(const rounds_of_samples& rounds, random_source random) {
    std::vector<double> all;
    for (const std::vector<double>& r : rounds) all.insert(all.end(), r.begin(), r.end());
    std::sort(all.begin(), all.end());
    distribution d;
    d.n = all.size();
    d.min = all.front();
    d.median = percentile(all, 0.5);
    d.p90 = percentile(all, 0.9);
    d.p99 = percentile(all, 0.99);
    d.p999 = percentile(all, 0.999);
    d.max = all.back();
    if (rounds.size() >= fewest_rounds) d.of_median = bootstrap_median(rounds, random);
    d.bins.assign(bin_count, 0);
    for (const double v : all) ++d.bins[bin_of(v)];
    return d;
}

std::size_t bin_of(double value) {
    if (!(value > 1)) return 0;
    // A value on a bin's own edge belongs to that bin, whatever the logarithm rounds to.
    const auto bin = static_cast<std::size_t>(std::floor(10 * std::log10(value) + 1e-9));
    return std::min(bin, bin_count - 1);
}

double bin_begin(std::size_t bin) { return std::pow(10.0, static_cast<double>(bin) / 10); }

double crossing(std::span<const double> x, std::span<const double> one, std::span<const double> other) {
    double found = 0;
    for (std::size_t i = 1; i < x.size(); ++i) {
        const double before = one[i - 1] - other[i - 1];
        const double after = one[i] - other[i];
        if ((before < 0) == (after < 0)) continue;
        const double share = before / (before - after);
        found = std::exp(std::log(x[i - 1]) + share * (std::log(x[i]) - std::log(x[i - 1])));
    }
    return found;
}

interval central(std::vector<double> values) {
    std::erase(values, 0.0);
    if (values.empty()) return {};
    std::sort(values.begin(), values.end());
    return {percentile(values, 0.025), percentile(values, 0.975)};
}

}  // namespace cmodx
