// SPDX-License-Identifier: Apache-2.0
// StopMachine: all other CPUs spin in an interrupt, wherever it met them, while one modifies the code that they run.
//
//     T0                       T1 … Tn
//     interrupt all            fetch x    old code, all the time
//                              wait, in the interrupt
//     store x    new code
//     steps
//     store flag               load flag
//                              steps
//                              return from the interrupt
//                              fetch x    must be the new code
#include "cases/bare/everyone.hpp"

namespace cmodx {
namespace {

struct stop_machine {
    static constexpr std::string_view name = "StopMachine";
    static constexpr std::string_view meaning = "code is modified while all others wait in an interrupt";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{"eret", 1, implied_step::place::last}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::string_view never_by = "ipi";  // which would wait for those who wait
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = true;

    struct stop {
        cmodx::script* s;
        const kernel* k;
        std::uint32_t next;                     // generation
        std::atomic<std::uint32_t> waiting{0};  // how many are
    };
    // In the interrupt.
    static void wait(void* argument) {
        stop& a = *static_cast<stop*>(argument);
        a.waiting.fetch_add(1);
        while (a.s->words().flag.load(std::memory_order_acquire) != a.next) {
            if (a.k->ending()) return;
            platform::pause();
        }
        a.s->executor_steps();
    }

    static void script(cmodx::script& s) {
        const kernel& k = *platform::as_kernel();
        script_words& w = s.words();
        stop order{.s = &s, .k = &k, .next = 0};
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && acknowledged(s, g - 1) && !s.over(); ++g) {
                order.next = g;
                order.waiting = 0;
                k.begin_interrupt(~0u, wait, &order);
                while (order.waiting.load() + 1 < s.cpus()) platform::pause();
                s.modify(g);
                s.writer_steps();
                s.publish(g);
                k.end_interrupt();
            }
            acknowledged(s, w.flag);
            w.turn = finished;
        };
        const auto executor = [&](observer& o) {
            while (w.turn.load() != finished && !w.abandoned) {
                const std::uint32_t before = w.flag.load(std::memory_order_acquire);
                const std::uint32_t value = s.run();
                const std::uint32_t after = w.flag.load(std::memory_order_acquire);
                if (before == after)
                    o.check(s, value, before);
                else
                    o.check(s, value, before, after - 1);
                if (o.index < w.word.size()) w.word[o.index].store(before, std::memory_order_release);
            }
        };
        everyone(s, executor, writer);
    }
};

const define_script<stop_machine> entry;

}  // namespace
}  // namespace cmodx
