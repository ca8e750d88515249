// SPDX-License-Identifier: Apache-2.0
// Flush.Flags: what riscv_flush_icache comes to with flags that there are not.
//
//     T0
//     riscv_flush_icache(begin, end, 2)   EINVAL
#include <unistd.h>

#include <cerrno>

#include "runner/engine/script.hpp"

namespace cmodx {
namespace {

struct flush_flags {
    static constexpr std::string_view name = "Flush.Flags";
    static constexpr std::string_view meaning = "riscv_flush_icache is asked for what it refuses";
    static constexpr std::string_view needs = "flush_icache";
    static constexpr std::string_view with_step = "flush_icache";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"flush_icache.flags"}};
    static constexpr witness seeks[] = {witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        constexpr long number = 259;
        constexpr long nothing = 2;  // SYS_RISCV_FLUSH_ICACHE_LOCAL is 1, and all that there is
        const std::uint8_t* const begin = s.executable();
        const long result = syscall(number, begin, begin + 4, nothing);
        s.contract(result == -1 ? -errno : result, -EINVAL);
    }
};

const define_script<flush_flags> entry;

}  // namespace
}  // namespace cmodx
