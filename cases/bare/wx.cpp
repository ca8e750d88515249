// SPDX-License-Identifier: Apache-2.0
// Wx: a page is writable or executable in turn, by its entry in the page tables. While it is writable it does not run;
// when it is executable again, the new code does.
//
//     T0                       T1
//     x writable
//     steps
//     store flag               load flag
//                              steps
//                              fetch x    must fault
//     store x    new code, maintained
//     x executable
//     steps
//     store flag               load flag
//                              steps
//                              fetch x    must be the new code
#include "cases/bare/rounds.hpp"

namespace cmodx {
namespace {

constexpr std::size_t faulted = 0;  // word: whether this fetch has

struct wx {
    static constexpr std::string_view name = "Wx";
    static constexpr std::string_view meaning =
        "a page with code is writable or executable in turn, by the page tables";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    // Of what is stored the script itself sees to the caches.
    static constexpr implied_step implied[] = {{"clear_cache", 0, implied_step::place::first},
                                               {"remap", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr purpose use = purpose::translation;
    static constexpr unsigned cpus = 2;
    static constexpr bool maps = true;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        const kernel& k = *platform::as_kernel();
        if (k.window() == nullptr) return s.refuse("there are no page tables");
        const platform::code_memory m = platform::map(mapping::same, s.extent());
        if (m.executable == nullptr) return s.refuse(m.failure);
        const std::size_t offset = s.place();
        lay_out(s, k, m, offset, 0, access::read_execute);
        s.aim(k.window(), k.window(), m.size, offset);
        script_words& w = s.words();
        const auto turn = [&](access how) {
            for (std::size_t p = 0; p < m.size / s.page(); ++p) k.set_page(0, p, m.writable + p * s.page(), how);
            s.writer_steps();
        };
        // Odd flags: writable; even ones: executable, with generation flag / 2.
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && s.wait_for(w.turn, g); ++g) {
                if (g % 2 == 1) {
                    turn(access::read_write);
                } else {
                    // What the writer itself may still hold is another matter than what the executor may.
                    for (std::size_t p = 0; p < m.size / s.page(); ++p) k.forget_page(k.window() + p * s.page());
                    s.modify(g / 2);
                    platform::synchronize(s.executable(), s.parts().site->patch_size);
                    turn(access::read_execute);
                }
                s.publish(g);
            }
        };
        s.on_trap = [](cmodx::script& of, std::uintptr_t) {
            if (of.words().flag % 2 == 0) return false;
            of.words().word[faulted] = 1;
            return true;
        };
        // Begun anew by each fault that had to come.
        std::uint32_t g = 0;
        const auto executor = [&] {
            for (; g <= rounds_of_a_call; ++g) {
                if (w.word[faulted] != 0) {
                    w.word[faulted] = 0;
                    s.count(outcome::current);
                } else {
                    if (s.over() || !s.wait_for(w.flag, g)) break;
                    if (g != 0) s.executor_steps();
                    const std::uint32_t value = s.run();
                    if (g % 2 == 1)
                        s.count(witness::stale);
                    else
                        s.expect(value, g / 2);
                }
                w.turn.store(g + 1, std::memory_order_release);
            }
            w.abandoned = true;
        };
        s.together(1 + s.choose(static_cast<std::uint32_t>(s.cpus() - 1)), executor, writer);
        s.on_trap = nullptr;
    }
};

const define_script<wx> entry;

}  // namespace
}  // namespace cmodx
