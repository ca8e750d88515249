// SPDX-License-Identifier: Apache-2.0
// Patch: a thread runs code while another modifies it, and nothing is handed over: old or new, and nothing else.
//
//     T0                     T1
//     store x   new code     fetch x    old or new
//     steps                  steps
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct patch {
    static constexpr std::string_view name = "Patch";
    static constexpr std::string_view meaning = "a thread runs code while another modifies it; nothing is handed over";
    static constexpr relation between = relation::concurrent;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::torn, witness::fault, witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr bool everywhere = true;
    static constexpr bool plain = true;
    static constexpr bool sweeps_placement = true;

    static outcome classify(const round_view& r) {
        if (r.generation(r.observed(0)) < 0) return outcome_of(witness::torn);
        return r.changed() ? outcome::newer : outcome::current;
    }
};

const define<patch> entry;

}  // namespace
}  // namespace cmodx
