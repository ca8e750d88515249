// SPDX-License-Identifier: Apache-2.0
// Takes samples of many prices in turn, in another order each round, so that drift of the machine cancels; the cost of
// the timer and of the stub around what is measured is a price of its own, and is subtracted round by round.
//
// Why not Google Benchmark: it reports means over iterations of one benchmark after the other, and has neither tails
// nor an interleaved order.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "runner/measure/statistics.hpp"

namespace cmodx {

// Something that costs time.
struct price {
    std::string name{};
    std::string group{};
    std::string meaning{};
    unsigned repeats = 1;           // how often a sample does it; what is reported is one
    std::string less{};             // name of the price that a sample contains besides; empty: nothing
    std::string mapping{};          // empty: has none
    std::string state{};            // of the executors meanwhile; empty: there are none
    int executors = -1;             // negative: does not apply
    int from = -1, to = -1;         // numbers of CPUs
    std::function<void()> begin{};  // before the samples of a round, and
    std::function<void()> end{};    // behind them; may be empty
    std::function<void(std::vector<double>&)> sample{};  // replaces every element by a sample, ns
};

struct priced {
    const price* of = nullptr;
    double subtracted = 0;  // ns, the median of `less`
    distribution ns;        // of one repeat
    std::string failure;    // why there are no samples
};

struct sampling {
    std::size_t samples = 10'000;  // of each price
    std::size_t rounds = 50;       // an interval wants fewest_rounds
    std::uint64_t seed = 0;
    std::function<bool(std::size_t done, std::size_t all)> go_on{};  // asked before each round; false ends it
};

// Rounds of 20 samples at least, unless that were too few rounds.
inline std::size_t rounds_of(std::size_t samples) { return std::clamp<std::size_t>(samples / 20, fewest_rounds, 50); }

// A price whose functions throw std::exception has that as its failure, and so have those that contain it; the others
// go on.
std::vector<priced> take_samples(const std::vector<price>& prices, const sampling& how);

}  // namespace cmodx
