// SPDX-License-Identifier: Apache-2.0
// What a run, a test and its result look like in JSON (results/schema.json).
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "runner/run.hpp"

namespace cmodx {

using json = nlohmann::ordered_json;

// How a run is described apart from its tests.
struct run_header {
    std::string machine;
    std::string start;                 // RFC 3339
    std::vector<std::string> command;  // argv
    run_options options;
};

json header_json(const run_header& header, const environment& here);
json test_json(const test_case& t);  // what `list --json` says of a test
json record_json(const record& r);

}  // namespace cmodx
