// SPDX-License-Identifier: Apache-2.0
// The one place where a verdict is computed.
#pragma once

#include "arch.hpp"

namespace cmodx {

// What is judged: a witness of a test on a machine with these facts. Empty step lists are `po`.
struct question {
    relation between;
    std::string_view site;
    placement at;
    mapping path;
    std::span<const std::string_view> writer;    // step names
    std::span<const std::string_view> executor;  // empty for same_thread: all steps are the writer's there
    bool exclusive;                              // nobody runs the site while it is modified
    witness seen;
    std::span<const fact> facts;
};

struct judgement {
    verdict ruling;
    basis strength;
    std::string_view source;  // manual and title of the section, edition; or kernel file
    std::string_view reason;  // one sentence
};

}  // namespace cmodx
