// SPDX-License-Identifier: Apache-2.0
// selftest.end.*: a test's process ends in another way than it should. Every signal that ends a process by default is
// a crash that names it.
#include <signal.h>
#include <unistd.h>

#include <new>
#include <stdexcept>
#include <tuple>
#include <utility>

#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

struct fatal {
    int number;
    std::string_view name;
    std::string_view reason;
};
#define CMODX_FATAL(name) \
    fatal { SIG##name, "selftest.end.SIG" #name, "ended by SIG" #name }
constexpr fatal fatals[] = {
    CMODX_FATAL(ABRT), CMODX_FATAL(ALRM), CMODX_FATAL(BUS),    CMODX_FATAL(FPE),  CMODX_FATAL(HUP),  CMODX_FATAL(ILL),
    CMODX_FATAL(INT),  CMODX_FATAL(KILL), CMODX_FATAL(PIPE),   CMODX_FATAL(POLL), CMODX_FATAL(PROF), CMODX_FATAL(PWR),
    CMODX_FATAL(QUIT), CMODX_FATAL(SEGV), CMODX_FATAL(STKFLT), CMODX_FATAL(SYS),  CMODX_FATAL(TERM), CMODX_FATAL(TRAP),
    CMODX_FATAL(USR1), CMODX_FATAL(USR2), CMODX_FATAL(VTALRM), CMODX_FATAL(XCPU), CMODX_FATAL(XFSZ),
};
#undef CMODX_FATAL

template <std::size_t I>
struct by_signal : base {
    static constexpr std::string_view name = fatals[I].name;
    static constexpr std::string_view meaning = "the process of the test ends by the signal of its name";
    static constexpr come_to right = {"crash", fatals[I].reason};
    static void script(cmodx::script&) { raise(fatals[I].number); }
};

// Real-time signals have numbers of their own in each C library, and emulators lack the last of them.
struct first_realtime : base {
    static constexpr std::string_view name = "selftest.end.SIGRTMIN";
    static constexpr std::string_view meaning = "the process of the test ends by the first real-time signal";
    static constexpr come_to right = {"crash", "ended by SIGRTMIN"};
    static void script(cmodx::script&) { raise(SIGRTMIN); }
};

struct middle_realtime : base {
    static constexpr std::string_view name = "selftest.end.SIGRTMIN.16";
    static constexpr std::string_view meaning = "the process of the test ends by one of the real-time signals";
    static constexpr come_to right = {"crash", "ended by SIGRTMIN+16"};
    static void script(cmodx::script&) { raise(SIGRTMIN + 16); }
};

struct group : base {
    static constexpr std::string_view name = "selftest.end.group";
    static constexpr std::string_view meaning = "the test kills its process group, which is not the runner's";
    static constexpr come_to right = {"crash", "ended by SIGKILL"};
    static void script(cmodx::script&) { kill(0, SIGKILL); }
};

struct null : base {
    static constexpr std::string_view name = "selftest.end.null";
    static constexpr std::string_view meaning = "the harness's own code writes to address 0";
    static constexpr come_to right = {"crash", "ended by SIGSEGV"};
    static void script(cmodx::script&) {
        volatile int* volatile nowhere = nullptr;
        // cppcheck-suppress nullPointer
        *nowhere = 1;  // NOLINT(clang-analyzer-core.NullDereference)
    }
};

int deeper(int n) {
    volatile char room[4096];
    room[0] = static_cast<char>(n);
    return n < 0 ? 0 : deeper(n + 1) + room[0];
}
struct overflow : base {
    static constexpr std::string_view name = "selftest.end.stack";
    static constexpr std::string_view meaning = "the stack overflows";
    static constexpr come_to right = {"crash", "ended by SIGSEGV"};
    static void script(cmodx::script& s) { s.words().word[0] = static_cast<std::uint64_t>(deeper(1)); }
};

struct exception : base {
    static constexpr std::string_view name = "selftest.end.exception";
    static constexpr std::string_view meaning = "an exception leaves the test";
    static constexpr come_to right = {"crash", "ended by SIGABRT"};
    static void script(cmodx::script&) { throw std::runtime_error("nobody catches this"); }
};

struct silent : base {
    static constexpr std::string_view name = "selftest.end.silent";
    static constexpr std::string_view meaning = "the process exits with 0 and says nothing";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script&) { _exit(0); }
};

struct code : base {
    static constexpr std::string_view name = "selftest.end.code";
    static constexpr std::string_view meaning = "the process exits with 9 and says nothing";
    static constexpr come_to right = {"error", "exited with 9 and no record"};
    static void script(cmodx::script&) { _exit(9); }
};

template <std::size_t... I>
std::tuple<define_selftest<by_signal<I>>...> every(std::index_sequence<I...>);
const decltype(every(std::make_index_sequence<std::size(fatals)>())) signals;
const define_selftest<first_realtime> first_realtime_entry;
const define_selftest<middle_realtime> middle_realtime_entry;
const define_selftest<group> group_entry;
const define_selftest<null> null_entry;
const define_selftest<overflow> overflow_entry;
const define_selftest<exception> exception_entry;
const define_selftest<silent> silent_entry;
const define_selftest<code> code_entry;

}  // namespace
}  // namespace cmodx::selftest
