// SPDX-License-Identifier: Apache-2.0
// How an architecture states what its manual requires: what each step does, and which chains of effects suffice.
//
// The steps of all threads of a test form one timeline: the store, the writer's steps, the hand-over, the
// executor's steps, the fetch. A statement names a chain of effects; it holds of a test if the chain is found in
// its timeline, in this order, with the order between its links that each link asks for. The first statement of an
// architecture that holds is the verdict. So a requirement is one line, wherever and by whomever it is met.
#pragma once

#include <array>

#include "arch/arch.hpp"

namespace cmodx {

struct question;

// What a step does that a requirement may ask for; a set of bits.
using effects = std::uint32_t;

namespace effect {
inline constexpr effects modify = 1u << 0;            // the store to the code; the first event of every timeline
inline constexpr effects fetch = 1u << 1;             // the execution of the site that is judged; the last event
inline constexpr effects observe = 1u << 2;           // what the executor saw: the flag, or another fetch
inline constexpr effects publish = 1u << 3;           // what the executor sees
inline constexpr effects clean = 1u << 4;             // data cache clean to the point of unification
inline constexpr effects invalidate = 1u << 5;        // instruction cache invalidate, by the executable address
inline constexpr effects invalidate_alias = 1u << 6;  // the same by another address of the same memory
inline constexpr effects complete = 1u << 7;          // waits until cache maintenance is complete
inline constexpr effects stores_done = 1u << 8;       // waits until earlier stores are complete
inline constexpr effects loads_done = 1u << 9;        // waits until earlier loads are complete
inline constexpr effects order_stores = 1u << 10;     // earlier stores before later ones
inline constexpr effects order_loads = 1u << 11;      // earlier loads before later loads
inline constexpr effects order_clean = 1u << 12;      // also data cache maintenance, both ways
inline constexpr effects depend = 1u << 13;           // what follows depends on the flag, by address or by branch
inline constexpr effects branch = 1u << 14;           // a conditional branch on the flag
inline constexpr effects sync = 1u << 15;             // this thread fetches anew from here on
inline constexpr effects sync_others = 1u << 16;      // every other thread does
inline constexpr effects jump = 1u << 17;             // a taken jump
inline constexpr effects moved = 1u << 18;            // the thread may go on on another CPU
inline constexpr effects follows = 1u << 19;          // the kernel synchronizes a thread that it moves
inline constexpr effects guarded = 1u << 20;          // a breakpoint stands in place of the instruction meanwhile
inline constexpr effects copied = 1u << 21;           // the page becomes another, with the same contents
inline constexpr effects predict = 1u << 22;          // branch predictors invalidate
inline constexpr effects remapped = 1u << 23;  // the address comes to mean other memory, or may be used otherwise
inline constexpr effects forget = 1u << 24;    // translations of the address are invalidated
inline constexpr effects by_turns = 1u << 25;  // an executor is interrupted, or synchronizes itself: not both
// The same as invalidate, predict and forget, for the CPU alone that does it.
inline constexpr effects invalidate_here = 1u << 26;
inline constexpr effects predict_here = 1u << 27;
inline constexpr effects forget_here = 1u << 28;
inline constexpr effects never = 1u << 31;  // what no step does
}  // namespace effect

// A set of the members of an enumeration.
using members = std::uint16_t;
inline constexpr members anything = 0xffff;

// What a step does, in order. Several actions of one name add up, those whose conditions hold.
struct action {
    std::string_view step;
    std::array<effects, 6> does{};
    basis strength = basis::arch_text;  // how well founded it is that the step does this
    std::string_view source{};          // where that is said, if the architecture's own manual does not
    std::string_view when{};            // facts that must hold, such as "vendor=amd" or "exs!=1"
    members paths = anything;           // set of mapping
};

// A link of a chain.
struct need {
    effects what = 0;       // any one of these; `sync` by the fetching thread, `sync_others` by any but it
    effects after = 0;      // if the same thread did the link before: any one of these between the two
    effects published = 0;  // if another thread does the next link: any one of these between this and the hand-over
    effects unless = 0;     // none of these between the link before and this
};
using chain = std::array<need, 6>;

template <class... E>
constexpr members set_of(E... one) {
    return static_cast<members>(((1u << static_cast<unsigned>(one)) | ...));
}
template <class E>
constexpr bool contains(members all, E member) {
    return (all >> static_cast<unsigned>(member) & 1) != 0;
}

inline constexpr members handed_over = set_of(relation::same_thread, relation::cross_thread, relation::load_to_fetch,
                                              relation::third_party, relation::concurrent);
inline constexpr members not_new = set_of(witness::stale, witness::torn, witness::fault, witness::never_new);
inline constexpr members broken = set_of(witness::torn, witness::fault);
inline constexpr members mixtures = set_of(witness::mixed, witness::neither_pair);
inline constexpr members went_back = set_of(witness::new_then_old, witness::new_then_older);

inline constexpr members one_process = static_cast<members>(anything & ~set_of(mapping::process));

constexpr bool everywhere(const question&) { return true; }

// A sentence of a manual, applied: on what it bears, what it requires, what it rules.
struct statement {
    members between = anything;                   // set of relation
    members seen = anything;                      // set of witness
    members paths = anything;                     // set of mapping
    std::string_view when{};                      // facts that must be known to hold
    bool (*holds)(const question&) = everywhere;  // of the site and its placement
    effects with = 0;                             // done somewhere in the timeline
    chain found{};                                // empty: nothing is required
    verdict ruling;
    basis strength;
    std::string_view source;
    std::string_view reason;
};

// Step names in order; "a-b" in a literal, "" for none.
struct step_list {
    std::array<std::string_view, 10> names{};
    std::size_t count = 0;

    consteval step_list(const char* text) {
        for (std::string_view rest = text; !rest.empty();) {
            const std::size_t end = rest.find('-');
            names[count++] = rest.substr(0, end);
            rest = end == rest.npos ? std::string_view{} : rest.substr(end + 1);
        }
    }
    constexpr const std::string_view* begin() const { return names.data(); }
    constexpr const std::string_view* end() const { return names.data() + count; }
    constexpr std::size_t size() const { return count; }
    constexpr operator std::span<const std::string_view>() const { return {names.data(), count}; }
};

// What a protocol is for; most modify code.
enum class purpose : std::uint8_t {
    code,
    translation,  // what lies at an address, or how it may be used, is changed in the page tables
    by_turns,     // as code, for executors of whom those alone are interrupted who may be running it
};

// A way to write a requirement down in steps, from which tests are made. That a sufficient one is sufficient is not
// stated here: the statements say so, and tests/protocols_test.cpp holds the two against each other.
struct protocol {
    enum class origin : std::uint8_t {
        sufficient,  // the architecture guarantees it, on machines with the right facts
        practice,    // in use, or believed in, without a guarantee
    };
    relation between;
    origin from;
    step_list writer;
    step_list executor = "";
    purpose use = purpose::code;
};

struct architecture_rules {
    std::string_view name;
    std::span<const action> actions;
    std::span<const statement> statements;
    std::span<const protocol> protocols;
    std::string_view twin_site;   // its execution while it is modified is defined: fit for leaving steps out
    bool loads_in_order = false;  // the hand-over needs no order of its own (x86: total store order)
    bool sync_waits = false;      // synchronization waits for earlier loads (riscv: FENCE.I, SFENCE.VMA; not so ISB)
};

}  // namespace cmodx
