// SPDX-License-Identifier: Apache-2.0
#include "runner/linux/orphans.hpp"

#include <dirent.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <fstream>
#include <iterator>
#include <string>

namespace cmodx {
namespace {

bool adopts = false;

// The parent of a process, by /proc/PID/stat: behind the program's name, which may hold anything, state and parent.
pid_t parent_of(const std::string& process) {
    std::ifstream in("/proc/" + process + "/stat", std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t name = text.rfind(')');
    pid_t parent = 0;
    if (name != text.npos && name + 4 < text.size())
        std::from_chars(text.data() + name + 4, text.data() + text.size(), parent);
    return parent;
}

void kill_children() {
    DIR* const all = opendir("/proc");
    if (all == nullptr) return;
    while (const dirent* entry = readdir(all)) {
        const std::string name = entry->d_name;
        pid_t process = 0;
        const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), process);
        if (code != std::errc{} || end != name.data() + name.size()) continue;
        if (parent_of(name) == getpid()) kill(process, SIGKILL);
    }
    closedir(all);
}

}  // namespace

void adopt_orphans() {
    static const bool alone = [] {
        siginfo_t info = {};
        return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD;
    }();
    adopts = alone && prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

bool end_orphans() {
    constexpr timespec moment = {0, 1'000'000};
    constexpr int tries = 2000;
    if (!adopts) return true;
    // What has children of its own hands them on when it ends.
    for (int i = 0; i < tries; ++i) {
        pid_t ended = 0;
        while ((ended = waitpid(-1, nullptr, WNOHANG)) > 0) {
        }
        if (ended < 0) return true;
        kill_children();
        nanosleep(&moment, nullptr);
    }
    return false;
}

}  // namespace cmodx
