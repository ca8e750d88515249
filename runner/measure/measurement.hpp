// SPDX-License-Identifier: Apache-2.0
// One run of `bench` or `sweep`: its document (results/schema.json, cmodx-measurement/1), progress, and interrupt.
#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runner/environment.hpp"
#include "runner/measure/adaptive.hpp"
#include "runner/measure/sampler.hpp"

namespace cmodx {

struct measure_arguments {
    std::string what;
    double seconds = 0;  // 0: the command's own
    std::size_t samples = 10'000;
    std::string cpus;  // empty: all that this process may use
    std::string seed;  // empty: drawn
    std::string format = "table";
    std::string output;
    std::string machine = "native";
    std::vector<std::string> command;
};

// A point of a curve; `of` is what a point may belong to besides.
struct curve_point {
    double x = 0;
    double y = 0;
    std::optional<interval> range;  // none: too little is known
    std::uint64_t n = 0;
};
struct axis {
    std::string_view name;
    std::string_view unit;
};

class measurement {
  public:
    // `seconds` is for a caller who named none. Throws usage_error.
    measurement(const measure_arguments& arguments, double seconds);
    ~measurement();
    measurement(const measurement&) = delete;
    measurement& operator=(const measurement&) = delete;

    const environment& here() const { return here_; }
    const std::vector<unsigned>& cpus() const { return cpus_; }
    std::uint64_t seed() const { return seed_; }
    double seconds() const { return seconds_; }
    std::uint64_t budget_ns() const { return static_cast<std::uint64_t>(seconds_ * 1e9); }
    bool csv() const { return arguments_.format == "csv"; }

    // Shows how far this is, 0 to 1; false: the person at the terminal has had enough.
    bool go_on(std::string_view what, double share);
    bool interrupted() const;

    void add(const priced& p);
    // A cell of a map: where it is, and what was counted there.
    void add_cell(std::string_view map, const std::vector<std::pair<std::string_view, std::int64_t>>& at,
                  const cell_counts& counts);
    void add_cell(std::string_view map, const std::vector<std::pair<std::string_view, std::int64_t>>& at,
                  const cell_counts& counts, double nanoseconds);
    // `source` is set for figures that others have published.
    void add_curve(std::string_view curve, std::string_view name, axis x, axis y,
                   const std::vector<curve_point>& points, std::string_view source = {});
    // A sentence that follows from the numbers, with its own number if it has one.
    void add_finding(std::string_view name, std::string_view text);
    void add_claim(std::string_view claim, std::string_view source, std::string_view price, std::string_view measured);

    // Writes the document, says what ran where; the exit code.
    int finish();

  private:
    measure_arguments arguments_;
    environment here_;
    std::vector<unsigned> cpus_;
    std::uint64_t seed_ = 0;
    double seconds_ = 0;
    std::unique_ptr<nlohmann::ordered_json> document_;
    std::uint64_t begin_ = 0;
    bool shown_ = false;
    std::uint64_t last_shown_ = 0;
};

// "1.23 µs", with a unit that suits; "—" for what is below the clock's noise.
std::string in_time_units(double ns);
// A bar of at most `width` characters on a logarithmic scale from `low` to `high`.
std::string log_bar(double value, double low, double high, std::size_t width);
// Nothing, or whose times these are when no CPU runs the instructions itself.
std::string emulator_here(const environment& here);
void print_prices(const measurement& m, const std::vector<priced>& prices);

}  // namespace cmodx
