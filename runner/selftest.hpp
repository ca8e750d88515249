// SPDX-License-Identifier: Apache-2.0
// What tests have to come to that put the suite itself to the proof: scripted shapes named selftest.*.
#pragma once

#include <string_view>

#include "runner/engine/script.hpp"

namespace cmodx {

struct right_end {
    std::string_view shape;
    std::string_view status;
    std::string_view reason;  // the record's contains it
    const right_end* next = nullptr;
};

// Those of all self-tests that are linked in.
inline const right_end*& right_ends() {
    static const right_end* head = nullptr;
    return head;
}

inline constexpr std::string_view selftest_prefix = "selftest.";
inline bool is_selftest(const shape& form) { return form.name.starts_with(selftest_prefix); }

inline const right_end* right_end_of(const shape& form) {
    for (const right_end* r = right_ends(); r != nullptr; r = r->next)
        if (r->shape == form.name) return r;
    return nullptr;
}

// As define_script, for a type that also says what is right.
template <class S>
class define_selftest {
  public:
    define_selftest() {
        end_.next = right_ends();
        right_ends() = &end_;
    }

  private:
    define_script<S> shape_;
    right_end end_{S::name, S::right.status, S::right.reason};
};

}  // namespace cmodx
