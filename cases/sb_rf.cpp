// SPDX-License-Identifier: Apache-2.0
// SB.RF: two threads write, one of them code, and each looks for what the other wrote: can both miss it?
//
//     T0                     T1
//     store x   new code     store flag
//     steps                  steps
//     load flag              fetch x    new, if the flag was not seen
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct sb_rf {
    static constexpr std::string_view name = "SB.RF";
    static constexpr std::string_view meaning =
        "two threads write, one of them code, and each looks for what the other wrote";
    static constexpr relation between = relation::concurrent;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::load_flag, 1, 0}};
    static constexpr event t1[] = {{act::store_flag, 1}, {act::steps}, {act::fetch, 0, 0}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr bool together = true;

    static outcome classify(const meeting_view& r) {
        const int ran = r.ran(1, 0);
        if (ran == r.torn) return outcome_of(witness::torn);
        if (ran != r.old) return outcome::newer;
        return r.flag(0, 0) == r.old ? outcome_of(witness::stale) : outcome::current;
    }
};

const define<sb_rf> entry;

}  // namespace
}  // namespace cmodx
