// SPDX-License-Identifier: Apache-2.0
#include "runner/trace.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace cmodx {
namespace {

constexpr std::size_t code_room = 16384;  // bytes
constexpr std::size_t most_steps = 64;    // of one thread

// assemble() calls its back end and steps through plain functions. Put in their place, these note where each begins:
// so there is one place where a stub is assembled, and this is not a second.
struct notes {
    const test_case* of = nullptr;
    const std::uint8_t* bytes = nullptr;  // of the stub; what is assembled elsewhere is only measured
    std::vector<traced_part> parts;
    void add(const code_buffer& code, std::string what, bool frame = false) {
        if (code.bytes == bytes) parts.push_back({code.size, std::move(what), frame});
    }
};
thread_local notes* noted = nullptr;

// What a part is called, as an argument of a template.
struct title {
    char text[40] = {};
    consteval title(const char* from) {
        for (std::size_t i = 0; from[i] != 0; ++i) text[i] = from[i];
    }
};

template <class... Arguments>
std::string words_of(std::string_view name, Arguments...) {
    return std::string(name);
}
template <class... Arguments>
std::string words_of(std::string_view name, location x, Arguments...) {
    return fmt::format(fmt::runtime(name), location_names[x]);
}
std::string words_of(std::string_view name, bool executable) {
    return fmt::format(fmt::runtime(name), executable ? "executable" : "writable");
}

template <auto Function, title Title, bool Frame>
struct stand_in;
template <class... Arguments, void (*architecture::*Function)(code_buffer&, Arguments...), title Title, bool Frame>
struct stand_in<Function, Title, Frame> {
    static void call(code_buffer& code, Arguments... arguments) {
        noted->add(code, words_of(Title.text, arguments...), Frame);
        (noted->of->on->isa.*Function)(code, arguments...);
    }
};
template <auto Function, title Title, bool Frame = false>
void note(architecture& isa) {
    isa.*Function = stand_in<Function, Title, Frame>::call;
}

architecture noting(architecture isa) {
    note<&architecture::prologue, "enter", true>(isa);
    note<&architecture::epilogue, "return", true>(isa);
    note<&architecture::again, "again, if nothing new was seen", true>(isa);
    note<&architecture::store_code, "store {}">(isa);
    note<&architecture::load_code, "load {}">(isa);
    note<&architecture::fetch, "fetch {}">(isa);
    note<&architecture::store_flag, "store flag {}">(isa);
    note<&architecture::load_flag, "load flag {}">(isa);
    note<&architecture::protect, "make it {}">(isa);
    note<&architecture::fetch_chosen, "fetch x or y, as the flag says">(isa);
    note<&architecture::pass_flag, "pass the flag on as flag {}">(isa);
    note<&architecture::skip_old, "unless the flag is old:">(isa);
    note<&architecture::jump, "jump ahead">(isa);
    note<&architecture::nop, "any number of nop">(isa);
    note<&architecture::result, "observe", true>(isa);
    return isa;
}

// The branch on the flag that is part of a shape: assemble() takes it from the back end's own steps.
void emit_noted_branch(code_buffer& code, location x) {
    noted->add(code, "branch on the flag");
    for (const step& s : noted->of->on->isa.steps)
        if (s.name == "ctrl") s.emit(code, x);
}

using step_list_of_test = std::vector<const step*> test_case::*;

template <step_list_of_test List, std::size_t I>
void emit_noted(code_buffer& code, location x) {
    const step& s = *(noted->of->*List)[I];
    noted->add(code, std::string(s.name));
    s.emit(code, x);
}

template <step_list_of_test List, std::size_t... I>
consteval auto all_noted(std::index_sequence<I...>) {
    return std::array{emit_noted<List, I>...};
}

template <step_list_of_test List>
std::vector<step> noting(const test_case& t) {
    const std::vector<const step*>& steps = t.*List;
    if (steps.size() > most_steps) throw std::length_error("a thread of so many steps cannot be shown");
    constexpr auto emitters = all_noted<List>(std::make_index_sequence<most_steps>());
    std::vector<step> all;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        all.push_back(*steps[i]);
        all.back().emit = emitters[i];
    }
    return all;
}

std::vector<const step*> pointers(const std::vector<step>& steps) {
    std::vector<const step*> all;
    for (const step& s : steps) all.push_back(&s);
    return all;
}

// The site's own instructions where they stand in the stub: assemble() says where.
void add_sites(const test_case& t, std::size_t thread, const inline_patches& patches, std::vector<traced_part>& parts) {
    for (location x = 0; x < locations; ++x) {
        if (!t.form->runs(thread, x)) continue;
        const traced_part run = {patches[x] - t.site->patch + t.site->entry, fmt::format("run {}", location_names[x]),
                                 false};
        const auto behind =
            std::find_if(parts.begin(), parts.end(), [&](const traced_part& p) { return p.offset > run.offset; });
        parts.insert(behind, run);
    }
}

}  // namespace

traced_stub trace(const test_case& t, std::size_t thread, spacing draw) {
    architecture isa = noting(t.on->isa);
    std::vector<step> steps(isa.steps.begin(), isa.steps.end());
    for (step& s : steps)
        if (s.name == "ctrl") s.emit = emit_noted_branch;
    isa.steps = steps;
    const std::vector<step> writer = noting<&test_case::writer>(t);
    const std::vector<step> executor = noting<&test_case::executor>(t);
    const std::vector<const step*> writer_steps = pointers(writer);
    const std::vector<const step*> executor_steps = pointers(executor);
    test noting_test = t.parts();
    noting_test.isa = &isa;
    noting_test.writer = writer_steps;
    noting_test.executor = executor_steps;

    traced_stub stub;
    stub.code.resize(code_room);
    code_buffer code{stub.code.data(), stub.code.size()};
    notes now = {.of = &t, .bytes = stub.code.data(), .parts = {}};
    noted = &now;
    const inline_patches patches = assemble(noting_test, thread, code, draw);
    noted = nullptr;
    if (code.full()) throw std::length_error("a thread's stub is too long");
    stub.code.resize(code.size);
    stub.parts = std::move(now.parts);
    add_sites(t, thread, patches, stub.parts);
    return stub;
}

traced_stub trace_steps(const test_case& t, std::size_t thread) {
    traced_stub stub;
    stub.code.resize(code_room);
    code_buffer code{stub.code.data(), stub.code.size()};
    for (const step* s : thread == 0 ? t.writer : t.executor) {
        stub.parts.push_back({code.size, std::string(s->name), false});
        s->emit(code, 0);
    }
    if (code.full()) throw std::length_error("a thread's stub is too long");
    stub.code.resize(code.size);
    return stub;
}

}  // namespace cmodx
