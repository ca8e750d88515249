// SPDX-License-Identifier: Apache-2.0
// Syscall, Sigreturn: as MP.RF, but between the executor's steps and the code it returns from a system call or from a
// signal handler. Does the return synchronize? The twins without the last step ask that.
//
//     T0                     T1
//     store x   new code     load flag
//     steps                  steps
//     store flag             system call, or a signal that is handled
//                            fetch x    no older than the flag said
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cases/linux/child.hpp"

namespace cmodx {
namespace {

template <bool Signal>
struct entry {
    static constexpr std::string_view name = Signal ? "Sigreturn" : "Syscall";
    static constexpr std::string_view meaning =
        Signal ? "the executor returns from a signal handler between the flag and the code"
               : "the executor returns from a system call between the flag and the code";
    static constexpr std::string_view needs = on_linux;
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{Signal ? "sigreturn" : "syscall", 1}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault};
    static constexpr mapping paths[] = {mapping::same};
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = true;

    static void script(cmodx::script& s) {
        constexpr std::uint32_t rounds = 2000;
        script_words& w = s.words();
        if (Signal) {
            struct sigaction sa = {};
            sa.sa_handler = [](int) {};
            sigaction(SIGUSR1, &sa, nullptr);
        }
        const auto thread = syscall(SYS_gettid);
        const auto writer = [&] {
            for (std::uint32_t g = 1; g <= rounds && s.wait_for(w.turn, g); ++g) {
                s.modify(g);
                s.writer_steps();
                s.publish(g);
            }
        };
        const auto executor = [&] {
            for (std::uint32_t g = 0; g <= rounds && !s.over() && s.wait_for(w.flag, g); ++g) {
                if (g != 0) s.executor_steps();
                if (Signal)
                    syscall(SYS_tgkill, getpid(), thread, SIGUSR1);
                else
                    syscall(SYS_getpid);
                s.expect(s.run(), g);
                w.turn.store(g + 1, std::memory_order_release);
            }
            w.abandoned = true;
        };
        const std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        s.move_to(cpu);
        s.together(cpu + 1, writer, executor);
    }
};

const define_script<entry<false>> system_call;
const define_script<entry<true>> signal_return;

}  // namespace
}  // namespace cmodx
