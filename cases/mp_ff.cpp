// SPDX-License-Identifier: Apache-2.0
// MP.FF: a thread modifies code at two locations, one after the other; another runs the second, then the first.
//
//     T0                     T1
//     store x   new code     fetch y
//     steps                  steps
//     store y   new code     fetch x    no older than y was
//     steps
//
// The steps behind the second store are there for it to arrive at all, where caches are not coherent.
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct mp_ff {
    static constexpr std::string_view name = "MP.FF";
    static constexpr std::string_view meaning =
        "a thread modifies code at two locations; another runs the second, then the first";
    static constexpr relation between = relation::two_locations;
    static constexpr event t0[] = {{act::store_code, 0}, {act::steps, 0}, {act::store_code, 1}, {act::steps, 1}};
    static constexpr event t1[] = {{act::fetch, 1, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::second_first, witness::torn, witness::fault, witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::uint16_t needs_generations = 16;

    static outcome classify(const round_view& r) {
        if (r.observed(0) == r.observed(1) && !r.changed()) return outcome::current;
        const int y = r.generation(r.observed(0));
        const int x = r.generation(r.observed(1));
        if (x < 0 || y < 0) return outcome_of(witness::torn);
        return r.age(x) > r.age(y) ? outcome_of(witness::second_first) : outcome::newer;
    }
};

const define<mp_ff> entry;

}  // namespace
}  // namespace cmodx
