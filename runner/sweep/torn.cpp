// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep torn`: one thread stores to code that another runs, by width, place and pace. Where does a fetch show
// something that is neither old nor new?
//
//     T0                             T1
//     store `width` bytes            call the code, again and again
//     the writer's steps, if the
//     architecture wants any
#include <fmt/format.h>

#include <cstring>
#include <map>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"
#include "tear.hpp"

namespace cmodx {
namespace {

constexpr std::size_t boundaries[] = {8, 16, 32, 64, 128, 4096};
constexpr std::uint32_t paces[] = {0, 64, 1024};  // mean spins between two stores
constexpr std::size_t most_code = 32;

struct cell {
    const tear_target* target;
    std::size_t boundary;
    std::size_t before;
    std::uint32_t pace;
    bool crosses() const { return before != 0; }
};

class tearing {
  public:
    explicit tearing(const sweep_machine& machine, std::uint64_t seed) : machine_(machine), random_(seed) {
        for (const tear_target& t : target::tear_targets)
            writers_.push_back(stubs_.assemble(machine.isa(), [&](code_buffer& code) {
                machine.isa().store_code(code, 0, t.width);
                machine.emit_writer(code);
            }));
    }

    cell_counts run(const cell& c, std::uint64_t ns) {
        const tear_target& t = *c.target;
        const std::size_t page = platform::page_size();
        const platform::code_memory memory = platform::map(mapping::same, 3 * page);
        if (memory.executable == nullptr) throw refused(memory.failure);
        const std::size_t patched = place_before(c.boundary, c.before, page);
        std::array<std::array<std::uint8_t, most_code>, 2> images{};
        for (unsigned g = 0; g < 2; ++g) {
            code_buffer image{images[g].data(), most_code};
            t.emit(image, g);
        }
        std::memcpy(memory.writable + patched - t.patch, images[0].data(), most_code);
        platform::synchronize(memory.executable, memory.size);
        const auto entry = reinterpret_cast<std::uintptr_t>(memory.executable + patched - t.patch);
        thread_frame frame;
        point(frame, memory.writable + patched, memory.executable + patched, t.width, entry, flag_);

        cell_counts counts;
        cell_counts seen;  // the executor's
        std::atomic<bool> warm{false};
        const std::uint64_t begin = platform::nanoseconds();
        {
            company executor(machine_.context().others(1), [&](unsigned, const std::atomic<bool>& stop) {
                const auto code = reinterpret_cast<std::uintptr_t (*)()>(entry);
                code();
                warm = true;
                while (!stop.load(std::memory_order_relaxed)) {
                    for (unsigned i = 0; i < 64; ++i) {
                        const std::uint64_t value = code();
                        if (value == t.value[0] || value == t.value[1]) continue;
                        ++(wholeness_of(t, value) == wholeness::mixed ? seen.mixed : seen.torn);
                    }
                    seen.executions += 64;
                }
            });
            platform::pin(machine_.context().cpus[0]);
            while (!warm) platform::pause();
            const stub writer = writers_[static_cast<std::size_t>(c.target - target::tear_targets)];
            const std::uint64_t started = platform::nanoseconds();
            do {
                for (unsigned i = 0; i < 32; ++i) {
                    const unsigned g = ++counts.stores & 1;
                    frame.words[word_of(field::source, 0)] =
                        reinterpret_cast<std::uintptr_t>(images[g].data() + t.patch);
                    writer(frame.words.data());
                    if (c.pace != 0) spin(random_.below(2 * c.pace + 1));
                }
            } while (platform::nanoseconds() - started < ns);
            counts.torn = executor.faults();
        }
        platform::unmap(memory);
        counts.executions = seen.executions + counts.torn;
        counts.torn += seen.torn;
        counts.mixed = seen.mixed;
        counts.nanoseconds = platform::nanoseconds() - begin;
        return counts;
    }

  private:
    const sweep_machine& machine_;
    random_source random_;
    stub_room stubs_{64 * 1024};
    std::vector<stub> writers_;
    std::atomic<std::uint32_t> flag_{0};
};

std::vector<cell> all_cells(std::size_t granule) {
    std::vector<cell> cells;
    for (const tear_target& t : target::tear_targets)
        for (const std::size_t boundary : boundaries) {
            if (boundary < t.width) continue;  // it would cross this one at any place
            for (std::size_t before = 0; before < t.width; before += granule)
                for (const std::uint32_t pace : paces) cells.push_back({&t, boundary, before, pace});
        }
    return cells;
}

// The rows of one width: by boundary, how far in front of it the store begins.
void print_map(const std::vector<cell>& cells, const std::vector<cell_counts>& counts, std::size_t granule) {
    for (const tear_target& t : target::tear_targets)
        for (const bool mixed : {false, true}) {
            if (mixed && t.pieces[1] == 0) continue;  // one instruction
            fmt::print("\n{} bytes, {}: {} executions, by how many bytes lie in front of the boundary\n{:>10}", t.width,
                       t.meaning, mixed ? "mixed" : "torn", "boundary");
            for (std::size_t before = 0; before < t.width; before += granule) fmt::print("{:>8}", before);
            fmt::print("\n");
            for (const std::size_t boundary : boundaries) {
                if (boundary < t.width) continue;
                fmt::print("{:>10}", boundary);
                for (std::size_t before = 0; before < t.width; before += granule) {
                    cell_counts sum;
                    for (std::size_t i = 0; i < cells.size(); ++i)
                        if (cells[i].target == &t && cells[i].boundary == boundary && cells[i].before == before)
                            sum.add(counts[i]);
                    const auto k = static_cast<double>(mixed ? sum.mixed : sum.torn);
                    fmt::print("{:>8}", k == 0 ? "·" : fmt::format("{:.0e}", k / static_cast<double>(sum.executions)));
                }
                fmt::print("\n");
            }
        }
}

// Of torn executions only: that of two instructions one is old and one new needs no fetch to be torn.
void conclude(measurement& m, const sweep_machine& machine, const std::vector<cell>& cells,
              const std::vector<cell_counts>& counts) {
    cell_counts inside;
    cell_counts pairs;
    std::map<std::size_t, cell_counts> crossing;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (cells[i].target->pieces[1] != 0) {
            pairs.add(counts[i]);
            continue;
        }
        (cells[i].crosses() ? crossing[cells[i].boundary] : inside).add(counts[i]);
    }
    std::size_t granule = 0;
    for (const auto& [boundary, sum] : crossing)
        if (granule == 0 && sum.torn != 0) granule = boundary;
    const auto of = [](const cell_counts& c) {
        const interval rate = rate_interval(c.torn, c.executions);
        return fmt::format("{} of {} (95 %: {:.2g} … {:.2g})", c.torn, c.executions, rate.low, rate.high);
    };
    m.add_finding(
        "fetch granule",
        granule != 0
            ? fmt::format("Inside aligned blocks of {} bytes every instruction was fetched whole here.", granule)
            : "No instruction was torn on this machine in this time.");
    for (const auto& [boundary, sum] : crossing)
        m.add_finding("torn",
                      fmt::format("  torn across a multiple of {:>4} and no larger one: {}", boundary, of(sum)));
    m.add_finding("torn", fmt::format("  torn across none:                                   {}", of(inside)));
    if (pairs.executions != 0)
        m.add_finding("mixed",
                      fmt::format("Of two instructions under one store, {} of {} executions were mixed, {} torn.",
                                  pairs.mixed, pairs.executions, pairs.torn));
    for (const fetch_promise& p : target::fetch_promises) {
        if (!known(p.when, machine.facts())) continue;
        m.add_finding("promise", p.bytes == 0 ? fmt::format("The vendor: {}.", p.source)
                                              : fmt::format("The vendor promises {} bytes: {}.", p.bytes, p.source));
        break;
    }
}

}  // namespace

int sweep_torn(const measure_arguments& arguments) {
    measurement m(arguments, 55);
    if (m.cpus().size() < 2) {
        fmt::print(stderr, "cmodx: sweep torn needs two CPUs\n");
        return exit_nothing;
    }
    const sweep_machine machine(m);
    const std::vector<cell> cells = all_cells(machine.isa().granule);
    tearing machinery(machine, m.seed());
    spending how;
    how.budget = m.budget_ns();
    how.slice = 20'000'000;
    how.seed = m.seed();
    how.now = platform::nanoseconds;
    how.go_on = [&](std::uint64_t spent) {
        return m.go_on(fmt::format("{} cells", cells.size()),
                       std::min(1.0, static_cast<double>(spent) / static_cast<double>(m.budget_ns())));
    };
    const std::vector<cell_counts> counts =
        spend(cells.size(), how, [&](std::size_t i, std::uint64_t ns) { return machinery.run(cells[i], ns); });
    for (std::size_t i = 0; i < cells.size(); ++i)
        m.add_cell("torn",
                   {{"width", cells[i].target->width},
                    {"boundary", static_cast<std::int64_t>(cells[i].boundary)},
                    {"before", static_cast<std::int64_t>(cells[i].before)},
                    {"pace", cells[i].pace}},
                   counts[i]);
    if (m.csv()) {
        fmt::print("width,boundary,before,pace,executions,stores,torn,mixed,low,high\n");
        for (std::size_t i = 0; i < cells.size(); ++i) {
            const interval rate = rate_interval(counts[i].seen(), counts[i].executions);
            fmt::print("{},{},{},{},{},{},{},{},{:.3g},{:.3g}\n", cells[i].target->width, cells[i].boundary,
                       cells[i].before, cells[i].pace, counts[i].executions, counts[i].stores, counts[i].torn,
                       counts[i].mixed, rate.low, rate.high);
        }
    } else {
        print_map(cells, counts, machine.isa().granule);
        fmt::print("\n");
    }
    conclude(m, machine, cells, counts);
    return m.finish();
}

}  // namespace cmodx
