// SPDX-License-Identifier: Apache-2.0
// The hot loop of a shape whose threads start each round together and are judged together, and what classify sees of
// such a round.
#pragma once

#include <bit>

#include "runner/engine/view.hpp"

namespace cmodx {

// Each round has values of its own, so nothing is set back in between: what is not of this round is old.
class meeting_view {
  public:
    static constexpr int old = -1;
    static constexpr int torn = -2;

    meeting_view(const batch& in, unsigned code_writers, std::uint32_t round)
        : in_(in), code_writers_(code_writers), round_(round) {}

    // What thread `index` stores in round `round`.
    static std::uint32_t value_of(std::uint32_t round, unsigned index) { return 4 * round + index; }
    static std::uint32_t generation_of_round(std::uint32_t round, unsigned index, unsigned code_writers) {
        return code_writers == 1 ? round : 2 * round + index;
    }

    // Whose code of this round the thread ran: the index of a thread, `old` or `torn`.
    int ran(unsigned thread, std::size_t slot) const {
        const std::uint32_t value = lane_of(thread).observed(slot);
        for (unsigned by = 0; by < code_writers_; ++by)
            if (value == in_.tokens[generation(by) & 0xff]) return static_cast<int>(by);
        const int found = generation_of(value, in_.site->token_bits);
        return found < 0 || found >= in_.site->generations ? torn : old;
    }
    // Whose flag of this round the thread loaded: the index of a thread, or `old`.
    int flag(unsigned thread, std::size_t slot) const { return whose(lane_of(thread).observed(slot)); }
    // Whose flag, and whose code at location 0, remain when all threads have ended.
    int last_flag(location x) const { return whose(here().flags[x].value.load(std::memory_order_acquire)); }
    int last_code() const {
        std::uint32_t bytes = 0;
        std::memcpy(&bytes, here().places[0].patched, in_.site->patch_size < 4 ? in_.site->patch_size : 4);
        for (unsigned by = 0; by < code_writers_; ++by)
            if (bytes == in_.words[generation(by) & 0xff]) return static_cast<int>(by);
        return old;
    }

    const lane& lane_of(unsigned thread) const { return in_.members[thread].lanes[in_.turn]; }

  private:
    const instance& here() const { return in_.instances[in_.turn]; }
    std::uint32_t generation(unsigned by) const { return generation_of_round(round_, by, code_writers_); }
    int whose(std::uint32_t value) const { return value >> 2 == round_ ? static_cast<int>(value & 3) : old; }

    const batch& in_;
    unsigned code_writers_;
    std::uint32_t round_;
};

template <class S>
consteval unsigned count_code_writers() {
    unsigned count = 0;
    for (std::size_t i = 0; i < std::size(S::programs); ++i) count += traits<S>::has(i, act::store_code) ? 1 : 0;
    return count;
}
template <class S>
inline constexpr unsigned code_writers = count_code_writers<S>();

// The last thread to arrive judges the round that is over; `w` is that thread.
template <class S>
void conclude(worker& w) {
    constexpr unsigned threads = std::size(S::programs);
    const batch& b = *w.in;
    bool faulted = false;
    bool late = false;
    bool doubtful = false;
    for (unsigned i = 0; i < threads; ++i) {
        doubtful |= b.members[i].lanes[b.turn].doubtful;
        faulted |= b.members[i].faulted;
        late |= b.members[i].late;
        b.members[i].faulted = false;
    }
    if (faulted) return;
    const std::uint32_t round = b.instances[b.turn].round;
    const meeting_view view(b, code_writers<S>, round);
    outcome what = S::classify(view);
    if (doubtful && what != outcome_of(witness::torn)) what = outcome::ambiguous;
    ++w.counts.count[static_cast<std::size_t>(what)];
    ++w.counts.rounds;
    ++w.counts.writes;
    if (!late && what != outcome::ambiguous) ++w.counts.fresh;
    lane& l = b.members[threads - 1].lanes[b.turn];
    const std::uint32_t value = l.observed(traits<S>::first_fetch);
    if (value != l.last_value) ++w.counts.transitions;
    l.last_value = value;
    if (what >= outcome::first_witness) [[unlikely]]
        note_first(w, l, what, round);
}

// Says whether the thread's first fetch was of code of the round or of the one before, and notes it for the next round.
// A machine that owes a thread no news may show it ever older code, in the end so old that its generation has come
// round and it looks new. What looks old is old.
template <class S>
bool note_age(const worker& w, lane& l, std::uint32_t round) {
    const std::uint32_t value = l.observed(static_cast<std::size_t>(std::countr_zero(w.fetches)));
    const std::uint32_t last = meeting_view::generation_of_round(round, code_writers<S> - 1, code_writers<S>);
    bool looks_new = false;
    bool recent = false;
    for (std::uint32_t back = 0; back < 2 * code_writers<S>; ++back) {
        if (value != w.in->tokens[(last - back) & 0xff]) continue;
        recent = true;
        looks_new |= back < code_writers<S>;
    }
    l.doubtful = l.lags && looks_new;
    l.lags = !recent;
    return recent;
}

// Waits for the others; false when the batch has ended.
template <class S>
bool meet(worker& w, bool concludes) {
    batch& b = *w.in;
    const std::uint32_t meeting = b.meetings.load(std::memory_order_acquire);
    if (b.arrived.fetch_add(1, std::memory_order_acq_rel) == b.observer_count) {
        if (concludes) conclude<S>(w);
        b.turn = b.instance_count == 1 ? 0 : w.random.below(b.instance_count);
        ++b.instances[b.turn].round;
        b.over = b.stopped();
        b.arrived.store(0, std::memory_order_relaxed);
        b.meetings.store(meeting + 1, std::memory_order_release);
    } else {
        while (b.meetings.load(std::memory_order_acquire) == meeting) {
            const bool all_there = b.ready.load(std::memory_order_acquire) > b.observer_count;
            if (b.stopped() && !all_there) return false;  // a thread could not be started
            wait_a_little(w);
        }
    }
    w.waited = 0;
    w.late = w.tainted;
    w.tainted = false;
    return !b.over;
}

template <class S>
void round_loop(worker& w) {
    batch& b = *w.in;
    while (meet<S>(w, b.meetings.load(std::memory_order_relaxed) != 0)) {
        lane& l = w.lanes[b.turn];
        const std::uint32_t round = l.of->round;
        const std::uint32_t generation = meeting_view::generation_of_round(round, w.index, code_writers<S>);
        for (location x = 0; x < locations; ++x) {
            l.frame[word_of(field::source, x)] = reinterpret_cast<std::uintptr_t>(b.patches[generation & 0xff].data());
            l.frame[word_of(field::value, x)] = meeting_view::value_of(round, w.index);
        }
        if (const std::uint32_t skew = b.pace / 16; skew != 0)
            for (std::uint32_t spins = w.random.below(skew); spins != 0; --spins) platform::pause();
        make_rounds(w, l, 0);
        if (w.fetches != 0 && !note_age<S>(w, l, round)) refresh(w, l);
    }
}

}  // namespace cmodx
