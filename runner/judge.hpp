// SPDX-License-Identifier: Apache-2.0
// From counts to a status: what the architecture says of each witness, and what a run of a test came to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/verdict.hpp"
#include "runner/catalogue.hpp"
#include "runner/engine/trial.hpp"

namespace cmodx {

inline constexpr std::string_view verdict_names[] = {"forbidden", "allowed", "required", "unspecified",
                                                     "unpredictable"};
inline constexpr std::string_view basis_names[] = {"arch-text",       "arch-model", "kernel-abi", "kernel-impl",
                                                   "vendor-informal", "inferred",   "claim"};

enum class status : std::uint8_t { pass, fail, seen, not_seen, crash, timeout, error, skip, missing };
inline constexpr std::string_view status_names[] = {"pass",    "fail",  "seen", "not-seen", "crash",
                                                    "timeout", "error", "skip", "missing"};

struct ruled_witness {
    witness what;
    judgement ruling;
};

// The steps of thread 0, the writer, or 1 by which it is judged: its own, with those that the shape implies.
std::vector<std::string_view> performed(const test_case& t, std::uint8_t thread);

// The verdict on each witness that the test's shape seeks, in that order.
std::vector<ruled_witness> rule(const test_case& t, std::span<const fact> facts);

// Whether no thread may run the site while it is modified: so it must be if the architecture does not promise that
// an asynchronous fetch is old or new.
bool must_be_exclusive(const test_case& t, std::span<const fact> facts);

struct counted_witness {
    ruled_witness ruled;
    std::uint64_t k = 0;            // times seen
    std::uint64_t n = 0;            // observations that could have shown it
    std::optional<double> upper95;  // k = 0: upper bound of its rate at 95 % confidence, 3/n
};

struct judged {
    status is = status::missing;
    std::string reason;
    std::vector<counted_witness> witnesses;
};

// What a completed trial came to. A pass carries its evidence, or it is an error: "vacuous".
judged judge_trial(const test_case& t, const std::vector<ruled_witness>& rulings, const trial_result& result);

}  // namespace cmodx
