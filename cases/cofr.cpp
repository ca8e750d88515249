// SPDX-License-Identifier: Apache-2.0
// CoFR: a thread modifies code; another runs it, then reads its bytes.
//
//     T0                     T1
//     store x   new code     fetch x
//     steps                  load x     no older than what ran
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct cofr {
    static constexpr std::string_view name = "CoFR";
    static constexpr std::string_view meaning = "a thread modifies code; another runs it, then reads its bytes";
    static constexpr relation between = relation::fetch_to_load;
    static constexpr event t0[] = {{act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}, {act::load_code, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::fetch_then_old_data, witness::torn, witness::fault,
                                        witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::uint16_t needs_generations = 16;

    static outcome classify(const round_view& r) {
        const int ran = r.generation(r.observed(0));
        const int read = r.loaded(1);
        if (ran < 0 || read < 0) return outcome_of(witness::torn);
        if (ran == read) return r.changed() ? outcome::newer : outcome::current;
        return r.age(read) > r.age(ran) ? outcome_of(witness::fetch_then_old_data) : outcome::newer;
    }
};

const define<cofr> entry;

}  // namespace
}  // namespace cmodx
