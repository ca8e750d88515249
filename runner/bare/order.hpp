// SPDX-License-Identifier: Apache-2.0
// What a bare image is told to do, out of words that are apart by spaces.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runner/run.hpp"

namespace cmodx::bare {

std::vector<std::string> words_of(std::string_view line);

// As fnmatch does, without brackets: * any text, ? any character.
bool matches(std::string_view glob, std::string_view text);

// `run` or `bench`, and what belongs to each.
struct order {
    bool bench = false;
    std::size_t samples = 0;  // of bench; 0: as many as it takes by itself
    std::string machine = "bare";
    run_options options;
    std::vector<std::string> globs;
};
// Empty, or what is wrong with the words.
std::string parse_order(const std::vector<std::string>& words, order& o);

}  // namespace cmodx::bare
