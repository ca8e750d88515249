// SPDX-License-Identifier: Apache-2.0
// MP.RF: a thread modifies code and sets a flag; another reads the flag and runs the code.
//
//     T0                     T1
//     store x   new code     load flag
//     steps                  steps
//     store flag             fetch x    no older than the flag said
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct mp_rf {
    static constexpr std::string_view name = "MP.RF";
    static constexpr std::string_view meaning =
        "a thread modifies code and sets a flag; another reads the flag and runs the code";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias, mapping::flip};
    static constexpr bool everywhere = true;
    static constexpr bool plain = true;

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<mp_rf> entry;

}  // namespace
}  // namespace cmodx
