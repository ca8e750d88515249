// SPDX-License-Identifier: Apache-2.0
// Literal: a word that code reads near itself changes, not the code: it is data, and coherent as data are.
//
//     T0                     T1
//     store x   new word     load flag
//     steps                  steps
//     store flag             fetch x    reads a word no older than the flag said
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct literal {
    static constexpr std::string_view name = "Literal";
    static constexpr std::string_view meaning = "a word that code reads near itself changes, not the code";
    static constexpr relation between = relation::data;
    static constexpr event t0[] = {{act::store_code}, {act::steps}, {act::store_flag}};
    static constexpr event t1[] = {{act::load_flag, 0, 0}, {act::steps}, {act::fetch, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::string_view only_site = "literal";

    static outcome classify(const round_view& r) { return r.compare(r.observed(1), r.observed(0)); }
};

const define<literal> entry;

}  // namespace
}  // namespace cmodx
