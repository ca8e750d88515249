// SPDX-License-Identifier: Apache-2.0
// Fork.Migrate: a process asks the kernel to synchronize threads that it moves, and forks; its child modifies code,
// synchronizes itself, and is moved.
//
//     P0                     P1, its child, on CPU a     on CPU b
//     prctl
//     fork
//                            store x   new code
//                            steps
//                                                        fetch x   must be the new code
#include "cases/linux/child.hpp"

namespace cmodx {
namespace {

constexpr int set_icache_flush_ctx = 71;  // PR_RISCV_SET_ICACHE_FLUSH_CTX, include/uapi/linux/prctl.h

struct inherit {
    static constexpr std::string_view name = "Fork.Migrate";
    static constexpr std::string_view meaning =
        "the child of a process that is synchronized when it is moved modifies code and is moved";
    static constexpr std::string_view needs = "prctl_icache";
    static constexpr std::string_view with_step = "prctl.icache";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"prctl.icache", 0, implied_step::place::first},
                                               {"fork", 0, implied_step::place::first},
                                               {"migrate", 0, implied_step::place::last}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr unsigned cpus = 2;

    static void script(cmodx::script& s) {
        constexpr std::uint32_t moves = 6;
        script_words& w = s.words();
        if (prctl(set_icache_flush_ctx, 1L, 0L, 0L, 0L) != 0) return s.refuse("the prctl is denied");
        std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        for (std::size_t i = 0; i < s.cpus(); ++i) {  // the old code is in every CPU's caches
            s.move_to(i);
            if (s.run() != s.token_of(0)) return s.fail("the unmodified code did not return what it should");
        }
        child other(s, cpu, [&] {
            for (std::uint32_t g = 1; g <= moves; ++g) {
                s.modify(g);
                s.writer_steps();
                s.move_to(++cpu);
                w.word[g] = s.run();
            }
        });
        if (!other.started() || other.end() != 0) return;
        s.expect(s.token_of(0), 0);
        for (std::uint32_t g = 1; g <= moves; ++g) {
            s.wrote();
            s.expect(static_cast<std::uint32_t>(w.word[g]), g);
        }
    }
};

const define_script<inherit> entry;

}  // namespace
}  // namespace cmodx
