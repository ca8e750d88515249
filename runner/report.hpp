// SPDX-License-Identifier: Apache-2.0
// What `run` prints on standard output: a table, JSON Lines, KTAP or JUnit.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "runner/record.hpp"

namespace cmodx {

class report {
  public:
    virtual ~report() = default;
    virtual void begin(std::size_t tests, const json& header) = 0;
    virtual void add(const json& record) = 0;
    virtual void end(double seconds) = 0;
};

inline constexpr std::string_view report_formats[] = {"table", "jsonl", "ktap", "junit"};
// Null when there is no such format.
std::unique_ptr<report> make_report(std::string_view format);

// The result of one test in a few words, without its name.
std::string summary_of(const json& record);

}  // namespace cmodx
