// SPDX-License-Identifier: Apache-2.0
// CoFW: a thread modifies code; another runs it, then modifies it in its turn, and that has to last.
//
//     T0                     T1
//     store x   new code     fetch x
//     steps                  store x    remains, if what ran was T0's
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct cofw {
    static constexpr std::string_view name = "CoFW";
    static constexpr std::string_view meaning = "a thread modifies code; another runs it, then modifies it in its turn";
    static constexpr relation between = relation::fetch_to_load;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::store_code}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::fetch_then_old_data, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr std::uint16_t needs_generations = 16;
    static constexpr bool together = true;

    static outcome classify(const meeting_view& r) {
        const int ran = r.ran(1, 0);
        if (ran == r.torn) return outcome_of(witness::torn);
        if (ran == r.old) return outcome::current;
        return r.last_code() == 0 ? outcome_of(witness::fetch_then_old_data) : outcome::newer;
    }
};

const define<cofw> entry;

}  // namespace
}  // namespace cmodx
