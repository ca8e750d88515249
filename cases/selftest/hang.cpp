// SPDX-License-Identifier: Apache-2.0
// selftest.hang.*: a test that never ends, whatever it does about it, is a timeout.
#include <signal.h>
#include <unistd.h>

#include <array>

#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

struct hang : base {
    static constexpr come_to right = {"timeout", "still running after"};
};

struct blocked : hang {
    static constexpr std::string_view name = "selftest.hang.blocked";
    static constexpr std::string_view meaning = "hangs with every signal blocked";
    static void script(cmodx::script&) {
        sigset_t all;
        sigfillset(&all);
        sigprocmask(SIG_BLOCK, &all, nullptr);
        for (;;) pause();
    }
};

struct ignores : hang {
    static constexpr std::string_view name = "selftest.hang.ignores";
    static constexpr std::string_view meaning = "hangs and ignores SIGTERM, SIGINT and SIGHUP";
    static void script(cmodx::script&) {
        for (const int s : {SIGTERM, SIGINT, SIGHUP}) signal(s, SIG_IGN);
        for (;;) pause();
    }
};

struct stopped : hang {
    static constexpr std::string_view name = "selftest.hang.stopped";
    static constexpr std::string_view meaning = "stops itself";
    static void script(cmodx::script&) { raise(SIGSTOP); }
};

struct closed : hang {
    static constexpr std::string_view name = "selftest.hang.closed";
    static constexpr std::string_view meaning = "closes every descriptor and hangs";
    static void script(cmodx::script&) {
        for (int file = 0; file < 1024; ++file) close(file);
        for (;;) pause();
    }
};

struct spins : hang {
    static constexpr std::string_view name = "selftest.hang.spins";
    static constexpr std::string_view meaning = "spins for ever";
    static void script(cmodx::script& s) {
        while (s.words().turn.load() == 0) platform::pause();
    }
};

struct writes : hang {
    static constexpr std::string_view name = "selftest.hang.writes";
    static constexpr std::string_view meaning = "writes to standard error for ever";
    static void script(cmodx::script&) {
        std::array<char, 4096> line;
        line.fill('e');
        while (write(STDERR_FILENO, line.data(), line.size()) > 0) {
        }
    }
};

const define_selftest<blocked> blocked_entry;
const define_selftest<ignores> ignores_entry;
const define_selftest<stopped> stopped_entry;
const define_selftest<closed> closed_entry;
const define_selftest<spins> spins_entry;
const define_selftest<writes> writes_entry;

}  // namespace
}  // namespace cmodx::selftest
