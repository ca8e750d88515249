// SPDX-License-Identifier: Apache-2.0
// What a subject says of itself, which is not believed before it has been looked at.
#pragma once

#include <span>
#include <string>

#include "subject.h"

namespace cmodx::subjects {

inline constexpr std::size_t longest_name = 64;

// What is wrong with a subject beside those that are there already; empty: nothing.
std::string wrong_with(const cmodx_subject& s, std::span<const cmodx_subject* const> others);

}  // namespace cmodx::subjects
