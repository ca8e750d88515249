// SPDX-License-Identifier: Apache-2.0
// selftest.resource.*: a test that takes all there is of something ends as it should, and so does the one after it.
#include <sys/resource.h>
#include <unistd.h>

#include <new>
#include <vector>

#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

struct memory : base {
    static constexpr std::string_view name = "selftest.resource.memory";
    static constexpr std::string_view meaning = "takes all the memory that it may have";
    static constexpr come_to right = {"crash", "ended by SIGABRT"};
    static void script(cmodx::script& s) {
        constexpr std::size_t piece = 1 << 20;
        constexpr rlimit most = {256 * piece, 256 * piece};
        setrlimit(RLIMIT_AS, &most);
        // Each is used: memory that nobody looks at need not be allocated.
        for (unsigned i = 0; i < 512; ++i) static_cast<volatile char*>(operator new(piece))[0] = 1;
        s.refuse("not here: RLIMIT_AS is not enforced");  // qemu-user does not
    }
};

struct descriptors : base {
    static constexpr std::string_view name = "selftest.resource.descriptors";
    static constexpr std::string_view meaning = "takes every descriptor, and behaves";
    static constexpr come_to right = {"pass", ""};
    static void script(cmodx::script& s) {
        while (dup(STDERR_FILENO) >= 0) {
        }
        behave(s);
    }
};

struct output : base {
    static constexpr std::string_view name = "selftest.resource.output";
    static constexpr std::string_view meaning =
        "writes a gigabyte, or for two seconds, to standard output and to standard error, and behaves";
    static constexpr come_to right = {"pass", ""};
    static void script(cmodx::script& s) {
        static bool done = false;
        const std::vector<char> line(1 << 20, 'e');
        const std::uint64_t end = platform::nanoseconds() + 2'000'000'000;  // in a guest it may be slow
        for (int i = 0; i < 1024 && !done && platform::nanoseconds() < end; ++i)
            for (const int file : {STDOUT_FILENO, STDERR_FILENO})
                if (write(file, line.data(), line.size()) < 0) return s.fail("cannot write");
        done = true;
        behave(s);
    }
};

struct children : base {
    static constexpr std::string_view name = "selftest.resource.children";
    static constexpr std::string_view meaning = "leaves children behind that outlive it, and behaves";
    static constexpr come_to right = {"pass", ""};
    static void script(cmodx::script& s) {
        static unsigned count = 0;
        for (; count < 8; ++count)
            if (fork() == 0)
                for (;;) pause();
        behave(s);
    }
};

struct escaped : base {
    static constexpr std::string_view name = "selftest.resource.escaped";
    static constexpr std::string_view meaning = "leaves processes behind in sessions of their own, and behaves";
    static constexpr come_to right = {"pass", ""};
    static void script(cmodx::script& s) {
        static unsigned count = 0;
        for (; count < 4; ++count) {
            if (fork() != 0) continue;
            setsid();
            if (fork() != 0) _exit(0);
            for (;;) pause();
        }
        behave(s);
    }
};

const define_selftest<memory> memory_entry;
const define_selftest<descriptors> descriptors_entry;
const define_selftest<output> output_entry;
const define_selftest<children> children_entry;
const define_selftest<escaped> escaped_entry;

}  // namespace
}  // namespace cmodx::selftest
