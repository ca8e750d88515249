// SPDX-License-Identifier: Apache-2.0
// SM: one thread modifies code and runs it.
//
//     T0
//     store x    new code
//     steps
//     fetch x    must be the new code
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct sm {
    static constexpr std::string_view name = "SM";
    static constexpr std::string_view meaning = "one thread modifies code and runs it";
    static constexpr relation between = relation::same_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::fetch, 0, 0}};
    static constexpr program programs[] = {{t0}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias, mapping::flip};
    static constexpr bool everywhere = true;
    static constexpr bool plain = true;

    static outcome classify(const round_view& r) { return r.compare(r.observed(0), r.flag()); }
};

const define<sm> entry;

}  // namespace
}  // namespace cmodx
