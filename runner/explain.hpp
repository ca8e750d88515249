// SPDX-License-Identifier: Apache-2.0
// `cmodx explain`: what a test does, step by step, its code, and what each architecture says of it and why.
#pragma once

#include <string>

#include "runner/catalogue.hpp"

namespace cmodx {

// The threads side by side, an event or a step a line; indented.
std::string sketch_text(const test_case& t);

// A line for each step of the test with its meaning; indented.
std::string steps_text(const test_case& t);

// The site's code, old and new, with the instructions marked that differ.
std::string site_text(const test_case& t);

// The code of a thread as it runs.
std::string stub_text(const test_case& t, std::size_t thread);

// The verdict on every architecture that has the test's steps and site; where knowing more of the machine changes
// it, that too.
std::string verdicts_text(const test_case& t);

std::string explain_text(const test_case& t);

}  // namespace cmodx
