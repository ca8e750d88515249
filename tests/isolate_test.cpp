// SPDX-License-Identifier: Apache-2.0
// Whatever a test's process does ends as the one right value, in bounded time, and leaves nothing behind.
#include "runner/isolate.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <vector>

namespace cmodx {
namespace {

using namespace std::chrono_literals;
using bytes = std::span<std::byte>;

constexpr auto plenty = 20s;
constexpr auto little = 300ms;

isolated run(std::chrono::nanoseconds limit, const std::function<void(bytes)>& body) {
    std::array<std::byte, 64> record = {};
    return run_isolated(record, limit, body);
}

// Writes `size` bytes to every descriptor that is not a standard one: what a child can do to its result's pipe.
void write_everywhere(const void* data, std::size_t size) {
    for (int file = 3; file < 64; ++file)
        if (write(file, data, size) < 0) continue;
}

bool gone(pid_t process) {
    for (int i = 0; i < 200; ++i) {
        if (kill(process, 0) != 0 && errno == ESRCH) return true;
        while (waitpid(-1, nullptr, WNOHANG) > 0) {
        }
        usleep(10'000);
    }
    return false;
}

template <class T>
struct shared {
    T* value = static_cast<T*>(mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
    shared() = default;
    shared(const shared&) = delete;
    shared& operator=(const shared&) = delete;
    ~shared() { munmap(value, sizeof(T)); }
};

TEST(isolate, brings_the_record_back) {
    std::array<std::byte, 3> record = {};
    const isolated came = run_isolated(record, plenty, [](bytes out) {
        for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i + 7);
    });
    EXPECT_EQ(came.how, isolated::end::completed);
    EXPECT_EQ(record[0], std::byte{7});
    EXPECT_EQ(record[2], std::byte{9});
}

class by_signal : public testing::TestWithParam<int> {};
TEST_P(by_signal, is_a_crash) {
    const isolated came = run(plenty, [](bytes) {
        signal(GetParam(), SIG_DFL);
        raise(GetParam());
    });
    EXPECT_EQ(came.how, isolated::end::crashed);
    EXPECT_EQ(came.signal, GetParam());
}
INSTANTIATE_TEST_SUITE_P(isolate, by_signal,
                         testing::Values(SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGTRAP, SIGSYS, SIGTERM,
                                         SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGALRM, SIGUSR1, SIGXCPU),
                         [](const auto& of) { return signal_name(of.param); });

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
int deeper(int n) {
    volatile char room[4096];
    room[0] = static_cast<char>(n);
    return n < 0 ? 0 : deeper(n + 1) + room[0];
}
TEST(isolate, stack_overflow_is_a_crash) {
    const isolated came = run(plenty, [](bytes out) { out[0] = static_cast<std::byte>(deeper(1)); });
    EXPECT_EQ(came.how, isolated::end::crashed);
    EXPECT_EQ(came.signal, SIGSEGV);
}
#endif

TEST(isolate, what_is_ignored_and_blocked_here_is_not_there) {
    sigset_t all, before;
    sigfillset(&all);
    for (const int s : {SIGUSR1, SIGRTMIN, SIGRTMIN + 16, SIGRTMAX}) {
        signal(s, SIG_IGN);
        sigprocmask(SIG_BLOCK, &all, &before);
        const isolated came = run(plenty, [&](bytes) { raise(s); });
        sigprocmask(SIG_SETMASK, &before, nullptr);
        signal(s, SIG_DFL);
        EXPECT_EQ(came.how, isolated::end::crashed) << signal_name(s);
        EXPECT_EQ(came.signal, s);
    }
    EXPECT_EQ(signal_name(SIGRTMIN), "SIGRTMIN");
    EXPECT_EQ(signal_name(SIGRTMIN + 16), "SIGRTMIN+16");
}

TEST(isolate, hang_with_every_signal_blocked_is_a_timeout) {
    const isolated came = run(little, [](bytes) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, nullptr);
        for (;;) pause();
    });
    EXPECT_EQ(came.how, isolated::end::timed_out);
}

TEST(isolate, hang_after_closing_everything_is_a_timeout) {
    const isolated came = run(little, [](bytes) {
        for (int file = 0; file < 1024; ++file) close(file);
        for (;;) pause();
    });
    EXPECT_EQ(came.how, isolated::end::timed_out);
}

TEST(isolate, stopped_is_a_timeout) {
    const isolated came = run(little, [](bytes) { raise(SIGSTOP); });
    EXPECT_EQ(came.how, isolated::end::timed_out);
}

TEST(isolate, children_that_outlive_the_test_are_ended) {
    const shared<pid_t> grandchild;
    const isolated came = run(plenty, [&](bytes) {
        const pid_t child = fork();
        if (child == 0)
            for (;;) pause();
        *grandchild.value = child;
    });
    EXPECT_EQ(came.how, isolated::end::completed);
    EXPECT_TRUE(gone(*grandchild.value));
}

// Neither a process group nor a session is a way out, nor a parent that has ended.
TEST(isolate, what_leaves_the_session_is_ended) {
    const shared<std::atomic<pid_t>> escaped;
    const isolated came = run(plenty, [&](bytes) {
        if (fork() == 0) {
            setsid();
            if (fork() == 0) {
                *escaped.value = getpid();
                for (;;) pause();
            }
            _exit(0);
        }
        while (*escaped.value == 0) usleep(1000);
    });
    EXPECT_EQ(came.how, isolated::end::completed);
    EXPECT_EQ(kill(*escaped.value, 0), -1);
    EXPECT_EQ(errno, ESRCH);
}

// In a process of its own, which may be stopped: how a test ends there that takes `takes`, at a limit of twice that.
isolated::end ends_in_a_process(useconds_t takes, const std::function<void(pid_t)>& meanwhile) {
    const pid_t runner = fork();
    if (runner == 0) {
        const isolated came = run(2 * std::chrono::microseconds(takes), [&](bytes) { usleep(takes); });
        _exit(static_cast<int>(came.how));
    }
    meanwhile(runner);
    int status = 0;
    while (waitpid(runner, &status, 0) < 0 && errno == EINTR) {
    }
    return WIFEXITED(status) ? static_cast<isolated::end>(WEXITSTATUS(status)) : isolated::end::failed;
}

TEST(isolate, a_runner_that_was_stopped_has_lost_nothing) {
    const isolated::end how = ends_in_a_process(400'000, [](pid_t runner) {
        usleep(100'000);
        kill(runner, SIGSTOP);
        for (int i = 0; i < 15; ++i) usleep(100'000);
        kill(runner, SIGCONT);
    });
    EXPECT_EQ(how, isolated::end::completed);
}

TEST(isolate, what_the_runner_has_open_is_out_of_reach) {
    std::array<int, 2> ends;
    ASSERT_EQ(pipe(ends.data()), 0);
    run(plenty, [](bytes) { write_everywhere("garbage", 7); });
    close(ends[1]);
    char got = 0;
    EXPECT_EQ(read(ends[0], &got, 1), 0);
    close(ends[0]);
}

TEST(isolate, silence_is_no_result) {
    const isolated came = run(plenty, [](bytes) { _exit(0); });
    EXPECT_EQ(came.how, isolated::end::silent);
    EXPECT_EQ(came.code, 0);
}

TEST(isolate, exit_code_is_told) {
    EXPECT_EQ(run(plenty, [](bytes) { _exit(9); }).code, 9);
}

TEST(isolate, garbage_is_no_result) {
    const isolated came = run(plenty, [](bytes) {
        const std::vector<char> garbage(5000, 'x');
        write_everywhere(garbage.data(), garbage.size());
        _exit(0);
    });
    EXPECT_EQ(came.how, isolated::end::silent);
}

TEST(isolate, garbage_of_the_right_size_is_no_result) {
    const isolated came = run(plenty, [](bytes out) {
        const std::vector<char> garbage(out.size() + 16, 0);
        write_everywhere(garbage.data(), garbage.size());
        _exit(0);
    });
    EXPECT_EQ(came.how, isolated::end::silent);
}

TEST(isolate, garbage_before_the_record_is_no_result) {
    const isolated came = run(plenty, [](bytes) { write_everywhere("x", 1); });
    EXPECT_EQ(came.how, isolated::end::silent);
}

TEST(isolate, half_a_record_is_no_result) {
    const isolated came = run(plenty, [](bytes) {
        write_everywhere("half", 4);
        _exit(0);
    });
    EXPECT_EQ(came.how, isolated::end::silent);
}

TEST(isolate, a_gigabyte_on_standard_error_keeps_its_end) {
    const isolated came = run(plenty, [](bytes) {
        const std::vector<char> line(1 << 20, 'e');
        for (int i = 0; i < 1024; ++i)
            if (write(STDERR_FILENO, line.data(), line.size()) < 0) _exit(1);
        if (write(STDERR_FILENO, "the end", 7) < 0) _exit(1);
    });
    EXPECT_EQ(came.how, isolated::end::completed);
    EXPECT_LE(came.complaint.size(), 4096u);
    EXPECT_TRUE(came.complaint.ends_with("the end"));
}

TEST(isolate, no_descriptors_left_is_not_a_hang) {
    const isolated came = run(plenty, [](bytes) {
        while (dup(STDERR_FILENO) >= 0) {
        }
    });
    EXPECT_EQ(came.how, isolated::end::completed);
}

TEST(isolate, leaves_no_descriptor_open) {
    const int before = dup(0);
    close(before);
    for (int i = 0; i < 20; ++i) run(plenty, [](bytes) { raise(SIGKILL); });
    const int after = dup(0);
    close(after);
    EXPECT_EQ(before, after);
}

}  // namespace
}  // namespace cmodx
