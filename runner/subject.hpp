// SPDX-License-Identifier: Apache-2.0
// What the runner asks of the driver of subjects (subjects/drive/), which is linked in where subjects are: their tests
// are scripted shapes named subject.NAME.SCENARIO, and what is forbidden is what they claim that nobody sees.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "arch/verdict.hpp"
#include "runner/engine/shape.hpp"

namespace cmodx {

struct subject_driver {
    // `live_site`: the one that may be modified while it runs.
    std::vector<const shape*> (*shapes)(const architecture& isa, std::string_view live_site);
    judgement (*claimed)(const shape& form);      // the verdict on every witness that it seeks
    std::string_view (*site)(const shape& form);  // what is modified
    // Adds what a shared object exports: empty, or why it cannot. Null in a static binary.
    std::string (*load)(const std::string& file);
};

inline const subject_driver*& linked_subjects() {
    static const subject_driver* driver = nullptr;
    return driver;
}

inline constexpr std::string_view subject_prefix = "subject.";
inline constexpr std::string_view own_mapping = "own";  // a subject's, whatever that is
inline bool is_subject(const shape& form) { return form.name.starts_with(subject_prefix); }

}  // namespace cmodx
