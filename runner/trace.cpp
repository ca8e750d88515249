// SPDX-License-Identifier: Apache-2.0
#include "runner/trace.hpp"

#include <fmt/format.h>

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
    std::vector<traced_part> parts;
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
        noted->parts.push_back({code.size, words_of(Title.text, arguments...), Frame});
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
    return isa;
}

using step_list_of_test = std::vector<const step*> test_case::*;

template <step_list_of_test List, std::size_t I>
void emit_noted(code_buffer& code, location x) {
    const step& s = *(noted->of->*List)[I];
    noted->parts.push_back({code.size, std::string(s.name), false});
    s.emit(code, x);
}

template <step_list_of_test List>
std::vector<step> noting(const test_case& t) {
    const std::vector<const step*>& steps = t.*List;
    if (steps.size() > most_steps) throw std::length_error("a thread of so many steps cannot be shown");
    constexpr auto emitters = []<std::size_t... I>(std::index_sequence<I...>) {
        return std::array{emit_noted<List, I>...};
    }
    (std::make_index_sequence<most_steps>());
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

}  // namespace

traced_stub trace(const test_case& t, std::size_t thread) {
    const architecture isa = noting(t.on->isa);
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
    notes now = {.of = &t, .parts = {}};
    noted = &now;
    assemble(noting_test, thread, code);
    noted = nullptr;
    if (code.full()) throw std::length_error("a thread's stub is too long");
    stub.code.resize(code.size);
    stub.parts = std::move(now.parts);
    return stub;
}

}  // namespace cmodx
