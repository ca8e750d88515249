// SPDX-License-Identifier: Apache-2.0
// Breakpoint.Ipi: a CPU runs code while another exchanges it behind a breakpoint, in three steps, each followed by an
// interrupt to all. Who meets the breakpoint comes to its handler, which returns to the same place. As Linux does on
// x86 (arch/x86/kernel/alternative.c, text_poke_bp_batch), whose handler emulates the new instruction instead.
//
//     T0                       T1
//     store x   trap           fetch x    old, new, or the trap, whose handler goes back to it
//     steps
//     store x   new tail
//     steps
//     store x   new first piece
//     steps
#include <cstring>

#include "cases/bare/everyone.hpp"
#include "cases/breakpoint.hpp"

namespace cmodx {
namespace {

constexpr std::size_t runs = 0;  // words: what the executor did
constexpr std::size_t traps = 1;
constexpr std::size_t stuck = 2;  // how often it never came to what was written

struct breakpoint_ipi {
    static constexpr std::string_view name = "Breakpoint.Ipi";
    static constexpr std::string_view meaning =
        "code is exchanged in three steps behind a breakpoint, which has a handler, while another CPU runs it";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::concurrent;
    static constexpr relation protocols = relation::two_locations;  // which are those with steps of the writer alone
    static constexpr implied_step implied[] = {{"breakpoint", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr unsigned cpus = 2;
    static constexpr std::string_view site = "nop_branch";
    static constexpr std::string_view by_step = "ipi";
    static constexpr bool twins = true;

    static bool is_ours(const cmodx::script& s, std::uintptr_t pc) {
        const std::uintptr_t offset = pc - reinterpret_cast<std::uintptr_t>(s.executable());
        return offset <= s.parts().isa->granule;  // on x86 it is behind the breakpoint
    }
    static std::uintptr_t on_breakpoint(void* argument, std::uintptr_t pc) {
        cmodx::script& s = *static_cast<cmodx::script*>(argument);
        if (!is_ours(s, pc) || s.words().turn == finished) return 0;
        s.words().word[traps].fetch_add(1);
        return reinterpret_cast<std::uintptr_t>(s.executable());
    }
    // Whom a machine shows the breakpoint for ever, whatever is stored there, begins anew, and sees that all is over.
    static bool on_trap(cmodx::script& s, std::uintptr_t pc) { return is_ours(s, pc) && s.words().turn == finished; }

    static void script(cmodx::script& s) {
        constexpr std::uint64_t enough = 10'000;  // of the one, after which the other does not come any more
        const kernel& k = *platform::as_kernel();
        script_words& w = s.words();
        const std::size_t piece = s.parts().isa->granule;
        std::uint8_t trap[8] = {};
        code_buffer code{trap, sizeof trap};
        s.parts().isa->trap(code);
        k.handle_breakpoints(on_breakpoint, &s);
        s.on_trap = on_trap;
        const auto wait_beyond = [&](std::size_t counted, std::uint64_t count, std::size_t instead) {
            const std::uint64_t began = w.word[instead];
            while (w.word[counted] <= count && !w.abandoned) {
                if (w.word[instead] - began > enough) {
                    w.word[stuck].fetch_add(1);
                    return;
                }
                platform::pause();
            }
        };
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && !s.over() && !w.abandoned; ++g) {
                const auto patch = s.patch(g);
                const std::uint64_t trapped = w.word[traps];
                store(s.target(), trap, piece);
                s.writer_steps();
                if (s.choose(2) == 0) wait_beyond(traps, trapped, runs);
                if (patch.size() > piece) {
                    std::memcpy(s.target() + piece, patch.data() + piece, patch.size() - piece);
                    s.writer_steps();
                }
                store(s.target(), patch.data(), piece);
                s.writer_steps();
                s.wrote();
                wait_beyond(runs, w.word[runs] + 1, traps);
            }
            w.turn = finished;
        };
        const auto executor = [&] {
            while (w.turn.load() != finished) {
                const std::uint32_t value = s.run();
                s.expect(value, value == s.token_of(1) ? 1 : 0);
                w.word[runs].fetch_add(1, std::memory_order_relaxed);
            }
        };
        s.together(1 + s.choose(static_cast<std::uint32_t>(s.cpus() - 1)), executor, writer);
        for (std::uint64_t n = w.word[traps]; n != 0; --n) s.count(outcome::newer);
        for (std::uint64_t n = w.word[stuck]; n != 0; --n) s.count(witness::never_new);
        k.handle_breakpoints(nullptr, nullptr);
        s.on_trap = nullptr;
    }
};

const define_script<breakpoint_ipi> entry;

}  // namespace
}  // namespace cmodx
