// SPDX-License-Identifier: Apache-2.0
// Process: another process modifies the code, by memory that both share, or through the kernel: process_vm_writev,
// /proc/PID/mem, ptrace.
//
//     P0                     P1
//                            fetch x    old code
//     store x   new code
//     steps
//     store flag             load flag
//                            steps
//                            fetch x    must be the new code
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "cases/linux/child.hpp"

namespace cmodx {
namespace {

enum class way : std::uint8_t { shared, vm, mem, ptrace };

// Writes the patch into the child's writable mapping; 0 or the error.
int write_vm(pid_t pid, script& s, std::uint32_t g) {
    const auto patch = s.patch(g);
    const iovec from = {const_cast<std::uint8_t*>(patch.data()), patch.size()};
    const iovec to = {s.target(), patch.size()};
    return process_vm_writev(pid, &from, 1, &to, 1, 0) == static_cast<ssize_t>(patch.size()) ? 0 : errno;
}

int write_mem(int file, script& s, std::uint32_t g) {
    const auto patch = s.patch(g);
    const auto at = static_cast<off64_t>(reinterpret_cast<std::uintptr_t>(s.target()));
    return pwrite64(file, patch.data(), patch.size(), at) == static_cast<ssize_t>(patch.size()) ? 0 : errno;
}

// PTRACE_POKEDATA writes a word: what stands behind the patch in the last one is written back as it was.
int write_ptrace(pid_t pid, script& s, std::uint32_t g) {
    int status = 0;
    if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) return errno;
    if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) return ECHILD;
    const auto patch = s.patch(g);
    int error = 0;
    for (std::size_t done = 0; done < patch.size() && error == 0; done += sizeof(long)) {
        errno = 0;
        long word = ::ptrace(PTRACE_PEEKDATA, pid, s.target() + done, nullptr);
        error = errno;
        std::memcpy(&word, patch.data() + done, std::min(sizeof word, patch.size() - done));
        if (error == 0 && ::ptrace(PTRACE_POKEDATA, pid, s.target() + done, word) != 0) error = errno;
    }
    if (::ptrace(PTRACE_CONT, pid, nullptr, nullptr) != 0 && error == 0) error = errno;
    return error;
}

constexpr std::string_view names[] = {"Process", "Process.Vm", "Process.Mem", "Process.Ptrace"};
constexpr std::string_view meanings[] = {
    "another process modifies code by memory that both share", "another process modifies code by process_vm_writev",
    "another process modifies code by /proc/PID/mem", "another process modifies code by ptrace"};

template <way Way>
struct process {
    static constexpr std::string_view name = names[static_cast<std::size_t>(Way)];
    static constexpr std::string_view meaning = meanings[static_cast<std::size_t>(Way)];
    static constexpr std::string_view needs = on_linux;
    static constexpr relation between = relation::cross_thread;
    static constexpr implied_step implied[] = {{"write.executable", 0, implied_step::place::first}};
    static constexpr witness seeks[] = {witness::stale, witness::torn, witness::fault, witness::wrong_errno};
    static constexpr mapping paths[] = {mapping::process};
    static constexpr unsigned cpus = 2;
    static constexpr bool twins = Way == way::shared;

    static void script(cmodx::script& s) {
        constexpr std::uint32_t rounds = 200;
        script_words& w = s.words();
        const std::size_t cpu = s.choose(static_cast<std::uint32_t>(s.cpus()));
        s.move_to(cpu);
        child other(s, cpu + 1, [&] {
            for (std::uint32_t g = 0; g <= rounds; ++g) {
                if (!s.wait_for(w.flag, g)) return;
                if (g != 0) s.executor_steps();
                w.word[0] = s.run();
                w.turn.store(g + 1, std::memory_order_release);
            }
        });
        if (!other.started()) return;
        int file = -1;
        if (Way == way::mem) {
            std::array<char, 32> path;
            std::snprintf(path.data(), path.size(), "/proc/%d/mem", other.pid());
            file = open(path.data(), O_RDWR | O_CLOEXEC);
            if (file < 0) return s.refuse("/proc/PID/mem is denied");
        }
        if (Way == way::ptrace && ::ptrace(PTRACE_SEIZE, other.pid(), nullptr, nullptr) != 0)
            return s.refuse("ptrace is denied");
        for (std::uint32_t g = 0; g <= rounds; ++g) {
            int error = 0;
            if (g != 0) {
                switch (Way) {
                    case way::shared: s.modify(g); break;
                    case way::vm: error = write_vm(other.pid(), s, g); break;
                    case way::mem: error = write_mem(file, s, g); break;
                    case way::ptrace: error = write_ptrace(other.pid(), s, g); break;
                }
                if (error == EPERM || error == ENOSYS)
                    s.refuse("writing into another process is denied");
                else if (error != 0)
                    s.contract(-error, 0);
                if (error != 0) break;
                if (Way != way::shared) s.wrote();
                s.writer_steps();
                s.publish(g);
            }
            if (!s.wait_for(w.turn, g + 1)) break;
            s.expect(static_cast<std::uint32_t>(w.word[0]), g);
            if (s.over()) break;
        }
        if (file >= 0) close(file);
        if (w.abandoned) other.end();
    }
};

const define_script<process<way::shared>> by_shared_memory;
const define_script<process<way::vm>> by_vm;
const define_script<process<way::mem>> by_mem;
const define_script<process<way::ptrace>> by_ptrace;

}  // namespace
}  // namespace cmodx
