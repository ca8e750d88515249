// SPDX-License-Identifier: Apache-2.0
// Straight: one thread modifies an instruction that stands straight behind its steps, with no call and no branch
// between.
//
//     T0
//     store x    new code
//     steps
//     x          must be the new code
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct straight {
    static constexpr std::string_view name = "Straight";
    static constexpr std::string_view meaning =
        "one thread modifies an instruction that stands straight behind its steps";
    static constexpr relation between = relation::same_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::run, 0, 0}};
    static constexpr program programs[] = {{t0}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "imm";

    static outcome classify(const round_view& r) { return r.compare(r.observed(0), r.flag()); }
};

const define<straight> entry;

}  // namespace
}  // namespace cmodx
