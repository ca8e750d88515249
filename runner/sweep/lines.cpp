// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep lines`: a thread modifies the code in many lines, maintains them by the architecture's own protocol, and
// runs them all: cost by number of lines; cost and stale executions by every set and way of a first-level cache.
#include <fmt/format.h>

#include <cstring>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"

namespace cmodx {
namespace {

constexpr std::size_t line = 64;
constexpr std::size_t sets = 64;  // of a cache whose ways are a page each, as first-level caches' mostly are
constexpr std::size_t ways = 16;
constexpr std::size_t all_lines = sets * ways;
constexpr std::size_t line_counts[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};

// A site in every line; line number n lies in set n % sets, and the n / sets-th line of that set.
class lines {
  public:
    explicit lines(const sweep_machine& machine)
        : site_(machine.context().site("imm")), memory_(platform::map(mapping::same, all_lines * line)) {
        if (memory_.executable == nullptr) throw refused(memory_.failure);
        for (std::size_t n = 0; n < all_lines; ++n) {
            code_buffer code{memory_.writable + n * line, line};
            site_.emit(code);
        }
        platform::synchronize(memory_.executable, memory_.size);
        for (unsigned g = 0; g < 256; ++g) {
            const auto generation = static_cast<std::uint8_t>(g % site_.generations);
            tokens_[g] = token(generation, site_.token_bits);
            code_buffer patch{patches_[g].data(), patches_[g].size()};
            site_.emit_patch(patch, generation);
        }
        steps_ = stubs_.assemble(machine.isa(), [&](code_buffer& to) { machine.emit_self(to); });
        point(frame_, memory_.writable, memory_.executable, line, 0, flag_);
    }
    ~lines() { platform::unmap(memory_); }
    lines(const lines&) = delete;
    lines& operator=(const lines&) = delete;

    void modify(std::size_t n, std::uint32_t g) {
        std::uint32_t word = 0;
        std::memcpy(&word, patches_[g & 0xff].data(), site_.patch_size);
        auto* const at = reinterpret_cast<std::uint32_t*>(memory_.writable + n * line + site_.patch);
        std::atomic_ref<std::uint32_t>(*at).store(word, std::memory_order_relaxed);
    }
    void maintain(std::size_t first, std::size_t count) {
        frame_.words[word_of(field::begin, 0)] = reinterpret_cast<std::uintptr_t>(memory_.executable + first * line);
        frame_.words[word_of(field::end, 0)] =
            reinterpret_cast<std::uintptr_t>(memory_.executable + (first + count) * line);
        steps_(frame_.words.data());
    }
    // True: it was of generation g.
    bool run(std::size_t n, std::uint32_t g) const {
        const auto entry = reinterpret_cast<std::uintptr_t>(memory_.executable + n * line + site_.entry);
        return reinterpret_cast<std::uint32_t (*)()>(entry)() == tokens_[g & 0xff];
    }

  private:
    const site_layout& site_;
    platform::code_memory memory_;
    stub_room stubs_{16 * 1024};
    stub steps_ = nullptr;
    thread_frame frame_;
    std::atomic<std::uint32_t> flag_{0};
    std::array<std::uint32_t, 256> tokens_{};
    std::array<std::array<std::uint8_t, 256>, 256> patches_{};
};

struct by_count {
    std::vector<double> modified;  // ns, store and maintenance
    std::vector<double> run;       // ns, the first execution of all
};

}  // namespace

int sweep_lines(const measure_arguments& arguments) {
    measurement m(arguments, 10);
    const sweep_machine machine(m);
    platform::pin(m.cpus()[0]);
    lines code(machine);
    const stopwatch watch;
    std::array<by_count, std::size(line_counts)> counted;
    std::vector<std::vector<double>> cost(all_lines);
    std::vector<cell_counts> cells(all_lines);
    random_source random(m.seed());
    std::uint32_t g = 0;
    std::uint64_t old = 0;
    std::uint64_t executed = 0;
    for (std::size_t n = 0; n < all_lines; ++n) code.run(n, 0);
    const std::uint64_t begin = platform::nanoseconds();
    for (std::uint64_t spent = 0; spent < m.budget_ns() || cells.back().executions == 0;
         spent = platform::nanoseconds() - begin) {
        if (!m.go_on("lines", std::min(1.0, static_cast<double>(spent) / static_cast<double>(m.budget_ns())))) break;
        const std::size_t i = random.below(std::size(line_counts));
        const std::size_t count = line_counts[i];
        const std::size_t first = count == all_lines ? 0 : random.below(static_cast<std::uint32_t>(all_lines - count));
        ++g;
        counted[i].modified.push_back(timed(watch, [&] {
            for (std::size_t n = first; n < first + count; ++n) code.modify(n, g);
            code.maintain(first, count);
        }));
        counted[i].run.push_back(timed(watch, [&] {
            for (std::size_t n = first; n < first + count; ++n) old += !code.run(n, g);
        }));
        executed += count;
        // One line after the other, through all sets and ways; everything else stays as it was and is cached or not.
        for (std::size_t k = 0; k < all_lines; ++k) {
            const std::size_t n = (k * 37) % all_lines;
            ++g;
            bool fresh = true;
            cost[n].push_back(timed(watch, [&] {
                code.modify(n, g);
                code.maintain(n, 1);
                fresh = code.run(n, g);
            }));
            cells[n].executions += 1;
            cells[n].stores += 1;
            cells[n].torn += !fresh;
        }
    }
    if (m.csv())
        fmt::print("lines,modify_ns,run_ns,n\n");
    else
        fmt::print("{:>7} {:>14} {:>14}   a line\n", "lines", "modify", "run anew");
    std::vector<curve_point> modified;
    std::vector<curve_point> run;
    for (std::size_t i = 0; i < std::size(line_counts); ++i) {
        if (counted[i].run.empty()) continue;
        const auto count = static_cast<double>(line_counts[i]);
        const auto add = [&](std::vector<curve_point>& to, const std::vector<double>& values) {
            std::vector<double> sorted = values;
            std::sort(sorted.begin(), sorted.end());
            const interval most = {percentile(sorted, 0.1), percentile(sorted, 0.9)};
            to.push_back({count, percentile(sorted, 0.5), most, sorted.size()});
        };
        add(modified, counted[i].modified);
        add(run, counted[i].run);
        if (m.csv())
            fmt::print("{},{:.1f},{:.1f},{}\n", line_counts[i], modified.back().y, run.back().y, run.back().n);
        else
            fmt::print("{:>7} {:>14} {:>14}   {} {}\n", line_counts[i], in_time_units(modified.back().y),
                       in_time_units(run.back().y), in_time_units((modified.back().y + run.back().y) / count),
                       log_bar(modified.back().y + run.back().y, 10, 1e6, 20));
    }
    const axis x = {"lines", "1"};
    const axis y = {"time for all (p10 … p90)", "ns"};
    m.add_curve("lines", "store and maintain", x, y, modified);
    m.add_curve("lines", "run anew", x, y, run);
    std::uint64_t missed = 0;
    for (std::size_t n = 0; n < all_lines; ++n) {
        old += cells[n].torn;
        executed += cells[n].executions;
        missed += cells[n].torn != 0;
        m.add_cell("lines",
                   {{"set", static_cast<std::int64_t>(n % sets)}, {"way", static_cast<std::int64_t>(n / sets)}},
                   cells[n], median_of(cost[n]));
    }
    m.add_finding("lines",
                  fmt::format("After {}, the old code ran {} of {} times; in {} of {} lines of {} sets and {} ways.",
                              joined(machine.self().writer), old, executed, missed, all_lines, sets, ways));
    return m.finish();
}

}  // namespace cmodx
