// SPDX-License-Identifier: Apache-2.0
// Block: code modifies itself ahead in the same basic block; how far ahead, 0 to 32 instructions, differs by batch.
//
//     T0
//     store x    new code
//     nop ...
//     x          must be the new code, if it must without any step
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct block {
    static constexpr std::string_view name = "Block";
    static constexpr std::string_view meaning = "code modifies itself ahead in the same basic block";
    static constexpr relation between = relation::same_thread;
    static constexpr event t0[] = {{act::store_code}, {act::gap}, {act::run, 0, 0}};
    static constexpr program programs[] = {{t0}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "imm";

    static outcome classify(const round_view& r) { return r.compare(r.observed(0), r.flag()); }
};

const define<block> entry;

}  // namespace
}  // namespace cmodx
