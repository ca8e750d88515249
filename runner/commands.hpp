// SPDX-License-Identifier: Apache-2.0
// The subcommands of the command line; each returns an exit code. Wrong usage is thrown as usage_error.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "runner/run.hpp"

namespace cmodx {

inline constexpr int exit_conformant = 0;
inline constexpr int exit_violation = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_harness = 3;
inline constexpr int exit_nothing = 77;

// One line that says what was wrong and what is accepted; exit code 2.
struct usage_error : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Empty: this binary's. Throws usage_error.
const known_architecture& architecture_named(const std::string& name);

struct list_arguments {
    std::vector<std::string> globs;
    std::string architecture;  // empty: this binary's
    bool as_json = false;
    bool bare = false;                  // those of the image without an operating system
    std::vector<std::string> subjects;  // shared objects
};
int list_tests(const list_arguments& arguments);

struct run_arguments {
    std::vector<std::string> globs;
    std::string budget = "default";
    std::string seed;  // empty: drawn
    std::string cpus;  // such as 0,2-3; empty: all that this process may use
    std::string format = "table";
    std::string output;
    std::string resume;
    std::string machine = "native";
    std::vector<std::string> expect_fail;  // witnesses
    std::vector<std::string> subjects;     // shared objects
    double time_scale = 1;
    std::vector<std::string> command;
};
int run_selected(const run_arguments& arguments);

int show_facts(bool as_json);

struct verdict_arguments {
    std::vector<std::string> names;  // "-" alone: from standard input, one a line
    std::string architecture;        // empty: this binary's
    std::string facts;               // key=value,…; empty: nothing is known
    bool as_json = false;
};
int show_verdicts(const verdict_arguments& arguments);

struct explain_arguments {
    std::string name;
    std::string architecture;  // empty: this binary's, or the first that has the test's steps
};
int explain(const explain_arguments& arguments);

struct measure_arguments;
int bench_engine(const measure_arguments& arguments);
int bench_prices(const measure_arguments& arguments);
// Null when there is no such map.
using sweep_command = int (*)(const measure_arguments& arguments);
sweep_command find_sweep(const std::string& what);
std::string sweep_names();  // as accepted, for a message

// Tests whose name matches one of the globs, in the catalogue's order; all without globs. Throws usage_error when a
// glob matches nothing.
std::vector<const test_case*> select(const std::vector<test_case>& all, const std::vector<std::string>& globs);
std::vector<unsigned> parse_cpus(const std::string& text, const std::vector<unsigned>& available);
std::uint64_t parse_seed(const std::string& text);

}  // namespace cmodx
