// SPDX-License-Identifier: Apache-2.0
// WRC.F: a thread modifies code, a second runs it and says so by a flag, a third reads the flag and runs it.
//
//     T0                     T1            T2
//     store x   new code     fetch x       load flag
//     steps                  store flag    steps
//                                          fetch x    new, if both before were
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct wrc_f {
    static constexpr std::string_view name = "WRC.F";
    static constexpr std::string_view meaning = "a thread that has run new code says so, and a third runs it";
    static constexpr relation between = relation::third_party;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::store_flag, 1}};
    static constexpr event t2[] = {{act::load_flag, 1, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}, {t2}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::uint16_t needs_generations = 16;
    static constexpr bool together = true;

    static outcome classify(const meeting_view& r) {
        const int second = r.ran(1, 0);
        const int third = r.ran(2, 1);
        if (second == r.torn || third == r.torn) return outcome_of(witness::torn);
        if (third != r.old) return outcome::newer;
        return second == 0 && r.flag(2, 0) == 1 ? outcome_of(witness::stale) : outcome::current;
    }
};

const define<wrc_f> entry;

}  // namespace
}  // namespace cmodx
