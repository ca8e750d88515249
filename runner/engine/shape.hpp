// SPDX-License-Identifier: Apache-2.0
// A shape: who writes, who fetches, over how many locations, in what order. One shape is one file in cases/.
#pragma once

#include <span>
#include <string_view>

#include "arch/arch.hpp"
#include "runner/engine/outcome.hpp"

namespace cmodx {

enum class act : std::uint8_t {
    store_code,  // modify location x
    steps,       // the protocol's steps of this thread
    store_flag,  // publish the generation of location x
    load_flag,   // observe the flag of location x
    fetch,       // run location x, observe what it returns
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

// How a shape is described to the catalogue and run by the engine.
struct shape {
    std::string_view name;
    std::string_view meaning;
    relation between;
    std::span<const program> programs;
    std::span<const witness> seeks;            // what it looks for, the first above all
    std::span<const mapping> paths;
    bool sweeps_placement;                     // also at every offset around the boundaries
    std::uint16_t needs_generations;           // a site must tell so many apart
    void (*writer)(worker&);                   // the hot loops, instantiated for the shape
    void (*executor)(worker&);                 // null: one thread

    const shape* next = nullptr;
};

// Every shape that is linked in, in no order.
inline const shape*& shape_list() {
    static const shape* head = nullptr;
    return head;
}


}  // namespace cmodx
