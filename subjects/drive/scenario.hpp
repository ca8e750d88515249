// SPDX-License-Identifier: Apache-2.0
// What subjects are driven through.
#pragma once

#include <span>

#include "subject.h"

namespace subject_drive {

struct context {
    const cmodx_subject* subject;
    long milliseconds;
};

// One violation is the finding: k of n, and no retry. Where nothing is claimed, the same is `seen` or `not-seen`.
struct outcome {
    enum kind : int { pass, fail, seen, not_seen, skip, crash, timeout, error };
    static constexpr const char* words[] = {"pass", "fail", "seen", "not-seen", "skip", "crash", "timeout", "error"};
    kind status = pass;
    long witnesses = 0;
    long rounds = 0;
    char text[120] = "";
};

struct scenario {
    const char* name;
    outcome (*run)(const context&);
};
std::span<const scenario> scenarios();

}  // namespace subject_drive
