// SPDX-License-Identifier: Apache-2.0
// `cmodx verdict`: what the architecture says of a test that need not exist, on a machine that need not be here.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "runner/judge.hpp"

namespace cmodx {

// "'NAME': at N: …" in one line; N counts characters from 1.
std::string describe(std::string_view name, const name_error& error);

// Throws usage_error with that line.
test_case test_named(const known_architecture& on, std::string_view name);

// A line for each witness that the test's shape seeks, with the reason, and under it the source; indented.
std::string rulings_text(const std::vector<ruled_witness>& rulings);

// The name, what the verdict rests on, and rulings_text().
std::string verdict_text(const test_case& t, std::span<const fact> facts);
nlohmann::ordered_json verdict_json(const test_case& t, std::span<const fact> facts);

}  // namespace cmodx
