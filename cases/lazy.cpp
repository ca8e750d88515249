// SPDX-License-Identifier: Apache-2.0
// Lazy: an executor compares the generation with the one that it last acted upon, and synchronizes itself only when it
// is new.
//
//     T0                     T1
//     store x   new code     load flag
//     steps                  if new: steps
//     store flag             fetch x    no older than the flag said
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct lazy {
    static constexpr std::string_view name = "Lazy";
    static constexpr std::string_view meaning = "an executor synchronizes itself only when a generation is new to it";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::skip_old}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<lazy> entry;

}  // namespace
}  // namespace cmodx
