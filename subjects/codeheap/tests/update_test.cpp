// SPDX-License-Identifier: Apache-2.0
// Changing code: what is allowed on which machine, who sees it and when.
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include <atomic>
#include <thread>

#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

namespace {

constexpr std::string_view arch = cmodx::target::isa::name;

// Runs `body` in a second, registered thread until the test is over; counts its rounds.
class reader {
  public:
    reader(const heap& h, std::function<void(codeheap_executor*)> body)
        : thread_([this, &h, body = std::move(body)] {
              codeheap_executor* e = nullptr;
              codeheap_register(h, &e);
              while (!done_.load(std::memory_order_acquire)) {
                  const int outside = codeheap_enter(e);
                  body(e);
                  codeheap_leave(e, outside);
                  rounds_.fetch_add(1, std::memory_order_release);
              }
              codeheap_unregister(h, e);
          }) {
        wait(1);
    }
    void wait(long more) const {
        const long until = rounds_.load() + more;
        while (rounds_.load(std::memory_order_acquire) < until) std::this_thread::yield();
    }
    ~reader() {
        done_.store(true);
        thread_.join();
    }

  private:
    std::atomic<bool> done_{false};
    std::atomic<long> rounds_{0};
    std::thread thread_;
};

// A function whose immediate starts `before` bytes in front of a 64-byte boundary (x86_64), or a padded one elsewhere.
struct patchable {
    bytes code;
    std::size_t at;  // of the instruction that is changed
};
patchable returning_at(std::uint8_t value, std::size_t offset) {
    bytes b;
    cmodx::code_buffer c{nullptr, 0};
    bytes room(256);
    c = {room.data(), room.size()};
    while (c.size < offset) cmodx::target::isa::nop(c);
    const std::size_t at = c.size;
    const bytes r = returning(value);
    room.resize(c.size);
    room.insert(room.end(), r.begin(), r.end());
    return {room, at};
}

// The first instruction of `returning`: the move of the value.
std::size_t move_size() { return arch == "x86_64" ? 5 : 4; }

// A heap of another machine's facts, with the mapping that works here.
codeheap_options pretending(const char* facts, std::uint32_t flags = 0) {
    codeheap_options o = usual();
    o.facts = facts;
    o.flags |= flags;
    return o;
}

}  // namespace

HEAP_TEST(rules_decide) {
    const bytes after = returning(2);
    const auto attempt = [&](const char* facts, std::size_t offset, std::uint32_t flags = 0) {
        const heap h(pretending(facts));
        const patchable p = returning_at(1, offset);
        auto* code = static_cast<std::uint8_t*>(h.alloc(p.code, 0, 64));
        const codeheap_error e = codeheap_update(h, code + p.at, after.data(), move_size(), flags);
        EXPECT_IS(call(code), e == CODEHEAP_OK ? 2 : 1);
        return e;
    };
    if (arch == "x86_64") {
        EXPECT_IS(attempt("vendor=amd", 16), CODEHEAP_OK);
        EXPECT_IS(attempt("vendor=amd", 15), CODEHEAP_OK);  // the changed byte alone counts
        EXPECT_IS(attempt("vendor=intel", 16), CODEHEAP_UNSPECIFIED);
        EXPECT_IS(attempt("vendor=intel", 16, CODEHEAP_STOPPED), CODEHEAP_OK);
    }
    if (arch == "riscv64") {
        EXPECT_IS(attempt("ziccif=1", 16), CODEHEAP_OK);
        EXPECT_IS(attempt("ziccif=0", 16), CODEHEAP_UNSPECIFIED);
        EXPECT_IS(attempt("ziccif=0", 16, CODEHEAP_STOPPED), CODEHEAP_OK);
    }
    if (arch == "aarch64" || arch == "arm32") {
        EXPECT_IS(attempt("", 16), CODEHEAP_OUTSIDE_CLASS);
        EXPECT_IS(attempt("", 16, CODEHEAP_STOPPED), CODEHEAP_OK);
        // A branch over the move, in place of a nop: both are in the class.
        const heap h(usual());
        bytes b = returning_at(1, 4).code;
        const bytes r = returning(3);
        b.insert(b.begin() + 4, r.begin(), r.begin() + 4);  // nop; mov 3; mov 1; ret: 1
        b.insert(b.end(), r.end() - 4, r.end());
        std::swap_ranges(b.begin() + 4, b.begin() + 8, b.begin() + 8);  // nop; mov 1; mov 3; ret: 3
        auto* code = static_cast<std::uint8_t*>(h.alloc(b));
        EXPECT_IS(call(code), 3);
        const std::uint32_t to_12 = arch == "aarch64" ? 0x14000003 : 0xea000001;  // B +12
        EXPECT_IS(codeheap_update(h, code + 4, "\0\0\0\0", 4, 0), CODEHEAP_OUTSIDE_CLASS);
        EXPECT_IS(codeheap_update(h, code, &to_12, 4, 0), CODEHEAP_OK);
        EXPECT_IS(memcmp(code, &to_12, 4), 0);
    }
    const heap h(usual());
    void* code = h.alloc(returning(1));
    EXPECT_IS(codeheap_update(h, code, after.data(), 4096, 0), CODEHEAP_TOO_LONG);
    EXPECT_IS(codeheap_update(h, code, returning(1).data(), move_size(), 0), CODEHEAP_OK);  // nothing changes
}

HEAP_TEST(straddling_is_refused) {
    if (arch != "x86_64") throw skipped{"an instruction of 4 bytes does not straddle here"};
    // mov $0x01010101, %eax with its immediate across a line, to 0x02020202: all four bytes change.
    const bytes before = {0xb8, 1, 1, 1, 1, 0xc3}, after = {0xb8, 2, 2, 2, 2, 0xc3};
    for (const char* vendor : {"vendor=amd", "vendor=intel"}) {
        const heap h(pretending(vendor));
        bytes b(61, 0x90);
        b.insert(b.end(), before.begin(), before.end());
        auto* code = static_cast<std::uint8_t*>(h.alloc(b, 0, 64));
        EXPECT_IS(codeheap_update(h, code + 61, after.data(), 5, 0), CODEHEAP_STRADDLES);
        EXPECT_IS(call(code), 0x01010101);
        EXPECT_IS(codeheap_update(h, code + 61, after.data(), 5, CODEHEAP_STOPPED), CODEHEAP_OK);
        EXPECT_IS(call(code), 0x02020202);
    }
}

// The same, while a thread runs it, behind a breakpoint.
HEAP_TEST(breakpoint_first) {
    if (!cmodx::target::live::breakpoint_first) throw skipped{"no rule for a breakpoint first"};
    const heap h(pretending("vendor=intel", CODEHEAP_TAKE_SIGTRAP));
    bytes b(61, 0x90);
    const bytes mov = {0xb8, 1, 1, 1, 1, 0xc3};
    b.insert(b.end(), mov.begin(), mov.end());
    auto* code = static_cast<std::uint8_t*>(h.alloc(b, 0, 64));
    std::atomic<int> last{1};
    std::atomic<long> torn{0}, back{0}, changes{0};
    {
        const reader r(h, [&](codeheap_executor*) {
            const int floor = last.load(std::memory_order_acquire);
            const int value = call(code);
            const int v = value & 255;
            if (static_cast<unsigned>(value) != static_cast<unsigned>(v) * 0x01010101)
                torn.fetch_add(1);
            else if (static_cast<std::int8_t>(v - floor) < 0)
                back.fetch_add(1);  // older than what was complete
            static thread_local int seen = 0;
            if (v != seen) changes.fetch_add(1);
            seen = v;
        });
        for (int i = 2; i < 1500; ++i) {
            const auto v = static_cast<std::uint8_t>(i);
            const bytes next = {0xb8, v, v, v, v};
            EXPECT_IS(codeheap_update(h, code + 61, next.data(), 5, 0), CODEHEAP_OK);
            last.store(i & 255, std::memory_order_release);
            if (i % 16 == 0) r.wait(1);
        }
    }
    EXPECT_IS(torn.load(), 0);
    EXPECT_IS(back.load(), 0);
    EXPECT_IS(changes.load() > 20, true);
}

// A whole function is exchanged under running threads; the old ones are freed when they have left them.
HEAP_TEST(retargeting) {
    for (const codeheap_sync sync : {CODEHEAP_BROADCAST, CODEHEAP_LAZY, CODEHEAP_TRACKED}) {
        const heap h(usual(sync));
        void* entry = h.alloc(returning(1), CODEHEAP_RETARGETABLE);
        EXPECT_IS(call(entry), 1);
        std::atomic<int> last{1};
        std::atomic<long> old{0};
        {
            const reader r(h, [&](codeheap_executor*) {
                const int floor = last.load(std::memory_order_acquire);
                if (static_cast<std::int8_t>(call(entry) - floor) < 0) old.fetch_add(1);
            });
            for (int i = 2; i < 1000; ++i) {
                bytes b = returning(static_cast<std::uint8_t>(i));
                b.resize(static_cast<std::size_t>(16 + i % 100));
                EXPECT_IS(codeheap_update(h, entry, b.data(), b.size(), 0), CODEHEAP_OK);
                last.store(i & 255, std::memory_order_release);
                if (i % 32 == 0) r.wait(1);
            }
        }
        EXPECT_IS(old.load(), 0);
        EXPECT_IS(call(entry), 999 & 255);
        EXPECT_IS(codeheap_reclaim(h), 0u);
        EXPECT_IS(codeheap_free(h, entry), CODEHEAP_OK);
        codeheap_info info;
        codeheap_ask(h, &info);
        EXPECT_IS(info.in_use, 0u);
    }
}

// New code in memory that held other code, handed over by a pointer.
HEAP_TEST(hand_over) {
    for (const codeheap_sync sync : {CODEHEAP_BROADCAST, CODEHEAP_LAZY, CODEHEAP_TRACKED}) {
        const heap h(usual(sync));
        bytes zero = returning(0);
        zero.resize(32);
        std::atomic<void*> code{h.alloc(zero)};
        std::atomic<long> wrong{0}, calls{0};
        {
            const reader r(h, [&](codeheap_executor* e) {
                void* p = code.load(std::memory_order_acquire);
                const int expected = static_cast<std::uint8_t*>(p)[24];  // what it says of itself as data
                codeheap_check(e);
                if (call(p) != expected) wrong.fetch_add(1);
                calls.fetch_add(1);
            });
            for (int i = 1; i < 3000; ++i) {
                bytes b = returning(static_cast<std::uint8_t>(i));
                b.resize(32);
                b[24] = static_cast<std::uint8_t>(i);
                void* before = code.exchange(h.alloc(b), std::memory_order_acq_rel);
                EXPECT_IS(codeheap_free(h, before), CODEHEAP_OK);
                if (i % 64 == 0) r.wait(1);
            }
        }
        EXPECT_IS(wrong.load(), 0);
        codeheap_info info;
        codeheap_ask(h, &info);
        if (sync == CODEHEAP_BROADCAST) EXPECT_IS(info.broadcasts > 3000, true);
        if (sync == CODEHEAP_LAZY) EXPECT_IS(info.broadcasts < 200, true);  // grace periods alone
    }
}

// Only a thread that is inside is interrupted, and by a signal if that is asked for.
HEAP_TEST(tracked_by_signal) {
    codeheap_options o = usual(CODEHEAP_TRACKED);
    o.signal = SIGRTMIN + 5;
    const heap h(o);
    codeheap_info info;
    std::atomic<int> stage{0};
    std::thread t([&] {
        codeheap_executor* e = nullptr;
        codeheap_register(h, &e);
        const int outside = codeheap_enter(e);
        stage.store(1);
        while (stage.load() != 2) std::this_thread::yield();
        codeheap_leave(e, outside);
        stage.store(3);
        while (stage.load() != 4) std::this_thread::yield();
        codeheap_unregister(h, e);
    });
    while (stage.load() != 1) std::this_thread::yield();
    void* first = h.alloc(returning(1));
    codeheap_ask(h, &info);
    EXPECT_IS(info.interrupts, 1u);
    stage.store(2);
    while (stage.load() != 3) std::this_thread::yield();
    void* second = h.alloc(returning(2));
    codeheap_ask(h, &info);
    EXPECT_IS(info.interrupts, 1u);
    EXPECT_IS(info.broadcasts, 0u);
    stage.store(4);
    t.join();
    EXPECT_IS(call(first) + call(second), 3);
}

HEAP_TEST(flip_waits_for_nobody) {
    codeheap_options o = usual(CODEHEAP_LAZY);
    o.mapping = CODEHEAP_FLIP;
    o.flags = 0;
    const heap h(o);
    void* code = h.alloc(returning(1));
    std::atomic<int> stage{0};
    std::thread t([&] {
        codeheap_executor* e = nullptr;
        codeheap_register(h, &e);
        int outside = codeheap_enter(e);
        stage.store(1);
        while (stage.load() != 2) std::this_thread::yield();
        codeheap_leave(e, outside);
        stage.store(3);
        while (stage.load() != 4) {  // while pages flip
            outside = codeheap_enter(e);
            const int v = call(code);
            EXPECT_IS(v == 1 || v == 2, true);
            codeheap_leave(e, outside);
            std::this_thread::yield();
        }
        codeheap_unregister(h, e);
    });
    while (stage.load() != 1) std::this_thread::yield();
    const bytes b = returning(2);
    void* other = nullptr;
    EXPECT_IS(codeheap_alloc(h, b.data(), b.size(), 0, 0, &other), CODEHEAP_BUSY);
    EXPECT_IS(codeheap_update(h, code, b.data(), b.size(), 0), CODEHEAP_BUSY);
    stage.store(2);
    while (stage.load() < 3) std::this_thread::yield();
    for (int flips = 0; flips < 200;) {
        const codeheap_error e = codeheap_update(h, code, b.data(), b.size(), 0);
        EXPECT_IS(e == CODEHEAP_OK || e == CODEHEAP_BUSY, true);
        flips += e == CODEHEAP_OK;
        std::this_thread::yield();
    }
    stage.store(4);
    t.join();
    EXPECT_IS(call(code), 2);
}

HEAP_TEST(poke_writes_in_no_one_store) {
    codeheap_options o = usual();
    o.mapping = CODEHEAP_POKE;
    const heap h(o);
    void* code = h.alloc(returning(1));
    EXPECT_IS(call(code), 1);
    void* entry = h.alloc(returning(3), CODEHEAP_RETARGETABLE);
    EXPECT_IS(call(entry), 3);
    EXPECT_IS(codeheap_update(h, entry, returning(4).data(), 8, 0), CODEHEAP_NOT_ATOMIC);
    const bytes b = returning(2);
    EXPECT_IS(codeheap_update(h, code, b.data(), b.size(), CODEHEAP_STOPPED), CODEHEAP_OK);
    EXPECT_IS(call(code), 2);
}

// A signal handler enters, checks and runs code wherever it interrupts.
static codeheap_executor* handlers_executor;
static void* handlers_code;
static std::atomic<long> handled, handled_wrong;
HEAP_TEST(signal_handler_enters) {
    const heap h(usual(CODEHEAP_LAZY));
    codeheap_register(h, &handlers_executor);
    handlers_code = h.alloc(returning(7));
    struct sigaction action = {};
    action.sa_handler = [](int) {
        const int outside = codeheap_enter(handlers_executor);
        codeheap_check(handlers_executor);
        if (call(handlers_code) != 7) handled_wrong.fetch_add(1);
        codeheap_leave(handlers_executor, outside);
        handled.fetch_add(1);
    };
    sigaction(SIGUSR1, &action, nullptr);
    std::atomic<bool> done{false};
    const pthread_t self = pthread_self();
    std::thread t([&] {
        while (!done.load()) {
            pthread_kill(self, SIGUSR1);
            std::this_thread::yield();
        }
    });
    for (int i = 0; i < 20'000 || handled.load() < 5; ++i) {
        const int outside = codeheap_enter(handlers_executor);
        EXPECT_IS(outside, 1);
        codeheap_check(handlers_executor);
        EXPECT_IS(call(handlers_code), 7);
        codeheap_leave(handlers_executor, outside);
        if (i % 64 == 0) codeheap_free(h, h.alloc(returning(1)));
    }
    done.store(true);
    t.join();
    EXPECT_IS(handled_wrong.load(), 0);
    signal(SIGUSR1, SIG_DFL);
    codeheap_unregister(h, handlers_executor);
}

// What each mapping comes to on this machine. CODEHEAP_TEST_STALE lists those that are known to run old code here; one
// that is mended is noticed.
HEAP_TEST(mappings_of_this_machine) {
    const std::string_view stale = CODEHEAP_TEST_STALE;
    constexpr const char* names[] = {"dual", "flip", "poke", "rwx"};
    for (int m = CODEHEAP_DUAL; m <= CODEHEAP_RWX; ++m) {
        codeheap_options o = {};
        o.version = CODEHEAP_VERSION;
        o.mapping = static_cast<codeheap_mapping>(m);
        o.flags = CODEHEAP_ALLOW_RWX;
        codeheap* h = nullptr;
        const codeheap_error e = codeheap_create(&o, &h);
        std::printf("  %s: %s\n", names[m], codeheap_text(e));
        EXPECT_IS(e, stale.find(names[m]) == stale.npos ? CODEHEAP_OK : CODEHEAP_STALE_MAPPING);
        codeheap_destroy(h);
        // The next that works is taken, if that is asked for.
        h = nullptr;
        o.flags |= CODEHEAP_FALL_BACK;
        if (!EXPECT_IS(codeheap_create(&o, &h), CODEHEAP_OK)) continue;
        codeheap_info info;
        codeheap_ask(h, &info);
        EXPECT_IS(info.mapping >= o.mapping && (info.mapping == o.mapping) == (e == CODEHEAP_OK), true);
        const bytes b = returning(9);
        void* code = nullptr;
        EXPECT_IS(codeheap_alloc(h, b.data(), b.size(), 0, 0, &code), CODEHEAP_OK);
        EXPECT_IS(call(code), 9);
        codeheap_destroy(h);
    }
}
