// SPDX-License-Identifier: Apache-2.0
// Switch: a flag chooses by a table which of two pieces of code to run, and that one was modified before.
//
//     T0                            T1
//     store x[g % 2]    new code    load flag
//     steps                         steps      for x[0], then for x[1]
//     store flag        g           fetch x[flag % 2]    no older than the flag said
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct choice {
    static constexpr std::string_view name = "Switch";
    static constexpr std::string_view meaning = "a flag chooses by a table which of two pieces of code to run";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0},
                                   {act::steps, 0},
                                   {act::steps, 1},  // it cannot know which of the two was modified
                                   {act::fetch_chosen, 1, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::uint16_t needs_generations = 16;

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<choice> entry;

}  // namespace
}  // namespace cmodx
