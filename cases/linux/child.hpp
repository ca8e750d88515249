// SPDX-License-Identifier: Apache-2.0
// A process beside the test's own: forked, guarded, and gone with the object.
#pragma once

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "runner/engine/script.hpp"

namespace cmodx {

inline constexpr std::string_view on_linux = "linux";

class child {
  public:
    static constexpr int faulted = 70;  // its exit code when a fault has ended it,
    static constexpr int gave_up = 71;  // and when it has refused, or failed

    // Runs body() in the child, on the cpu-th CPU. What it finds out it stores in s.words().
    template <class F>
    child(script& s, std::size_t cpu, F&& body) : of_(s), pid_(fork()) {
        if (pid_ > 0) return;
        if (pid_ < 0) {
            s.refuse("fork is denied");
            return;
        }
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        s.move_to(cpu);
        const bool survived = s.survives(body);
        _exit(!survived ? faulted : s.broken() ? gave_up : 0);
    }
    ~child() {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        wait();
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    bool started() const { return pid_ > 0; }
    pid_t pid() const { return pid_; }
    // Waits for its end: its exit code, or -1. A fault counts as one of the test; another end before its time proves
    // nothing.
    int end() {
        if (pid_ <= 0) return -1;
        const int status = wait();
        const int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
        if (code == faulted) of_.count(witness::fault);
        if (code == gave_up || code == -1) of_.fail("a child process ended before its time");
        return code;
    }

  private:
    int wait() {
        int status = 0;
        while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = 0;
        return status;
    }

    script& of_;
    pid_t pid_;
};

}  // namespace cmodx
