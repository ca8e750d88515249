// SPDX-License-Identifier: Apache-2.0
// Exec: a process registers for membarrier and becomes another program, which has to register anew.
//
//     P0
//     register     0
//     exec
//     membarrier   EPERM
#include <cstdlib>

#include "cases/linux/child.hpp"
#include "runner/linux/membarrier.hpp"

namespace cmodx {
namespace {

constexpr const char* variable = "CMODX_AFTER_EXEC";
constexpr int code_of_zero = 100;  // the executed program exits with this less the call's result
constexpr int not_executed = 99;
constexpr int not_registered = 98;

// The executed program is this one: it answers before anything else of it runs.
const struct executed {
    executed() {
        if (std::getenv(variable) != nullptr) _exit(code_of_zero - membarrier_sync_core());
    }
} answer;

struct exec {
    static constexpr std::string_view name = "Exec";
    static constexpr std::string_view meaning = "membarrier in the program that a registered process becomes";
    static constexpr std::string_view needs = "membarrier_sync_core";
    static constexpr relation between = relation::same_thread;
    static constexpr implied_step implied[] = {{"membarrier.exec"}};
    static constexpr witness seeks[] = {witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr bool without_steps = true;

    static void script(cmodx::script& s) {
        child other(s, 0, [] {
            if (membarrier_register() != 0) _exit(not_registered);
            setenv(variable, "1", 1);
            execl("/proc/self/exe", "cmodx", static_cast<char*>(nullptr));
            _exit(not_executed);
        });
        if (!other.started()) return;
        const int code = other.end();
        if (code == not_registered) return s.refuse("membarrier registration is denied");
        if (code < code_of_zero) return s.refuse("the program could not be executed anew");
        s.contract(code_of_zero - code, -EPERM);
    }
};

const define_script<exec> entry;

}  // namespace
}  // namespace cmodx
