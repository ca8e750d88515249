// SPDX-License-Identifier: Apache-2.0
// ISA2.F: a thread modifies code and sets a flag, a second passes the flag on in another, a third reads that and runs
// the code.
//
//     T0                     T1             T2
//     store x   new code     load flag      load flag of y
//     steps                  store it as    steps
//     store flag             flag of y      fetch x    new, if the flag of y was
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct isa2_f {
    static constexpr std::string_view name = "ISA2.F";
    static constexpr std::string_view meaning =
        "the flag that code is new is passed on, and a third thread runs the code";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::pass_flag, 1}};
    static constexpr event t2[] = {{act::load_flag, 1, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}, {t2}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr bool together = true;

    static outcome classify(const meeting_view& r) {
        const int third = r.ran(2, 1);
        if (third == r.torn) return outcome_of(witness::torn);
        if (third != r.old) return outcome::newer;
        return r.flag(2, 0) == 0 ? outcome_of(witness::stale) : outcome::current;
    }
};

const define<isa2_f> entry;

}  // namespace
}  // namespace cmodx
