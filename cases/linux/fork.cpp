// SPDX-License-Identifier: Apache-2.0
// Fork: a child modifies its copy of the code and runs it, or the parent does; the other's copy stays as it was.
//
//     P0                     P1, its child
//     fetch x   old code
//     fork
//                            store x   new code
//                            steps
//                            fetch x   must be the new code
//     fetch x   must be the old code, else: torn
#include "cases/linux/child.hpp"

namespace cmodx {
namespace {

struct fork_and_write {
    static constexpr std::string_view name = "Fork";
    static constexpr std::string_view meaning = "after fork, one process modifies and runs its copy of the code";
    static constexpr std::string_view needs = on_linux;
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"fork", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::flip};
    static constexpr unsigned cpus = 2;

    static void script(cmodx::script& s) {
        script_words& w = s.words();
        const std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        const bool child_writes = s.choose(2) == 0;
        s.move_to(cpu);
        s.expect(s.run(), 0);
        const auto write = [&](std::uint32_t g) {
            s.modify(g);
            s.writer_steps();
            return s.run();
        };
        child other(s, cpu + s.choose(2), [&] {
            w.word[0] = s.run();
            if (child_writes) {
                w.word[1] = write(1);
                w.turn.store(1, std::memory_order_release);
            } else {
                w.turn.store(1, std::memory_order_release);
                if (s.wait_for(w.flag, 1)) w.word[1] = s.run();
            }
        });
        if (!other.started()) return;
        std::uint32_t mine = 0;
        const bool met = s.wait_for(w.turn, 1);
        if (met) mine = child_writes ? s.run() : write(1);
        w.flag.store(1, std::memory_order_release);
        const int code = other.end();
        if (!met || code != 0) return;
        const auto theirs = static_cast<std::uint32_t>(w.word[1]);
        const std::uint32_t old = child_writes ? mine : theirs;
        if (child_writes) s.wrote();
        if (w.word[0] != s.token_of(0)) return s.count(witness::torn);
        s.expect(child_writes ? theirs : mine, 1);
        if (old != s.token_of(0)) s.count(witness::torn);
    }
};

const define_script<fork_and_write> entry;

}  // namespace
}  // namespace cmodx
