// SPDX-License-Identifier: Apache-2.0
// Migrate: a thread modifies code, is moved to another CPU, and runs it there; in Migrate.Amid it is moved when half
// of the steps are done.
//
//     T0 on CPU a            T0 on CPU b
//     fetch x   old code     fetch x   old code
//     store x   new code
//     steps
//                            fetch x   must be the new code
#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

template <bool Amid>
struct migrate {
    static constexpr std::string_view name = Amid ? "Migrate.Amid" : "Migrate";
    static constexpr std::string_view meaning =
        Amid ? "a thread modifies code and is moved to another CPU in the middle of its maintenance"
             : "a thread modifies and maintains code and runs it on another CPU";
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {
        {"migrate", 0, Amid ? implied_step::place::amid : implied_step::place::last}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = !Amid;

    static void script(cmodx::script& s) {
        constexpr unsigned moves = 16;
        std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        for (std::size_t i = 0; i < s.cpus(); ++i) {  // the old code is in every CPU's caches
            s.move_to(i);
            if (s.run() != s.token_of(0)) return s.fail("the unmodified code did not return what it should");
        }
        s.move_to(cpu);
        s.expect(s.run(), 0);
        for (std::uint32_t g = 1; g <= moves && !s.over(); ++g) {
            const unsigned before = platform::current_cpu();
            s.modify(g);
            s.writer_steps(Amid ? part::first_half : part::all);
            s.move_to(++cpu);
            if constexpr (Amid) s.writer_steps(part::second_half);
            const std::uint32_t value = s.run();
            if (platform::current_cpu() == before) return s.refuse("a moved thread stayed on its CPU");
            s.expect(value, g);
        }
    }
};

const define_script<migrate<false>> after;
const define_script<migrate<true>> amid;

}  // namespace
}  // namespace cmodx
