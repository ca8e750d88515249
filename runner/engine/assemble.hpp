// SPDX-License-Identifier: Apache-2.0
// A test, and how its threads become stubs: the events of the shape with the protocol's steps in their place.
#pragma once

#include <span>

#include "runner/engine/random.hpp"
#include "runner/engine/shape.hpp"

namespace cmodx {

using step_sequence = std::span<const step* const>;

// shape + site + mapping + protocol; what they point to outlives it.
struct test {
    const architecture* isa = nullptr;
    const shape* form = nullptr;
    const site_layout* site = nullptr;
    placement at;
    mapping path = mapping::same;
    step_sequence writer;
    step_sequence executor;
};

inline bool contains(step_sequence steps, std::string_view name) {
    for (const step* s : steps)
        if (s->name == name) return true;
    return false;
}

// Appends the stub of thread `index` of the test: the first thread is the writer, and of one thread alone.
inline void assemble(const test& t, std::size_t index, code_buffer& code) {
    const architecture& a = *t.isa;
    const step_sequence steps = index == 0 ? t.writer : t.executor;
    const bool release = contains(steps, "stlr") || contains(steps, "rel");
    const bool acquire = contains(steps, "acq");
    a.prologue(code);
    const std::size_t begin = code.size;
    for (const event& e : t.form->programs[index].events) {
        switch (e.what) {
            case act::store_code:
                if (t.path == mapping::flip) a.protect(code, false);
                a.store_code(code, e.where, t.site->patch_size);
                if (t.path == mapping::flip) a.protect(code, true);
                break;
            case act::steps:
                for (const step* s : steps) s->emit(code, e.where);
                break;
            case act::store_flag: a.store_flag(code, e.where, release); break;
            case act::load_flag: a.load_flag(code, e.where, e.slot, acquire); break;
            case act::fetch: a.fetch(code, e.where, e.slot); break;
        }
    }
    if (index != 0) {  // an observer stays in its stub for as long as nothing new is seen
        const auto slots = [&](act what) {
            unsigned set = 0;
            for (const event& e : t.form->programs[index].events)
                if (e.what == what) set |= 1u << e.slot;
            return static_cast<std::uint8_t>(set);
        };
        a.again(code, begin, slots(act::load_flag), slots(act::fetch));
    }
    a.epilogue(code);
}

// Identifies the code that runs: every stub and the site at two generations.
inline std::uint64_t hash_of(const test& t, std::span<std::uint8_t> room) {
    std::uint64_t hash = fnv_basis;
    const auto add = [&](auto&& emit) {
        code_buffer code{room.data(), room.size()};
        emit(code);
        hash = fnv(room.data(), code.full() ? room.size() : code.size, hash);
    };
    for (std::size_t i = 0; i < t.form->programs.size(); ++i) add([&](code_buffer& c) { assemble(t, i, c); });
    add([&](code_buffer& c) { t.site->emit(c); });
    add([&](code_buffer& c) { t.site->emit_patch(c, 1); });
    return hash;
}

}  // namespace cmodx
