// SPDX-License-Identifier: Apache-2.0
// Prices on a terminal, and as CSV.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "runner/measure/clock.hpp"
#include "runner/measure/measurement.hpp"

namespace cmodx {

std::string in_time_units(double ns) {
    const double size = std::abs(ns);
    if (size < 1e3) return fmt::format("{:.{}f} ns", ns, size < 100 ? 1 : 0);
    if (size < 1e6) return fmt::format("{:.{}f} µs", ns / 1e3, size < 1e5 ? 2 : 0);
    if (size < 1e9) return fmt::format("{:.{}f} ms", ns / 1e6, size < 1e8 ? 2 : 0);
    return fmt::format("{:.2f} s", ns / 1e9);
}

std::string log_bar(double value, double low, double high, std::size_t width) {
    if (!(value > low) || !(high > low)) return {};
    const double share = std::min(1.0, std::log(value / low) / std::log(high / low));
    const auto eighths = static_cast<std::size_t>(share * static_cast<double>(8 * width));
    constexpr std::string_view parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    std::string bar;
    for (std::size_t i = 0; i < eighths / 8; ++i) bar += "█";
    return bar + std::string(parts[eighths % 8]);
}

namespace {

// Groups in the order in which they begin.
std::vector<priced> by_group(std::vector<priced> prices) {
    std::vector<std::string> groups;
    for (const priced& p : prices)
        if (std::find(groups.begin(), groups.end(), p.of->group) == groups.end()) groups.push_back(p.of->group);
    const auto rank = [&](const priced& p) { return std::find(groups.begin(), groups.end(), p.of->group); };
    std::stable_sort(prices.begin(), prices.end(), [&](const priced& a, const priced& b) { return rank(a) < rank(b); });
    return prices;
}

void print_csv(const std::vector<priced>& prices) {
    fmt::print("group,name,n,median_ns,median_low_ns,median_high_ns,p90_ns,p99_ns,p999_ns,max_ns,failure\n");
    for (const priced& p : prices) {
        std::string failure = p.failure;
        std::replace(failure.begin(), failure.end(), '"', '\'');
        const auto& known = p.ns.of_median;
        fmt::print("{},\"{}\",{},{:.2f},{},{:.2f},{:.2f},{:.2f},{:.2f},\"{}\"\n", p.of->group, p.of->name, p.ns.n,
                   p.ns.median, known ? fmt::format("{:.2f},{:.2f}", known->low, known->high) : ",", p.ns.p90, p.ns.p99,
                   p.ns.p999, p.ns.max, failure);
    }
}

}  // namespace

void print_prices(const measurement& m, const std::vector<priced>& prices) {
    if (m.csv()) {
        print_csv(prices);
        return;
    }
    const bool cycles = the_clock().counter && target::ticks_are_cycles;
    std::string group;
    std::size_t widest = 0;
    for (const priced& p : prices) widest = std::max(widest, p.of->name.size());
    for (const priced& p : by_group(prices)) {
        if (p.of->group != group) {
            group = p.of->group;
            fmt::print("\n{:<{}} {:>10} {:>22} {:>10} {:>10} {:>10} {:>10}{}  1 ns … 1 ms\n", group, widest, "median",
                       "95 % of it", "p90", "p99", "p99.9", "max", cycles ? fmt::format(" {:>9}", "cycles") : "");
        }
        if (!p.failure.empty()) {
            fmt::print("{:<{}} – {}\n", p.of->name, widest, p.failure);
            continue;
        }
        const distribution& d = p.ns;
        fmt::print(
            "{:<{}} {:>10} {:>22} {:>10} {:>10} {:>10} {:>10}{}  {}\n", p.of->name, widest, in_time_units(d.median),
            d.of_median ? fmt::format("{} … {}", in_time_units(d.of_median->low), in_time_units(d.of_median->high))
                        : "too few rounds",
            in_time_units(d.p90), in_time_units(d.p99), in_time_units(d.p999), in_time_units(d.max),
            cycles ? fmt::format(" {:>9.0f}", d.median / the_clock().ns_per_tick) : "", log_bar(d.median, 1, 1e6, 24));
    }
}

}  // namespace cmodx
