// SPDX-License-Identifier: Apache-2.0
// The threads that run the heap's code: how they come to see what is new, and when none can be in what is old.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include "live.hpp"
#include "slab.hpp"

namespace cmodx::code {

// What is known of this machine: probed, and what the caller knows better.
class machine_facts {
  public:
    void probe();
    bool add(std::string_view assignments);  // "key=value,…"; false if it is not of that form, or too much
    std::span<const fact> all() const { return {facts_.data(), count_}; }

  private:
    bool set(std::string_view key, std::string_view value);
    std::array<fact, 32> facts_{};
    std::size_t count_ = 0;
    std::array<char, 768> text_{};
    std::size_t used_ = 0;
};

pid_t this_thread();

// Its memory is never given back: a signal that was sent to its thread may come when the heap is long gone.
struct executor : codeheap_executor {
    class executors* of = nullptr;
    pid_t thread = 0;
    std::uint32_t taken = 0;
    executor* next = nullptr;  // of the heap's, or of the pool's
};

class executors {
  public:
    codeheap_error prepare(codeheap_sync how, int signal, std::span<const fact> facts);
    ~executors();

    codeheap_error enlist(codeheap_executor** e);
    void dismiss(codeheap_executor* e);
    bool any() const { return __atomic_load_n(&enlisted_, __ATOMIC_ACQUIRE) != 0; }

    // Sees to it that the code at begin … end, which was maintained, is seen as the policy promises.
    codeheap_error make_visible(const void* begin, const void* end);
    // The same for every thread at once, whatever the policy.
    codeheap_error interrupt_all(const void* begin, const void* end);
    bool can_interrupt_all() const { return all_ || kernel_; }

    // Keeps threads from entering; false, and nothing changed, if another than the caller is inside.
    bool close_gate();
    void open_gate();
    // Whether a registered thread other than the caller is inside.
    bool others_inside();

    // A stamp for what nobody can get hold of any more.
    std::uint32_t stamp() { return __atomic_fetch_add(&epoch_, 2, __ATOMIC_ACQ_REL); }
    // Whether each thread that was inside at the stamp has left since.
    bool passed(std::uint32_t stamp);

    void synchronize_self() { target::live::synchronize(way_); }
    void refresh(executor& e);
    void wait(executor& e);

    // Around a fork: of the process-wide pool, then of a heap's registration.
    static void lock_pool();
    static void unlock_pool();
    void lock() { lock_.lock(); }
    void unlock() { lock_.unlock(); }
    // In the child: of the threads that were registered only the one that forked is there.
    void keep_only(pid_t forking);

    codeheap_sync how() const { return how_; }
    std::uint64_t broadcasts() const { return __atomic_load_n(&broadcasts_, __ATOMIC_RELAXED); }
    std::uint64_t interrupts() const { return __atomic_load_n(&interrupts_, __ATOMIC_RELAXED); }

  private:
    executor* first() const { return __atomic_load_n(&list_, __ATOMIC_ACQUIRE); }
    bool order_with_entries();
    bool interrupt(executor& e, std::uint32_t generation);

    alignas(64) std::uint32_t generation_ = 2;  // odd: the gate is closed
    std::uint32_t epoch_ = 1;                   // always odd, so never 0
    alignas(64) executor* list_ = nullptr;
    std::uint32_t enlisted_ = 0;
    codeheap_sync how_{};
    target::live::way way_{};
    int signal_ = 0;
    bool all_ = false;        // membarrier SYNC_CORE is registered
    bool kernel_ = false;     // the architecture's own broadcast works
    bool expedited_ = false;  // membarrier PRIVATE_EXPEDITED is registered
    std::uint64_t broadcasts_ = 0;
    std::uint64_t interrupts_ = 0;
    mutex lock_;
};

// A thread that flips pages would wait for itself if a signal handler of its own entered meanwhile.
class signals_blocked {
  public:
    signals_blocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;

  private:
    sigset_t before_;
};

}  // namespace cmodx::code
