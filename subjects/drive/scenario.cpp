// SPDX-License-Identifier: Apache-2.0
#include "drive/scenario.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>
#include <vector>

#include "live.hpp"

namespace subject_drive {
namespace {

using clock_type = std::chrono::steady_clock;

outcome make(outcome::kind status, long witnesses, long rounds, const char* text) {
    outcome o;
    o.status = status;
    o.witnesses = witnesses;
    o.rounds = rounds;
    snprintf(o.text, sizeof o.text, "%s", text);
    return o;
}
outcome skipped(const char* why) { return make(outcome::skip, 0, 0, why); }

// What was seen, against whether the subject claims that it cannot be. A run without a round proves nothing.
outcome judged(bool claimed, long witnesses, long rounds, const char* witness) {
    if (rounds == 0) return make(outcome::error, 0, 0, "vacuous: nothing ran");
    const outcome::kind status = claimed ? (witnesses != 0 ? outcome::fail : outcome::pass)
                                         : (witnesses != 0 ? outcome::seen : outcome::not_seen);
    return make(status, witnesses, rounds, witness);
}

class deadline {
  public:
    explicit deadline(const context& c) : end_(clock_type::now() + std::chrono::milliseconds(c.milliseconds)) {}
    bool over() const { return clock_type::now() >= end_; }

  private:
    clock_type::time_point end_;
};

std::size_t returning(std::uint8_t (&bytes)[32], std::uint8_t token) {
    cmodx::code_buffer b{bytes, sizeof bytes};
    cmodx::target::live::emit_return(b, token);
    return b.size;
}
int call(const cmodx_subject& s, void* run) {
    return s.call != nullptr ? s.call(run) : reinterpret_cast<int (*)()>(reinterpret_cast<std::uintptr_t>(run))();
}

// A function that returns the token, published, by the level that the subject offers.
int produce(const cmodx_subject& s, cmodx_code& c, std::uint8_t token, std::size_t size = 0) {
    c = {};
    if (s.alloc == nullptr) return s.emit(&c, token);
    std::uint8_t bytes[32];
    const std::size_t length = returning(bytes, token);
    std::vector<std::uint8_t> padded(bytes, bytes + length);
    if (size > length) padded.resize(size);
    if (const int e = s.alloc(&c, padded.data(), padded.size()); e != 0) return e;
    return s.publish(&c);
}
bool can_modify(const cmodx_subject& s) { return s.patch != nullptr || s.retarget != nullptr; }

// The same code, changed in place: as a function if the subject can, which may then be done on every machine.
int modify(const cmodx_subject& s, cmodx_code& c, std::uint8_t token) {
    if (s.retarget != nullptr) return s.retarget(&c, token);
    std::uint8_t bytes[32];
    return s.patch(&c, 0, bytes, returning(bytes, token));
}
int produce_modifiable(const cmodx_subject& s, cmodx_code& c, std::uint8_t token) {
    c = {};
    return s.retarget != nullptr ? s.emit(&c, token) : produce(s, c, token);
}

outcome same_thread(const context& at) {
    const cmodx_subject& s = *at.subject;
    long rounds = 0, stale = 0;
    for (const deadline d(at); !d.over(); ++rounds) {
        cmodx_code c;
        const auto token = static_cast<std::uint8_t>(rounds);
        if (produce(s, c, token) != 0) return make(outcome::error, stale, rounds, "the subject made no code");
        if (s.reader_sync != nullptr && rounds == 0 && s.reader_begin != nullptr) s.reader_begin();
        if (s.reader_sync != nullptr) s.reader_sync();
        stale += call(s, c.run) != token;
        s.drop(&c);
    }
    return judged(true, stale, rounds, "stale, by the thread that made the code");
}

outcome modify_same_thread(const context& at) {
    const cmodx_subject& s = *at.subject;
    if (!can_modify(s)) return skipped("the subject does not modify code");
    cmodx_code c;
    if (produce_modifiable(s, c, 0) != 0 || call(s, c.run) != 0)
        return make(outcome::fail, 1, 1, "the first code is wrong");
    if (s.reader_begin != nullptr) s.reader_begin();
    long rounds = 0, stale = 0;
    for (const deadline d(at); !d.over(); ++rounds) {
        const auto token = static_cast<std::uint8_t>(rounds + 1);
        if (modify(s, c, token) != 0) return skipped("the subject refuses that on this machine");
        if (s.reader_sync != nullptr) s.reader_sync();
        stale += call(s, c.run) != token;
    }
    return judged(true, stale, rounds, "stale, by the thread that modified the code");
}

// A writer, and a reader that runs code all the time and acknowledges what it has seen.
struct hand_over {
    std::atomic<void*> code{nullptr};
    std::atomic<int> expected{0};
    std::atomic<long> published{0};
    std::atomic<long> acknowledged{0};
    std::atomic<long> stale{0};
    std::atomic<bool> done{false};

    void read(const cmodx_subject& s) {
        if (s.reader_begin != nullptr) s.reader_begin();
        long seen = 0;
        unsigned spins = 0;
        while (!done.load(std::memory_order_acquire)) {
            const long now = published.load(std::memory_order_acquire);
            void* run = code.load(std::memory_order_relaxed);
            if (now == seen) {
                (void)call(s, run);                     // the old code stays in caches and translations
                if (++spins % 256 == 0) sched_yield();  // the two may have to share a CPU
                continue;
            }
            if (s.reader_sync != nullptr) s.reader_sync();
            if (call(s, run) != expected.load(std::memory_order_relaxed)) stale.fetch_add(1);
            seen = now;
            acknowledged.store(now, std::memory_order_release);
            if (now % 64 == 0 && s.reader_end != nullptr && s.reader_begin != nullptr) {
                s.reader_end();
                s.reader_begin();
            }
        }
        if (s.reader_end != nullptr) s.reader_end();
    }
    void publish(void* run, int token) {
        code.store(run, std::memory_order_relaxed);
        expected.store(token, std::memory_order_relaxed);
        published.fetch_add(1, std::memory_order_release);
    }
    void await() const {
        while (acknowledged.load(std::memory_order_acquire) != published.load()) sched_yield();
    }
};

// New code in memory that held other code a moment ago.
outcome hand_off(const context& at) {
    const cmodx_subject& s = *at.subject;
    hand_over h;
    cmodx_code now, before;
    if (produce(s, now, 0) != 0) return make(outcome::error, 0, 0, "the subject made no code");
    h.code.store(now.run);
    std::thread reader([&] { h.read(s); });
    long rounds = 0;
    bool failed = false;
    for (const deadline d(at); !d.over() && !failed; ++rounds) {
        const auto token = static_cast<std::uint8_t>(rounds + 1);
        before = now;
        failed = produce(s, now, token) != 0;
        if (failed) break;
        h.publish(now.run, token);
        h.await();
        s.drop(&before);
    }
    h.done.store(true);
    reader.join();
    if (failed) return make(outcome::error, h.stale, rounds, "the subject made no code");
    return judged(s.claim != CMODX_TO_CALLER, h.stale, rounds, "stale, by another thread");
}

outcome live_patch(const context& at) {
    const cmodx_subject& s = *at.subject;
    if (!can_modify(s)) return skipped("the subject does not modify code");
    hand_over h;
    cmodx_code c;
    if (produce_modifiable(s, c, 0) != 0) return make(outcome::error, 0, 0, "the subject made no code");
    h.code.store(c.run);
    std::thread reader([&] { h.read(s); });
    long rounds = 0;
    bool refused = false;
    for (const deadline d(at); !d.over(); ++rounds) {
        const auto token = static_cast<std::uint8_t>(rounds + 1);
        refused = modify(s, c, token) != 0;
        if (refused) break;
        h.publish(c.run, token);
        h.await();
    }
    h.done.store(true);
    reader.join();
    if (refused) return skipped("the subject refuses that on this machine");
    return judged(s.claim != CMODX_TO_CALLER, h.stale, rounds, "stale, in code that was modified under another thread");
}

outcome churn(const context& at) {
    const cmodx_subject& s = *at.subject;
    std::atomic<long> rounds{0}, wrong{0};
    std::vector<std::thread> all;
    for (unsigned t = 0; t < 3; ++t)
        all.emplace_back([&, t] {
            if (s.reader_begin != nullptr) s.reader_begin();
            unsigned random = 77 + t;
            std::vector<std::pair<cmodx_code, std::uint8_t>> mine;
            for (const deadline d(at); !d.over(); rounds.fetch_add(1)) {
                random = random * 1664525 + 1013904223;
                const auto token = static_cast<std::uint8_t>(random >> 24);
                if (mine.size() < 20) {
                    cmodx_code c;
                    if (produce(s, c, token, (random >> 12) % 500) == 0)
                        mine.emplace_back(c, token);
                    else
                        wrong.fetch_add(1);
                } else {
                    std::swap(mine[(random >> 8) % mine.size()], mine.back());
                    s.drop(&mine.back().first);
                    mine.pop_back();
                }
                if (mine.empty()) continue;
                const auto& [code, value] = mine[(random >> 4) % mine.size()];
                if (s.reader_sync != nullptr) s.reader_sync();
                if (call(s, code.run) != value) wrong.fetch_add(1);
            }
            if (s.reader_end != nullptr) s.reader_end();
        });
    for (std::thread& t : all) t.join();
    return judged(true, wrong, rounds, "other code than the thread's own");
}

// Mappings that are writable and executable at one address, while there is code.
outcome writable_and_executable(const context& at) {
    const cmodx_subject& s = *at.subject;
    cmodx_code c;
    if (produce(s, c, 1) != 0) return make(outcome::error, 0, 0, "the subject made no code");
    long found = 0, all = 0;
    char line[512], how[5];
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr)
        if (std::sscanf(line, "%*s %4s", how) == 1) {
            ++all;
            found += how[1] == 'w' && how[2] == 'x';
        }
    if (maps != nullptr) std::fclose(maps);
    return judged((s.promises & CMODX_WX) != 0, found, all, "mappings that are writable and executable");
}

outcome forked(const context& at) {
    const cmodx_subject& s = *at.subject;
    cmodx_code c;
    if (produce(s, c, 5) != 0) return make(outcome::error, 0, 0, "the subject made no code");
    const pid_t child = fork();
    if (child == 0) _exit(call(s, c.run));
    int status = 0;
    waitpid(child, &status, 0);
    const bool right = WIFEXITED(status) && WEXITSTATUS(status) == 5 && call(s, c.run) == 5;
    return judged(true, right ? 0 : 1, 1, "other results in a forked child, or after it");
}

// Address space runs out: the subject says so, and goes on when some of it has been given back.
outcome exhausted(const context& at) {
    const cmodx_subject& s = *at.subject;
    cmodx_code first;
    if (produce(s, first, 3) != 0) return make(outcome::error, 0, 0, "the subject made no code");
    constexpr std::size_t most = 1'000'000;
    std::vector<cmodx_code> made(most);
    made.clear();
    long pages = 0;
    std::FILE* f = std::fopen("/proc/self/statm", "r");
    if (f == nullptr || std::fscanf(f, "%ld", &pages) != 1) return skipped("/proc/self/statm cannot be read");
    std::fclose(f);
    const auto limit = static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (24u << 20);
    const rlimit l = {limit, limit};
    if (setrlimit(RLIMIT_AS, &l) != 0) return skipped("RLIMIT_AS cannot be set");
    if (mmap(nullptr, 64u << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED)
        return skipped("RLIMIT_AS is not enforced here");
    bool refused = false;
    while (!refused && made.size() < most) {
        cmodx_code c;
        refused = produce(s, c, 3, 60'000) != 0;
        if (!refused) made.push_back(c);
    }
    const auto count = static_cast<long>(made.size());
    if (!refused) return skipped("the subject does not run out of memory");
    for (cmodx_code& c : made) s.drop(&c);
    cmodx_code last;
    const bool right = call(s, first.run) == 3 && produce(s, last, 4) == 0 && call(s, last.run) == 4;
    return judged(true, right ? 0 : 1, count + 1, "no code after memory had been given back");
}

constexpr scenario all[] = {
    {"same-thread", same_thread},
    {"modify", modify_same_thread},
    {"hand-off", hand_off},
    {"live-patch", live_patch},
    {"churn", churn},
    {"w^x", writable_and_executable},
    {"fork", forked},
    {"exhaustion", exhausted},
};

}  // namespace

std::span<const scenario> scenarios() { return all; }

}  // namespace subject_drive
