// SPDX-License-Identifier: Apache-2.0
// A thread of a running test and its hot loops: the only code that runs while observations are made.
#pragma once

#include <atomic>
#include <cstring>

#include "arch/token.hpp"
#include "runner/engine/outcome.hpp"
#include "runner/engine/platform.hpp"
#include "runner/engine/random.hpp"
#include "runner/engine/shape.hpp"

namespace cmodx {

inline constexpr std::size_t most_instances = 4;
inline constexpr std::size_t most_observers = 8;
inline constexpr std::size_t most_patch = 256;  // bytes

using stub = void (*)(std::uintptr_t* frame);

// One copy of the test's code and flag; a batch has one to four, which share nothing but the arena.
struct instance {
    alignas(64) std::atomic<std::uint32_t> flag{0};  // the generation that is published
    struct alignas(64) acknowledgement {
        std::atomic<std::uint32_t> generation{0};
    };
    std::array<acknowledgement, most_observers> seen;  // by observer: the last generation whose round is over

    std::uintptr_t entry = 0;
    const std::uint8_t* patched = nullptr;             // the modified bytes, executable address
};

// What the threads of a batch share.
struct batch {
    const site_layout* site = nullptr;
    std::array<std::uint32_t, 256> tokens{};                       // by generation modulo 256
    std::array<std::array<std::uint8_t, most_patch>, 256> patches{};  // the modified bytes, by the same
    std::array<instance, most_instances> instances;
    unsigned instance_count = 1;
    unsigned observer_count = 1;
    bool acknowledged = false;  // the writer waits until every observer has seen a generation
    bool exclusive = false;     // and observers run the site only when a generation is fresh
    bool settles = false;       // at the end, does the last generation arrive?
    std::uint32_t pace = 0;     // the writer's mean pause between modifications, in spins
    std::atomic<const char*> broken{nullptr};  // why the batch proves nothing
    alignas(64) std::uint32_t stop = 0;
    alignas(64) std::atomic<std::uint32_t> ready{0};

    bool stopped() const { return std::atomic_ref<const std::uint32_t>(stop).load(std::memory_order_relaxed) != 0; }
};

// One thread's view of one instance.
struct lane {
    alignas(64) std::array<std::uintptr_t, frame_words> frame{};
    alignas(16) std::array<std::uint8_t, 64> scratch{};
    instance* of = nullptr;
    std::uint32_t last_flag = 0;
    std::uint32_t last_value = 0;
    outcome steady = outcome::current;  // what a round comes to that sees the same once more
    bool moved = false;                 // another value was seen than the first
    std::uint32_t asked = 0;            // rounds that the stub was last allowed

    void see(std::uint32_t value, std::uint32_t flag) {
        last_value = value;
        last_flag = flag;
        frame[static_cast<std::size_t>(field::last_value)] = value;
        frame[static_cast<std::size_t>(field::last_flag)] = flag;
    }
};

struct worker {
    batch* in = nullptr;
    stub run = nullptr;
    std::array<lane, most_instances> lanes;
    unsigned observer = 0;  // index among the observers
    random_source random{0};
    tally counts;
    lane* current = nullptr;      // whose stub is running
    std::uint32_t waited = 0;     // fruitless tries in a row
    bool tainted = false;         // a system call stood between this round and the one before
    bool writes = false;
    bool warm = false;
    platform::switches before;    // when the loop began
    std::size_t value_word = 0;   // word of the frame that holds what the last fetch saw
    void (*loop)(worker&) = nullptr;
};

// What classify sees of one round.
class round_view {
  public:
    round_view(const worker& w, const lane& l, std::uint32_t flag, bool leads)
        : worker_(w), lane_(l), flag_(flag), leads_(leads) {}

    std::uint32_t observed(std::size_t slot) const {
        return static_cast<std::uint32_t>(lane_.frame[word_of_observed(slot)]);
    }
    std::uint32_t flag() const { return flag_; }

    // Whether the first fetch saw another value than the round before.
    bool changed() const { return observed(0) != lane_.last_value; }
    // Judges a fetched value against the generation `base` that is known to have been published.
    outcome compare(std::uint32_t value, std::uint32_t base) const {
        if (value == worker_.in->tokens[base & 0xff]) [[likely]] return outcome::current;
        const int found = generation(value);
        if (found < 0) return outcome_of(witness::torn);
        const std::uint32_t modulus = worker_.in->site->generations;
        const std::uint32_t lead = newest() - base;
        if (lead >= modulus - (leads_ ? 1 : 0)) return outcome::ambiguous;
        const std::uint32_t ahead = (static_cast<std::uint32_t>(found) - base) & (modulus - 1);
        return ahead <= lead ? outcome::newer : outcome_of(witness::stale);
    }
    // The generation (modulo the site's) whose token `value` is; -1 for none.
    int generation(std::uint32_t value) const {
        const int found = generation_of(value, worker_.in->site->token_bits);
        return found < worker_.in->site->generations ? found : -1;
    }
    // Signed distance from generation `from` to `to`; both modulo the site's. Right if the true one is less than half.
    int distance(int from, int to) const {
        const int modulus = worker_.in->site->generations;
        const int d = (to - from) & (modulus - 1);
        return d >= modulus / 2 ? d - modulus : d;
    }
    // The newest generation that the code can have had up to now: one more than is published, because the writer
    // modifies first, unless it waits for this observer.
    std::uint32_t newest() const {
        return leads_ ? lane_.of->flag.load(std::memory_order_acquire) + 1 : flag_;
    }
    bool can_order() const { return newest() - flag_ < worker_.in->site->generations / 2u; }

  private:
    const worker& worker_;
    const lane& lane_;
    std::uint32_t flag_;
    bool leads_;
};

// A task's body: warms the code up, starts with the others, runs the loop; `argument` is a worker.
void worker_body(void* argument);
// Remembers the round if it is the thread's first witness.
void note_first(worker& w, const lane& l, outcome what, std::uint32_t flag);
// A fruitless try: spins, and gives the CPU away when it has lasted long.
void wait_a_little(worker& w);

// The slot that the last fetch of a thread observes.
constexpr std::size_t last_fetch_of(const program& p) {
    std::size_t slot = 0;
    for (const event& e : p.events)
        if (e.what == act::fetch) slot = e.slot;
    return slot;
}

// What the loops need to know of a shape's programs, at compile time.
template <class S>
struct traits {
    static constexpr bool has(std::size_t thread, act a) {
        for (const event& e : S::programs[thread].events)
            if (e.what == a) return true;
        return false;
    }
    static constexpr std::size_t observer = std::size(S::programs) - 1;
    static constexpr bool publishes = has(0, act::store_flag);
    static constexpr bool writer_observes = observer == 0;
    static constexpr bool reads_flag = has(observer, act::load_flag);
    static constexpr std::size_t last_fetch = last_fetch_of(S::programs[observer]);
};

inline bool all_acknowledged(const batch& b, const instance& i) {
    const std::uint32_t generation = i.flag.load(std::memory_order_relaxed);
    for (unsigned k = 0; k < b.observer_count; ++k)
        if (i.seen[k].generation.load(std::memory_order_acquire) != generation) return false;
    return true;
}

template <class S>
inline outcome count_round(worker& w, const lane& l, std::uint32_t flag, bool leads) {
    const outcome what = S::classify(round_view(w, l, flag, leads));
    ++w.counts.count[static_cast<std::size_t>(what)];
    ++w.counts.rounds;
    if (static_cast<std::uint32_t>(l.frame[word_of_observed(traits<S>::last_fetch)]) != l.last_value)
        ++w.counts.transitions;
    if (what >= outcome::first_witness) [[unlikely]] note_first(w, l, what, flag);
    return what;
}

// Counts the rounds that ended inside the stub, less `others`: in each, nothing new was seen.
inline void count_unchanged(worker& w, const lane& l, std::uint32_t others) {
    const std::uint64_t unchanged = l.asked - l.frame[static_cast<std::size_t>(field::rounds)] - others;
    w.counts.rounds += unchanged;
    w.counts.count[static_cast<std::size_t>(l.steady)] += unchanged;
}

// Modifies, maintains, publishes, as fast as the batch's pace lets it.
template <class S>
void writer_loop(worker& w) {
    batch& b = *w.in;
    while (!b.stopped()) {
        lane& l = w.lanes[b.instance_count == 1 ? 0 : w.random.below(b.instance_count)];
        instance& i = *l.of;
        if (b.acknowledged && !all_acknowledged(b, i)) {
            wait_a_little(w);
            continue;
        }
        w.waited = 0;
        const std::uint32_t generation = i.flag.load(std::memory_order_relaxed) + 1;
        l.frame[word_of(field::source, 0)] = reinterpret_cast<std::uintptr_t>(b.patches[generation & 0xff].data());
        l.frame[word_of(field::value, 0)] = generation;
        w.current = &l;
        // The flag of the generation before must not be seen after this one's code: bounds on `newest` rest on it.
        std::atomic_thread_fence(std::memory_order_seq_cst);
        w.run(l.frame.data());
        ++w.counts.writes;
        if constexpr (!traits<S>::publishes) i.flag.store(generation, std::memory_order_release);
        if constexpr (traits<S>::writer_observes) {
            ++w.counts.fresh;
            count_round<S>(w, l, generation, false);
            l.see(static_cast<std::uint32_t>(l.frame[word_of_observed(traits<S>::last_fetch)]), generation);
        }
        if (b.pace != 0)
            for (std::uint32_t spins = w.random.below(2 * b.pace); spins != 0 && !b.stopped(); --spins) platform::pause();
    }
}

// Runs the site again and again (or once for each generation, when exclusive) and classifies what it saw. The rounds
// in which nothing changed are made inside the stub. No system call, unless the writer makes no progress for long;
// the round after one is not counted as fresh.
template <class S>
void executor_loop(worker& w) {
    constexpr std::uint32_t most_rounds = 256;  // inside the stub, before the batch's end is looked at
    constexpr std::size_t last_slot = traits<S>::last_fetch;
    batch& b = *w.in;
    while (!b.stopped()) {
        lane& l = w.lanes[b.instance_count == 1 ? 0 : w.random.below(b.instance_count)];
        instance& i = *l.of;
        if (b.exclusive && i.flag.load(std::memory_order_relaxed) == l.last_flag) {
            wait_a_little(w);
            continue;
        }
        l.asked = b.exclusive ? 1 : most_rounds;
        l.frame[static_cast<std::size_t>(field::rounds)] = l.asked;
        w.current = &l;
        w.run(l.frame.data());
        count_unchanged(w, l, 1);  // all but the last, which may have changed

        const auto value = static_cast<std::uint32_t>(l.frame[word_of_observed(last_slot)]);
        std::uint32_t flag = l.last_flag;
        if constexpr (traits<S>::reads_flag) flag = static_cast<std::uint32_t>(l.frame[word_of_observed(0)]);
        const bool fresh = traits<S>::reads_flag ? flag != l.last_flag : value != l.last_value;
        const outcome what = count_round<S>(w, l, flag, !(fresh && b.acknowledged));
        if constexpr (traits<S>::reads_flag) {
            l.steady = what;
        } else {
            l.steady = generation_of(value, b.site->token_bits) < 0 ? outcome_of(witness::torn) : outcome::current;
            flag = i.flag.load(std::memory_order_acquire);  // a lower bound of what the next round can see
        }
        l.moved |= value != l.last_value;
        l.see(value, flag);
        if (fresh) {
            if (!w.tainted) ++w.counts.fresh;
            w.waited = 0;
        }
        if (b.acknowledged) i.seen[w.observer].generation.store(flag, std::memory_order_release);
        w.tainted = false;
    }
}

}  // namespace cmodx
