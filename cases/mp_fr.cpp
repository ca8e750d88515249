// SPDX-License-Identifier: Apache-2.0
// MP.FR: a thread writes data, then modifies code; another runs the code, then reads the data.
//
//     T0                     T1
//     store data             fetch x
//     steps                  load data  no older than the code was
//     store x   new code
#include "runner/engine/case.hpp"

namespace cmodx {
namespace {

struct mp_fr {
    static constexpr std::string_view name = "MP.FR";
    static constexpr std::string_view meaning =
        "a thread writes data, then modifies code; another runs the code, then reads the data";
    static constexpr relation between = relation::fetch_to_data;
    static constexpr event t0[] = {{act::store_flag}, {act::steps}, {act::store_code}, {act::steps}};
    static constexpr event t1[] = {{act::fetch, 0, 0}, {act::steps}, {act::load_flag, 0, 1}};
    static constexpr program programs[] = {{t0}, {t1}};
    static constexpr witness seeks[] = {witness::fetch_then_old_data, witness::torn, witness::fault,
                                        witness::never_new};
    static constexpr mapping paths[] = {mapping::same, mapping::alias};
    static constexpr std::uint16_t needs_generations = 16;

    static outcome classify(const round_view& r) {
        const int x = r.generation(r.observed(0));
        if (x < 0) return outcome_of(witness::torn);
        const std::uint32_t code = r.newest() - r.age(x);
        const std::uint32_t data = r.observed(1);
        if (static_cast<std::int32_t>(code - data) > 0) return outcome_of(witness::fetch_then_old_data);
        return code == data ? outcome::current : outcome::newer;
    }
};

const define<mp_fr> entry;

}  // namespace
}  // namespace cmodx
