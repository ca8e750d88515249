// SPDX-License-Identifier: Apache-2.0
// Noisy: a thread modifies and runs its own code, while another keeps writing data to the same page.
//
//     T0                                  T1
//     store x    new code                 store data beside x
//     steps
//     fetch x    must be the new code
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct with_noise {
    static constexpr std::string_view name = "Noisy";
    static constexpr std::string_view meaning = "a thread modifies and runs code while another writes to the same page";
    static constexpr relation between = relation::same_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::fetch, 0, 0}};
    static constexpr event t1[] = {{act::store_flag, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "imm";
    static constexpr bool noisy = true;

    static outcome classify(const round_view& r) { return r.compare(r.observed(0), r.flag()); }
};

const define<with_noise> entry;

}  // namespace
}  // namespace cmodx
