// SPDX-License-Identifier: Apache-2.0
// What self-tests have in common: a program that behaves, for those that do something beside it.
#pragma once

#include "runner/selftest.hpp"

namespace cmodx::selftest {

struct come_to {
    std::string_view status;
    std::string_view reason;
};

struct base {
    static constexpr std::string_view needs = "linux";
    static constexpr relation between = relation::same_thread;
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
};

// Also where there is no operating system (cmake/bare.cmake has their files).
struct anywhere : base {
    static constexpr std::string_view needs = "";
};

// As a test should: modifies, maintains, runs, and says what it saw.
inline void behave(script& s) {
    s.expect(s.run(), 0);
    for (std::uint32_t g = 1; g <= 16; ++g) {
        s.modify(g);
        s.writer_steps();
        s.expect(s.run(), g);
    }
}

}  // namespace cmodx::selftest
