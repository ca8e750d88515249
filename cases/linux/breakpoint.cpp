// SPDX-License-Identifier: Apache-2.0
// Breakpoint: a thread runs code while another exchanges it behind a breakpoint, which the first one meets and whose
// signal it handles. In three steps: the trap over the first piece, the rest, the first piece; Breakpoint.One writes
// the whole over the trap at once.
//
//     T0                       T1
//     store x   trap           fetch x    old, new, or the trap, then again
//     steps
//     store x   new tail
//     steps
//     store x   new first piece
//     steps
#include <atomic>
#include <cstring>

#include "cases/breakpoint.hpp"
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

// Words that count what the executor did.
constexpr std::size_t runs = 0;
constexpr std::size_t traps = 1;

constexpr std::size_t left = 2;   // whether it is done,
constexpr std::size_t spent = 3;  // and should be
// What the writer learnt: how often the executor never saw what it wrote.
constexpr std::size_t stuck = 4;

constexpr std::uint64_t patience[] = {10'000, 1'000};  // how often what was replaced is met before that is how it is

template <bool Three>
struct breakpoint {
    static constexpr std::string_view name = Three ? "Breakpoint" : "Breakpoint.One";
    static constexpr std::string_view meaning =
        Three ? "code is exchanged in three steps behind a breakpoint while another thread runs it"
              : "a breakpoint is exchanged for code by one store while another thread runs it";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::concurrent;
    static constexpr relation protocols = relation::two_locations;  // which are those with steps of the writer alone
    static constexpr implied_step implied[] = {
        {Three ? "breakpoint" : "breakpoint.one", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr unsigned cpus = 2;
    static constexpr std::string_view site = "nop_branch";

    static void script(cmodx::script& s) {
        script_words& w = s.words();
        const std::size_t piece = s.parts().isa->granule;
        std::uint8_t trap[8] = {};
        code_buffer code{trap, sizeof trap};
        s.parts().isa->trap(code);
        s.on_trap = [](cmodx::script& of, std::uintptr_t pc) {
            const std::uintptr_t offset = pc - reinterpret_cast<std::uintptr_t>(of.executable());
            if (offset > of.parts().isa->granule) return false;  // on x86 it is behind the breakpoint
            of.count(outcome::newer);
            of.words().word[traps].fetch_add(1, std::memory_order_relaxed);
            return true;
        };
        std::atomic<std::uint32_t>& stop = w.turn;
        // Until the other side has gone on: nothing is learnt while it stands still. But a machine may run what was
        // there before for ever, as the executor does nothing about it: then `instead` counts.
        const auto wait_beyond = [&](std::size_t counted, std::uint64_t count, std::size_t instead) {
            const std::uint64_t began = w.word[instead];
            for (unsigned spins = 1; w.word[counted] <= count && w.word[spent] == 0 && !w.abandoned; ++spins) {
                if (w.word[instead] - began > patience[instead]) {
                    w.word[stuck].fetch_add(1);
                    return;
                }
                platform::pause();
                if (spins % 1024 == 0) platform::rest();
            }
        };
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= 200 && w.word[spent] == 0 && !w.abandoned; ++g) {
                const auto patch = s.patch(g);
                const std::uint64_t trapped = w.word[traps];
                store(s.target(), trap, piece);
                s.writer_steps();
                if (s.choose(2) == 0) wait_beyond(traps, trapped, runs);
                if (Three && patch.size() > piece) {
                    std::memcpy(s.target() + piece, patch.data() + piece, patch.size() - piece);
                    s.writer_steps();
                }
                store(s.target(), patch.data(), Three ? piece : patch.size());
                s.writer_steps();
                s.wrote();
                wait_beyond(runs, w.word[runs] + 1, traps);
            }
            stop.store(1);
            // Whoever still runs into the trap would not see that.
            while (w.word[left] == 0 && !w.abandoned) {
                store(s.target(), s.patch(1).data(), s.patch(1).size());
                s.writer_steps();
                platform::rest();
            }
        };
        const auto executor = [&] {
            for (unsigned n = 0; stop.load() == 0; ++n) {
                if (n % 64 == 0 && s.over()) w.word[spent] = 1;
                const std::uint32_t value = s.run();
                s.expect(value, value == s.token_of(1) ? 1 : 0);
                w.word[runs].fetch_add(1, std::memory_order_relaxed);
            }
            w.word[left] = 1;
        };
        const std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        s.move_to(cpu);
        s.together(cpu + 1, writer, executor);
        for (std::uint64_t n = w.word[stuck]; n != 0; --n) s.count(witness::never_new);
        s.on_trap = nullptr;
    }
};

const define_script<breakpoint<true>> in_three_steps;
const define_script<breakpoint<false>> at_once;

}  // namespace
}  // namespace cmodx
