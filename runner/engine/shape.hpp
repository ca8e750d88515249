// SPDX-License-Identifier: Apache-2.0
// A shape: who writes, who fetches, over how many locations, in what order. One shape is one file in cases/.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "arch/rules.hpp"
#include "runner/engine/outcome.hpp"

namespace cmodx {

enum class act : std::uint8_t {
    store_code,    // modify location x
    steps,         // the protocol's steps of this thread; the range they maintain is that of location x
    store_flag,    // publish a value in the flag of location x
    load_flag,     // observe the flag of location x
    pass_flag,     // store in the flag of location x the flag last loaded
    depend,        // a branch on the flag last loaded
    load_code,     // observe the modified bytes of location x by a load
    fetch,         // call location x, observe what it returns
    fetch_chosen,  // call the location that the last bit of the flag chooses, observe what it returns
    run,           // location x itself, here in the thread's own code: no call and no branch; observe what it leaves
    skip_old,      // pass over the next event if the flag is the one that the thread last acted upon
    gap,           // as many instructions that do nothing as the batch has drawn
    jump,          // a direct jump over as many bytes as the batch has drawn
};
struct event {
    act what;
    location where = 0;
    std::uint8_t slot = 0;  // which observation
};

// A thread of a shape: its events in program order. The first thread is the writer.
struct program {
    std::span<const event> events;
};

struct worker;
class script;

// A step that is part of what a shape does, such as "migrate": it takes part in the verdict, not in the name.
struct implied_step {
    enum class place : std::uint8_t { first, amid, last };  // among the protocol's steps of its thread
    std::string_view name;
    std::uint8_t thread = 0;  // 0: the writer, and whoever is alone
    place where = place::last;
};

// A shape that is a program of its own, because it is about the operating system; see script.hpp.
struct scripted {
    void (*run)(script&);
    std::span<const implied_step> implied;
    std::string_view needs;       // key of the fact that must be "1"; empty: nothing
    unsigned cpus;                // how many it needs
    bool maps;                    // makes its own memory
    bool steps;                   // is tried with protocols
    relation protocols;           // with those for this
    bool twins;                   // and with their twins, by the first mapping
    std::string_view site;        // the one it is tried at; empty: those that are modified one way only
    std::string_view with_step;   // only on architectures that have this step; empty: on all
    purpose use = purpose::code;  // of the protocols
    std::string_view by_step{};   // only with protocols that have this step; empty: with all
    std::string_view never_by{};  // and with none that have this
    bool runs_meanwhile = false;  // the site runs while it is modified
};

inline constexpr std::size_t most_programs = 3;

// How a shape is described to the catalogue and run by the engine.
struct shape {
    std::string_view name;
    std::string_view meaning;
    relation between;
    std::span<const program> programs;
    std::span<const witness> seeks;  // what it looks for, the first above all
    std::span<const mapping> paths;
    bool plain;                       // also at the sites that are tried briefly
    bool everywhere;                  // at every site, with twins and what people use at every mapping
    bool sweeps_placement;            // also at every offset around the boundaries
    std::uint16_t needs_generations;  // a site must tell so many apart
    std::string_view only_site;       // the one site that it is about; empty: all that are not data
    placement at;                     // the one placement that it is about
    bool waits;                       // its observers can leave the site alone while it is modified
    bool noisy;                       // the flag of location 1 lies beside the code of location 0
    bool led_into;                    // location 0 is entered through what stands before it
    bool together;                    // its threads start each round together and are judged together
    std::array<void (*)(worker&), most_programs> loops;  // the hot loop of each thread, instantiated for the shape

    // Whether thread `index` has a place for the protocol's steps.
    bool takes_steps(std::size_t index) const {
        for (const event& e : programs[index].events)
            if (e.what == act::steps) return true;
        return false;
    }
    // Whether location x is a part of the stub of thread `index`.
    bool runs(std::size_t index, location x) const {
        for (const event& e : programs[index].events)
            if (e.what == act::run && e.where == x) return true;
        return false;
    }
    bool uses(location x) const {
        for (const program& p : programs)
            for (const event& e : p.events)
                if (e.where == x && (e.what == act::store_code || e.what == act::fetch_chosen)) return true;
        return false;
    }

    const scripted* by_script = nullptr;  // then there are no programs and no loops

    const shape* next = nullptr;
};

// Every shape that is linked in, in no order.
inline const shape*& shape_list() {
    static const shape* head = nullptr;
    return head;
}

}  // namespace cmodx
