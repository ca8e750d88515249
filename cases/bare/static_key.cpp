// SPDX-License-Identifier: Apache-2.0
// StaticKey: a NOP and a branch change places while all other CPUs run them; when all have been interrupted, none may
// run the old one. None synchronizes itself. So Linux does (kernel/jump_label.c; on arm64 by kick_all_cpus_sync).
//
//     T0                       T1 … Tn
//     store x    NOP, branch   fetch x    old or new, all the time
//     steps, ipi
//     store flag               load flag
//                              fetch x    must be the new one
#include "cases/bare/everyone.hpp"

namespace cmodx {
namespace {

struct static_key {
    static constexpr std::string_view name = "StaticKey";
    static constexpr std::string_view meaning =
        "NOP and branch change places while all others run them, by an interrupt to all";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::string_view site = "nop_branch";
    static constexpr std::string_view by_step = "ipi";
    static constexpr bool runs_meanwhile = true;
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        constexpr unsigned checked = 4;  // runs, before the writer goes on
        script_words& w = s.words();
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && acknowledged(s, g - 1) && !s.over(); ++g) {
                s.modify(g);
                s.writer_steps();
                s.publish(g);
            }
            acknowledged(s, w.flag);
            w.turn = finished;
        };
        // The site has two states, so that the one before looks like the one to come: nothing is said of a run during
        // which the writer may be at it, but that it has to be one of the two.
        const auto executor = [&](observer& o) {
            std::uint32_t mine = 0;
            while (w.turn.load() != finished && !w.abandoned) {
                const std::uint32_t g = w.flag.load(std::memory_order_acquire);
                s.executor_steps();
                if (g == mine) {
                    const std::uint32_t value = s.run();
                    o.check(s, value, value == s.token_of(1) ? 1 : 0);
                    continue;
                }
                for (unsigned n = 0; n < checked; ++n) o.check(s, s.run(), g);
                mine = g;
                if (o.index < w.word.size()) w.word[o.index].store(g, std::memory_order_release);
            }
        };
        everyone(s, executor, writer);
    }
};

const define_script<static_key> entry;

}  // namespace
}  // namespace cmodx
