// SPDX-License-Identifier: Apache-2.0
// PageEnd: code runs on from one page into the next, and only bytes on the next are modified; where instructions may
// straddle, the modified one does.
//
//     T0                     T1
//     store x   new code     load flag
//     steps                  steps
//     store flag             fetch x    entered on the page before; no older than the flag said
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct page_end {
    static constexpr std::string_view name = "PageEnd";
    static constexpr std::string_view meaning =
        "code runs on from one page into the next, and only the next is modified";
    static constexpr relation between = relation::cross_thread;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "imm";
    static constexpr placement at = {4096, 0};
    static constexpr bool led_into = true;

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<page_end> entry;

}  // namespace
}  // namespace cmodx
