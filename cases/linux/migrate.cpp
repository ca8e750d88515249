// SPDX-License-Identifier: Apache-2.0
// Migrate: a thread modifies code, is moved to another CPU, and runs it there; in Migrate.Amid it is moved when half
// of the steps are done. In Migrate.Sibling another thread of the process has run the old code on that CPU and is still
// there: the kernel switches between threads of one address space, where it may leave out what it does between two.
// (Linux 6.12, arch/riscv/mm/context.c: switch_mm() returns before it looks whether the hart owes a FENCE.I.)
//
//     T0 on CPU a            T0 on CPU b            T1 on CPU b (Sibling)
//     fetch x   old code     fetch x   old code     fetch x   old code
//     store x   new code                            spin
//     steps
//                            fetch x   must be the new code
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

enum class way : std::uint8_t { after, amid, sibling };

template <way Way>
struct migrate {
    static constexpr std::string_view name = Way == way::amid      ? "Migrate.Amid"
                                             : Way == way::sibling ? "Migrate.Sibling"
                                                                   : "Migrate";
    static constexpr std::string_view meaning =
        Way == way::amid ? "a thread modifies code and is moved to another CPU in the middle of its maintenance"
        : Way == way::sibling
            ? "a thread modifies and maintains code and runs it on another CPU, in turn with a thread of its process"
            : "a thread modifies and maintains code and runs it on another CPU";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {
        {"migrate", 0, Way == way::amid ? implied_step::place::amid : implied_step::place::last}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = Way != way::amid;

    static void script(cmodx::script& s) {
        constexpr unsigned moves = 16;
        std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        for (std::size_t i = 0; i < s.cpus(); ++i) {  // the old code is in every CPU's caches
            s.move_to(i);
            if (s.run() != s.token_of(0)) return s.fail("the unmodified code did not return what it should");
        }
        s.move_to(cpu);
        s.expect(s.run(), 0);
        if constexpr (Way == way::sibling) return beside_a_sibling(s, cpu);
        for (std::uint32_t g = 1; g <= moves && !s.over(); ++g) {
            s.modify(g);
            s.writer_steps(Way == way::amid ? part::first_half : part::all);
            s.move_to(++cpu);
            if constexpr (Way == way::amid) s.writer_steps(part::second_half);
            const std::uint32_t value = s.run();
            if (!s.broken()) s.expect(value, g);
        }
    }

    // Odd turns are the sibling's: it runs the code, and then spins without a system call, so that its CPU never goes
    // over to another address space.
    static void beside_a_sibling(cmodx::script& s, std::size_t cpu) {
        constexpr std::uint32_t moves = 8;
        constexpr std::uint32_t end = 0xffff'ffff;
        script_words& w = s.words();
        const auto sibling = [&] {
            for (std::uint32_t turn = 0; turn != end && !w.abandoned;) {
                turn = w.turn.load(std::memory_order_acquire);
                if (turn % 2 == 1 && turn != end) {
                    static_cast<void>(s.run());
                    w.turn.store(turn + 1, std::memory_order_release);
                }
                platform::pause();
            }
        };
        const auto mover = [&] {
            for (std::uint32_t g = 1; g <= moves && !s.over(); ++g) {
                w.turn.store(2 * g - 1, std::memory_order_release);
                if (!s.wait_for(w.turn, 2 * g)) break;
                s.modify(g);
                s.writer_steps();
                s.move_to(cpu + 1);
                const std::uint32_t value = s.run();
                if (s.broken()) break;
                s.expect(value, g);
                s.move_to(cpu);
            }
            w.turn.store(end, std::memory_order_release);
        };
        s.together(cpu + 1, sibling, mover);
    }
};

const define_script<migrate<way::after>> after;
const define_script<migrate<way::amid>> amid;
const define_script<migrate<way::sibling>> sibling;

}  // namespace
}  // namespace cmodx
