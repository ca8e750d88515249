// SPDX-License-Identifier: Apache-2.0
#include "runner/isolate.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <vector>

#include "runner/engine/random.hpp"
#include "runner/linux/orphans.hpp"

namespace cmodx {
namespace {

constexpr std::size_t complaint_room = 4096;  // bytes kept of the child's standard error
constexpr long long glance = 100;             // milliseconds between two looks at the child
constexpr std::chrono::milliseconds absence{500};

std::atomic<pid_t> running{0};

// A record counts only behind this: the nonce is new for each child, the sum covers nonce and record.
struct seal {
    std::uint64_t nonce;
    std::uint64_t sum;
};

std::uint64_t sum_of(std::uint64_t nonce, std::span<const std::byte> record) {
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(record.data());
    return fnv(bytes, record.size(), fnv_basis ^ nonce);
}

bool write_all(int file, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const char*>(data);
    while (size != 0) {
        const ssize_t written = write(file, bytes, size);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        bytes += written;
        size -= static_cast<std::size_t>(written);
    }
    return true;
}

void close_range(unsigned first, unsigned last) {
    if (first > last || syscall(SYS_close_range, first, last, 0) == 0) return;
    rlimit files = {};
    getrlimit(RLIMIT_NOFILE, &files);
    for (unsigned file = first; file <= last && file < files.rlim_cur; ++file) close(static_cast<int>(file));
}

// Nothing of the runner's is within the test's reach: not the document, not the port of a guest.
void close_all_but(int one, int other) {
    const auto low = static_cast<unsigned>(std::min(one, other));
    const auto high = static_cast<unsigned>(std::max(one, other));
    close_range(STDERR_FILENO + 1, low - 1);
    close_range(low + 1, high - 1);
    close_range(high + 1, ~0U);
}

// An exception may not leave it: what it would unwind belongs to the parent.
[[noreturn]] void be_child(int results, int complaints, std::uint64_t nonce, std::span<std::byte> record,
                           const std::function<void(std::span<std::byte>)>& body) noexcept {
    setpgid(0, 0);
    // What started the runner may have ignored some: Python does. The C library keeps two for itself.
    for (int s = 1; s <= SIGRTMAX; ++s) signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    close_all_but(results, complaints);
    const rlimit no_core = {0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        dup2(nothing, STDOUT_FILENO);
    }
    dup2(complaints, STDERR_FILENO);
    body(record);
    const seal s = {nonce, sum_of(nonce, record)};
    const bool written = write_all(results, &s, sizeof s) && write_all(results, record.data(), record.size());
    _exit(written ? 0 : 1);
}

bool has_ended(pid_t child) {
    siginfo_t info = {};
    return waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == child;
}

// Reads both pipes until the result's end is closed, or the child has ended and what it started holds it open, or the
// deadline: false. Time in which nobody was here to look, since this process or the machine was stopped, does not
// count.
class reader {
  public:
    reader(int results, int complaints, std::size_t wanted) : files_{results, complaints}, wanted_(wanted) {}

    bool read_until(std::chrono::steady_clock::time_point& deadline, pid_t child) {
        bool ended = false;
        auto looked = std::chrono::steady_clock::now();
        while (files_[0] >= 0) {
            std::array<pollfd, 2> polled = {{{files_[0], POLLIN, 0}, {files_[1], POLLIN, 0}}};
            const auto now = std::chrono::steady_clock::now();
            if (now - looked > absence) deadline += now - looked;
            looked = now;
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now).count();
            if (left <= 0) return false;
            const int ready =
                poll(polled.data(), polled.size(), ended ? 0 : static_cast<int>(std::min<long long>(left, glance)));
            if (ready < 0 && errno != EINTR) return false;
            if (ready == 0 && ended) return true;
            // It may have written its record since the poll: look once more.
            if (ready == 0) ended = has_ended(child);
            if (ready <= 0) continue;
            for (std::size_t i = 0; i < 2; ++i)
                if (polled[i].revents != 0) take(i);
        }
        return true;
    }
    // What is left in the pipe without waiting.
    void drain_complaints() {
        if (files_[1] < 0) return;
        fcntl(files_[1], F_SETFL, O_NONBLOCK);
        for (std::size_t before = SIZE_MAX; files_[1] >= 0 && before != taken_;) {
            before = taken_;
            take(1);
        }
    }
    const std::vector<char>& results() const { return results_; }
    std::string complaint() const { return complaint_; }

  private:
    void take(std::size_t which) {
        std::array<char, 65536> room;
        const ssize_t got = read(files_[which], room.data(), room.size());
        if (got < 0) {
            if (errno != EINTR && errno != EAGAIN) files_[which] = -1;
            return;
        }
        if (got == 0) {
            files_[which] = -1;
            return;
        }
        taken_ += static_cast<std::size_t>(got);
        if (which == 0) {
            if (results_.size() <= wanted_) results_.insert(results_.end(), room.data(), room.data() + got);
        } else {
            complaint_.append(room.data(), static_cast<std::size_t>(got));
            if (complaint_.size() > complaint_room) complaint_.erase(0, complaint_.size() - complaint_room);
        }
    }

    std::array<int, 2> files_;
    std::size_t wanted_;
    std::size_t taken_ = 0;
    std::vector<char> results_;
    std::string complaint_;
};

isolated failure(const char* what) {
    return {.how = isolated::end::failed, .complaint = std::string(what) + ": " + strerror(errno)};
}

}  // namespace

isolated run_isolated(std::span<std::byte> record, std::chrono::nanoseconds limit,
                      const std::function<void(std::span<std::byte>)>& body) {
    std::array<int, 2> results;
    std::array<int, 2> complaints;
    if (pipe2(results.data(), O_CLOEXEC) != 0) return failure("pipe");
    if (pipe2(complaints.data(), O_CLOEXEC) != 0) {
        const isolated wrong = failure("pipe");
        close(results[0]);
        close(results[1]);
        return wrong;
    }
    std::uint64_t nonce = 0;
    if (getrandom(&nonce, sizeof nonce, 0) != sizeof nonce) nonce = static_cast<std::uint64_t>(getpid());
    adopt_orphans();
    auto deadline = std::chrono::steady_clock::now() + limit;
    const pid_t runner = getpid();
    const pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != runner) _exit(1);  // which was killed before that
        close(results[0]);
        close(complaints[0]);
        be_child(results[1], complaints[1], nonce, record, body);
    }
    const isolated not_forked = child < 0 ? failure("fork") : isolated{};
    close(results[1]);
    close(complaints[1]);
    isolated came;
    if (child < 0) {
        came = not_forked;
    } else {
        setpgid(child, child);
        running.store(child);
        reader from(results[0], complaints[0], sizeof(seal) + record.size());
        const bool in_time = from.read_until(deadline, child);
        int status = 0;
        bool reaped = false;
        while (in_time && !reaped) {  // it has closed its end: it is ending, unless it plays dead
            reaped = waitpid(child, &status, WNOHANG) == child;
            if (reaped || std::chrono::steady_clock::now() > deadline) break;
            const timespec moment = {0, 200'000};
            nanosleep(&moment, nullptr);
        }
        kill(-child, SIGKILL);  // the whole group: also what outlives the child
        if (!reaped)
            while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
            }
        running.store(0);
        const bool alone = end_orphans();
        from.drain_complaints();
        came.complaint = from.complaint();
        const std::vector<char>& bytes = from.results();
        if (!reaped) {
            came.how = isolated::end::timed_out;
        } else if (WIFSIGNALED(status)) {
            came.how = isolated::end::crashed;
            came.signal = WTERMSIG(status);
        } else {
            came.how = isolated::end::silent;
            came.code = WEXITSTATUS(status);
            seal s = {};
            if (bytes.size() == sizeof s + record.size()) {
                memcpy(&s, bytes.data(), sizeof s);
                memcpy(record.data(), bytes.data() + sizeof s, record.size());
                if (came.code == 0 && s.nonce == nonce && s.sum == sum_of(nonce, record))
                    came.how = isolated::end::completed;
            }
        }
        if (!alone) came = {.how = isolated::end::failed, .complaint = "a process that the test left does not end"};
    }
    close(results[0]);
    close(complaints[0]);
    return came;
}

void kill_isolated() {
    const pid_t child = running.load();
    if (child > 0) kill(-child, SIGKILL);
}

std::string signal_name(int signal) {
    const char* name = sigabbrev_np(signal);
    if (name != nullptr) return std::string("SIG") + name;
    const int realtime = signal - SIGRTMIN;
    if (realtime < 0 || signal > SIGRTMAX) return "signal " + std::to_string(signal);
    return realtime == 0 ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(realtime);
}

}  // namespace cmodx
