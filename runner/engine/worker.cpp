// SPDX-License-Identifier: Apache-2.0
// The parts of a worker that are off the hot path.
#include "runner/engine/worker.hpp"

#include <algorithm>

namespace cmodx {
namespace {

constexpr std::uint64_t settle_nanoseconds = 5'000'000;  // the bound of never_new,
constexpr unsigned settle_tries = 100;                   // for a thread that had its CPU meanwhile

bool all_fetched(const worker& w, const lane& l, std::uint32_t token) {
    for (std::size_t slot = 0; slot < observations; ++slot)
        if ((w.fetches >> slot & 1) != 0 && l.observed(slot) != token) return false;
    return true;
}

// The old code is run where it lies before it is modified: it has been fetched, cached, translated.
void warm_up(worker& w) {
    for (unsigned k = 0; k < w.in->instance_count; ++k)
        for (unsigned n = 0; n < 3; ++n) {
            lane& l = w.lanes[k];
            make_rounds(w, l, 1);
            if (!all_fetched(w, l, w.in->tokens[0]))
                w.in->broken.store("the unmodified code did not return what it should");
        }
}

void start_together(worker& w) {
    batch& b = *w.in;
    b.ready.fetch_add(1, std::memory_order_acq_rel);
    while (b.ready.load(std::memory_order_acquire) <= b.observer_count && !b.stopped()) wait_a_little(w);
    w.waited = 0;
    w.tainted = false;
}

// The writer has stopped or is about to: does the last generation ever arrive? A fault ends the search in its lane.
void settle(worker& w) {
    for (w.settling = true; w.settled < w.in->instance_count; ++w.settled) {
        lane& l = w.lanes[w.settled];
        ++w.counts.settled;
        std::uint64_t begin = 0;
        for (unsigned tries = 0;; ++tries) {
            if (!w.in->written.load(std::memory_order_acquire)) tries = 0;
            if (tries == 0) begin = platform::nanoseconds();
            const std::uint32_t flag = l.of->flag().load(std::memory_order_acquire);
            make_rounds(w, l, 1);
            // Of two generations, every other last one looks right by chance.
            const bool by_chance = w.in->site->generations == 2 && !l.moved && flag >= 2;
            if (all_fetched(w, l, w.in->tokens[flag & 0xff]) && !by_chance) break;
            if (tries < settle_tries || platform::nanoseconds() - begin < settle_nanoseconds) continue;
            ++w.counts.count[static_cast<std::size_t>(outcome_of(witness::never_new))];
            note_first(w, l, outcome_of(witness::never_new), flag);
            break;
        }
    }
}

void guarded_body(void* argument) {
    worker& w = *static_cast<worker*>(argument);
    const bool observes = !w.writes() || w.in->observer_count == 0;
    if (!w.warm) {
        if (!w.writes()) warm_up(w);
        w.warm = true;
        start_together(w);
        w.before = platform::context_switches();
    }
    w.loop(w);
    if (w.writes()) w.in->written.store(true, std::memory_order_release);
    if (observes) {
        const platform::switches after = platform::context_switches();
        w.counts.voluntary_switches = after.voluntary - w.before.voluntary;
        w.counts.involuntary_switches = after.involuntary - w.before.involuntary;
    }
    if (!w.writes() && w.in->settles) settle(w);
}

void on_fault(void* argument, int signal, std::uintptr_t pc) {
    worker& w = *static_cast<worker*>(argument);
    if (!w.warm) {
        w.in->broken.store("the unmodified code raised a signal");
        w.warm = true;
        start_together(w);
        return;
    }
    lane& l = *w.current;
    const bool first = !w.counts.first.present;
    if (!w.writes()) count_unchanged(w, l, 0);
    w.faulted = true;
    if (w.settling) ++w.settled;
    ++w.counts.count[static_cast<std::size_t>(outcome_of(witness::fault))];
    ++w.counts.rounds;
    note_first(w, l, outcome_of(witness::fault), l.of->flag().load(std::memory_order_relaxed));
    if (first) {
        w.counts.first.signal = signal;
        w.counts.first.address_offset = pc - l.of->places[0].entry;
    }
}

}  // namespace

void worker_body(void* argument) {
    worker& w = *static_cast<worker*>(argument);
    platform::guarded(guarded_body, on_fault, argument);
    for (unsigned k = 0; k < w.in->instance_count; ++k)
        if (w.lanes[k].frame[static_cast<std::size_t>(field::status)] != 0) ++w.counts.failed_calls;
}

void note_first(worker& w, const lane& l, outcome what, std::uint32_t flag) {
    first_witness& first = w.counts.first;
    if (first.present) return;
    first.present = true;
    first.what = what;
    first.flag = flag;
    for (std::size_t i = 0; i < observations; ++i) first.observed[i] = l.frame[word_of_observed(i)];
    const std::size_t size = w.in->site->patch_size;
    first.bytes_size = static_cast<std::uint8_t>(size < first.bytes.size() ? size : first.bytes.size());
    std::memcpy(first.bytes.data(), l.of->places[0].patched, first.bytes_size);
}

void wait_a_little(worker& w) {
    constexpr std::uint32_t least_patience = 1 << 12;
    constexpr std::uint32_t most_patience = 1 << 24;  // longer than an emulator runs one CPU before the next
    platform::pause();
    if (++w.waited % w.patience != 0) return;
    // A system call may synchronize what the test asks about, and makes the round count for less. Where nobody takes
    // the CPU that is offered, the others are only slower than was thought.
    const platform::switches before = platform::context_switches();
    platform::yield();
    const platform::switches after = platform::context_switches();
    const bool taken = after.voluntary + after.involuntary != before.voluntary + before.involuntary;
    w.patience = taken ? least_patience : std::min(2 * w.patience, most_patience);
    ++w.counts.yields;
    w.tainted = true;
}

void noise_loop(worker& w) {
    batch& b = *w.in;
    while (!b.stopped()) {
        lane& l = w.pick();
        const std::uint32_t rounds = 1 + w.random.below(256);
        for (location x = 0; x < locations; ++x) l.frame[word_of(field::value, x)] = w.random.below(0x80000000);
        make_rounds(w, l, rounds);
    }
}

void refresh(worker& w, const lane& l) {
    for (const instance::place& p : l.of->places)
        if (p.patched != nullptr) platform::synchronize(p.patched, w.in->site->patch_size);
    w.tainted = true;
}

}  // namespace cmodx
