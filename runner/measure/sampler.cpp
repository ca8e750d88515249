// SPDX-License-Identifier: Apache-2.0
#include "runner/measure/sampler.hpp"

#include <algorithm>
#include <exception>
#include <numeric>

namespace cmodx {
namespace {

void one_round(const price& p, std::vector<double>& samples) {
    try {
        if (p.begin) p.begin();
        p.sample(samples);
    } catch (...) {
        if (p.end) p.end();
        throw;
    }
    if (p.end) p.end();
}

}  // namespace

std::vector<priced> take_samples(const std::vector<price>& prices, const sampling& how) {
    std::vector<priced> results(prices.size());
    std::vector<rounds_of_samples> taken(prices.size());
    random_source random(how.seed);
    const std::size_t each = (how.samples + how.rounds - 1) / how.rounds;
    std::vector<std::size_t> order(prices.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    for (std::size_t round = 0; round < how.rounds; ++round) {
        if (how.go_on && !how.go_on(round, how.rounds)) break;
        for (std::size_t i = order.size(); i > 1; --i)
            std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
        for (const std::size_t i : order) {
            std::vector<double>& samples = taken[i].emplace_back(each);
            if (!results[i].failure.empty()) continue;
            try {
                one_round(prices[i], samples);
            } catch (const std::exception& e) {
                results[i].failure = e.what();
            }
        }
    }
    for (std::size_t i = 0; i < prices.size(); ++i) {
        priced& r = results[i];
        r.of = &prices[i];
        if (taken[i].empty()) r.failure = "interrupted before the first round";
        if (!r.failure.empty()) continue;
        const std::string& less = prices[i].less;
        const auto base = static_cast<std::size_t>(
            std::find_if(prices.begin(), prices.end(), [&](const price& p) { return p.name == less; }) -
            prices.begin());
        if (!less.empty() && (base == prices.size() || !results[base].failure.empty())) {
            r.failure = "no price of what a sample contains besides, " + less +
                        (base == prices.size() ? "" : ": " + results[base].failure);
            continue;
        }
        rounds_of_samples net = taken[i];
        std::vector<double> subtracted;
        for (std::size_t round = 0; round < net.size(); ++round) {
            const double around = less.empty() ? 0 : median_of(taken[base][round]);
            subtracted.push_back(around);
            for (double& v : net[round]) v = (v - around) / prices[i].repeats;
        }
        r.subtracted = median_of(subtracted);
        r.ns = describe(net, random_source(how.seed + i));
    }
    return results;
}

}  // namespace cmodx
