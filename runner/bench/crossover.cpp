// SPDX-License-Identifier: Apache-2.0
// Lazy check against broadcast: every call loads a generation and synchronizes when it is new, or the writer has every
// CPU synchronize and calls load nothing. Which is cheaper depends on how many calls there are to an update.
#include "runner/bench/crossover.hpp"

#include <fmt/format.h>

#include <map>

#include "runner/bench/prices.hpp"

namespace cmodx {
namespace {

constexpr std::uint32_t never = ~0u;

// An executor that calls, and a writer that updates after each `calls_per_update` calls: ns of both CPUs a call.
class contest {
  public:
    contest(const bench_context& c, const test_case& lazy, const test_case& broadcast)
        : context_(c),
          code_(c.on.isa, *lazy.site, lazy.path),
          writer_frame_(code_.frame()),
          executor_frame_(code_.frame()) {
        const architecture& a = c.on.isa;
        const auto writer = [&](const test_case& t) {
            return code_.assemble([&](code_buffer& to) {
                a.store_code(to, 0, t.site->patch_size);
                for (const step* s : t.writer) s->emit(to, 0);
                a.store_flag(to, 0, contains(t.writer, "stlr") || contains(t.writer, "rel"));
            });
        };
        writers_ = {writer(lazy), writer(broadcast)};
        executors_[0] = code_.assemble([&](code_buffer& to) {
            a.load_flag(to, 0, 0, contains(lazy.executor, "acq"));
            std::array<std::uint8_t, most_step_bytes> room;
            code_buffer measured{room.data(), room.size()};
            for (const step* s : lazy.executor) s->emit(measured, 0);
            a.skip_old(to, measured.size);
            for (const step* s : lazy.executor) s->emit(to, 0);
            a.fetch(to, 0, 1);
        });
        executors_[1] = code_.assemble([&](code_buffer& to) { a.fetch(to, 0, 1); });
    }

    double cost(bool broadcast, std::uint32_t calls_per_update, std::uint64_t ns) {
        asked_ = 0;
        done_ = 0;
        std::vector<double> updates;  // ns each
        const stopwatch watch = context_.watch;
        double executor_ns = 0;
        std::uint64_t calls = 0;
        std::atomic<bool> over{false};
        {
            company executor(context_.others(1), [&](unsigned, const std::atomic<bool>&) {
                execute(broadcast, calls_per_update, ns, executor_ns, calls);
                over = true;
            });
            platform::pin(context_.cpus[0]);
            std::uint32_t made = 0;
            for (unsigned spins = 1; !over.load(std::memory_order_relaxed); ++spins) {
                if (asked_.load(std::memory_order_acquire) == made) {
                    platform::pause();
                    if (spins % 4096 == 0) platform::yield();
                    continue;
                }
                code_.choose(*writer_frame_, ++generation_);
                updates.push_back(timed(watch, [&] { writers_[broadcast](writer_frame_->words.data()); }));
                done_.store(++made, std::memory_order_release);
            }
        }
        if (writer_frame_->failed()) throw refused("a system call of the protocol failed");
        // By the median: an update in whose middle others had the CPU says nothing of the protocol.
        const double writer_ns = median_of(updates) * static_cast<double>(updates.size());
        return (executor_ns + writer_ns) / static_cast<double>(std::max<std::uint64_t>(calls, 1));
    }

  private:
    void execute(bool broadcast, std::uint32_t calls_per_update, std::uint64_t ns, double& spent,
                 std::uint64_t& calls) {
        const stub run = executors_[broadcast];
        const std::uint64_t end = platform::nanoseconds() + ns;
        thread_frame& f = *executor_frame_;
        std::uint32_t until = calls_per_update;
        std::uint32_t asked = 0;
        const double reading = cost_of_reading();
        double waited = 0;
        const std::uint64_t begin = thread_nanoseconds();
        // At least four updates, so that a ratio is what it says.
        while (platform::nanoseconds() < end || (calls_per_update != never && asked < 4)) {
            for (unsigned i = 0; i < 1024; ++i) {
                run(f.words.data());
                // As a generated check would: the generation that was acted upon is kept in memory of the thread.
                if (!broadcast) f[field::last_flag] = f.observed(0);
                ++calls;
                if (--until != 0) continue;
                until = calls_per_update;
                waited += wait_for(asked, reading);
                asked_.store(++asked, std::memory_order_release);
            }
        }
        waited += wait_for(asked, reading);
        spent = static_cast<double>(thread_nanoseconds() - begin) - waited;
    }
    // The clock of a thread is a system call, and two readings are apart by as much as one costs.
    static double cost_of_reading() {
        std::vector<double> apart;
        for (int i = 0; i < 101; ++i) {
            const std::uint64_t begin = thread_nanoseconds();
            apart.push_back(static_cast<double>(thread_nanoseconds() - begin));
        }
        return median_of(apart);
    }
    // The writer may be one update behind; how long the executor waits for it is no cost of the protocol, nor are both
    // readings of the clock, of which one lies between the moments that they tell.
    double wait_for(std::uint32_t asked, double reading) const {
        if (done_.load(std::memory_order_acquire) == asked) return 0;
        const std::uint64_t begin = thread_nanoseconds();
        for (unsigned spins = 1; done_.load(std::memory_order_acquire) != asked; ++spins) {
            platform::pause();
            if (spins % 4096 == 0) platform::yield();
        }
        return static_cast<double>(thread_nanoseconds() - begin) + reading;
    }

    const bench_context& context_;
    rig code_;
    std::unique_ptr<thread_frame> writer_frame_;
    std::unique_ptr<thread_frame> executor_frame_;
    std::array<stub, 2> writers_{};
    std::array<stub, 2> executors_{};
    std::uint32_t generation_ = 0;
    std::atomic<std::uint32_t> asked_{0};
    std::atomic<std::uint32_t> done_{0};
};

bool synchronizes_by_itself(const test_case& t) {
    for (const step* s : t.executor)
        if (s->name != "ctrl" && s->name != "acq" && s->name != "addr") return true;
    return false;
}

double price_of(const std::vector<priced>& prices, const test_case& t) {
    for (const priced& p : prices)
        if (p.of->group == "executor" && p.of->name.starts_with(joined(t.executor) + " ") && p.failure.empty())
            return p.ns.median;
    return 1e18;
}

// There is a crossover only where broadcast is cheaper beyond doubt: with very many calls to an update both cost what
// the call does, and their difference is noise.
std::string verdict_of(std::span<const double> ratios, const std::array<std::vector<std::vector<double>>, 2>& resampled,
                       std::string_view lazy, std::string_view broadcast, double at, interval range) {
    double lazy_until = 0;
    double broadcast_from = 0;
    interval last;
    for (std::size_t i = 0; i < ratios.size(); ++i) {
        std::vector<double> more;  // what broadcast costs more, ns a call
        for (std::size_t b = 0; b < resampled[0].size(); ++b) more.push_back(resampled[1][b][i] - resampled[0][b][i]);
        last = central(more);
        if (last.low > 0) {
            lazy_until = ratios[i];
            broadcast_from = 0;
        }
        if (last.high < 0 && broadcast_from == 0) broadcast_from = ratios[i];
    }
    if (broadcast_from != 0 && lazy_until != 0 && at > 0)
        return fmt::format(
            "Lazy check ({}) is cheaper below {:.0f} calls to an update (95 %: {:.0f} … {:.0f}), broadcast "
            "({}) above.",
            lazy, at, range.low, range.high, broadcast);
    if (broadcast_from != 0)
        return fmt::format("Broadcast ({}) is cheaper from {:.0f} calls to an update on.", broadcast, broadcast_from);
    return fmt::format(
        "Lazy check ({}) is cheaper than broadcast ({}) up to {:.0f} calls to an update; at {:.0f} they "
        "differ by {:.2f} … {:.2f} ns a call (95 %), which is no crossover.",
        lazy, broadcast, lazy_until, ratios.back(), last.low, last.high);
}

}  // namespace

void measure_crossover(measurement& m, const bench_context& c, const std::vector<priced>& prices, std::uint64_t ns) {
    if (c.cpus.size() < 2) return;
    const std::vector<test_case> all = catalogue(c.on);
    const test_case* lazy = nullptr;
    const test_case* broadcast = nullptr;
    for (const test_case& t : all) {
        if (t.form->name != "MP.RF" || t.site->name != "imm" || t.path != mapping::same || t.at.boundary != 0 ||
            t.from != origin::sufficient || !c.sufficient(t))
            continue;
        if (contains(t.writer, "membarrier")) {
            if (!synchronizes_by_itself(t) && broadcast == nullptr) broadcast = &t;
        } else if (synchronizes_by_itself(t) && (lazy == nullptr || price_of(prices, t) < price_of(prices, *lazy))) {
            lazy = &t;
        }
    }
    if (lazy == nullptr || broadcast == nullptr) {
        m.add_finding("crossover", "Lazy check against broadcast: this machine has no protocol for one of them.");
        return;
    }
    contest between(c, *lazy, *broadcast);
    constexpr std::size_t rounds = 15;
    std::vector<double> ratios;
    for (std::uint32_t calls = 16; calls <= (1u << 22); calls *= 4) ratios.push_back(calls);
    // [which][ratio][round]
    std::array<std::vector<std::vector<double>>, 2> costs;
    for (auto& of : costs) of.resize(ratios.size());
    random_source random(m.seed());
    const std::uint64_t piece = ns / (2 * rounds * ratios.size()) + 1;
    for (std::size_t round = 0; round < rounds; ++round)
        for (std::size_t i = 0; i < ratios.size(); ++i) {
            if (!m.go_on("lazy check against broadcast", 0.9 + 0.1 * static_cast<double>(round) / rounds)) return;
            const bool first = random.below(2) != 0;
            for (const bool which : {first, !first})
                costs[which][i].push_back(between.cost(which, static_cast<std::uint32_t>(ratios[i]), piece));
        }
    const auto medians = [&](bool which, const std::vector<std::size_t>& drawn) {
        std::vector<double> values;
        for (const std::vector<double>& of : costs[which]) {
            std::vector<double> some;
            some.reserve(drawn.size());
            for (const std::size_t r : drawn) some.push_back(of[r]);
            values.push_back(median_of(some));
        }
        return values;
    };
    std::vector<std::size_t> every(rounds);
    for (std::size_t r = 0; r < rounds; ++r) every[r] = r;
    std::vector<double> replicates;
    std::array<std::vector<std::vector<double>>, 2> resampled;
    for (int b = 0; b < 400; ++b) {
        std::vector<std::size_t> drawn(rounds);
        for (std::size_t& r : drawn) r = random.below(rounds);
        for (const bool which : {false, true}) resampled[which].push_back(medians(which, drawn));
        replicates.push_back(crossing(ratios, resampled[false].back(), resampled[true].back()));
    }
    for (const bool which : {false, true}) {
        const std::vector<double> values = medians(which, every);
        std::vector<curve_point> points;
        for (std::size_t i = 0; i < ratios.size(); ++i) {
            std::vector<double> spread;
            for (const std::vector<double>& r : resampled[which]) spread.push_back(r[i]);
            points.push_back({ratios[i], values[i], central(spread), rounds});
        }
        const test_case& t = which ? *broadcast : *lazy;
        m.add_curve("crossover", fmt::format("{}: {}", which ? "broadcast" : "lazy check", t.name),
                    {"calls to an update", "1"}, {"time of both CPUs a call", "ns"}, points);
    }
    m.add_finding("crossover",
                  verdict_of(ratios, resampled, joined(lazy->executor), joined(broadcast->writer),
                             crossing(ratios, medians(false, every), medians(true, every)), central(replicates)));
}

}  // namespace cmodx
