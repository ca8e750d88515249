// SPDX-License-Identifier: Apache-2.0
// Spends a budget over the cells of a map: loud cells are known soon, quiet ones get the time that is left.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "runner/engine/random.hpp"
#include "runner/measure/statistics.hpp"

namespace cmodx {

// What was counted in a cell.
struct cell_counts {
    std::uint64_t executions = 0;
    std::uint64_t stores = 0;
    std::uint64_t torn = 0;   // within one instruction
    std::uint64_t mixed = 0;  // whole instructions of both generations
    std::uint64_t nanoseconds = 0;

    std::uint64_t seen() const { return torn + mixed; }
    void add(const cell_counts& other) {
        executions += other.executions;
        stores += other.stores;
        torn += other.torn;
        mixed += other.mixed;
        nanoseconds += other.nanoseconds;
    }
};

struct spending {
    std::uint64_t budget = 0;          // ns for the whole map
    std::uint64_t slice = 10'000'000;  // ns in one go
    std::uint64_t enough = 100;        // a cell that showed so much is known
    std::uint64_t seed = 0;
    std::function<std::uint64_t()> now;              // ns, monotonic
    std::function<bool(std::uint64_t spent)> go_on;  // asked before each slice
};

// Every cell once, in random order; then, for as long as the budget lasts, those that are not known yet, the one with
// the least time first. A budget too small for all cells leaves out none: slices become shorter.
inline std::vector<cell_counts> spend(std::size_t cells, const spending& how,
                                      const std::function<cell_counts(std::size_t cell, std::uint64_t ns)>& run) {
    std::vector<cell_counts> counts(cells);
    if (cells == 0) return counts;
    random_source random(how.seed);
    const std::uint64_t begin = how.now();
    const std::uint64_t share = how.budget / (2 * cells);
    const std::uint64_t slice = share < how.slice ? share + 1 : how.slice;
    std::vector<std::size_t> order(cells);
    for (std::size_t i = 0; i < cells; ++i) order[i] = i;
    while (true) {
        bool any = false;
        for (std::size_t i = cells; i > 1; --i)
            std::swap(order[i - 1], order[random.below(static_cast<std::uint32_t>(i))]);
        for (const std::size_t cell : order) {
            const bool first = counts[cell].nanoseconds == 0;
            const std::uint64_t spent = how.now() - begin;
            if (how.go_on && !how.go_on(spent)) return counts;
            if (!first && (spent >= how.budget || counts[cell].seen() >= how.enough)) continue;
            cell_counts more = run(cell, slice);
            if (more.nanoseconds == 0) more.nanoseconds = 1;
            counts[cell].add(more);
            any = true;
        }
        if (!any) return counts;
    }
}

}  // namespace cmodx
