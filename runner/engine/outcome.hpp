// SPDX-License-Identifier: Apache-2.0
// What one round of an executor came to, and the counts of a run: measuring only, no judgement.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arch/arch.hpp"

namespace cmodx {

// The ordinary outcomes, then the witnesses of arch.hpp in their order.
enum class outcome : std::uint8_t {
    current,    // the generation that was published when the round began
    newer,      // a later one: the writer had gone on
    ambiguous,  // the writer went so far ahead that generations cannot be told apart; counts for nothing
    first_witness,
};
inline constexpr std::size_t witnesses = static_cast<std::size_t>(witness::exposed) + 1;
inline constexpr std::size_t outcomes = static_cast<std::size_t>(outcome::first_witness) + witnesses;

constexpr outcome outcome_of(witness w) {
    return static_cast<outcome>(static_cast<std::size_t>(outcome::first_witness) + static_cast<std::size_t>(w));
}

inline constexpr std::array<std::string_view, outcomes> outcome_names = {
    "current",   "newer", "ambiguous", "stale", "torn",         "new_then_old",   "second_first", "fetch_then_old_data",
    "never_new", "fault", "errno",     "mixed", "neither_pair", "new_then_older", "exposed"};

// The round that showed a test's first witness.
struct first_witness {
    bool present = false;
    outcome what = outcome::current;
    std::uint32_t flag = 0;  // generation published when the round began
    std::array<std::uint64_t, observations> observed{};
    std::array<std::uint8_t, 16> bytes{};  // the modified bytes, loaded after the round
    std::uint8_t bytes_size = 0;
    std::int32_t signal = 0;           // fault: number of the signal
    std::uint64_t address_offset = 0;  // fault: program counter minus the site's entry, modulo 2^64
};

// Counts of one thread, batch or test; they add up.
struct tally {
    std::array<std::uint64_t, outcomes> count{};
    std::uint64_t rounds = 0;       // executions of the site by observers
    std::uint64_t fresh = 0;        // rounds that were the first to read a generation, and made without a system call
    std::uint64_t transitions = 0;  // rounds that saw another generation than the one before at that site
    std::uint64_t writes = 0;       // modifications
    std::uint64_t yields = 0;       // waits that gave the CPU away
    std::int64_t voluntary_switches = 0;  // of the observers' threads, by getrusage
    std::int64_t involuntary_switches = 0;
    std::uint64_t settled = 0;  // times that never_new was looked for: by thread, copy of the code and batch
    std::uint64_t failed_calls =
        0;  // copies of the code, by thread, in whose rounds a system call of the protocol failed
    first_witness first;

    void add(const tally& other) {
        for (std::size_t i = 0; i < outcomes; ++i) count[i] += other.count[i];
        rounds += other.rounds;
        fresh += other.fresh;
        transitions += other.transitions;
        writes += other.writes;
        yields += other.yields;
        voluntary_switches += other.voluntary_switches;
        involuntary_switches += other.involuntary_switches;
        settled += other.settled;
        failed_calls += other.failed_calls;
        if (!first.present) first = other.first;
    }
    // The one count that a thread keeps and another may look at meanwhile.
    void wrote() { std::atomic_ref(writes).store(writes + 1, std::memory_order_relaxed); }
    std::uint64_t written() const {
        return std::atomic_ref<const std::uint64_t>(writes).load(std::memory_order_relaxed);
    }
    std::uint64_t seen(witness w) const { return count[static_cast<std::size_t>(outcome_of(w))]; }
    // Whether others had the CPUs so far: next to nothing has been tried, and no witness explains that new code was
    // hardly seen.
    bool starved(std::uint64_t least_fresh) const {
        if (rounds == 0 || written() == 0) return true;
        const bool explained = seen(witness::stale) + seen(witness::never_new) != 0;
        return (fresh < least_fresh || transitions == 0) && !explained;
    }
};

}  // namespace cmodx
