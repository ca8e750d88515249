// SPDX-License-Identifier: Apache-2.0
// LB.RF: a thread reads a flag, then modifies code; another runs the code, then sets the flag. Both cannot see the
// other.
//
//     T0                     T1
//     load flag              fetch x
//     depend                 store flag
//     store x   new code
//     steps
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct lb_rf {
    static constexpr std::string_view name = "LB.RF";
    static constexpr std::string_view meaning =
        "new code is run before a flag is set, and was written after the flag was read";
    static constexpr relation between = relation::fetch_to_load;
    static constexpr event t0[] = {{act::load_flag, 1, 0}, {act::depend}, {act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::store_flag, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::fetch_then_old_data, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::uint16_t needs_generations = 16;
    static constexpr bool together = true;

    static outcome classify(const meeting_view& r) {
        const int ran = r.ran(1, 0);
        if (ran == r.torn) return outcome_of(witness::torn);
        if (ran == r.old) return outcome::current;
        return r.flag(0, 0) == 1 ? outcome_of(witness::fetch_then_old_data) : outcome::newer;
    }
};

const define<lb_rf> entry;

}  // namespace
}  // namespace cmodx
