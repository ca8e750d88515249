// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runner/bench/prices.hpp"
#include "runner/measure/measurement.hpp"

namespace cmodx {

// Adds two curves and a finding; takes about `ns`.
void measure_crossover(measurement& m, const bench_context& c, const std::vector<priced>& prices, std::uint64_t ns);

// What was claimed of these costs when the suite was wished for, each beside the number from here.
void add_claims(measurement& m, const std::vector<priced>& prices);

}  // namespace cmodx
