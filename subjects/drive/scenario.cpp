// SPDX-License-Identifier: Apache-2.0
// The list of scenarios. Names are those of tests, and permanent.
#include "drive/scenario.hpp"

#include "drive/alone.hpp"
#include "drive/threads.hpp"

namespace cmodx::subjects {
namespace {

constexpr witness values[] = {witness::stale, witness::torn, witness::fault};
constexpr witness across[] = {witness::torn, witness::stale, witness::fault};
constexpr witness calls[] = {witness::wrong_errno, witness::stale, witness::torn, witness::fault};
constexpr witness pages[] = {witness::exposed};

constexpr scenario straddle(std::string_view name, std::size_t boundary) {
    return {name,          "as live-patch, and the modified bytes lie across a multiple of that many bytes",
            level::bytes,  change::patch,
            claim::others, 2,
            across,        live_across,
            boundary};
}

constexpr scenario all[] = {
    {"same-thread", "a thread makes code, runs it and drops it", level::any, change::none, claim::nothing, 1, values,
     same_thread},
    {"patch", "a thread modifies bytes of code and runs it", level::bytes, change::patch, claim::nothing, 1, values,
     modify_same_thread<level::bytes>},
    {"patch-across", "as patch, and the modified bytes lie across a boundary, of 4 bytes to that of a page",
     level::bytes, change::patch, claim::nothing, 1, across, modify_across, any_boundary},
    {"retarget", "a thread makes a function another one and runs it", level::function, change::retarget, claim::nothing,
     1, values, modify_same_thread<level::function>},
    {"hand-off", "a thread makes code in memory that held other code, and another runs it", level::any, change::none,
     claim::others, 2, values, hand_off},
    {"live-patch", "a thread modifies bytes of code that another runs", level::bytes, change::patch, claim::others, 2,
     values, live<level::bytes>},
    {"live-retarget", "a thread makes a function another one while another runs it", level::function, change::retarget,
     claim::others, 2, values, live<level::function>},
    straddle("straddle-4", 4),
    straddle("straddle-8", 8),
    straddle("straddle-16", 16),
    straddle("straddle-32", 32),
    straddle("straddle-64", 64),
    straddle("straddle-4096", 4096),
    {"churn", "three threads make, run and drop code of their own", level::any, change::none, claim::nothing, 2, values,
     churn},
    {"wx", "a look for pages that are writable and executable while there is code", level::any, change::none, claim::wx,
     1, pages, writable_and_executable},
    {"fork", "a forked child runs the code, and its parent afterwards", level::any, change::none, claim::nothing, 1,
     calls, forked},
    {"exhaustion", "address space runs out, is given back, and code is made again", level::any, change::none,
     claim::nothing, 1, calls, exhausted},
};

}  // namespace

std::span<const scenario> scenarios() { return all; }

}  // namespace cmodx::subjects
