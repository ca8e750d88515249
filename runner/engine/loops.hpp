// SPDX-License-Identifier: Apache-2.0
// The hot loops of a shape that runs free: with its rounds in rounds.hpp, the only code that runs while observations
// are made.
#pragma once

#include "runner/engine/view.hpp"

namespace cmodx {

template <class S>
inline outcome count_round(worker& w, const lane& l, const round_view& r) {
    const outcome what = S::classify(r);
    ++w.counts.count[static_cast<std::size_t>(what)];
    ++w.counts.rounds;
    if (l.observed(traits<S>::first_fetch) != l.last_value) ++w.counts.transitions;
    if (what >= outcome::first_witness) [[unlikely]]
        note_first(w, l, what, r.flag());
    return what;
}

// Whether the writer may go on: all observers have seen the generation before, or they are not too far behind for
// generations to be told apart.
template <class S>
bool may_modify(const batch& b, const instance& i, std::uint32_t generation) {
    if constexpr (traits<S>::writer_observes) return true;
    if (!b.acknowledged && !traits<S>::orders) return true;
    const std::uint32_t most = b.acknowledged ? 1 : b.site->generations / 2u;
    for (unsigned k = 0; k < b.observer_count; ++k)
        if (generation - i.seen[k].value.load(std::memory_order_acquire) > most) return false;
    return true;
}

// What the writer's stub stores.
template <class S>
void load_generation(batch& b, lane& l, std::uint32_t generation) {
    if constexpr (traits<S>::alternates) {  // into location 1 if it is odd
        for (const field f : {field::site, field::target, field::begin, field::end})
            std::swap(l.frame[word_of(f, 0)], l.frame[word_of(f, 1)]);
    }
    for (location x = 0; x < locations; ++x) {
        l.frame[word_of(field::source, x)] = reinterpret_cast<std::uintptr_t>(b.patches[generation & 0xff].data());
        l.frame[word_of(field::value, x)] = generation;
    }
}

// Modifies, maintains, publishes, as fast as the batch's pace lets it.
template <class S>
void writer_loop(worker& w) {
    using known = traits<S>;
    batch& b = *w.in;
    while (!b.stopped()) {
        lane& l = w.pick();
        instance& i = *l.of;
        const std::uint32_t generation = i.flag().load(std::memory_order_relaxed) + 1;
        if (!may_modify<S>(b, i, generation)) {
            wait_a_little(w);
            continue;
        }
        w.waited = 0;
        load_generation<S>(b, l, generation);
        w.current = &l;
        // The flag of the generation before must not be seen after this one's code: bounds on `newest` rest on it.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        l.run(l.frame.data());
        ++w.counts.writes;
        if constexpr (!known::publishes) i.flag().store(generation, std::memory_order_release);
        if constexpr (known::writer_observes) {
            ++w.counts.fresh;
            count_round<S>(w, l, round_view(b, l, generation, generation, false));
            l.see(l.observed(known::first_fetch), generation, 0);
        }
        if (b.pace != 0)
            for (std::uint32_t spins = w.random.below(2 * b.pace); spins != 0 && !b.stopped(); --spins)
                platform::pause();
    }
}

// Runs the site again and again (or a few times for each generation, when exclusive) and classifies what it saw. The
// rounds in which nothing changed are made inside the stub. No system call, unless the writer makes no progress for
// long; the round after one is not counted as fresh.
template <class S>
void executor_loop(worker& w) {
    using known = traits<S>;
    constexpr std::uint32_t most_rounds = 256;  // inside the stub, before the batch's end is looked at
    constexpr std::uint32_t patience = 64;      // calls of the stub
    batch& b = *w.in;
    while (!b.stopped()) {
        lane& l = w.pick();
        instance& i = *l.of;
        if (b.exclusive && l.more == 0 && i.flag().load(std::memory_order_relaxed) == l.last_flag) {
            wait_a_little(w);
            continue;
        }
        // After a witness of two fetches a round in which nothing changes is not another one.
        const bool singly = b.exclusive || (!known::fetches_once && l.steady >= outcome::first_witness);
        make_rounds(w, l, singly ? 1 : most_rounds);
        count_unchanged(w, l, 1);  // all but the last, which may have changed

        const std::uint32_t value = l.observed(known::first_fetch);
        const std::uint32_t code = known::loads_code ? l.observed(known::code_slot) : 0;
        std::uint32_t flag = known::reads_flag ? l.observed(known::flag_slot) : l.last_flag;
        const bool fresh = known::reads_flag ? flag != l.last_flag
                                             : value != l.last_value || (known::loads_code && code != l.last_code);
        // The writer modifies before it publishes, unless it waits for this observer.
        const bool leads = known::orders || !(b.exclusive || (fresh && b.acknowledged));
        const std::uint32_t published = i.flag().load(std::memory_order_acquire);
        const round_view r(b, l, flag, leads ? published + 1 : flag, leads);
        const outcome what = count_round<S>(w, l, r);
        l.steady = what == outcome::newer && !known::reads_flag ? outcome::current : what;
        if constexpr (!known::reads_flag) flag = published;  // a lower bound of what the next round can see
        l.moved |= value != l.last_value;
        l.see(value, flag, code);
        if (fresh) {
            if (!w.tainted && what != outcome::ambiguous) ++w.counts.fresh;
            w.waited = 0;
        }
        w.tainted = false;
        if (b.exclusive) l.more = fresh ? w.random.below(3) : l.more - 1;
        std::uint32_t seen = flag;
        if constexpr (known::orders) {
            seen = oldest_seen<S>(r);
            const bool behind = static_cast<std::int32_t>(published - seen) > 0;
            l.idle = fresh || !behind ? 0 : l.idle + 1;
            if (l.idle == patience) {
                l.idle = 0;
                refresh(w, l);
            }
        }
        if (l.more == 0) i.seen[w.observer()].value.store(seen, std::memory_order_release);
    }
}

}  // namespace cmodx
