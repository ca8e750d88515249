// SPDX-License-Identifier: Apache-2.0
// Threads that come and go, and forks among them.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

namespace {

// What a child process that does `what` returns, or minus the signal that ended it; it is given 10 seconds.
int in_child(const std::function<int()>& what) {
    const pid_t child = fork();
    if (child == 0) {
        alarm(10);
        _exit(what());
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// A thread that goes from stage to stage as the test says.
class staged {
  public:
    void go(int stage) { stage_.store(stage, std::memory_order_release); }
    void await(int stage) const {
        while (stage_.load(std::memory_order_acquire) < stage) std::this_thread::yield();
    }

  private:
    std::atomic<int> stage_{0};
};

constexpr int late_signal() { return 40; }  // of the real-time signals

// Registers, blocks the signal, is sent one that it does not take, and unregisters. From stage 3 on it may take it.
void blocking_thread(codeheap* h, staged& at) {
    codeheap_executor* e = nullptr;
    codeheap_register(h, &e);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, late_signal());
    pthread_sigmask(SIG_BLOCK, &s, nullptr);
    const int outside = codeheap_enter(e);
    at.go(1);
    at.await(2);
    codeheap_leave(e, outside);
    codeheap_unregister(h, e);
    at.go(3);
    at.await(4);
    sigset_t pending;
    sigpending(&pending);
    EXPECT_IS(sigismember(&pending, late_signal()), 1);
    pthread_sigmask(SIG_UNBLOCK, &s, nullptr);
    at.go(5);
}

codeheap_options tracked_by_signal() {
    codeheap_options o = usual(CODEHEAP_TRACKED);
    o.signal = late_signal();
    return o;
}

}  // namespace

// The signal comes when the heap, and whatever it had, is gone.
HEAP_TEST(late_signal_finds_no_heap) {
    const codeheap_options o = tracked_by_signal();
    { const heap here(o); }  // skipped where there is none
    EXPECT_IS(in_child([&] {
                  codeheap* h = nullptr;
                  if (codeheap_create(&o, &h) != CODEHEAP_OK) return 1;
                  staged at;
                  std::thread t([&] { blocking_thread(h, at); });
                  at.await(1);
                  const bytes b = returning(1);
                  void* code = nullptr;
                  if (codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return 2;
                  at.go(2);
                  at.await(3);
                  codeheap_destroy(h);
                  std::vector<bytes> others;  // take the memory
                  for (std::size_t i = 0; i < 2000; ++i) others.emplace_back(16 + i % 300 * 8, 0x41);
                  at.go(4);
                  t.join();
                  return heap_tests::failed ? 3 : 0;
              }),
              0);
}

// It comes when another thread has the place of the one that it was meant for: that has not synchronized itself.
HEAP_TEST(late_signal_finds_another_thread) {
    const heap h(tracked_by_signal());
    staged at, other;
    std::thread t([&] { blocking_thread(h, at); });
    at.await(1);
    h.alloc(returning(1));
    at.go(2);
    at.await(3);
    std::thread u([&] {
        codeheap_executor* e = nullptr;
        codeheap_register(h, &e);
        const std::uint32_t seen = e->seen;
        other.go(1);
        other.await(2);
        EXPECT_IS(e->seen, seen);
        codeheap_unregister(h, e);
    });
    other.await(1);
    at.go(4);
    t.join();
    other.go(2);
    u.join();
}

HEAP_TEST(fork_while_others_register) {
    // QEMU's user-mode emulation does not take its own locks across a fork: a child may wait for one for ever.
    if (CODEHEAP_TEST_EMULATED) throw skipped{"the emulator's own locks do not survive a fork among threads"};
    const heap h(usual());
    std::atomic<bool> done{false};
    std::vector<std::thread> threads;
    for (int i = 0; i < 2; ++i)
        threads.emplace_back([&] {
            while (!done.load()) {
                codeheap_executor* e = nullptr;
                codeheap_register(h, &e);
                codeheap_unregister(h, e);
            }
        });
    int hung = 0;
    for (int i = 0; i < 100 && hung == 0; ++i)
        hung = in_child([&] {
            alarm(2);
            codeheap_executor* e = nullptr;
            if (codeheap_after_fork(h) != CODEHEAP_OK) return 1;
            return codeheap_register(h, &e) == CODEHEAP_OK ? 0 : 2;
        });
    EXPECT_IS(hung, 0);
    done.store(true);
    for (std::thread& t : threads) t.join();
}

// The thread that forks stays registered, and inside if it was: nothing is freed under it. The others' registrations
// are void, and to end one is nothing.
HEAP_TEST(fork_keeps_the_registration) {
    const heap h(usual());
    codeheap_executor *mine = nullptr, *others = nullptr;
    EXPECT_IS(codeheap_register(h, &mine), CODEHEAP_OK);
    staged at;
    std::thread t([&] {
        codeheap_register(h, &others);
        (void)codeheap_enter(others);
        at.go(1);
        at.await(2);
        codeheap_leave(others, 1);
        codeheap_unregister(h, others);
    });
    at.await(1);
    const int outside = codeheap_enter(mine);
    EXPECT_IS(in_child([&] {
                  if (codeheap_after_fork(h) != CODEHEAP_OK) return 1;
                  codeheap_unregister(h, others);
                  const bytes b = returning(7);
                  void* code = nullptr;
                  if (codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return 2;
                  codeheap_check(mine);
                  if (codeheap_free(h, code) != CODEHEAP_OK || codeheap_reclaim(h) == 0) return 3;
                  if (call(code) != 7) return 4;
                  codeheap_leave(mine, 1);
                  if (codeheap_reclaim(h) != 0) return 5;  // the others are not there
                  codeheap_unregister(h, mine);
                  codeheap_unregister(h, mine);
                  if (codeheap_register(h, &mine) != CODEHEAP_OK || codeheap_enter(mine) != 1) return 6;
                  if (codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return 7;
                  if (codeheap_free(h, code) != CODEHEAP_OK || codeheap_reclaim(h) == 0) return 8;
                  return 0;
              }),
              0);
    codeheap_leave(mine, outside);
    codeheap_unregister(h, mine);
    at.go(2);
    t.join();
}
