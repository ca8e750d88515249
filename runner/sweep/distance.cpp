// SPDX-License-Identifier: Apache-2.0
// `cmodx sweep distance`: a thread modifies the instruction that it runs so many bytes later, with nothing but NOPs
// between. What does that cost beside the same store to somewhere else, and does the old code run?
#include <fmt/format.h>

#include "runner/commands.hpp"
#include "runner/sweep/machine.hpp"
#include "runner/sweep/sweep.hpp"

namespace cmodx {
namespace {

constexpr std::size_t distances[] = {0, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192};

struct block {
    rig code;  // what the stub that modifies nothing of its own stores to
    stub_room room{64 * 1024};
    std::unique_ptr<thread_frame> frame;
    stub run = nullptr;
    std::uint8_t* patched = nullptr;
    std::uint32_t generation = 0;
    cell_counts counts;

    block(const sweep_machine& machine, std::size_t distance)
        : code(machine.isa(), machine.context().site("imm"), mapping::same), frame(code.frame()) {
        const architecture& a = machine.isa();
        std::size_t offset = 0;
        run = room.assemble(a, [&](code_buffer& to) {
            a.store_code(to, 0, code.site().patch_size);
            for (const std::size_t end = to.size + distance; to.size < end;) a.nop(to);
            offset = emit_straight(code.site(), to);
            a.result(to, 0);
        });
        patched = reinterpret_cast<std::uint8_t*>(reinterpret_cast<std::uintptr_t>(run)) + offset;
    }
    void aim(std::uint8_t* at) {
        frame->words[word_of(field::target, 0)] = reinterpret_cast<std::uintptr_t>(at);
        frame->words[word_of(field::begin, 0)] = reinterpret_cast<std::uintptr_t>(at);
        frame->words[word_of(field::end, 0)] = reinterpret_cast<std::uintptr_t>(at) + code.site().patch_size;
    }
};

}  // namespace

int sweep_distance(const measure_arguments& arguments) {
    measurement m(arguments, 20);
    const sweep_machine machine(m);
    price_list list;
    std::vector<std::shared_ptr<block>> blocks;
    for (const std::size_t d : distances) {
        const auto b = std::make_shared<block>(machine, d);
        blocks.push_back(b);
        for (const bool itself : {false, true}) {
            const std::string elsewhere = fmt::format("{} bytes, store elsewhere", d);
            price p;
            p.name = itself ? fmt::format("{} bytes ahead", d) : elsewhere;
            p.group = itself ? "distance" : "elsewhere";
            p.meaning = itself ? "a store to the instruction so many bytes ahead, less the same store elsewhere"
                               : "a store, so many bytes of NOPs, an instruction";
            p.less = itself ? elsewhere : std::string("timer");
            p.begin = [b, itself, cpu = m.cpus()[0]] {
                platform::pin(cpu);
                b->aim(itself ? b->patched : b->code.target());
            };
            p.sample = [b, itself, watch = machine.context().watch](std::vector<double>& samples) {
                for (double& v : samples) {
                    b->code.choose(*b->frame, ++b->generation);
                    v = timed(watch, [&] { b->run(b->frame->words.data()); });
                    if (!itself) continue;
                    ++b->counts.executions;
                    ++b->counts.stores;
                    if (b->frame->observed(0) != b->code.token_of(b->generation)) ++b->counts.torn;
                }
            };
            list.push_back(std::move(p));
        }
    }
    list.push_back({.name = "timer",
                    .group = "timer",
                    .meaning = "two readings of the clock",
                    .sample = [watch = machine.context().watch](std::vector<double>& samples) {
                        for (double& v : samples) v = timed(watch, [] {});
                    }});
    sampling how;
    how.samples = arguments.samples;
    how.rounds = rounds_of(arguments.samples);
    how.seed = m.seed();
    how.go_on = [&](std::size_t done, std::size_t all) {
        return m.go_on("distances", static_cast<double>(done) / static_cast<double>(all));
    };
    const std::vector<priced> prices = take_samples(list, how);
    for (const priced& p : prices) m.add(p);
    print_prices(m, prices);
    std::vector<curve_point> points;
    std::uint64_t old = 0;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < blocks.size(); ++i) {
        const priced& p = prices[2 * i + 1];
        if (!p.failure.empty()) continue;
        points.push_back({static_cast<double>(distances[i]), p.ns.median, p.ns.of_median, p.ns.n});
        m.add_cell("distance", {{"distance", static_cast<std::int64_t>(distances[i])}}, blocks[i]->counts, p.ns.median);
        old += blocks[i]->counts.torn;
        all += blocks[i]->counts.executions;
    }
    m.add_curve("distance", "modified by itself", {"distance from store to instruction", "bytes"}, {"added cost", "ns"},
                points);
    m.add_finding("distance", fmt::format("The old instruction ran {} of {} times, without any step between (95 %: at "
                                          "most {:.1e}).",
                                          old, all, rate_interval(old, all).high));
    return m.finish();
}

}  // namespace cmodx
