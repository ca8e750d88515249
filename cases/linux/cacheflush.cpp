// SPDX-License-Identifier: Apache-2.0
// Cacheflush: what the system call of that name comes to: 0 for a range that is mapped, EINVAL for flags or a range
// that ends before it begins (Cacheflush.Flags).
//
//     T0
//     cacheflush(begin, end, 0)   0
//     cacheflush(begin, end, 1)   EINVAL
#include <unistd.h>

#include <cerrno>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

long cacheflush(const std::uint8_t* begin, const std::uint8_t* end, long flags) {
    constexpr long number = 0x0f0002;  // __ARM_NR_cacheflush
    const long result = syscall(number, begin, end, flags);
    return result == -1 ? -errno : result;
}

template <bool Wrong>
struct flush {
    static constexpr std::string_view name = Wrong ? "Cacheflush.Flags" : "Cacheflush";
    static constexpr std::string_view meaning =
        Wrong ? "cacheflush is asked for what it refuses" : "cacheflush is asked for a range that is mapped";
    static constexpr std::string_view needs = "cacheflush";
    static constexpr std::string_view with_step = "cacheflush";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{Wrong ? "cacheflush.flags" : "cacheflush.result"}};
    static constexpr witness seeks[] = {witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        const std::uint8_t* const begin = s.executable();
        const std::uint8_t* const end = begin + 8;
        if (!Wrong) return s.contract(cacheflush(begin, end, 0), 0);
        s.contract(cacheflush(begin, end, 1), -EINVAL);
        s.contract(cacheflush(end, begin, 0), -EINVAL);
    }
};

const define_script<flush<false>> of_a_range;
const define_script<flush<true>> of_nonsense;

}  // namespace
}  // namespace cmodx
