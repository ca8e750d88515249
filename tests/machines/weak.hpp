// SPDX-License-Identifier: Apache-2.0
// A machine that is as weak as its architecture lets it be: cores keep what they have fetched until they synchronize,
// instruction caches until they are invalidated, stores do not reach either until they are cleaned or ordered; what
// waits for a barrier is done in the wrong order, and what does not depend on a load as if it had come before. What its
// steps do is what the architecture's table of actions says.
// Its mutants are those in which one step does nothing, does it too late or too early, or does it here alone.
#pragma once

#include "tests/machines/machine.hpp"

namespace cmodx::faulty::weak {

struct memory {
    std::uint32_t value[locations];    // last fetched
    std::uint32_t fetched[locations];  // invalidations of that time; 0: nothing is
    std::uint32_t synchronized;        // invalidations when the core last synchronized
    std::uint32_t everyone;            // how often all were told to
    std::uint32_t early;               // invalidations before the last load
    std::uint32_t count;
    std::uint16_t size;  // bytes of a store that is still under way
    std::uint8_t where;  // its location
    std::uint8_t todo;   // what waits for a barrier, a set
    std::uint8_t loads;
    bool ahead;     // its synchronization may have come before the last load
    bool has;       // the step that is early
    bool deferred;  // the one that is late
};
inline constexpr std::uint8_t to_clean = 1;
inline constexpr std::uint8_t to_invalidate = 2;

inline std::atomic<std::uint32_t> invalidations{1};  // of all instruction caches
inline std::atomic<std::uint32_t> everyone{0};       // all cores were told to synchronize

// What a step of the target does here, action by action; read off the rules for each machine.
inline constexpr std::size_t most_effects = 16;
inline std::array<std::array<effects, most_effects>, steps.size()> effects_of;
inline bool in_order;     // stores reach fetches by themselves, and nothing overtakes a load
inline bool own_at_once;  // so do the thread's own, without a jump
inline bool sync_waits;   // it does not overtake one
inline bool by_cleaning;  // they have to be cleaned, and the instruction caches to be invalidated

inline void read_rules(const architecture_rules& rules, std::span<const fact> facts) {
    in_order = rules.loads_in_order;
    sync_waits = rules.sync_waits;
    own_at_once = in_order && known("vendor=amd", facts);
    by_cleaning = false;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        effects_of[i] = {};
        std::size_t n = 0;
        for (const action& a : rules.actions) {
            if (a.step != steps[i].name || !known(a.when, facts) || !contains(a.paths, mapping::same)) continue;
            for (const effects e : a.does)
                if (e != 0) effects_of[i].at(n++) = e;
        }
        for (const effects e : effects_of[i]) by_cleaning |= (e & effect::clean) != 0;
    }
}

inline void commit(const thread& t) {
    memory& own = t.own<memory>();
    if (const std::size_t size = std::exchange(own.size, std::uint16_t{0}); size != 0) t.store(own.where, size);
}
inline void clean(const thread& t) {
    memory& own = t.own<memory>();
    if (!playing->rounds_down) return commit(t);
    std::uint8_t* const at = t.target(own.where);
    const std::size_t left = line - reinterpret_cast<std::uintptr_t>(at) % line;
    if (own.size <= left) return commit(t);
    for (std::size_t i = 0; i < left; ++i) at[i] = t.source(own.where)[i];
}
inline void invalidate(memory& own) {
    if (playing->alone)
        own.fetched[0] = own.fetched[1] = 0;
    else
        invalidations.fetch_add(1);
}
inline void synchronize(memory& own) {
    if (sync_waits) own.ahead = false;
    if (!by_cleaning)
        own.fetched[0] = own.fetched[1] = 0;
    else if (!own.ahead)
        own.synchronized = invalidations.load();
    else
        own.synchronized = std::max(own.synchronized, own.early);
}
inline void complete(const thread& t) {
    memory& own = t.own<memory>();
    if ((own.todo & to_invalidate) != 0) invalidate(own);
    if ((own.todo & to_clean) != 0) clean(t);
    own.todo = 0;
}

inline void fetch_anew(const thread& t, location x) {
    memory& own = t.own<memory>();
    own.fetched[x] = invalidations.load();
    own.value[x] = t.run(x);
}
inline void take_effect(const thread& t, std::size_t which) {
    memory& own = t.own<memory>();
    for (const effects e : effects_of[which]) {
        if (e == 0) break;
        if (playing->data) {
            if ((e & effect::order_stores) != 0) commit(t);
            if ((e & effect::order_loads) != 0) own.ahead = false;
            continue;
        }
        if ((e & (effect::branch | effect::loads_done)) != 0) own.ahead = false;
        if ((e & effect::clean) != 0) own.todo |= to_clean;
        if ((e & effect::invalidate) != 0) own.todo |= to_invalidate;
        if ((e & effect::order_clean) != 0 && (own.todo & to_clean) != 0) {
            own.todo &= static_cast<std::uint8_t>(~to_clean);
            clean(t);
        }
        if ((e & effect::complete) != 0) complete(t);
        if (!by_cleaning && (e & (effect::order_stores | effect::sync)) != 0) commit(t);
        if ((e & effect::sync) != 0 || (in_order && (e & effect::jump) != 0)) synchronize(own);
        if ((e & effect::sync_others) != 0 && !playing->alone)
            if (const std::uint32_t before = everyone.fetch_add(1); own.everyone == before) own.everyone = before + 1;
    }
}
inline std::size_t wrong_step() {
    std::size_t which = 0;
    while (steps[which].name != playing->wrong) ++which;
    return which;
}
// And what is run next may be fetched from then on.
inline void do_early(const thread& t, location x) {
    if (!t.own<memory>().has) return;
    take_effect(t, wrong_step());
    complete(t);
    fetch_anew(t, x);
    pause_for(200);
}
inline bool do_late(const thread& t) {
    if (!std::exchange(t.own<memory>().deferred, false)) return false;
    pause_for(200);
    take_effect(t, wrong_step());
    return true;
}

inline void store(std::uintptr_t* f, std::uint32_t x, std::uint32_t size) {
    const thread t{f};
    memory& own = t.own<memory>();
    commit(t);
    do_early(t, static_cast<location>(x));
    own.size = static_cast<std::uint16_t>(size);
    own.where = static_cast<std::uint8_t>(x);
    if (!in_order) return;
    commit(t);
    if (own_at_once) synchronize(own);
}
inline void fetch(std::uintptr_t* f, std::uint32_t x, std::uint32_t slot) {
    const thread t{f};
    memory& own = t.own<memory>();
    if (playing->data) {
        t.observe(slot, own.ahead ? own.value[x] : t.run(static_cast<location>(x)));
        do_late(t);
        return;
    }
    if (const std::uint32_t now = everyone.load(); own.everyone < now) {
        own.everyone = now;
        own.ahead = false;  // that is no step, and comes in its time
        synchronize(own);
    }
    const bool forgotten = ++own.count % 32 == 0;
    if (forgotten || own.fetched[x] == 0 || own.fetched[x] < own.synchronized) fetch_anew(t, static_cast<location>(x));
    t.observe(slot, own.value[x]);
    if (do_late(t)) fetch_anew(t, static_cast<location>(x));
}
inline void publish(std::uintptr_t* f, std::uint32_t x, std::uint32_t) {
    const thread t{f};
    t.publish(static_cast<location>(x));
    do_late(t);
}
inline void load(std::uintptr_t* f, std::uint32_t, std::uint32_t) {
    const thread t{f};
    memory& own = t.own<memory>();
    do_early(t, 0);
    if (playing->data) fetch_anew(t, 0);
    if (!in_order) {
        own.early = invalidations.load();
        own.ahead = true;
    }
    if ((!in_order || own.has) && ++own.loads % 16 == 0) pause_for(2000);  // well ahead of it
}
inline void step(std::uintptr_t* f, std::uint32_t, std::uint32_t which) {
    const thread t{f};
    if (steps[which].name != playing->wrong) return take_effect(t, which);
    t.own<memory>().has = playing->becomes == fate::early;
    t.own<memory>().deferred = playing->becomes == fate::late;
}
// What was left to chance happens in the end.
inline void finish(std::uintptr_t* f, std::uint32_t, std::uint32_t) {
    const thread t{f};
    memory& own = t.own<memory>();
    if (own.size == 0 && own.todo == 0) return;
    pause_for(200);
    complete(t);
    commit(t);
}

inline machine sound() {
    return {.name = "weak, as it may be",
            .store = store,
            .fetch = fetch,
            .load = load,
            .step = step,
            .finish = finish,
            .conforms = true,
            .least = true};
}
// Weak in what it makes of data that code reads: stores become visible late and loads are made early, unless ordered.
inline machine sound_in_data() {
    machine m = sound();
    m.name = "weak in data, as it may be";
    m.data = true;
    return m;
}
inline machine at_fault(machine m, std::string_view step_name, fate becomes) {
    m.name = std::string(m.data ? "weak in data, " : "weak, ") +
             std::string(fate_names[static_cast<std::size_t>(becomes)]) + " " + std::string(step_name);
    m.conforms = m.least = false;
    m.wrong = step_name;
    m.becomes = becomes;
    if (becomes == fate::late) m.publish = publish;
    return m;
}

}  // namespace cmodx::faulty::weak
