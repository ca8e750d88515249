// SPDX-License-Identifier: Apache-2.0
// CoFF: a thread modifies code while another runs it twice; the new code must not be followed by the old.
//
//     T0                     T1
//     store x   new code     fetch x
//     steps                  steps
//                            fetch x    no older than the first
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct coff {
    static constexpr std::string_view name = "CoFF";
    static constexpr std::string_view meaning = "a thread modifies code while another runs it twice";
    static constexpr relation between = relation::same_location;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::new_then_old, witness::new_then_older, witness::torn, witness::fault,
                                        witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr bool everywhere = true;
    static constexpr std::uint16_t needs_generations = 16;  // with two, later cannot be told from earlier

    static outcome classify(const round_view& r) {
        if (r.observed(0) == r.observed(1) && !r.changed()) return outcome::current;
        const int first = r.generation(r.observed(0));
        const int second = r.generation(r.observed(1));
        if (first < 0 || second < 0) return outcome_of(witness::torn);
        if (first == second) return outcome::newer;
        if (r.age(second) <= r.age(first)) return outcome::newer;
        const bool next = r.age(second) - r.age(first) == 1;
        return outcome_of(next ? witness::new_then_old : witness::new_then_older);
    }
};

const define<coff> entry;

}  // namespace
}  // namespace cmodx
