// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep toggle`: one thread calls a function whose first instruction another toggles between a NOP and a branch;
// how much slower are the calls, by toggles a second? Beside it the figures of LiteInst.
#include <fmt/format.h>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"

namespace cmodx {
namespace {

constexpr double rates[] = {10e3, 100e3, 500e3, 1e6, 1e12};  // a second; the last is unlimited
constexpr std::string_view liteinst =
    "B. Chamith, B. Svensson, L. Dalessandro, R. Newton, \"Instruction Punning: Lightweight Instrumentation for "
    "x86-64\", "
    "PLDI 2017, and its authors' data";
constexpr struct {
    double rate, low, high;  // percent
} published[] = {{10e3, 0, 0.6}, {100e3, 1.2, 2.3}, {500e3, 5.7, 11}, {1e6, 11.6, 21.5}};

// What a caller does besides calling: some thirty instructions. A loop of calls alone runs at one of several
// speeds by what its branches' prediction settled on, here 500 to 760 M calls a second, and any disturbance may move it
// to another: that, not the toggles, would be measured.
void work(std::uintptr_t value) {
    for (unsigned i = 0; i < 10; ++i) {
        value = value * 0x9e3779b1 + i;
        asm volatile("" : "+r"(value));
    }
}

class toggling {
  public:
    toggling(const sweep_machine& machine, std::size_t offset)
        : machine_(machine),
          code_(machine.isa(), machine.context().site("nop_branch"), mapping::same, offset),
          frame_(code_.frame()),
          writer_(code_.assemble([&](code_buffer& to) {
              machine.isa().store_code(to, 0, code_.site().patch_size);
              machine.emit_writer(to);
          })) {}

    struct outcome {
        double calls_per_second = 0;
        double toggles_per_second = 0;
    };
    // The writer reads its clock and stores nothing. NOP and branch by themselves cost differently, and toggled code is
    // each of them half of the time: so is this.
    outcome untoggled(std::uint64_t ns) {
        double time_of_call = 0;
        for (const std::uint32_t state : {0u, 1u}) {
            put(state);
            time_of_call += 0.5 / run(0, ns / 2).calls_per_second;
        }
        return {1 / time_of_call, 0};
    }
    outcome run(double rate, std::uint64_t ns) {
        std::uint64_t calls = 0;
        std::uint64_t toggles = 0;
        std::uint64_t executed_ns = 0;
        std::atomic<bool> warm{false};
        const std::uint64_t begin = platform::nanoseconds();
        {
            company executor(machine_.context().others(1), [&](unsigned, const std::atomic<bool>& stop) {
                const auto code = reinterpret_cast<std::uintptr_t (*)()>(code_.entry());
                code();
                warm = true;
                const std::uint64_t started = thread_nanoseconds();
                while (!stop.load(std::memory_order_relaxed)) {
                    for (unsigned i = 0; i < 256; ++i) work(code());
                    calls += 256;
                }
                executed_ns = thread_nanoseconds() - started;
            });
            platform::pin(machine_.context().cpus[0]);
            while (!warm) platform::pause();
            const std::uint64_t started = platform::nanoseconds();
            for (std::uint64_t now = started; now - started < ns; now = platform::nanoseconds()) {
                const double due = rate * static_cast<double>(now - started) * 1e-9;
                if (static_cast<double>(toggles) >= due) continue;
                put(static_cast<std::uint32_t>(++toggles));
            }
        }
        const double seconds = static_cast<double>(platform::nanoseconds() - begin) * 1e-9;
        return {static_cast<double>(calls) / (static_cast<double>(executed_ns) * 1e-9),
                static_cast<double>(toggles) / seconds};
    }

  private:
    void put(std::uint32_t generation) {
        code_.choose(*frame_, generation);
        writer_(frame_->words.data());
    }

    const sweep_machine& machine_;
    rig code_;
    std::unique_ptr<thread_frame> frame_;
    stub writer_;
};

}  // namespace

int sweep_toggle(const measure_arguments& arguments) {
    measurement m(arguments, 12);
    if (m.cpus().size() < 2) {
        fmt::print(stderr, "cmodx: sweep toggle needs two CPUs\n");
        return exit_nothing;
    }
    const sweep_machine machine(m);
    constexpr std::size_t count = std::size(rates);
    constexpr std::size_t rounds = 20;
    const std::uint64_t piece = m.budget_ns() / (2 * rounds * count) + 1;
    random_source random(m.seed());
    std::vector<std::vector<double>> losses(count);  // percent
    std::vector<std::vector<double>> reached(count);
    std::vector<double> quiet;
    // Each round has the code elsewhere, in its page and, as none is freed, in memory: prediction depends on that.
    std::vector<std::unique_ptr<toggling>> places;
    for (std::size_t round = 0; round < rounds; ++round) {
        const std::size_t lines = platform::page_size() / 64;
        places.push_back(
            std::make_unique<toggling>(machine, 64 * std::size_t{random.below(static_cast<std::uint32_t>(lines))}));
        std::vector<std::size_t> order;
        for (std::size_t i = 0; i < count; ++i)
            order.insert(order.begin() + random.below(static_cast<std::uint32_t>(i + 1)), i);
        for (const std::size_t i : order) {
            if (!m.go_on("toggles", static_cast<double>(round) / rounds)) break;
            // A pair: untoggled and toggled, in either order, so that drift cancels.
            const bool first = random.below(2) != 0;
            toggling::outcome with{};
            toggling::outcome without{};
            for (const bool toggled : {first, !first})
                (toggled ? with : without) =
                    toggled ? places.back()->run(rates[i], piece) : places.back()->untoggled(piece);
            losses[i].push_back(100 * (1 - with.calls_per_second / without.calls_per_second));
            reached[i].push_back(with.toggles_per_second);
            quiet.push_back(without.calls_per_second);
        }
    }
    if (!m.csv())
        fmt::print("{:.1f} M calls a second without a toggle\n{:>12}{:>14}{:>10}{:>22}   LiteInst, percent\n",
                   median_of(quiet) / 1e6, "asked for", "toggles/s", "loss", "95 %");
    else
        fmt::print("asked_hz,reached_hz,loss_percent,low,high,n\n");
    std::vector<curve_point> points;
    for (std::size_t i = 0; i < count; ++i) {
        if (losses[i].empty()) continue;
        std::vector<double> replicates;
        for (int b = 0; b < 400; ++b) {
            std::vector<double> drawn;
            for (std::size_t k = 0; k < losses[i].size(); ++k)
                drawn.push_back(losses[i][random.below(static_cast<std::uint32_t>(losses[i].size()))]);
            const double middle = median_of(drawn);
            replicates.push_back(middle == 0 ? 1e-9 : middle);
        }
        const double rate = median_of(reached[i]);
        points.push_back({rate, median_of(losses[i]), {}, losses[i].size()});
        if (losses[i].size() >= fewest_rounds) points.back().range = central(replicates);
        const curve_point& p = points.back();
        std::string theirs;
        for (const auto& of : published)
            if (of.rate == rates[i]) theirs = fmt::format("{} … {}", of.low, of.high);
        const std::string asked = rates[i] > 1e9 ? "unlimited" : fmt::format("{:.0f} k/s", rates[i] / 1e3);
        if (m.csv())
            fmt::print("{:.0f},{:.0f},{:.3f},{},{}\n", rates[i], rate, p.y,
                       p.range ? fmt::format("{:.3f},{:.3f}", p.range->low, p.range->high) : ",", p.n);
        else
            fmt::print("{:>12}{:>14.0f}{:>8.2f} %{:>22}   {:<14} {}\n", asked, rate, p.y,
                       p.range ? fmt::format("{:.2f} … {:.2f}", p.range->low, p.range->high) : "too few rounds", theirs,
                       log_bar(p.y, 0.1, 100, 20));
    }
    const axis x = {"toggles", "1/s"};
    const axis y = {"loss of calls", "%"};
    m.add_curve("toggle", "here", x, y, points);
    std::vector<curve_point> theirs;
    for (const auto& of : published) theirs.push_back({of.rate, (of.low + of.high) / 2, interval{of.low, of.high}, 0});
    m.add_curve("toggle", "LiteInst", x, y, theirs, liteinst);
    m.add_finding("toggle",
                  fmt::format("The code that is toggled is called in a loop that also does other work, {:.1f} M "
                              "calls a second; LiteInst's authors have 69.5 M.",
                              median_of(quiet) / 1e6));
    return m.finish();
}

}  // namespace cmodx
