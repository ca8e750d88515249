// SPDX-License-Identifier: Apache-2.0
// LazyIpi: only those CPUs are interrupted who may be running the code; one that comes to it later looks for itself
// whether it has changed. So a kernel may spare the others, as Linux does with membarrier's masks.
//
//     T0                       T1 … Tn
//     store x    new code      here = 1
//     steps                    load generation; if it is another: steps
//     store generation         fetch x    no older than the flag said, some times
//     interrupt who is here    here = 0
//     store flag
#include "cases/bare/everyone.hpp"

namespace cmodx {
namespace {

constexpr std::size_t generation = 0;  // word; those from 1 on: the bit of a CPU that is here, or 0

struct lazy_ipi {
    static constexpr std::string_view name = "LazyIpi";
    static constexpr std::string_view meaning = "only those who may be running the code are interrupted";
    static constexpr std::string_view needs = "bare";
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{"by_turns", 1, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::string_view site = "branch";
    static constexpr purpose use = purpose::by_turns;
    static constexpr bool runs_meanwhile = true;
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = true;

    // The step `ipi` comes here: what is passed over is passed over at this moment and not before.
    inline static script_words* words = nullptr;
    inline static std::uint32_t next = 0;
    static void interrupt_who_is_here() {
        words->word[generation].store(next);
        std::uint64_t here = 0;
        for (std::size_t i = 1; i < words->word.size(); ++i) here |= words->word[i].load();
        if (here != 0) platform::as_kernel()->interrupt(static_cast<std::uint32_t>(here), nullptr, nullptr);
    }

    static void script(cmodx::script& s) {
        script_words& w = s.words();
        words = &w;
        s.interrupt_by(interrupt_who_is_here);
        const bool interrupts = contains(s.parts().writer, "ipi");
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds_of_a_call && !w.abandoned && !s.over(); ++g) {
                next = g;
                s.modify(g);
                s.writer_steps();
                if (!interrupts) w.word[generation].store(g);
                s.publish(g);
                for (std::uint32_t n = s.choose(2000); n-- > 0;) platform::pause();
            }
            w.turn = finished;
        };
        const auto executor = [&](observer& o) {
            random_source chance(o.index);
            std::uint64_t mine = 0;
            // A CPU's number is not its place in the script where one before it does not start.
            const std::uint64_t bit = std::uint64_t{1} << platform::as_kernel()->cpu();
            std::atomic<std::uint64_t>& here = w.word[o.index % w.word.size()];
            while (w.turn.load() != finished && !w.abandoned) {
                here.store(bit);
                const std::uint64_t now = w.word[generation].load();
                if (now != mine) s.executor_steps();
                mine = now;
                for (std::uint32_t n = chance.below(256); n-- > 0;) {
                    const std::uint32_t before = w.flag.load(std::memory_order_acquire);
                    const std::uint32_t value = s.run();
                    o.check(s, value, before, w.flag.load(std::memory_order_acquire));
                    // Where CPUs take turns when they pause, others' turn comes while this one is here, too.
                    if (n % 32 == 0) platform::pause();
                }
                here.store(0);
                for (std::uint32_t n = chance.below(64); n-- > 0;) platform::pause();
            }
        };
        everyone(s, executor, writer);
    }
};

const define_script<lazy_ipi> entry;

}  // namespace
}  // namespace cmodx
