// SPDX-License-Identifier: Apache-2.0
// The facts that a user states of a machine, checked against those that rules, steps and this machine know.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/all.hpp"

namespace cmodx {

// A condition of a rule, taken apart: "exs!=1" is {"exs", "1", true}.
struct fact_term {
    std::string_view key;
    std::string_view value;
    bool negated;
};
std::vector<fact_term> terms_of(std::string_view when);

// Every different condition that the architecture's rules name, those of fewest terms first.
std::vector<std::string_view> conditions_of(const known_architecture& on);

// Keys that `--facts` takes for this architecture, sorted: what its rules and steps ask for and, on a machine of this
// kind or any other, what the machine says of itself.
std::vector<std::string> fact_keys(const known_architecture& on);

struct given_facts {
    std::vector<std::pair<std::string, std::string>> all;
    std::vector<fact> views() const;
};

// From "key=value,…"; "here" stands for what this machine says of itself, and may come before others, which then
// prevail. Throws usage_error with the position of the fault and the nearest key.
given_facts parse_facts(const known_architecture& on, std::string_view text);

}  // namespace cmodx
