// SPDX-License-Identifier: Apache-2.0
// What is handed out, where, how it may be accessed, and what becomes of it when it is freed.
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>

#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

namespace {

// The permissions of the mapping that holds `p`, by /proc/self/maps; of all mappings with a null `p`, those that are
// writable and executable.
std::string permissions(const void* p) {
    std::string found;
    std::FILE* maps = std::fopen("/proc/self/maps", "r");
    char line[512];
    while (maps != nullptr && std::fgets(line, sizeof line, maps) != nullptr) {
        unsigned long begin = 0, end = 0;
        char how[5] = "";
        if (std::sscanf(line, "%lx-%lx %4s", &begin, &end, how) != 3) continue;
        const auto at = reinterpret_cast<std::uintptr_t>(p);
        if (p == nullptr ? how[1] == 'w' && how[2] == 'x' : at >= begin && at < end) found += how;
    }
    if (maps != nullptr) std::fclose(maps);
    return found;
}

// Whether `what` ends a child process by `number`.
bool dies_by(int number, const std::function<void()>& what) {
    const pid_t child = fork();
    if (child == 0) {
        signal(number, SIG_DFL);
        what();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == number;
}

bytes pattern(std::size_t length, unsigned seed) {
    bytes b(length);
    for (std::size_t i = 0; i < length; ++i) b[i] = static_cast<std::uint8_t>(i * 31 + seed * 7 + 1);
    return b;
}

bool all_traps(const std::uint8_t* at, std::size_t length) {
    bytes traps(length + 8);
    cmodx::code_buffer c{traps.data(), traps.size()};
    while (c.size < length) cmodx::target::isa::trap(c);
    return memcmp(traps.data(), at, length) == 0;
}

}  // namespace

HEAP_TEST(sizes_and_alignments) {
    const heap h(usual());
    std::map<std::uint8_t*, std::pair<std::size_t, unsigned>> pieces;
    unsigned seed = 0;
    std::vector<std::size_t> sizes = {4095, 4096, 4097, 16384, 16385, 65536, 65537, 3'000'001};
    for (std::size_t s = 1; s <= 300; ++s) sizes.push_back(s);
    for (const std::size_t size : sizes)
        for (const std::size_t alignment : {0, 1, 16, 64, 1024, 4096}) {
            if (alignment > 64 && size > 100 && size < 4000) continue;
            const bytes b = pattern(size, ++seed);
            auto* at = static_cast<std::uint8_t*>(h.alloc(b, CODEHEAP_DEFER, alignment));
            if (at == nullptr) return;
            EXPECT_IS(reinterpret_cast<std::uintptr_t>(at) % (alignment < 16 ? 16 : alignment), 0u);
            pieces[at] = {size, seed};
        }
    std::uint8_t* end = nullptr;
    for (const auto& [at, what] : pieces) {
        EXPECT_IS(at >= end, true);
        end = at + what.first;
        const bytes b = pattern(what.first, what.second);
        EXPECT_IS(memcmp(at, b.data(), b.size()), 0);
    }
    for (const auto& [at, what] : pieces) EXPECT_IS(codeheap_free(h, at), CODEHEAP_OK);
    codeheap_info info;
    codeheap_ask(h, &info);
    EXPECT_IS(info.in_use, 0u);
}

HEAP_TEST(executable_and_not_writable) {
    const codeheap_options o = usual();
    const heap h(o);
    void* code = h.alloc(returning(42));
    EXPECT_IS(call(code), 42);
    if (o.mapping == CODEHEAP_RWX) throw skipped{"this machine wants writable code"};
    EXPECT_IS(permissions(code).substr(0, 3) == "r-x", true);
    EXPECT_IS(permissions(nullptr).empty(), true);
    EXPECT_IS(dies_by(SIGSEGV, [&] { *static_cast<volatile std::uint8_t*>(code) = 0; }), true);
}

HEAP_TEST(bad_arguments) {
    const heap h(usual());
    void* code = nullptr;
    const bytes b = returning(1);
    EXPECT_IS(codeheap_alloc(h, b.data(), 0, 0, 0, &code), CODEHEAP_BAD_ARGUMENT);
    EXPECT_IS(codeheap_alloc(h, nullptr, 4, 0, 0, &code), CODEHEAP_BAD_ARGUMENT);
    EXPECT_IS(codeheap_alloc(h, b.data(), 4, 24, 0, &code), CODEHEAP_BAD_ARGUMENT);
    EXPECT_IS(codeheap_alloc(h, b.data(), 4, 8192, 0, &code), CODEHEAP_BAD_ARGUMENT);
    // Entries are aligned by 32, not more.
    EXPECT_IS(codeheap_alloc(h, b.data(), b.size(), 64, CODEHEAP_RETARGETABLE, &code), CODEHEAP_BAD_ARGUMENT);
    for (int i = 0; i < 4; ++i) {
        EXPECT_IS(codeheap_alloc(h, b.data(), b.size(), 32, CODEHEAP_RETARGETABLE, &code), CODEHEAP_OK);
        EXPECT_IS(reinterpret_cast<std::uintptr_t>(code) % 32, 0u);
    }
    EXPECT_IS(codeheap_alloc(h, b.data(), 4, 0, 1u << 31, &code), CODEHEAP_BAD_ARGUMENT);
    codeheap_options o = {};
    codeheap* none = nullptr;
    EXPECT_IS(codeheap_create(&o, &none), CODEHEAP_BAD_ARGUMENT);
    o.version = CODEHEAP_VERSION;
    o.mapping = CODEHEAP_RWX;
    EXPECT_IS(codeheap_create(&o, &none), CODEHEAP_NOT_EXPLICIT);
    o.flags = CODEHEAP_ALLOW_RWX;
    o.facts = "nonsense";
    EXPECT_IS(codeheap_create(&o, &none), CODEHEAP_BAD_ARGUMENT);
    for (int e = 0; e < CODEHEAP_ERRORS; ++e)
        EXPECT_IS(strlen(codeheap_text(static_cast<codeheap_error>(e))) > 3, true);
}

HEAP_TEST(freed_memory_traps) {
    const heap h(usual());
    auto* code = static_cast<std::uint8_t*>(h.alloc(pattern(64, 3)));
    EXPECT_IS(codeheap_free(h, code + 16), CODEHEAP_NOT_LIVE);
    EXPECT_IS(codeheap_free(h, code), CODEHEAP_OK);
    EXPECT_IS(all_traps(code, 64), true);
    EXPECT_IS(codeheap_free(h, code), CODEHEAP_NOT_LIVE);
    EXPECT_IS(codeheap_update(h, code, "abcd", 4, CODEHEAP_STOPPED), CODEHEAP_NOT_LIVE);
    int local = 0;
    EXPECT_IS(codeheap_free(h, &local), CODEHEAP_NOT_LIVE);
    // The rest of a page that was never handed out traps too.
    auto* fresh = static_cast<std::uint8_t*>(h.alloc(returning(1)));
    EXPECT_IS(all_traps(fresh + 64, 64), true);
    // A large piece.
    auto* large = static_cast<std::uint8_t*>(h.alloc(pattern(200'000, 5)));
    EXPECT_IS(codeheap_free(h, large), CODEHEAP_OK);
    EXPECT_IS(all_traps(large, 200'000), true);
    EXPECT_IS(h.alloc(pattern(150'000, 6)) == large, true);
}

HEAP_TEST(nobody_is_pulled_the_rug) {
    const heap h(usual());
    codeheap_executor* e = nullptr;
    EXPECT_IS(codeheap_register(h, &e), CODEHEAP_OK);
    const int outside = codeheap_enter(e);
    EXPECT_IS(outside, 1);
    EXPECT_IS(codeheap_enter(e), 0);  // nested
    void* code = h.alloc(returning(77));
    codeheap_check(e);
    EXPECT_IS(codeheap_free(h, code), CODEHEAP_OK);
    EXPECT_IS(codeheap_reclaim(h) > 0, true);
    for (int i = 0; i < 2000; ++i) EXPECT_IS(h.alloc(returning(1), CODEHEAP_DEFER) != code, true);
    EXPECT_IS(call(code), 77);
    codeheap_quiescent(e);
    EXPECT_IS(codeheap_reclaim(h), 0u);
    EXPECT_IS(all_traps(static_cast<std::uint8_t*>(code), 16), true);
    codeheap_leave(e, outside);
    codeheap_unregister(h, e);
}

HEAP_TEST(memory_is_used_again) {
    const heap h(usual());
    codeheap_info before, after;
    for (int round = 0; round < 8; ++round) {
        std::vector<void*> all;
        for (int i = 0; i < 4000; ++i)
            all.push_back(
                h.alloc(pattern(static_cast<std::size_t>(16 + (i * 37 + round * 501) % 700), 1), CODEHEAP_DEFER));
        for (void* p : all) EXPECT_IS(codeheap_free(h, p), CODEHEAP_OK);
        if (round == 3) codeheap_ask(h, &before);
    }
    codeheap_ask(h, &after);
    EXPECT_IS(after.mapped <= before.mapped + 256 * 1024, true);
}

HEAP_TEST(exhausted_memory) {
    codeheap_options o = usual();
    const heap h(o);
    // As much address space as there is.
    o.reserve = SIZE_MAX / 4;
    std::vector<codeheap*> others;
    codeheap_error e = CODEHEAP_OK;
    while (e == CODEHEAP_OK && others.size() < 8) {
        others.push_back(nullptr);
        e = codeheap_create(&o, &others.back());
    }
    EXPECT_IS(e, CODEHEAP_NO_MEMORY);
    for (codeheap* other : others) codeheap_destroy(other);
    void* code = nullptr;
    const bytes b = returning(9);
    EXPECT_IS(codeheap_alloc(h, b.data(), SIZE_MAX - 5, 0, 0, &code), CODEHEAP_NO_MEMORY);
    if (sizeof(void*) == 8) EXPECT_IS(codeheap_alloc(h, b.data(), SIZE_MAX / 4, 0, 0, &code), CODEHEAP_NO_MEMORY);
    EXPECT_IS(call(h.alloc(b)), 9);
}

// What is large does not wait for 127 others.
HEAP_TEST(large_pieces_are_freed_soon) {
    const heap h(usual());
    codeheap_executor* e = nullptr;
    EXPECT_IS(codeheap_register(h, &e), CODEHEAP_OK);  // outside
    codeheap_info info;
    for (int i = 0; i < 40; ++i) EXPECT_IS(codeheap_free(h, h.alloc(pattern(300'000, 1), CODEHEAP_DEFER)), CODEHEAP_OK);
    codeheap_ask(h, &info);
    EXPECT_IS(info.waiting < 1'000'000, true);
    codeheap_unregister(h, e);
}

// Where memory is exhausted, what has become free is used, even if something else still waits.
HEAP_TEST(exhausted_memory_is_reclaimed) {
    codeheap_options o = usual();
    o.reserve = 1 << 20;
    const heap h(o);
    codeheap_executor *outside = nullptr, *inside = nullptr;
    EXPECT_IS(codeheap_register(h, &outside), CODEHEAP_OK);
    EXPECT_IS(codeheap_register(h, &inside), CODEHEAP_OK);
    const bytes half = pattern(500'000, 1), little = pattern(200'000, 2), more(2 << 20);
    void *first = h.alloc(half, CODEHEAP_DEFER), *second = h.alloc(little, CODEHEAP_DEFER), *third = nullptr,
         *fourth = nullptr;
    // The first piece's batch is closed before anybody enters, and the second's after it.
    (void)codeheap_enter(outside);
    EXPECT_IS(codeheap_free(h, first), CODEHEAP_OK);
    EXPECT_IS(codeheap_reclaim(h) > 0, true);
    (void)codeheap_enter(inside);
    EXPECT_IS(codeheap_free(h, second), CODEHEAP_OK);
    codeheap_leave(outside, 1);
    rlimit before = {}, none = {};
    getrlimit(RLIMIT_AS, &before);
    none.rlim_max = before.rlim_max;
    setrlimit(RLIMIT_AS, &none);
    const codeheap_error e = codeheap_alloc(h, half.data(), 450'000, 0, CODEHEAP_DEFER, &third);
    const codeheap_error other = codeheap_alloc(h, more.data(), more.size(), 0, CODEHEAP_DEFER, &fourth);
    setrlimit(RLIMIT_AS, &before);
    codeheap_leave(inside, 1);
    codeheap_unregister(h, outside);
    codeheap_unregister(h, inside);
    if (other != CODEHEAP_NO_MEMORY) throw skipped{"address space cannot be limited here"};
    EXPECT_IS(e, CODEHEAP_OK);
    EXPECT_IS(third == first, true);
}

HEAP_TEST(churn) {
    const heap h(usual(CODEHEAP_LAZY));
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 3; ++t)
        threads.emplace_back([&h, t] {
            codeheap_executor* e = nullptr;
            codeheap_register(h, &e);
            std::vector<std::pair<void*, int>> mine;
            unsigned random = 12345 + t;
            for (int i = 0; i < 20'000; ++i) {
                random = random * 1664525 + 1013904223;
                const int outside = codeheap_enter(e);
                if (mine.size() < 50 || (random >> 16 & 1) != 0) {
                    const auto value = static_cast<std::uint8_t>(random >> 24);
                    bytes b = returning(value);
                    b.resize(16 + (random >> 20) % 200);
                    mine.emplace_back(h.alloc(b), value);
                } else {
                    std::swap(mine[(random >> 8) % mine.size()], mine.back());
                    EXPECT_IS(codeheap_free(h, mine.back().first), CODEHEAP_OK);
                    mine.pop_back();
                }
                if (!mine.empty()) {
                    const auto& [code, value] = mine[(random >> 4) % mine.size()];
                    codeheap_check(e);
                    EXPECT_IS(call(code), value);
                }
                codeheap_leave(e, outside);
            }
            codeheap_unregister(h, e);
        });
    for (std::thread& t : threads) t.join();
}

HEAP_TEST(fork_child_asks_first) {
    const heap h(usual());
    void* code = h.alloc(returning(5));
    const pid_t child = fork();
    if (child == 0) {
        int wrong = 0;
        const bytes b = returning(6);
        void* other = nullptr;
        wrong |= call(code) != 5;
        wrong |= (codeheap_alloc(h, b.data(), b.size(), 0, 0, &other) != CODEHEAP_FORKED) << 1;
        wrong |= (codeheap_free(h, code) != CODEHEAP_FORKED) << 2;
        wrong |= (codeheap_after_fork(h) != CODEHEAP_OK) << 3;
        wrong |= (codeheap_update(h, code, b.data(), b.size(), CODEHEAP_STOPPED) != CODEHEAP_OK) << 4;
        wrong |= (call(code) != 6) << 5;
        wrong |= (codeheap_alloc(h, b.data(), b.size(), 0, 0, &other) != CODEHEAP_OK) << 6;
        _exit(wrong);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_IS(WIFEXITED(status) ? WEXITSTATUS(status) : -1, 0);
    EXPECT_IS(call(code), 5);  // the child's change is the child's
}
