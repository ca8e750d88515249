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

// What a batch draws for the stubs that have a place for it.
struct spacing {
    std::size_t gap = 0;   // instructions
    std::size_t jump = 0;  // bytes, a multiple of the granule
};

inline constexpr std::size_t most_step_bytes = 1024;

// Where in a stub the modified bytes of a location begin that the stub itself contains.
using inline_patches = std::array<std::size_t, locations>;

// A site's instructions without the return behind them; the offset of the modified bytes.
inline std::size_t emit_straight(const site_layout& site, code_buffer& code) {
    std::array<std::uint8_t, 128> room{};
    code_buffer block{room.data(), room.size()};
    site.emit(block);
    const std::size_t patch = code.size + site.patch - site.entry;
    for (std::size_t i = 0; i < site.straight; ++i) code.byte(room[site.entry + i]);
    return patch;
}

// Appends the stub of thread `index` of the test: the first thread is the writer, and of one thread alone.
inline inline_patches assemble(const test& t, std::size_t index, code_buffer& code, spacing draw = {}) {
    const architecture& a = *t.isa;
    const step_sequence steps = index == 0 ? t.writer : t.executor;
    const bool release = contains(steps, "stlr") || contains(steps, "rel");
    const bool acquire = contains(steps, "acq");
    const auto emit_steps = [&](code_buffer& to, location x) {
        for (const step* s : steps) s->emit(to, x);
    };
    inline_patches patches{};
    a.prologue(code);
    const std::size_t begin = code.size;
    for (const event& e : t.form->programs[index].events) {
        switch (e.what) {
            case act::store_code:
                if (t.path == mapping::flip) a.protect(code, false);
                a.store_code(code, e.where, t.site->patch_size);
                if (t.path == mapping::flip) a.protect(code, true);
                break;
            case act::steps: emit_steps(code, e.where); break;
            case act::store_flag: a.store_flag(code, e.where, release); break;
            case act::load_flag: a.load_flag(code, e.where, e.slot, acquire); break;
            case act::pass_flag: a.pass_flag(code, e.where); break;
            case act::depend:
                for (const step& s : a.steps)
                    if (s.name == "ctrl") s.emit(code, e.where);
                break;
            case act::load_code: a.load_code(code, e.where, e.slot); break;
            case act::fetch: a.fetch(code, e.where, e.slot); break;
            case act::fetch_chosen: a.fetch_chosen(code, e.slot); break;
            case act::run:
                patches[e.where] = emit_straight(*t.site, code);
                a.result(code, e.slot);
                break;
            case act::skip_old: {  // what is passed over are steps: measured here, appended by the next event
                std::array<std::uint8_t, most_step_bytes> room;
                code_buffer measured{room.data(), room.size()};
                emit_steps(measured, e.where);
                a.skip_old(code, measured.size);
                break;
            }
            case act::gap:
                for (std::size_t i = 0; i < draw.gap; ++i) a.nop(code);
                break;
            case act::jump:
                a.jump(code, draw.jump);
                for (const std::size_t end = code.size + draw.jump; code.size < end;) a.trap(code);
                break;
        }
    }
    if (index != 0 && !t.form->together) {  // an observer stays in its stub for as long as nothing new is seen
        const auto slots = [&](act what, act or_what, act or_this) {
            unsigned set = 0;
            for (const event& e : t.form->programs[index].events)
                if (e.what == what || e.what == or_what || e.what == or_this) set |= 1u << e.slot;
            return static_cast<std::uint8_t>(set);
        };
        a.again(code, begin, slots(act::load_flag, act::load_flag, act::load_flag),
                slots(act::fetch, act::fetch_chosen, act::run), slots(act::load_code, act::load_code, act::load_code));
    }
    a.epilogue(code);
    return patches;
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
    if (t.form->by_script != nullptr)
        for (const step_sequence steps : {t.writer, t.executor})
            for (const step* s : steps) add([&](code_buffer& c) { s->emit(c, 0); });
    add([&](code_buffer& c) { t.site->emit(c); });
    add([&](code_buffer& c) { t.site->emit_patch(c, 1); });
    return hash;
}

}  // namespace cmodx
