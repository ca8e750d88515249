// SPDX-License-Identifier: Apache-2.0
// A thread of a running test, and what the threads of a batch share.
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

// One copy of the test's code and flags; a batch has one to four, which share nothing but the arena.
struct instance {
    struct alignas(64) word {
        std::atomic<std::uint32_t> value{0};
    };
    struct place {
        std::uintptr_t entry = 0;
        std::uint8_t* patched = nullptr;  // the modified bytes, executable address
    };
    std::array<word, locations> flags;      // by location
    std::array<word, most_observers> seen;  // by observer: the last generation whose round is over
    std::array<place, locations> places;    // by location
    std::uint32_t round = 0;                // shapes whose threads run together: the last one

    void reset() {
        for (word& f : flags) f.value.store(0);
        for (word& s : seen) s.value.store(0);
        places = {};
        round = 0;
    }
    // Of location 0: the generation that is published, or about to be.
    std::atomic<std::uint32_t>& flag() { return flags[0].value; }
    const std::atomic<std::uint32_t>& flag() const { return flags[0].value; }
};

struct worker;

// What the threads of a batch share.
struct batch {
    const site_layout* site = nullptr;
    std::array<std::uint32_t, 256> tokens{};                          // by generation modulo 256
    std::array<std::uint32_t, 256> words{};                           // the first modified bytes, by the same
    std::array<std::array<std::uint8_t, most_patch>, 256> patches{};  // the modified bytes, by the same
    std::array<instance, most_instances> instances;
    unsigned instance_count = 1;
    unsigned observer_count = 1;
    bool acknowledged = false;                 // the writer waits until every observer has seen a generation
    bool exclusive = false;                    // and observers run the site only when a generation is fresh
    bool settles = false;                      // at the end, does the last generation arrive?
    std::uint32_t pace = 0;                    // the writer's mean pause between modifications, in spins
    std::atomic<bool> written{false};          // the last modification has been made
    std::atomic<const char*> broken{nullptr};  // why the batch proves nothing
    alignas(64) std::uint32_t stop = 0;
    alignas(64) std::atomic<std::uint32_t> ready{0};

    // Shapes whose threads run together.
    worker* members = nullptr;  // all threads
    unsigned turn = 0;          // the instance of this round
    bool over = false;
    alignas(64) std::atomic<std::uint32_t> arrived{0};
    alignas(64) std::atomic<std::uint32_t> meetings{0};

    bool stopped() const { return std::atomic_ref<const std::uint32_t>(stop).load(std::memory_order_relaxed) != 0; }
    // The first modified bytes as load_code observes them: at most four.
    std::uint32_t word_mask() const { return site->patch_size >= 4 ? ~0u : (1u << (8 * site->patch_size)) - 1; }
};

// One thread's view of one instance.
struct lane {
    alignas(64) std::array<std::uintptr_t, frame_words> frame{};
    alignas(16) std::array<std::uint8_t, 64> scratch{};
    instance* of = nullptr;
    stub run = nullptr;
    std::uint32_t last_flag = 0;
    std::uint32_t last_value = 0;
    std::uint32_t last_code = 0;
    outcome steady = outcome::current;  // what a round comes to that sees the same once more
    bool moved = false;                 // another value was seen than the first
    std::uint32_t asked = 0;            // rounds that the stub was last allowed
    std::uint32_t more = 0;             // exclusive: rounds before this generation is acknowledged
    bool lags = false;                  // made together: the last round ran older code than that of the round before it
    bool doubtful = false;              // it looks new, and the one before ran such code
    std::uint32_t idle = 0;             // calls of the stub in a row in which a modification did not arrive

    void see(std::uint32_t value, std::uint32_t flag, std::uint32_t code) {
        last_value = value;
        last_flag = flag;
        last_code = code;
        frame[static_cast<std::size_t>(field::last_value)] = value;
        frame[static_cast<std::size_t>(field::last_flag)] = flag;
        frame[static_cast<std::size_t>(field::last_code)] = code;
    }
    std::uint32_t observed(std::size_t slot) const { return static_cast<std::uint32_t>(frame[word_of_observed(slot)]); }
};

struct worker {
    batch* in = nullptr;
    std::array<lane, most_instances> lanes;
    unsigned index = 0;  // of the thread; 0 writes
    random_source random{0};
    tally counts;
    lane* current = nullptr;        // whose stub is running
    std::uint32_t waited = 0;       // fruitless tries in a row
    std::uint32_t patience = 4096;  // of them, before the CPU is given away; adapts
    bool tainted = false;           // a system call stood between this round and the one before
    bool late = false;              // running together: this round began with one
    bool faulted = false;           // running together: this round ended in a fault
    bool warm = false;
    bool settling = false;      // the loop is over, and the last generation is looked for
    unsigned settled = 0;       // lanes in which it was
    platform::switches before;  // when the loop began
    std::uint8_t fetches = 0;   // set of slots: those that observe what a site returned
    void (*loop)(worker&) = nullptr;

    bool writes() const { return index == 0; }
    unsigned observer() const { return index - 1; }
    lane& pick() { return lanes[in->instance_count == 1 ? 0 : random.below(in->instance_count)]; }
};

// A task's body: warms the code up, starts with the others, runs the loop; `argument` is a worker.
void worker_body(void* argument);
// Remembers the round if it is the thread's first witness.
void note_first(worker& w, const lane& l, outcome what, std::uint32_t flag);
// A fruitless try: spins, and gives the CPU away when it has lasted long.
void wait_a_little(worker& w);
// The loop of a thread that observes nothing: its stub, again and again.
void noise_loop(worker& w);
// Maintains the code and synchronizes this thread, for want of progress: a machine may owe it no news of what changed.
void refresh(worker& w, const lane& l);

// Lets the stub make so many rounds; 0 for a stub that makes one and does not count.
inline void make_rounds(worker& w, lane& l, std::uint32_t rounds) {
    l.asked = rounds;
    l.frame[static_cast<std::size_t>(field::rounds)] = rounds;
    w.current = &l;
    l.run(l.frame.data());
}

// Counts the rounds that ended inside the stub, less `others`: in each, nothing new was seen.
inline void count_unchanged(worker& w, const lane& l, std::uint32_t others) {
    const std::uint64_t unchanged = l.asked - l.frame[static_cast<std::size_t>(field::rounds)] - others;
    w.counts.rounds += unchanged;
    w.counts.count[static_cast<std::size_t>(l.steady)] += unchanged;
}

}  // namespace cmodx
