// SPDX-License-Identifier: Apache-2.0
// What holds for every parser, whatever the bytes: they end as a value that is what it should be, or as a complaint.
// fuzz_test.cpp feeds them at random, cmodx_fuzz by coverage.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cmodx {

struct parser {
    std::string_view name;                   // that of its file in tests/corpus/
    void (*take)(const std::string& bytes);  // throws std::logic_error when it does not hold
};
std::span<const parser> parsers();

void hold(bool what, const char* said);

// parsers_of_bytes.cpp
void take_image(const std::string& text);
void take_order(const std::string& text);
void take_subjects(const std::string& text);
void take_tree(const std::string& text);

}  // namespace cmodx
