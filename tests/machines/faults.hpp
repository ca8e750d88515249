// SPDX-License-Identifier: Apache-2.0
// Machines that are at fault in one thing and sound besides.
#pragma once

#include <sched.h>

#include <vector>

#include "tests/machines/machine.hpp"

namespace cmodx::faulty {

struct notes {
    std::uint32_t value[locations];   // last fetched
    std::uint32_t before[locations];  // and the one before
    std::uint32_t count;
    std::uint32_t cpu;
    std::uint32_t pending;
};

// One modification in sixteen never reaches memory.
inline void drop(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    if (++t.own<notes>().count % 16 != 0) t.store(static_cast<location>(x), size);
}

// A modification reaches memory when the next one is made.
inline void delay(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    std::uint32_t now = 0;
    if (size < sizeof now || size > 8) return t.store(static_cast<location>(x), size);
    std::memcpy(&now, t.source(static_cast<location>(x)), sizeof now);
    const std::uint32_t then = std::exchange(t.own<notes>().pending, now);
    if (then == 0) return;
    reinterpret_cast<std::atomic<std::uint32_t>*>(t.target(static_cast<location>(x)))->store(then);
}

// The flag becomes visible before the code does, which the thread itself sees at once.
inline void remember(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    if (x != 0) return t.store(static_cast<location>(x), size);
    t.own<notes>().pending = size;
}
inline void commit(std::uintptr_t* f, std::uint32_t, std::uint32_t) {
    const thread t{f};
    if (const std::uint32_t size = std::exchange(t.own<notes>().pending, 0); size != 0) t.store(0, size);
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
    if (reinterpret_cast<std::uintptr_t>(t.target(static_cast<location>(x))) / line % 4 != 0)
        t.store(static_cast<location>(x), size);
}

// A store is made in pieces of this type.
template <class Piece>
void tear(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    const auto at = static_cast<location>(x);
    for (std::size_t i = 0; i + sizeof(Piece) <= size; i += sizeof(Piece)) {
        if (i != 0) pause_for(100);
        Piece piece;
        std::memcpy(&piece, t.source(at) + i, sizeof piece);
        reinterpret_cast<std::atomic<Piece>*>(t.target(at) + i)->store(piece, std::memory_order_release);
    }
}

// Of a modification, only what lies in its first line is made.
inline void first_line(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    const auto at = static_cast<location>(x);
    const std::size_t left = line - reinterpret_cast<std::uintptr_t>(t.target(at)) % line;
    if (size <= left) return t.store(at, size);
    for (std::size_t i = 0; i < left; ++i) t.target(at)[i] = t.source(at)[i];
}

// One fetch in sixteen finds again what was there before the last change.
inline void fetch_again(std::uintptr_t* f, std::uint32_t x, std::uint32_t slot) {
    const thread t{f};
    notes& own = t.own<notes>();
    const std::uint32_t value = t.run(static_cast<location>(x));
    if (value != own.value[x]) own.before[x] = std::exchange(own.value[x], value);
    t.observe(slot, ++own.count % 16 == 0 && own.before[x] != 0 ? own.before[x] : value);
}

// A modification is lost whose maintenance goes on on another CPU than the one that made it.
inline std::array<std::uint8_t, 256> unmaintained;
inline void store_on_cpu(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    std::memcpy(unmaintained.data(), t.target(static_cast<location>(x)), size);
    t.store(static_cast<location>(x), size);
    t.own<notes>().cpu = static_cast<std::uint32_t>(sched_getcpu());
    t.own<notes>().pending = size;
}
inline void maintain_on_cpu(std::uintptr_t* f, std::uint32_t x, std::uint32_t) {
    const thread t{f};
    if (t.own<notes>().pending == 0 || t.own<notes>().cpu == static_cast<std::uint32_t>(sched_getcpu())) return;
    const std::uint32_t size = std::exchange(t.own<notes>().pending, 0);
    std::memcpy(t.target(static_cast<location>(x)), unmaintained.data(), size);
}

inline std::vector<machine> machines_at_fault() {
    std::vector<machine> all = {
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
        {.name = "first line only", .store = first_line},
        {.name = "old after new", .fetch = fetch_again},
        {.name = "lost on migration", .store = store_on_cpu, .step = maintain_on_cpu},
    };
    if (changed_at_once > 4) all.push_back({.name = "tears at 4", .store = tear<std::uint32_t>});
    return all;
}

}  // namespace cmodx::faulty
