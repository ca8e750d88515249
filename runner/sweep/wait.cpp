// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep wait`: an instruction across a line is exchanged behind a breakpoint without any synchronization of the
// executor (LiteInst's and its forerunners' protocol). How long has the writer to wait, between the breakpoint and the
// tail, until no executor is torn any more?
//
//     T0                                   T1
//     store trap over the first piece      call the code; a trap: again
//     wait
//     store the tail
//     store the new first piece
#include <fmt/format.h>

#include <cstring>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"
#include "tear.hpp"

namespace cmodx {
namespace {

// The first is the control: no breakpoint, the tail alone is stored.
constexpr double waits_ns[] = {-1, 0, 20, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12800};
constexpr std::size_t boundary = 64;
constexpr std::size_t most_code = 32;

// An instruction longer than what a trap replaces, which one store covers but for its first piece.
const tear_target* straddler(std::size_t granule) {
    for (const tear_target& t : target::tear_targets)
        if (t.width == 4 && t.patch + t.width > granule) return &t;
    return nullptr;
}

class waiting {
  public:
    waiting(const sweep_machine& machine, const tear_target& t, std::uint64_t seed)
        : machine_(machine), target_(t), random_(seed), piece_(machine.isa().granule), length_(t.patch + t.width) {
        for (unsigned g = 0; g < 2; ++g) {
            code_buffer image{images_[g].data(), most_code};
            t.emit(image, g);
        }
        code_buffer code{trap_.data(), trap_.size()};
        machine.isa().trap(code);
        const auto storing = [&](std::size_t size) {
            return stubs_.assemble(machine.isa(), [&](code_buffer& to) {
                machine.isa().store_code(to, 0, size);
                machine.emit_writer(to);
            });
        };
        store_piece_ = storing(piece_);
        store_tail_ = storing(length_ - piece_);
    }

    cell_counts run(double wait_ns, std::uint64_t ns) {
        const std::size_t page = platform::page_size();
        const platform::code_memory memory = platform::map(mapping::same, 3 * page);
        if (memory.executable == nullptr) throw refused(memory.failure);
        // The boundary lies somewhere inside the instruction.
        const std::size_t pieces = length_ / piece_ - (length_ % piece_ == 0 ? 1 : 0);
        const std::size_t begin =
            place_before(boundary, piece_ * (1 + random_.below(static_cast<std::uint32_t>(pieces))), page);
        std::uint8_t* const writable = memory.writable + begin;
        std::memcpy(writable, images_[0].data(), most_code);
        platform::synchronize(memory.executable, memory.size);
        const auto entry = reinterpret_cast<std::uintptr_t>(memory.executable + begin);
        thread_frame head;
        thread_frame tail;
        point(head, writable, memory.executable + begin, piece_, entry, flag_);
        point(tail, writable + piece_, memory.executable + begin + piece_, length_ - piece_, entry, flag_);
        const auto store = [&](stub s, thread_frame& f, const std::uint8_t* from) {
            f.words[word_of(field::source, 0)] = reinterpret_cast<std::uintptr_t>(from);
            s(f.words.data());
        };
        cell_counts counts;
        std::atomic<bool> warm{false};
        const stopwatch watch;
        const std::uint64_t started = platform::nanoseconds();
        {
            company executor(machine_.context().others(1), [&](unsigned, const std::atomic<bool>& stop) {
                const auto code = reinterpret_cast<std::uintptr_t (*)()>(entry);
                warm = true;
                while (!stop.load(std::memory_order_relaxed)) {
                    for (unsigned i = 0; i < 16; ++i) {
                        const std::uint64_t value = code();
                        if (value != target_.value[0] && value != target_.value[1]) ++counts.torn;
                        ++counts.executions;
                    }
                }
            });
            platform::pin(machine_.context().cpus[0]);
            while (!warm) platform::pause();
            std::uint64_t stores = 0;
            while (platform::nanoseconds() - started < ns) {
                const std::array<std::uint8_t, most_code>& image = images_[++stores & 1];
                if (wait_ns < 0) {
                    store(store_tail_, tail, image.data() + piece_);
                    spin(random_.below(4096));
                    continue;
                }
                store(store_piece_, head, trap_.data());
                for (const std::uint64_t since = watch.read(); watch.between(since, watch.read()) < wait_ns;) {
                }
                store(store_tail_, tail, image.data() + piece_);
                store(store_piece_, head, image.data());
                spin(random_.below(4096));  // until the executor has returned from its trap, mostly
            }
            counts.stores = stores;
        }
        platform::unmap(memory);
        counts.nanoseconds = platform::nanoseconds() - started;
        return counts;
    }

  private:
    const sweep_machine& machine_;
    const tear_target& target_;
    random_source random_;
    std::size_t piece_;
    std::size_t length_;
    std::array<std::array<std::uint8_t, most_code>, 2> images_{};
    std::array<std::uint8_t, 8> trap_{};
    stub_room stubs_{64 * 1024};
    stub store_piece_ = nullptr;
    stub store_tail_ = nullptr;
    std::atomic<std::uint32_t> flag_{0};
};

}  // namespace

int sweep_wait(const measure_arguments& arguments) {
    measurement m(arguments, 20);
    const sweep_machine machine(m);
    const tear_target* const t = straddler(machine.isa().granule);
    if (t == nullptr || m.cpus().size() < 2) {
        fmt::print(stderr, "cmodx: sweep wait needs {}\n",
                   t == nullptr ? "instructions that can cross a line, which this architecture has not" : "two CPUs");
        return exit_nothing;
    }
    waiting machinery(machine, *t, m.seed());
    spending how;
    how.budget = m.budget_ns();
    how.slice = 50'000'000;
    how.enough = 1000;
    how.seed = m.seed();
    how.now = platform::nanoseconds;
    how.go_on = [&](std::uint64_t spent) {
        return m.go_on("waits", std::min(1.0, static_cast<double>(spent) / static_cast<double>(m.budget_ns())));
    };
    const std::vector<cell_counts> counts = spend(
        std::size(waits_ns), how, [&](std::size_t i, std::uint64_t ns) { return machinery.run(waits_ns[i], ns); });
    std::vector<curve_point> points;
    fmt::print("{}\n", m.csv() ? "wait_ns,updates,executions,torn,low,high"
                               : "      wait     updates   executions     torn   95 % of torn an update");
    std::size_t last = std::size(waits_ns);
    for (std::size_t i = 0; i < std::size(waits_ns); ++i) {
        const cell_counts& c = counts[i];
        const interval rate = rate_interval(std::min(c.torn, c.stores), c.stores);
        const bool control = waits_ns[i] < 0;
        if (c.torn != 0 && !control) last = i;
        points.push_back({waits_ns[i],
                          c.stores == 0 ? 0.0 : static_cast<double>(c.torn) / static_cast<double>(c.stores), rate,
                          c.stores});
        m.add_cell("wait", {{"wait_ns", static_cast<std::int64_t>(waits_ns[i])}}, c);
        if (m.csv())
            fmt::print("{},{},{},{},{:.3g},{:.3g}\n", waits_ns[i], c.stores, c.executions, c.torn, rate.low, rate.high);
        else
            fmt::print("{:>10} {:>11} {:>12} {:>8}   {:.2g} … {:.2g}  {}\n",
                       control ? "no trap" : in_time_units(waits_ns[i]), c.stores, c.executions, c.torn, rate.low,
                       rate.high, log_bar(points.back().y, 1e-7, 1, 20));
    }
    m.add_finding("control",
                  fmt::format("Without a breakpoint, {} executions were torn in {} updates{}.", counts[0].torn,
                              counts[0].stores, counts[0].torn == 0 ? ": this run proves nothing of breakpoints" : ""));
    points.erase(points.begin());
    m.add_curve("wait", "torn an update", {"wait between breakpoint and tail", "ns"}, {"torn an update", "1"}, points);
    if (last == std::size(waits_ns))
        m.add_finding("shortest wait", "No execution was torn, not even without a wait.");
    else if (last + 1 == std::size(waits_ns))
        m.add_finding("shortest wait", fmt::format("Torn even after {}.", in_time_units(waits_ns[last])));
    else
        m.add_finding("shortest wait",
                      fmt::format("The shortest wait after which nothing was torn lies between {} and {}: none of {} "
                                  "updates there, at most {:.1e} of them (95 %).",
                                  in_time_units(waits_ns[last]), in_time_units(waits_ns[last + 1]),
                                  counts[last + 1].stores, rate_interval(0, counts[last + 1].stores).high));
    return m.finish();
}

}  // namespace cmodx
