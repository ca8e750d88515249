// SPDX-License-Identifier: Apache-2.0
// What an exchange of code behind a breakpoint costs its writer: in three steps, each followed by the protocol's.
#include <fmt/format.h>

#include <cstring>

#include "runner/bench/prices.hpp"

namespace cmodx {
namespace {

struct breakpoint_rig {
    rig code;
    stub steps = nullptr;
    std::unique_ptr<thread_frame> frame;
    std::unique_ptr<company> beside;
    std::array<std::uint8_t, 8> trap{};
    std::uint32_t generation = 0;
    std::uint64_t faults = 0;

    breakpoint_rig(const bench_context& c, const test_case& t) : code(c.on.isa, *t.site, t.path), frame(code.frame()) {
        steps = code.assemble([&](code_buffer& to) {
            for (const step* s : t.writer) s->emit(to, 0);
        });
        code_buffer to{trap.data(), trap.size()};
        c.on.isa.trap(to);
    }
    void store(const std::uint8_t* from, std::size_t begin, std::size_t end) {
        volatile std::uint8_t* const to = code.target();
        // One access where the piece is one: a granule of the architecture.
        if (end - begin == 4) {
            std::uint32_t word;
            std::memcpy(&word, from + begin, sizeof word);
            *reinterpret_cast<volatile std::uint32_t*>(const_cast<std::uint8_t*>(to + begin)) = word;
        } else if (end - begin == 2) {
            std::uint16_t word;
            std::memcpy(&word, from + begin, sizeof word);
            *reinterpret_cast<volatile std::uint16_t*>(const_cast<std::uint8_t*>(to + begin)) = word;
        } else {
            for (std::size_t i = begin; i < end; ++i) to[i] = from[i];
        }
        steps(frame->words.data());
    }
    void exchange() {
        const std::size_t piece = code.isa().granule;
        const std::span<const std::uint8_t> patch = code.patch_of(++generation);
        store(trap.data(), 0, piece);
        if (patch.size() > piece) store(patch.data(), piece, patch.size());
        store(patch.data(), 0, piece);
    }
};

}  // namespace

void add_breakpoints(const bench_context& c, price_list& list) {
    for (const test_case& t : catalogue(c.on)) {
        if (t.form->name != "Breakpoint" || t.from != origin::sufficient || t.path != mapping::same || !c.sufficient(t))
            continue;
        std::vector<unsigned> sizes = c.company_sizes();
        sizes.insert(sizes.begin(), 0);
        for (const unsigned n : sizes) {
            const auto r = std::make_shared<breakpoint_rig>(c, t);
            price p;
            p.group = "breakpoint";
            p.name =
                fmt::format("{} in three steps by {}", joined(t.writer), n == 0 ? "itself" : fmt::format("{} runs", n));
            p.meaning = fmt::format("trap, tail, first piece, each with the steps behind it; {}", t.name);
            p.less = "timer";
            p.mapping = "same";
            p.executors = static_cast<int>(n);
            if (n != 0) p.state = "runs";
            const std::vector<unsigned> cpus(c.others(n).begin(), c.others(n).end());
            p.begin = [r, cpus, cpu = c.cpus[0]] {
                platform::pin(cpu);
                if (cpus.empty()) return;
                r->beside = std::make_unique<company>(cpus, [r](unsigned, const std::atomic<bool>& stop) {
                    while (!stop.load(std::memory_order_relaxed)) reinterpret_cast<void (*)()>(r->code.entry())();
                });
            };
            p.end = [r] {
                r->beside.reset();
                if (r->frame->failed()) throw std::runtime_error("a system call of the protocol failed");
            };
            p.sample = [r, watch = c.watch](std::vector<double>& samples) {
                for (double& v : samples) v = timed(watch, [&] { r->exchange(); });
            };
            list.push_back(std::move(p));
        }
    }
}

}  // namespace cmodx
