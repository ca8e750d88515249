// SPDX-License-Identifier: Apache-2.0
// Cond: a thread modifies condition and target of a conditional branch by one store while another runs it.
//
//     T0                     T1
//     store x   new branch   fetch x    old or new; or the condition of one with the target of the other: mixed
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct cond {
    static constexpr std::string_view name = "Cond";
    static constexpr std::string_view meaning =
        "a thread modifies condition and target of a branch while another runs it";
    static constexpr relation between = relation::concurrent;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::mixed, witness::torn, witness::fault, witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "cond_branch";

    static outcome classify(const round_view& r) {
        if (r.observed(0) == mixed_token) return outcome_of(witness::mixed);
        if (r.generation(r.observed(0)) < 0) return outcome_of(witness::torn);
        return r.changed() ? outcome::newer : outcome::current;
    }
};

const define<cond> entry;

}  // namespace
}  // namespace cmodx
