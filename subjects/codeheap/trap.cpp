// SPDX-License-Identifier: Apache-2.0
#include "trap.hpp"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <ucontext.h>

#include <cstdint>

#include "linux.hpp"
#include "live.hpp"
#include "slab.hpp"

namespace cmodx::code {
namespace {

using target::live;

// Where breakpoints stand and stood: a thread may be on its way from one to its handler when the update is long over.
// The oldest are forgotten when so many updates have been made since.
constexpr std::size_t remembered = 1024;
std::uintptr_t stood[remembered];
std::uint32_t places;  // of `stood` that were taken
std::uint32_t newest;  // counts what is in both tables
std::uintptr_t standing[64];

struct sigaction before;
bool installed;
mutex installing;

bool among(const std::uintptr_t* table, std::size_t size, std::uintptr_t at) {
    for (std::size_t i = 0; i < size; ++i)
        if (__atomic_load_n(&table[i], __ATOMIC_ACQUIRE) == at) return true;
    return false;
}

void on_trap(int number, siginfo_t* info, void* context) {
    auto& c = *static_cast<ucontext_t*>(context);
    const std::uintptr_t at = target::program_counter(c) - live::behind_breakpoint;
    // An update may end before it is looked for and another begin before the byte is read: then the count has changed.
    const std::uint32_t count = __atomic_load_n(&newest, __ATOMIC_ACQUIRE);
    const bool stands = among(standing, std::size(standing), at);
    bool ours = stands;
    if (!stands && among(stood, remembered, at))
        // NOLINTNEXTLINE(performance-no-int-to-ptr): where the thread is
        ours = __atomic_load_n(reinterpret_cast<const std::uint8_t*>(at), __ATOMIC_ACQUIRE) != live::breakpoint ||
               __atomic_load_n(&newest, __ATOMIC_ACQUIRE) != count;
    if (ours) {
        const int saved = errno;
        if (stands) sched_yield();
        errno = saved;
        target::set_program_counter(c, at);
        return;
    }
    if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(number, info, context);
    if (before.sa_handler == SIG_IGN) return;
    if (before.sa_handler != SIG_DFL) return before.sa_handler(number);
    signal(number, SIG_DFL);
    raise(number);
}

}  // namespace

bool take_sigtrap() {
    const guard g(installing);
    if (installed) return true;
    struct sigaction action = {};
    action.sa_sigaction = on_trap;
    action.sa_flags = SA_SIGINFO | SA_RESTART | SA_ONSTACK | SA_NODEFER;
    installed = sigaction(SIGTRAP, &action, &before) == 0;
    return installed;
}

void lock_sigtrap() { installing.lock(); }
void unlock_sigtrap() { installing.unlock(); }

breakpoint_in_flight::breakpoint_in_flight(const void* at) : at_(at) {
    const auto address = reinterpret_cast<std::uintptr_t>(at);
    const std::uint32_t i = __atomic_fetch_add(&places, 1, __ATOMIC_RELAXED) % remembered;
    __atomic_store_n(&stood[i], address, __ATOMIC_RELEASE);
    const auto stand = [&] {
        for (std::uintptr_t& slot : standing) {
            std::uintptr_t none = 0;
            if (__atomic_compare_exchange_n(&slot, &none, address, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
                return true;
        }
        return false;
    };
    while (!stand()) sched_yield();  // as many heaps as that update at once
    // Last: a handler that has seen this count finds the breakpoint in the tables.
    __atomic_fetch_add(&newest, 1, __ATOMIC_SEQ_CST);
}

breakpoint_in_flight::~breakpoint_in_flight() {
    for (std::uintptr_t& slot : standing)
        if (__atomic_load_n(&slot, __ATOMIC_RELAXED) == reinterpret_cast<std::uintptr_t>(at_)) {
            __atomic_store_n(&slot, 0, __ATOMIC_SEQ_CST);
            return;
        }
}

}  // namespace cmodx::code
