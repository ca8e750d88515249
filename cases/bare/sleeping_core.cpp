// SPDX-License-Identifier: Apache-2.0
// SleepingCore: a CPU has run code and sleeps while it is modified; its own timer wakes it, and no interrupt of
// another's.
//
//     T0                       T1
//                              fetch x    old code
//                              sleep
//     store x    new code
//     steps
//     store flag
//                              wake, by the timer
//                              load flag
//                              steps
//                              fetch x    must be the new code
#include <algorithm>

#include "cases/bare/rounds.hpp"

namespace cmodx {
namespace {

struct sleeping_core {
    static constexpr std::string_view name = "SleepingCore";
    static constexpr std::string_view meaning =
        "code is modified while a CPU that has run it sleeps, and is not interrupted";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{"wake", 1, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view never_by = "ipi";  // which would wait for those who wait
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        constexpr std::uint64_t falling_asleep = 20'000;  // nanoseconds
        constexpr std::uint64_t longest = 400'000'000;
        std::uint64_t asleep = 300'000;  // longer where steps take longer: firmware's, in an emulator that takes turns
        const kernel& k = *platform::as_kernel();
        script_words& w = s.words();
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && s.wait_for(w.turn, g); ++g) {
                const std::uint64_t then = platform::nanoseconds() + falling_asleep;
                while (platform::nanoseconds() < then) platform::pause();
                s.modify(g);
                s.writer_steps();
                s.publish(g);
            }
        };
        const auto executor = [&] {
            s.expect(s.run(), 0);
            for (std::uint32_t g = 1; g <= rounds_of_a_call && !s.over(); ++g) {
                w.turn.store(g, std::memory_order_release);
                k.sleep(asleep);
                // Firmware's remote fence wakes it before its time: it goes back to sleep.
                for (unsigned woken = 0; woken < 4 && w.flag.load(std::memory_order_acquire) != g; ++woken)
                    k.sleep(asleep);
                // Nothing here synchronizes the context but the steps: no interrupt is taken, no clock is read.
                if (w.flag.load(std::memory_order_acquire) == g) {
                    s.executor_steps();
                    s.expect(s.run(), g);
                    k.wake();
                    continue;
                }
                k.wake();  // too early: the writer was late
                asleep = std::min(4 * asleep, longest);
                if (!s.wait_for(w.flag, g)) break;
            }
            w.abandoned = true;
        };
        s.together(1 + s.choose(static_cast<std::uint32_t>(s.cpus() - 1)), executor, writer);
    }
};

const define_script<sleeping_core> entry;

}  // namespace
}  // namespace cmodx
