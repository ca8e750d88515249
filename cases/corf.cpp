// SPDX-License-Identifier: Apache-2.0
// CoRF: a thread modifies code, and that is all the news; another reads the bytes, then runs them.
//
//     T0                     T1
//     store x   new code     load x
//                            steps
//                            fetch x    no older than what was read
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct corf {
    static constexpr std::string_view name = "CoRF";
    static constexpr std::string_view meaning = "a thread modifies code; another reads the new bytes, then runs them";
    static constexpr relation between = relation::load_to_fetch;
    static constexpr event t0[] = {{act::store_code}};
    static constexpr event t1[] = {{act::load_code, 0, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::uint16_t needs_generations = 16;

    static outcome classify(const round_view& r) {
        const int read = r.loaded(0);
        const int ran = r.generation(r.observed(1));
        if (ran < 0 || read < 0) return outcome_of(witness::torn);
        if (ran == read) return outcome::current;
        return r.age(ran) > r.age(read) ? outcome_of(witness::stale) : outcome::newer;
    }
};

const define<corf> entry;

}  // namespace
}  // namespace cmodx
