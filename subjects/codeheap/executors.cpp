// SPDX-License-Identifier: Apache-2.0
#include "executors.hpp"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace cmodx::code {
namespace {

// include/uapi/linux/membarrier.h; the C library's headers may be older.
constexpr int private_expedited = 1 << 3, register_private_expedited = 1 << 4;
constexpr int sync_core = 1 << 5, register_sync_core = 1 << 6;

bool membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0) == 0; }

std::uint32_t load(const std::uint32_t& value) { return __atomic_load_n(&value, __ATOMIC_ACQUIRE); }

// Executors of heaps that are gone.
executor* pool;
mutex pool_lock;

executor* take_executor() {
    {
        const guard g(pool_lock);
        if (executor* e = pool; e != nullptr) {
            pool = e->next;
            return e;
        }
    }
    constexpr std::size_t size = (sizeof(executor) + 63) & ~std::size_t{63};
    void* memory = aligned_alloc(64, size);
    return memory == nullptr ? nullptr : static_cast<executor*>(memset(memory, 0, size));
}

// A thread that is asked to synchronize itself; the executor is in the signal's value. The signal may come late, when
// that is another thread's or nobody's.
void on_signal(int, siginfo_t* info, void*) {
    if (info->si_code != SI_QUEUE || info->si_pid != getpid()) return;
    const int saved = errno;
    auto* e = static_cast<executor*>(info->si_value.sival_ptr);
    if (load(e->taken) != 0 && e->thread == this_thread()) e->of->refresh(*e);
    errno = saved;
}

}  // namespace

pid_t this_thread() { return static_cast<pid_t>(syscall(SYS_gettid)); }

void machine_facts::probe() {
    target::live::probe([this](std::string_view key, std::string_view value) { set(key, value); });
}

bool machine_facts::set(std::string_view key, std::string_view value) {
    const auto keep = [this](std::string_view s) {
        memcpy(text_.data() + used_, s.data(), s.size());
        const std::string_view kept(text_.data() + used_, s.size());
        used_ += s.size();
        return kept;
    };
    if (key.empty() || used_ + key.size() + value.size() > text_.size()) return false;
    for (std::size_t i = 0; i < count_; ++i)
        if (facts_[i].key == key) {
            facts_[i].value = keep(value);
            return true;
        }
    if (count_ == facts_.size()) return false;
    facts_[count_].key = keep(key);
    facts_[count_++].value = keep(value);
    return true;
}

bool machine_facts::add(std::string_view assignments) {
    while (!assignments.empty()) {
        const std::size_t end = assignments.find(',');
        const std::string_view one = assignments.substr(0, end);
        assignments.remove_prefix(end == one.npos ? assignments.size() : end + 1);
        const std::size_t equals = one.find('=');
        if (equals == one.npos) return false;
        std::string_view value = one;
        value.remove_prefix(equals + 1);
        if (!set(one.substr(0, equals), value)) return false;
    }
    return true;
}

codeheap_error executors::prepare(codeheap_sync how, int signal, std::span<const fact> facts) {
    how_ = how;
    way_ = target::live::choose(facts);
    all_ = membarrier(register_sync_core);
    kernel_ = target::live::broadcast(nullptr, nullptr);
    expedited_ = membarrier(register_private_expedited);
    if (how == CODEHEAP_BROADCAST && !can_interrupt_all()) return CODEHEAP_NO_MEMBARRIER;
    if (how != CODEHEAP_TRACKED) return CODEHEAP_OK;
    if (signal == 0) return can_interrupt_all() ? CODEHEAP_OK : CODEHEAP_NO_MEMBARRIER;
    struct sigaction action = {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK;
    if (sigaction(signal, &action, nullptr) != 0) return CODEHEAP_BAD_ARGUMENT;
    signal_ = signal;
    return CODEHEAP_OK;
}

executors::~executors() {
    const guard g(pool_lock);
    while (executor* e = list_) {
        list_ = e->next;
        __atomic_store_n(&e->taken, 0, __ATOMIC_RELEASE);
        e->active = 0;
        e->next = pool;
        pool = e;
    }
}

void executors::lock_pool() { pool_lock.lock(); }
void executors::unlock_pool() { pool_lock.unlock(); }

codeheap_error executors::enlist(codeheap_executor** out) {
    const guard g(lock_);
    executor* e = list_;
    while (e != nullptr && e->taken != 0) e = e->next;
    const bool fresh = e == nullptr;
    if (fresh) e = take_executor();
    if (e == nullptr) return CODEHEAP_NO_MEMORY;
    e->generation = &generation_;
    e->epoch = &epoch_;
    e->of = this;
    e->thread = this_thread();
    // Tracking asks before it interrupts, so it must not be missed; without membarrier nothing else orders an entry.
    e->fence = how_ == CODEHEAP_TRACKED || !expedited_;
    e->seen = load(generation_) - 2;  // the first check synchronizes
    __atomic_store_n(&e->taken, 1, __ATOMIC_RELEASE);
    if (fresh) {
        e->next = list_;
        __atomic_store_n(&list_, e, __ATOMIC_RELEASE);
    }
    __atomic_add_fetch(&enlisted_, 1, __ATOMIC_SEQ_CST);
    *out = e;
    return CODEHEAP_OK;
}

void executors::dismiss(codeheap_executor* which) {
    const guard g(lock_);
    auto* e = static_cast<executor*>(which);
    if (e->taken == 0 || e->of != this) return;  // of a thread that a fork has left behind
    __atomic_store_n(&e->active, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&e->taken, 0, __ATOMIC_RELEASE);
    __atomic_sub_fetch(&enlisted_, 1, __ATOMIC_SEQ_CST);
}

void executors::refresh(executor& e) {
    const std::uint32_t g = load(generation_);
    synchronize_self();
    __atomic_store_n(&e.seen, g & ~1u, __ATOMIC_RELEASE);
}

// Entering: a closed gate is waited for outside.
void executors::wait(executor& e) {
    while ((load(generation_) & 1) != 0) {
        __atomic_store_n(&e.active, 0, __ATOMIC_RELEASE);
        while ((load(generation_) & 1) != 0) sched_yield();
        __atomic_store_n(&e.active, load(epoch_), __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    refresh(e);
}

// Whoever enters from now on sees what was stored before, and who entered before is seen to be inside: the other half
// is the fence of codeheap_enter, or none where the kernel provides both. False: the kernel has no memory for it.
bool executors::order_with_entries() {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (how_ == CODEHEAP_TRACKED || !expedited_ || !any()) return true;
    if (!membarrier(private_expedited)) return false;
    __atomic_add_fetch(&broadcasts_, 1, __ATOMIC_RELAXED);
    return true;
}

bool executors::others_inside() {
    if (!order_with_entries()) return true;  // for all that is known
    const pid_t self = this_thread();
    for (executor* e = first(); e != nullptr; e = e->next)
        if (load(e->taken) != 0 && e->thread != self && load(e->active) != 0) return true;
    return false;
}

bool executors::close_gate() {
    __atomic_fetch_or(&generation_, 1, __ATOMIC_SEQ_CST);
    if (!others_inside()) return true;
    open_gate();
    return false;
}
void executors::open_gate() { __atomic_add_fetch(&generation_, 1, __ATOMIC_SEQ_CST); }

bool executors::passed(std::uint32_t stamp) {
    if (!order_with_entries()) return false;
    for (executor* e = first(); e != nullptr; e = e->next) {
        const std::uint32_t entered = load(e->active);
        if (entered != 0 && static_cast<std::int32_t>(entered - stamp) <= 0) return false;
    }
    return true;
}

codeheap_error executors::interrupt_all(const void* begin, const void* end) {
    __atomic_add_fetch(&broadcasts_, 1, __ATOMIC_RELAXED);
    if (kernel_ && target::live::broadcast(begin, end)) return CODEHEAP_OK;
    return all_ && membarrier(sync_core) ? CODEHEAP_OK : CODEHEAP_NO_MEMBARRIER;
}

// Whether the thread has synchronized itself, or is outside; false: it does not answer, as its signals are blocked.
bool executors::interrupt(executor& e, std::uint32_t generation) {
    siginfo_t info = {};
    info.si_signo = signal_;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value.sival_ptr = &e;
    if (syscall(SYS_rt_tgsigqueueinfo, info.si_pid, e.thread, signal_, &info) != 0) return errno == ESRCH;
    __atomic_add_fetch(&interrupts_, 1, __ATOMIC_RELAXED);
    timespec start = {}, now = {};
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        if (load(e.active) == 0 || static_cast<std::int32_t>(load(e.seen) - generation) >= 0) return true;
        sched_yield();
        clock_gettime(CLOCK_MONOTONIC, &now);
        if ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1'000'000 > 100) return false;
    }
}

codeheap_error executors::make_visible(const void* begin, const void* end) {
    switch (how_) {
        case CODEHEAP_BROADCAST: return interrupt_all(begin, end);
        case CODEHEAP_LAZY: __atomic_add_fetch(&generation_, 2, __ATOMIC_SEQ_CST); return CODEHEAP_OK;
        case CODEHEAP_NONE: return CODEHEAP_OK;
        case CODEHEAP_TRACKED: break;
    }
    const std::uint32_t g = __atomic_add_fetch(&generation_, 2, __ATOMIC_SEQ_CST) & ~1u;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (executor* e = first(); e != nullptr; e = e->next) {
        if (load(e->taken) == 0 || load(e->active) == 0) continue;
        if (static_cast<std::int32_t>(load(e->seen) - g) >= 0) continue;
        if (e->thread == this_thread()) {
            refresh(*e);
            continue;
        }
        if (signal_ == 0 || !interrupt(*e, g)) return interrupt_all(begin, end);
    }
    return CODEHEAP_OK;
}

void executors::keep_only(pid_t forking) {
    enlisted_ = 0;
    for (executor* e = list_; e != nullptr; e = e->next) {
        if (e->taken != 0 && e->thread == forking) {
            e->thread = this_thread();
            ++enlisted_;
        } else {
            e->active = 0;
            e->taken = 0;
        }
    }
}

}  // namespace cmodx::code

using cmodx::code::executor;

void codeheap_synchronize(codeheap_executor* which) {
    auto* e = static_cast<executor*>(which);
    while ((__atomic_load_n(e->generation, __ATOMIC_ACQUIRE) & 1) != 0) sched_yield();
    e->of->refresh(*e);
}
void codeheap_wait(codeheap_executor* which) {
    auto* e = static_cast<executor*>(which);
    e->of->wait(*e);
}
