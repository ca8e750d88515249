// SPDX-License-Identifier: Apache-2.0
// A machine that is played: the target's back end with calls in the place of instructions or before them, so that what
// a broken cache, core or kernel would do is done by a function. The real machine's maintenance comes behind what the
// function has stored, which it concerns too.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string>
#include <utility>

#include "arch/all.hpp"
#include "call.hpp"
#include "facts.hpp"
#include "runner/engine/platform.hpp"

namespace cmodx::faulty {

// The frame that a stub runs with; the machine remembers what it has to of the thread in the end of its scratch memory,
// which begins as zeros.
struct thread {
    std::uintptr_t* frame;

    template <class Memory>
    Memory& own() const {
        static_assert(sizeof(Memory) <= 48);  // behind the table of fetch_chosen
        return *reinterpret_cast<Memory*>(frame[static_cast<std::size_t>(field::scratch)] + 16);
    }
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
        if (size == sizeof(std::uintptr_t)) return piece(std::uintptr_t{});
        if (size == 4) return piece(std::uint32_t{});
        if (size == 2) return piece(std::uint16_t{});
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

inline constexpr std::size_t line = 64;  // bytes, of the caches that are played

inline void pause_for(unsigned n) {
    while (n-- != 0) platform::pause();
}

using callee = void (*)(std::uintptr_t* frame, std::uint32_t x, std::uint32_t n);

// What becomes of a step of a machine that is at fault in it.
enum class fate : std::uint8_t {
    none,   // nothing
    late,   // it takes effect when the flag is set, or the code has been run
    early,  // it took effect before the thread's store to the code, or its load of the flag
};
inline constexpr std::string_view fate_names[] = {"no", "late", "early"};

// What such a machine does in the place of the instructions; null: what the real one does.
struct machine {
    std::string name;
    callee store = nullptr;  // n: bytes
    callee fetch = nullptr;  // n: slot
    callee publish = nullptr;
    callee load = nullptr;      // before the load of a flag or of code
    callee step = nullptr;      // n: which; before it
    callee finish = nullptr;    // a stub
    bool conforms = false;      // weak, but as weak as it may be
    std::string_view wrong{};   // of a weak one: the step that it is at fault in
    fate becomes = fate::none;  // of that
    bool least = false;         // its manual promises the least that one does
    bool data = false;          // it is about data, and not about code
    bool alone = false;         // what should reach other cores does not
    bool rounds_down = false;   // of a range, the first line alone is maintained
};

// The one that is assembled for.
inline const machine* playing = nullptr;

inline void emit_call(code_buffer& c, callee to, std::uint32_t x, std::size_t n) {
    emit_call(c, reinterpret_cast<std::uintptr_t>(to), x, static_cast<std::uint32_t>(n));
}
inline void store_code(code_buffer& c, location x, std::size_t size) {
    if (playing->store != nullptr) return emit_call(c, playing->store, x, size);
    target::isa::store_code(c, x, size);
}
inline void fetch(code_buffer& c, location x, std::size_t slot) {
    if (playing->fetch != nullptr) return emit_call(c, playing->fetch, x, slot);
    target::isa::fetch(c, x, slot);
}
inline void store_flag(code_buffer& c, location x, bool release) {
    if (playing->publish != nullptr) return emit_call(c, playing->publish, x, 0);
    target::isa::store_flag(c, x, release);
}
inline void load_flag(code_buffer& c, location x, std::size_t slot, bool acquire) {
    if (playing->load != nullptr) emit_call(c, playing->load, x, slot);
    target::isa::load_flag(c, x, slot, acquire);
}
inline void load_code(code_buffer& c, location x, std::size_t slot) {
    if (playing->load != nullptr) emit_call(c, playing->load, x, slot);
    target::isa::load_code(c, x, slot);
}
inline void epilogue(code_buffer& c) {
    if (playing->finish != nullptr) emit_call(c, playing->finish, 0, 0);
    target::isa::epilogue(c);
}
template <std::size_t I>
void emit_step(code_buffer& c, location x) {
    if (playing->step != nullptr) emit_call(c, playing->step, x, I);
    target::isa::steps[I].emit(c, x);
}

template <std::size_t... I>
constexpr auto steps_that_call(std::index_sequence<I...>) {
    return std::array{
        step{target::isa::steps[I].name, target::isa::steps[I].meaning, target::isa::steps[I].needs, emit_step<I>}...};
}
inline constexpr auto steps = steps_that_call(std::make_index_sequence<target::isa::steps.size()>());

inline known_architecture architecture_of_machines() {
    known_architecture a = *find_architecture(target::isa::name);
    a.isa.steps = steps;
    a.isa.store_code = store_code;
    a.isa.fetch = fetch;
    a.isa.store_flag = store_flag;
    a.isa.load_flag = load_flag;
    a.isa.load_code = load_code;
    a.isa.epilogue = epilogue;
    return a;
}

}  // namespace cmodx::faulty
