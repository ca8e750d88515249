// SPDX-License-Identifier: Apache-2.0
// 2SM: one thread modifies code at two locations and runs both, the second first.
//
//     T0
//     store x    new code
//     store y    new code
//     steps      for x, then for y
//     fetch y    must be the new code
//     fetch x    must be the new code
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct two_sm {
    static constexpr std::string_view name = "2SM";
    static constexpr std::string_view meaning = "one thread modifies code at two locations and runs both";
    static constexpr relation between = relation::same_thread;
    static constexpr event t0[] = {{act::store_code, 0}, {act::store_code, 1}, {act::steps, 0},
                                   {act::steps, 1},      {act::fetch, 1, 0},   {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};

    static outcome classify(const round_view& r) {
        const outcome y = r.compare(r.observed(0), r.flag());
        return y == outcome::current ? r.compare(r.observed(1), r.flag()) : y;
    }
};

const define<two_sm> entry;

}  // namespace
}  // namespace cmodx
