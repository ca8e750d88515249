// SPDX-License-Identifier: Apache-2.0
// `codeheap_bench [quick]`: the heap beside what people use, and what its policies cost, in one run.
#include <sched.h>
#include <string.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <thread>

#include "allocators.hpp"
#include "codeheap.h"
#include "live.hpp"

using namespace heap_bench;  // NOLINT(google-build-using-namespace)

namespace {

using clock_type = std::chrono::steady_clock;

double ns_since(clock_type::time_point start) {
    return std::chrono::duration<double, std::nano>(clock_type::now() - start).count();
}

// A function of function_size bytes that returns `value`.
std::vector<std::uint8_t> function(std::uint8_t value) {
    std::vector<std::uint8_t> b(function_size);
    cmodx::code_buffer c{b.data(), b.size()};
    cmodx::target::live::emit_return(c, value);
    return b;
}
int call(void* code) { return reinterpret_cast<int (*)()>(code)(); }

// Bytes of memory that the process takes, a page that it maps twice counted once; 0 if the kernel does not tell.
std::size_t memory() {
    std::size_t kib = 0;
    char line[256];
    std::FILE* f = std::fopen("/proc/self/smaps_rollup", "r");
    while (f != nullptr && std::fgets(line, sizeof line, f) != nullptr)
        if (std::sscanf(line, "Pss: %zu kB", &kib) == 1) break;
    if (f != nullptr) std::fclose(f);
    return kib * 1024;
}

// Inter-processor interrupts of all CPUs so far: function calls and TLB shootdowns are told apart where the kernel
// does.
long interrupts(const char* what) {
    long sum = 0;
    char line[4096];
    std::FILE* f = std::fopen("/proc/interrupts", "r");
    while (f != nullptr && std::fgets(line, sizeof line, f) != nullptr) {
        if (strstr(line, what) == nullptr) continue;
        char* at = strchr(line, ':');
        if (at == nullptr) continue;
        for (char* end = at;;) {
            const long n = std::strtol(at + 1, &end, 10);
            if (end == at + 1) break;
            sum += n;
            at = end;
            if (*at != ' ') break;
        }
    }
    if (f != nullptr) std::fclose(f);
    return sum;
}

struct rates {
    double make = 0, drop = 0;  // ns
};

// Each thread makes and drops `count` functions; the median of the rounds of the slowest thread.
rates measure(allocator& a, unsigned threads, std::size_t count, unsigned rounds) {
    std::vector<double> make, drop;
    const std::vector<std::uint8_t> bytes = function(1);
    for (unsigned r = 0; r < rounds; ++r) {
        std::vector<rates> each(threads);
        std::atomic<unsigned> ready{0};
        std::vector<std::thread> all;
        for (unsigned t = 0; t < threads; ++t)
            all.emplace_back([&, t] {
                std::vector<void*> made(count);
                const auto together = [&](unsigned stage) {
                    ready.fetch_add(1);
                    while (ready.load() < threads * stage) sched_yield();
                };
                together(1);
                auto start = clock_type::now();
                for (void*& p : made) p = a.make(bytes.data());
                each[t].make = ns_since(start) / static_cast<double>(count);
                together(2);
                start = clock_type::now();
                for (void* p : made) a.drop(p);
                each[t].drop = ns_since(start) / static_cast<double>(count);
            });
        for (std::thread& t : all) t.join();
        rates slowest;
        for (const rates& one : each) {
            slowest.make = std::max(slowest.make, one.make);
            slowest.drop = std::max(slowest.drop, one.drop);
        }
        make.push_back(slowest.make);
        drop.push_back(slowest.drop);
    }
    std::sort(make.begin(), make.end());
    std::sort(drop.begin(), drop.end());
    return {make[rounds / 2], drop[rounds / 2]};
}

double bytes_a_function(const contender& c, std::size_t count) {
    std::vector<void*> made(std::min(count, c.most));  // its own pages are touched here
    const std::vector<std::uint8_t> bytes = function(1);
    const std::size_t before = memory();
    const auto a = c.start();
    for (void*& p : made) p = a->make(bytes.data());
    return static_cast<double>(memory() - before) / static_cast<double>(made.size());
}

void compare(bool quick) {
    const std::size_t count = quick ? 2'000 : 20'000;
    const unsigned rounds = quick ? 1 : 9;
    std::printf("Functions of %zu bytes, ns each; memory of up to %d of them\n", function_size,
                quick ? 20'000 : 1'000'000);
    std::printf("%-30s %9s %9s %9s %9s %8s  %s\n", "", "make", "free", "make, 2", "free, 2", "bytes",
                "new code is seen by");
    for (const contender& c : contenders()) {
        const auto a = c.start();
        const auto b = c.start();
        const rates one = measure(*a, 1, count, rounds);
        const rates two = measure(*b, 2, count, rounds);
        std::printf("%-30s %9.1f %9.1f %9.1f %9.1f %8.1f  %s\n", c.name.c_str(), one.make, one.drop, two.make, two.drop,
                    bytes_a_function(c, quick ? 20'000 : 1'000'000), c.guarantee.c_str());
    }
    for (const std::string& name : absent()) std::printf("%-30s absent\n", name.c_str());
}

struct policy {
    codeheap_sync sync;
    const char* name;
};
constexpr policy policies[] = {
    {CODEHEAP_BROADCAST, "broadcast"}, {CODEHEAP_LAZY, "lazy"}, {CODEHEAP_TRACKED, "tracked"}};

// A whole function is exchanged by its entry; another thread calls it all the time.
void latency(bool quick) {
    std::printf(
        "\nFrom the begin of an update of an entry until it has returned, and until another thread ran the new code\n");
    std::printf("%-30s %9s %9s %9s %12s %12s %12s\n", "", "returned", "seen", "seen, 99%", "barriers", "IPIs, busy",
                "IPIs, idle");
    const int updates = quick ? 200 : 5'000;
    for (const policy& p : policies) {
        codeheap_options o = {};
        o.version = CODEHEAP_VERSION;
        o.sync = p.sync;
        codeheap* heap = nullptr;
        if (codeheap_create(&o, &heap) != CODEHEAP_OK) continue;
        void* entry = nullptr;
        std::vector<std::uint8_t> f = function(0);
        codeheap_alloc(heap, f.data(), f.size(), 0, CODEHEAP_RETARGETABLE, &entry);
        std::atomic<int> seen{0};
        std::atomic<bool> done{false};
        std::atomic<std::int64_t> when{0};
        std::thread reader([&] {
            codeheap_executor* e = nullptr;
            codeheap_register(heap, &e);
            while (!done.load(std::memory_order_relaxed)) {
                const int outside = codeheap_enter(e);
                const int value = call(entry);
                codeheap_leave(e, outside);
                if (value == seen.load(std::memory_order_relaxed)) continue;
                when.store(clock_type::now().time_since_epoch().count(), std::memory_order_relaxed);
                seen.store(value, std::memory_order_release);
            }
            codeheap_unregister(heap, e);
        });
        std::vector<double> returned, until;
        codeheap_info before, after;
        codeheap_ask(heap, &before);
        const long ipis = interrupts("Function call");
        for (int i = 1; i <= updates; ++i) {
            f = function(static_cast<std::uint8_t>(i));
            const auto start = clock_type::now();
            codeheap_update(heap, entry, f.data(), f.size(), 0);
            returned.push_back(ns_since(start));
            while (seen.load(std::memory_order_acquire) != (i & 255)) {
            }
            until.push_back(static_cast<double>(when.load() - start.time_since_epoch().count()));
        }
        const long busy = interrupts("Function call") - ipis;
        codeheap_ask(heap, &after);
        done.store(true);
        reader.join();
        const long idle_before = interrupts("Function call");
        for (int i = 0; i < updates; ++i) codeheap_update(heap, entry, f.data(), f.size(), 0);
        const long idle = interrupts("Function call") - idle_before;
        std::sort(returned.begin(), returned.end());
        std::sort(until.begin(), until.end());
        const auto n = static_cast<std::size_t>(updates);
        std::printf("%-30s %9.0f %9.0f %9.0f %12.2f %12.2f %12.2f\n", p.name, returned[n / 2], until[n / 2],
                    until[n * 99 / 100], static_cast<double>(after.broadcasts - before.broadcasts) / updates,
                    static_cast<double>(busy) / updates, static_cast<double>(idle) / updates);
        codeheap_destroy(heap);
    }
}

// What a reader pays a call, when nothing is new.
void checks(bool quick) {
    std::printf("\nA call of an empty function, ns\n");
    const long calls = quick ? 200'000 : 50'000'000;
    for (const policy& p : policies) {
        codeheap_options o = {};
        o.version = CODEHEAP_VERSION;
        o.sync = p.sync;
        codeheap* heap = nullptr;
        if (codeheap_create(&o, &heap) != CODEHEAP_OK) continue;
        codeheap_executor* e = nullptr;
        codeheap_register(heap, &e);
        void* code = nullptr;
        const std::vector<std::uint8_t> f = function(1);
        codeheap_alloc(heap, f.data(), f.size(), 64, 0, &code);
        const auto time = [&](auto&& body) {
            double best = 1e9;
            for (int round = 0; round < 5; ++round) {
                const auto start = clock_type::now();
                const long each = calls / 5;
                for (long i = 0; i < each; ++i) body();
                best = std::min(best, ns_since(start) / static_cast<double>(each));
            }
            return best;
        };
        const double bare = time([&] { call(code); });
        const double checked = time([&] {
            codeheap_check(e);
            call(code);
        });
        const double section = time([&] {
            const int outside = codeheap_enter(e);
            codeheap_check(e);
            call(code);
            codeheap_leave(e, outside);
        });
        std::printf("%-30s bare %.2f, with check %.2f, with enter, check and leave %.2f\n", p.name, bare, checked,
                    section);
        codeheap_unregister(heap, e);
        codeheap_destroy(heap);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = argc > 1 && strcmp(argv[1], "quick") == 0;
    codeheap* probe = nullptr;
    const codeheap_error e = codeheap_create(nullptr, &probe);
    codeheap_destroy(probe);
    if (e != CODEHEAP_OK) {
        std::printf("nothing to measure here: %s\n", codeheap_text(e));
        return 77;
    }
    compare(quick);
    latency(quick);
    checks(quick);
}
