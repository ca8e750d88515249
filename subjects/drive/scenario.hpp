// SPDX-License-Identifier: Apache-2.0
// What subjects are driven through: each scenario is a scripted test of the suite, run for its budget.
#pragma once

#include <span>
#include <string_view>

#include "runner/engine/script.hpp"
#include "subject.h"

namespace cmodx::subjects {

enum class level : std::uint8_t { any, bytes, function };  // any: bytes if the subject takes them

// Whether a test needs that: a subject that does not offer it has no such test.
enum class change : std::uint8_t { none, patch, retarget };

// What a subject has to claim for a witness to be forbidden.
enum class claim : std::uint8_t {
    nothing,  // the thread that made or modified the code sees it: nobody can claim less
    others,   // visible to more than the caller
    wx,       // no page is ever writable and executable
};

inline constexpr std::size_t any_boundary = SIZE_MAX;  // each in turn

struct scenario {
    std::string_view name;
    std::string_view meaning;
    level at;
    change needs;
    claim rests_on;
    unsigned cpus;
    std::span<const witness> seeks;
    void (*run)(script& s, const cmodx_subject& by, std::size_t boundary);
    std::size_t boundary = 0;  // bytes: the modified bytes lie across a multiple of it; 0: they lie as they come
};

// In the order of the list.
std::span<const scenario> scenarios();

// Text that outlives the test's process: one at a time.
const char* kept(const char* text);

}  // namespace cmodx::subjects
