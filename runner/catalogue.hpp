// SPDX-License-Identifier: Apache-2.0
// The tests of an architecture, made from shapes, sites, mappings and protocols, and their names.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "arch/all.hpp"
#include "runner/engine/assemble.hpp"

namespace cmodx {

// Where a test comes from.
enum class origin : std::uint8_t {
    sufficient,  // a protocol that the architecture calls enough
    practice,    // one that people use
    twin,        // a sufficient one with a step left out
    none,        // no step at all
};
inline constexpr std::string_view origin_names[] = {"sufficient", "practice", "twin", "none"};
inline constexpr std::string_view mapping_names[] = {"same", "alias", "flip", "poke", "process", "file"};
inline constexpr std::string_view witness_names[] = {
    "stale", "torn",  "new_then_old", "second_first", "fetch_then_old_data", "never_new",
    "fault", "errno", "mixed",        "neither_pair", "new_then_older",      "exposed"};

// A test with what it is made of; the steps that parts() shows are the case's own.
struct test_case {
    const known_architecture* on = nullptr;
    const shape* form = nullptr;
    const site_layout* site = nullptr;
    placement at;
    mapping path = mapping::same;
    std::vector<const step*> writer;
    std::vector<const step*> executor;
    origin from = origin::none;
    std::string name;
    std::string twin_of;        // twin: the name of the whole
    bool omits_writer = false;  // twin: whose step is left out,
    std::string_view omits;     // and which

    test parts() const { return {&on->isa, form, site, at, path, writer, executor}; }
    bool one_thread() const { return form->between == relation::same_thread; }  // as far as the protocol goes
};

// shape+site[@boundary-before]+mapping+writer[+executor]; a shape of one thread has no executor.
std::string name_of(const test_case& t);

// What is wrong with a name: where, and what would be accepted.
struct name_error {
    std::size_t position;
    std::string message;
};
// Takes any sequence of the architecture's steps, not only those that are generated.
std::optional<name_error> parse_name(const known_architecture& on, std::string_view name, test_case& result);

// Every shape that is linked in, by name, but those of self-tests.
std::vector<const shape*> shapes();

// What a test runs on: an operating system's process, or the machine itself, which has more steps and fewer shapes.
enum class ground : std::uint8_t { linux_process, bare };

// Every generated test, in the order of `list`: by shape, site, mapping; names are unique.
std::vector<test_case> catalogue(const known_architecture& on, ground where = ground::linux_process);

// What subjects are driven through, those that are linked in or loaded; see subject.hpp.
std::vector<test_case> subject_tests(const known_architecture& on);

// The tests that put the suite itself to the proof: each misbehaves, and has a right end (selftest.hpp).
std::vector<test_case> selftests(const known_architecture& on, ground where = ground::linux_process);
// They are asked for by name, and alone.
bool asks_for_selftests(const std::vector<std::string>& globs);
// Those of an image without an operating system.
std::vector<test_case> bare_tests_for(const known_architecture& on, const std::vector<std::string>& globs);

// The accepted word nearest to `word`, by edit distance; empty when there is none.
std::string nearest(std::string_view word, const std::vector<std::string>& accepted);

std::vector<std::string_view> names_of(step_sequence steps);

}  // namespace cmodx
