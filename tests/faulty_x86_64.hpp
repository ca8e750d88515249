// SPDX-License-Identifier: Apache-2.0
// Machines that are at fault, played on x86-64: the back end with calls in the place of instructions, so that what a
// broken cache, core or kernel would do is done by a function.
#pragma once

#include <unistd.h>
#include <x86intrin.h>

#include <atomic>
#include <cstring>
#include <utility>

#include "arch/all.hpp"
#include "runner/engine/platform.hpp"

namespace cmodx::faulty {

// The frame that a stub runs with, and what the machine remembers of the thread: the end of its scratch memory, which
// begins as zeros.
struct thread {
    std::uintptr_t* frame;

    struct memory {
        std::uint32_t value[locations];   // last fetched
        std::uint32_t before[locations];  // and the one before
        std::uint32_t epoch;              // up to which the value is what memory held; 0: none is
        std::uint32_t count;
        std::uint32_t cpu;
        std::uint32_t pending;
    };
    static_assert(sizeof(memory) == 32);
    memory& own() const { return *reinterpret_cast<memory*>(frame[static_cast<std::size_t>(field::scratch)] + 32); }

    std::uint8_t* target(location x) const { return reinterpret_cast<std::uint8_t*>(frame[word_of(field::target, x)]); }
    const std::uint8_t* source(location x) const {
        return reinterpret_cast<const std::uint8_t*>(frame[word_of(field::source, x)]);
    }
    // As one store where the real machine has one.
    void store(location x, std::size_t size) const {
        const auto piece = [&](auto value) {
            std::memcpy(&value, source(x), sizeof value);
            reinterpret_cast<std::atomic<decltype(value)>*>(target(x))->store(value, std::memory_order_release);
        };
        if (size == 8) return piece(std::uint64_t{});
        if (size == 4) return piece(std::uint32_t{});
        for (std::size_t i = 0; i < size; ++i) target(x)[i] = source(x)[i];
    }
    void observe(std::size_t slot, std::uint32_t value) const { frame[word_of_observed(slot)] = value; }
    std::uint32_t run(location x) const {
        return reinterpret_cast<std::uint32_t (*)()>(frame[word_of(field::site, x)])();
    }
    void publish(location x) const {
        reinterpret_cast<std::atomic<std::uint32_t>*>(frame[word_of(field::flag, x)])
            ->store(static_cast<std::uint32_t>(frame[word_of(field::value, x)]), std::memory_order_release);
    }
};

inline void pause_for(unsigned n) {
    while (n-- != 0) platform::pause();
}

// What such a machine does in the place of the instructions; null: what the real one does.
struct machine {
    std::string_view name;
    void (*store)(std::uintptr_t* frame, std::uint32_t x, std::uint32_t size) = nullptr;
    void (*fetch)(std::uintptr_t* frame, std::uint32_t x, std::uint32_t slot) = nullptr;
    void (*publish)(std::uintptr_t* frame, std::uint32_t x, std::uint32_t) = nullptr;
    void (*step)(std::uintptr_t* frame, std::uint32_t x, std::uint32_t step) = nullptr;  // behind it
    void (*finish)(std::uintptr_t* frame, std::uint32_t, std::uint32_t) = nullptr;       // a stub
    bool conforms = false;  // weak, but as weak as it may be
};

// The one that is assembled for.
inline const machine* playing = nullptr;

using callee = void (*)(std::uintptr_t*, std::uint32_t, std::uint32_t);

inline void emit_call(code_buffer& c, callee to, location x, std::size_t n) {
    using namespace x86_64;
    mov_r64_r64(c, reg::di, frame);
    mov_r32_imm32(c, reg::si, x);
    mov_r32_imm32(c, reg::dx, static_cast<std::uint32_t>(n));
    mov_r64_imm64(c, reg::ax, reinterpret_cast<std::uint64_t>(to));
    call_r64(c, reg::ax);
}

inline void store_code(code_buffer& c, location x, std::size_t size) {
    if (playing->store != nullptr) return emit_call(c, playing->store, x, size);
    x86_64::isa::store_code(c, x, size);
}
inline void fetch(code_buffer& c, location x, std::size_t slot) {
    if (playing->fetch != nullptr) return emit_call(c, playing->fetch, x, slot);
    x86_64::isa::fetch(c, x, slot);
}
inline void store_flag(code_buffer& c, location x, bool release) {
    if (playing->publish != nullptr) return emit_call(c, playing->publish, x, 0);
    x86_64::isa::store_flag(c, x, release);
}
inline void epilogue(code_buffer& c) {
    if (playing->finish != nullptr) emit_call(c, playing->finish, 0, 0);
    x86_64::isa::epilogue(c);
}
template <std::size_t I>
void emit_step(code_buffer& c, location x) {
    x86_64::steps[I].emit(c, x);
    if (playing->step != nullptr) emit_call(c, playing->step, x, I);
}

template <std::size_t... I>
constexpr auto steps_that_call(std::index_sequence<I...>) {
    return std::array{step{x86_64::steps[I].name, x86_64::steps[I].meaning, x86_64::steps[I].needs, emit_step<I>}...};
}
inline constexpr auto steps = steps_that_call(std::make_index_sequence<std::size(x86_64::steps)>());

inline known_architecture architecture_of_machines() {
    known_architecture a = *find_architecture("x86_64");
    a.isa.steps = steps;
    a.isa.store_code = store_code;
    a.isa.fetch = fetch;
    a.isa.store_flag = store_flag;
    a.isa.epilogue = epilogue;
    return a;
}

// ---------------------------------------------------------------------------------------------------------------

// One modification in sixteen never reaches memory.
inline void drop(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    if (++t.own().count % 16 != 0) t.store(static_cast<location>(x), size);
}

// A modification reaches memory when the next one is made.
inline void delay(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    std::uint32_t now = 0;
    std::memcpy(&now, t.source(static_cast<location>(x)), sizeof now);
    if (size < sizeof now || size > 8) return t.store(static_cast<location>(x), size);
    const std::uint32_t then = std::exchange(t.own().pending, now);
    if (then == 0) return;
    reinterpret_cast<std::atomic<std::uint32_t>*>(t.target(static_cast<location>(x)))->store(then);
}

// The flag becomes visible before the code does, which the thread itself sees at once.
inline void remember(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    if (x != 0) return t.store(static_cast<location>(x), size);
    t.own().pending = size;
}
inline void commit(std::uintptr_t* f, std::uint32_t, std::uint32_t) {
    const thread t{f};
    if (const std::uint32_t size = std::exchange(t.own().pending, 0); size != 0) t.store(0, size);
}
inline void commit_and_fetch(std::uintptr_t* f, std::uint32_t x, std::uint32_t slot) {
    commit(f, 0, 0);
    thread{f}.observe(slot, thread{f}.run(static_cast<location>(x)));
}
inline void publish_first(std::uintptr_t* f, std::uint32_t x, std::uint32_t) {
    thread{f}.publish(static_cast<location>(x));
    pause_for(200);
    commit(f, 0, 0);
}

// Every fourth line of memory keeps what it held.
inline void skip_lines(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    if (reinterpret_cast<std::uintptr_t>(t.target(static_cast<location>(x))) / 64 % 4 != 0)
        t.store(static_cast<location>(x), size);
}

// A store is made in pieces of this type.
template <class Piece>
void tear(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    const auto at = static_cast<location>(x);
    for (std::size_t i = 0; i + sizeof(Piece) <= size; i += sizeof(Piece)) {
        if (i != 0) pause_for(20);
        Piece piece;
        std::memcpy(&piece, t.source(at) + i, sizeof piece);
        reinterpret_cast<std::atomic<Piece>*>(t.target(at) + i)->store(piece, std::memory_order_release);
    }
}

// Of a range, only what lies in its first line is maintained.
inline void first_line(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    const auto at = static_cast<location>(x);
    const std::size_t left = 64 - reinterpret_cast<std::uintptr_t>(t.target(at)) % 64;
    for (std::size_t i = 0; i < size && i < left; ++i) t.target(at)[i] = t.source(at)[i];
}

// One fetch in sixteen finds again what was there before the last change.
inline void fetch_again(std::uintptr_t* f, std::uint32_t x, std::uint32_t slot) {
    const thread t{f};
    thread::memory& own = t.own();
    const std::uint32_t value = t.run(static_cast<location>(x));
    if (value != own.value[x]) own.before[x] = std::exchange(own.value[x], value);
    t.observe(slot, ++own.count % 16 == 0 && own.before[x] != 0 ? own.before[x] : value);
}

// ---------------------------------------------------------------------------------------------------------------
// A core that keeps what it has fetched until it serializes, and now and then forgets it: as weak as Intel's manual
// lets a machine be that maintains its own stores. Its mutants keep it for longer than they may.

inline std::atomic<std::uint32_t> epoch{1};  // of all cores: membarrier raises it

enum class serializing : std::uint8_t { all, not_cpuid, not_iret, not_mfence, only_here };

inline void lazy_store(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    t.store(static_cast<location>(x), size);
    t.own().epoch = 0;
}
inline void lazy_fetch(std::uintptr_t* f, std::uint32_t x, std::uint32_t slot) {
    const thread t{f};
    thread::memory& own = t.own();
    const std::uint32_t now = epoch.load();
    if (own.epoch != now || ++own.count % 32 == 0) own.value[0] = own.value[1] = 0;
    own.epoch = now;
    if (own.value[x] == 0) own.value[x] = t.run(static_cast<location>(x));
    t.observe(slot, own.value[x]);
}
template <serializing Which>
void lazy_step(std::uintptr_t* f, std::uint32_t, std::uint32_t which) {
    const std::string_view name = steps[which].name;
    if (name == "cpuid" && Which != serializing::not_cpuid) thread{f}.own().epoch = 0;
    if (name == "iret" && Which != serializing::not_iret) thread{f}.own().epoch = 0;
    if (name == "mfence" && Which != serializing::not_mfence) thread{f}.own().epoch = 0;
    if (name == "serialize") thread{f}.own().epoch = 0;
    if (name != "membarrier") return;
    thread{f}.own().epoch = 0;
    if (Which != serializing::only_here) epoch.fetch_add(1);
}

// ---------------------------------------------------------------------------------------------------------------

// What a CPU has not maintained when the thread is moved is lost to the next.
inline std::uint32_t cpu() {
    unsigned number = 0;
    __rdtscp(&number);
    return number;
}
inline std::array<std::uint8_t, 256> unmaintained;
inline void store_on_cpu(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    std::memcpy(unmaintained.data(), t.target(static_cast<location>(x)), size);
    t.store(static_cast<location>(x), size);
    t.own().cpu = cpu();
    t.own().pending = size;
}
inline void maintain_on_cpu(std::uintptr_t* f, std::uint32_t x, std::uint32_t) {
    const thread t{f};
    const std::uint32_t size = std::exchange(t.own().pending, 0);
    if (size == 0 || t.own().cpu == cpu()) return;
    std::memcpy(t.target(static_cast<location>(x)), unmaintained.data(), size);
}

// The last is no mutant.
inline constexpr machine machines[] = {
    {.name = "drops a store", .store = drop},
    {.name = "delays a store", .store = delay},
    {.name = "flag before code",
     .store = remember,
     .fetch = commit_and_fetch,
     .publish = publish_first,
     .finish = commit},
    {.name = "a line in four", .store = skip_lines},
    {.name = "tears at 1", .store = tear<std::uint8_t>},
    {.name = "tears at 2", .store = tear<std::uint16_t>},
    {.name = "tears at 4", .store = tear<std::uint32_t>},
    {.name = "first line only", .store = first_line},
    {.name = "old after new", .fetch = fetch_again},
    {.name = "lost on migration", .store = store_on_cpu, .step = maintain_on_cpu},
    {.name = "lazy, not by cpuid", .store = lazy_store, .fetch = lazy_fetch, .step = lazy_step<serializing::not_cpuid>},
    {.name = "lazy, not by iret", .store = lazy_store, .fetch = lazy_fetch, .step = lazy_step<serializing::not_iret>},
    {.name = "lazy, not by mfence",
     .store = lazy_store,
     .fetch = lazy_fetch,
     .step = lazy_step<serializing::not_mfence>},
    {.name = "forgets remote cores",
     .store = lazy_store,
     .fetch = lazy_fetch,
     .step = lazy_step<serializing::only_here>},
    {.name = "lazy, and may be",
     .store = lazy_store,
     .fetch = lazy_fetch,
     .step = lazy_step<serializing::all>,
     .conforms = true},
    {.name = "sound", .conforms = true},
};

}  // namespace cmodx::faulty
