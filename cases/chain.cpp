// SPDX-License-Identifier: Apache-2.0
// Chain: a loop over two blocks joined by direct jumps, of which only the second is modified, and which nobody leaves
// by an indirect one. How far apart they lie differs by batch.
//
//     T0                     T1
//     store x   new code     load flag
//     steps                  steps
//     store flag             jump to x
//                            x          no older than the flag said
//                            jump back
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct chain {
    static constexpr std::string_view name = "Chain";
    static constexpr std::string_view meaning =
        "a loop over two blocks joined by a direct jump, of which only the second is modified";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::steps}, {act::jump}, {act::run, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "imm";

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<chain> entry;

}  // namespace
}  // namespace cmodx
