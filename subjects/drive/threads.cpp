// SPDX-License-Identifier: Apache-2.0
// A writer makes new code, or modifies what a reader runs all the while, and sets a flag; the reader acquires the flag,
// calls reader_sync, runs the code and acknowledges what it has seen.
//
//     writer                       reader
//     make or modify x             run x      old, or new already
//     store flag                   load flag
//                                  reader_sync
//                                  run x      new, if the claim says so
#include "drive/threads.hpp"

#include <thread>

namespace cmodx::subjects {
namespace {

constexpr std::uint32_t rounds = 512;  // of one pair of threads
constexpr unsigned looks = 256;        // of the reader, between two at the clock
constexpr std::uint32_t renewed = 64;  // generations after which the reader is a new one
constexpr std::size_t churned = 20;    // pieces of a thread
constexpr unsigned churners = 3;

struct two_threads {
    script& s;
    const cmodx_subject& by;
    std::array<piece, 2> pieces{};  // of even and odd generations; the first alone if it is modified
    bool modifies = false;
    std::atomic<bool> stop{false};
    std::atomic<bool> done{false};
    int error = 0;              // the writer's
    std::uint32_t written = 0;  // generations

    // The generation that a value has to be: the new one may be there before the flag says so.
    std::uint32_t due(std::uint32_t value, std::uint32_t g) const {
        return modifies && value == s.token_of(g + 1) ? g + 1 : g;
    }
    void read() {
        script_words& w = s.words();
        begin(by);
        std::uint32_t seen = 0;
        synchronize(by);
        for (unsigned i = 1; !done.load(std::memory_order_acquire); ++i) {
            const std::uint32_t now = w.flag.load(std::memory_order_acquire);
            const piece& p = pieces[modifies ? 0 : now % 2];
            if (now != seen) {
                synchronize(by);
                aim(s, p);
            }
            const std::uint32_t value = run(s, by, p);
            expect(s, p, value, now == seen ? due(value, now) : now);
            if (now != seen) {
                seen = now;
                w.turn.store(now, std::memory_order_release);
                if (now % renewed == 0) {
                    end(by);
                    begin(by);
                    synchronize(by);
                }
            }
            if (i % looks != 0) continue;
            if (s.over() || w.abandoned.load()) stop.store(true);
            if (w.abandoned.load()) break;
        }
        end(by);
    }
    // One generation; 0, or why not.
    int write(std::uint32_t g) {
        if (modifies) return modify(s, by, pieces[0], g);
        piece& p = pieces[g % 2];
        if (g > 1) by.drop(&p.code);  // of the generation before last: the reader has left it
        p = make(s, by, level::any, g);
        return p.error;
    }
    void write_all() {
        script_words& w = s.words();
        for (std::uint32_t g = 1; g <= rounds && !stop.load(); ++g) {
            error = write(g);
            if (error != 0) break;
            s.wrote();
            written = g;
            w.flag.store(g, std::memory_order_release);
            if (!s.wait_for(w.turn, g)) break;
        }
        done.store(true, std::memory_order_release);
    }
    void together() {
        const std::size_t mine = s.choose(static_cast<std::uint32_t>(s.cpus()));
        const std::size_t others = 1 + s.choose(static_cast<std::uint32_t>(s.cpus() - 1));
        s.move_to(mine);
        aim(s, pieces[0]);
        s.together(
            mine + others, [&] { write_all(); }, [&] { read(); });
    }
    void drop() {
        if (!modifies && written > 0 && pieces[1].error == 0) by.drop(&pieces[1].code);
        if (modifies || pieces[0].error == 0) by.drop(&pieces[0].code);
    }
};

void modify_live(script& s, const cmodx_subject& by, const piece& p) {
    two_threads both{.s = s, .by = by};
    both.pieces[0] = p;
    both.modifies = true;
    both.together();
    both.drop();
    if (both.written != 0) accepted();
    if (both.error != 0) refused(s, by, both.error);
}

}  // namespace

void hand_off(script& s, const cmodx_subject& by, std::size_t) {
    two_threads both{.s = s, .by = by};
    both.pieces[0] = make(s, by, level::any, 0);
    if (both.pieces[0].error != 0) return s.fail("the subject made no code");
    both.together();
    both.drop();
    if (both.error != 0) s.fail("the subject made no code");
}

template <level As>
void live(script& s, const cmodx_subject& by, std::size_t) {
    const piece p = make(s, by, As, 0);
    if (p.error != 0) return s.fail("the subject made no code");
    modify_live(s, by, p);
}
template void live<level::bytes>(script&, const cmodx_subject&, std::size_t);
template void live<level::function>(script&, const cmodx_subject&, std::size_t);

void live_across(script& s, const cmodx_subject& by, std::size_t boundary) {
    const std::size_t granule = s.parts().isa->granule;
    const std::size_t size = s.parts().site->patch_size;
    const std::size_t before = granule * (1 + s.choose(static_cast<std::uint32_t>(size / granule - 1)));
    const piece p = make_across(s, by, boundary, before, 0);
    if (p.error == -1) return s.refuse("the subject's addresses cannot be foreseen");
    if (p.error != 0) return s.fail("the subject made no code");
    modify_live(s, by, p);
}

// Threads that each make, run and drop code of their own, out of one heap.
void churn(script& s, const cmodx_subject& by, std::size_t) {
    std::atomic<bool> stop{false};
    std::atomic<std::uint64_t> right{0}, stale{0}, torn{0}, none{0};
    const auto thread = [&](std::uint32_t random, bool counts) {
        std::vector<std::pair<piece, std::uint32_t>> mine;
        begin(by);
        for (unsigned i = 1; !stop.load(std::memory_order_relaxed); ++i) {
            if (counts && i % 16 == 0 && s.over()) stop.store(true);
            random = random * 1664525 + 1013904223;
            const std::uint32_t g = random >> 24;
            if (mine.size() < churned) {
                const piece p = make(s, by, level::any, g, 0, (random >> 12) % 500);
                if (p.error == 0)
                    mine.emplace_back(p, g);
                else
                    none.fetch_add(1);
                if (counts) s.wrote();
            } else {
                std::swap(mine[(random >> 8) % mine.size()], mine.back());
                by.drop(&mine.back().first.code);
                mine.pop_back();
            }
            if (mine.empty()) continue;
            const auto& [p, wanted] = mine[(random >> 4) % mine.size()];
            synchronize(by);
            const std::uint32_t value = run(s, by, p);
            if (counts)
                expect(s, p, value, wanted);
            else if (value == s.token_of(wanted))
                right.fetch_add(1);
            else
                (generation_of(value, s.parts().site->token_bits) < 0 ? torn : stale).fetch_add(1);
        }
        for (auto& [p, g] : mine) by.drop(&p.code);
        end(by);
    };
    std::array<std::thread, churners - 1> others;
    for (std::uint32_t i = 0; i < others.size(); ++i)
        others[i] = std::thread([&, i, seed = s.choose(1u << 31)] {
            s.move_to(i);
            thread(seed, false);
        });
    s.move_to(others.size());
    thread(s.choose(1u << 31), true);
    for (std::thread& t : others) t.join();
    for (std::uint64_t i = 0; i < right; ++i) s.count(outcome::current);
    for (std::uint64_t i = 0; i < stale; ++i) s.count(witness::stale);
    for (std::uint64_t i = 0; i < torn; ++i) s.count(witness::torn);
    if (none != 0) s.fail("the subject made no code");
}

}  // namespace cmodx::subjects
