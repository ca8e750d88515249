// SPDX-License-Identifier: Apache-2.0
// Pair: a thread modifies two instructions by one store while another runs them, one behind the other: each is old or
// new, but which together?
//
//     T0                       T1
//     store x   new A, new B   fetch x    old A, old B or new A, new B; or old A, new B: mixed; or new A, old B
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct pair {
    static constexpr std::string_view name = "Pair";
    static constexpr std::string_view meaning = "a thread modifies two instructions at once while another runs them";
    static constexpr relation between = relation::concurrent;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::neither_pair, witness::mixed, witness::torn, witness::fault,
                                        witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "pair";
    static constexpr std::uint16_t needs_generations = 16;  // with two, later cannot be told from earlier

    static outcome classify(const round_view& r) {
        const std::uint32_t value = r.observed(0);
        if (r.generation(value) >= 0) return r.changed() ? outcome::newer : outcome::current;
        const int first = r.part(value, true);
        const int second = r.part(value, false);
        if (first < 0 || second < 0) return outcome_of(witness::torn);
        return outcome_of(r.age(first) > r.age(second) ? witness::mixed : witness::neither_pair);
    }
};

const define<pair> entry;

}  // namespace
}  // namespace cmodx
