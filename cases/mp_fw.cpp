// SPDX-License-Identifier: Apache-2.0
// MP.FW: a thread writes data, then modifies code; another runs the code, then writes the data, and that has to last.
//
//     T0                     T1
//     store data             fetch x
//     steps                  store data    remains, if the code was new
//     store x   new code
//     steps
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct mp_fw {
    static constexpr std::string_view name = "MP.FW";
    static constexpr std::string_view meaning =
        "a thread writes data, then modifies code; another runs the code, then writes the data";
    static constexpr relation between = relation::fetch_to_data;
    static constexpr event t0[] = {{act::store_flag, 1}, {act::steps}, {act::store_code}, {act::steps}};
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
        return r.last_flag(1) == 0 ? outcome_of(witness::fetch_then_old_data) : outcome::newer;
    }
};

const define<mp_fw> entry;

}  // namespace
}  // namespace cmodx
