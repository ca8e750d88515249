// SPDX-License-Identifier: Apache-2.0
// What each step of the architecture costs by itself, on one line of code that nobody else touches.
#include <fmt/format.h>

#include <algorithm>

#include "runner/bench/prices.hpp"
#include "runner/judge.hpp"

namespace cmodx {
namespace {

// Markers and branches on a constant have no price: they are part of the stub's shape.
bool emits(const step& s) {
    std::array<std::uint8_t, most_step_bytes> room;
    code_buffer code{room.data(), room.size()};
    s.emit(code, 0);
    return code.size != 0;
}

}  // namespace

unsigned repeats_for(double one_ns) {
    for (const unsigned n : repeat_choices)
        if (one_ns * n >= long_enough) return n;
    return std::end(repeat_choices)[-1];
}

std::string empty_stubs(unsigned repeats) { return fmt::format("timer and empty stub, {} times", repeats); }

std::string joined(step_sequence steps) {
    std::string text;
    for (const step* s : steps) text += (text.empty() ? "" : "-") + std::string(s->name);
    return text.empty() ? "po" : text;
}

const site_layout& bench_context::site(std::string_view name) const {
    for (const site_layout& s : on.isa.sites)
        if (s.name == name) return s;
    throw std::runtime_error("there is no such site");
}

std::vector<unsigned> bench_context::company_sizes() const {
    std::vector<unsigned> sizes;
    const auto most = static_cast<unsigned>(cpus.size() - 1);
    for (unsigned n = 1; n < most; n *= 2) sizes.push_back(n);
    if (most > 0) sizes.push_back(most);
    return sizes;
}

bool bench_context::sufficient(const test_case& t) const {
    const std::vector<fact> facts = here.as_facts();
    for (const step_sequence steps : {step_sequence(t.writer), step_sequence(t.executor)})
        for (const step* s : steps)
            if (!s->needs.empty() && here.value(s->needs) != "1") return false;
    return rule(t, facts)[0].ruling.ruling == verdict::forbidden;
}

void add_steps(const bench_context& c, price_list& list) {
    const auto on = std::make_shared<rig>(c.on.isa, c.site("imm"), mapping::same);
    const auto frame = std::shared_ptr<thread_frame>(on->frame());
    const stopwatch watch = c.watch;
    const auto measured = [watch, frame, on](stub s, unsigned calls) {
        return [watch, frame, on, s, calls](std::vector<double>& samples) {
            (*frame)[field::status] = 0;
            for (double& v : samples)
                v = timed(watch, [&] {
                    for (unsigned i = 0; i < calls; ++i) s(frame->words.data());
                });
            if (frame->failed()) throw std::runtime_error("a system call of the step failed");
        };
    };
    const auto here = [cpu = c.cpus[0]] { platform::pin(cpu); };
    list.push_back({.name = "timer",
                    .group = "timer",
                    .meaning = "two readings of the clock, one after the other",
                    .begin = here,
                    .sample = [watch](std::vector<double>& samples) {
                        for (double& v : samples) v = timed(watch, [] {});
                    }});
    const stub empty = on->assemble([](code_buffer&) {});
    for (const unsigned n : repeat_choices)
        list.push_back({.name = empty_stubs(n),
                        .group = "timer",
                        .meaning = "two readings of the clock around calls of a stub without steps",
                        .begin = here,
                        .sample = measured(empty, n)});
    for (const step& s : c.on.isa.steps) {
        if (!s.needs.empty() && c.here.value(s.needs) != "1") continue;
        if (!emits(s)) continue;
        const auto repeated = [&](unsigned n) {
            return on->assemble([&](code_buffer& code) {
                for (unsigned i = 0; i < n; ++i) s.emit(code, 0);
            });
        };
        std::vector<double> few(21);
        measured(repeated(64), 1)(few);
        const unsigned repeats = repeats_for(median_of(few) / 64);
        list.push_back({.name = std::string(s.name),
                        .group = "step",
                        .meaning = std::string(s.meaning),
                        .repeats = repeats,
                        .less = empty_stubs(1),
                        .begin = here,
                        .sample = measured(repeated(repeats), 1)});
    }
}

}  // namespace cmodx
