// SPDX-License-Identifier: Apache-2.0
// Rounds of two CPUs that take turns: one brings about generation g and publishes it, the other then runs it.
#pragma once

#include "runner/engine/script.hpp"

namespace cmodx {

inline constexpr std::uint32_t rounds_of_a_call = 200;

// write(g) ends in publish(g); the executor's steps and its run come by themselves. expected(g) is the generation that
// the site then has.
template <class Write, class Expected>
void take_turns(script& s, Write write, Expected expected) {
    script_words& w = s.words();
    const auto writer = [&] {
        for (std::uint32_t g = 1; g <= rounds_of_a_call && s.wait_for(w.turn, g); ++g) write(g);
    };
    const auto executor = [&] {
        for (std::uint32_t g = 0; g <= rounds_of_a_call && !s.over() && s.wait_for(w.flag, g); ++g) {
            if (g != 0) s.executor_steps();
            s.expect(s.run(), expected(g));
            w.turn.store(g + 1, std::memory_order_release);
        }
        w.abandoned = true;
    };
    s.together(1 + s.choose(static_cast<std::uint32_t>(s.cpus() - 1)), executor, writer);
}

// Maps the window's first pages, in the first space, to code at generation g, at `offset`; maintained by these
// addresses.
inline void lay_out(script& s, const kernel& k, const platform::code_memory& m, std::size_t offset, std::uint32_t g,
                    access how) {
    s.image(m.writable, m.size, offset, g);
    platform::synchronize(m.executable, m.size);
    for (std::size_t p = 0; p < m.size / s.page(); ++p) {
        k.set_page(0, p, m.writable + p * s.page(), how);
        k.forget_page(k.window() + p * s.page());
    }
    platform::synchronize(k.window(), m.size);
}

}  // namespace cmodx
