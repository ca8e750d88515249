// SPDX-License-Identifier: Apache-2.0
// selftest.record.*: what comes through the pipe is no record of this test, and is an error.
#include <fcntl.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "cases/selftest/selftest.hpp"

namespace cmodx::selftest {
namespace {

// To every descriptor that is a pipe but the standard ones: one of them is the record's.
void write_to_pipes(const void* data, std::size_t size) {
    for (int file = 3; file < 64; ++file)
        if (write(file, data, size) < 0) continue;
}

struct garbage : base {
    static constexpr std::string_view name = "selftest.record.garbage";
    static constexpr std::string_view meaning = "writes garbage and exits with 0";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script&) {
        const std::vector<char> bytes(50'000, 'x');
        write_to_pipes(bytes.data(), bytes.size());
        _exit(0);
    }
};

struct half : base {
    static constexpr std::string_view name = "selftest.record.half";
    static constexpr std::string_view meaning = "writes half a record and exits with 0";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script&) {
        const std::vector<char> bytes(sizeof(trial_result) / 2, 0);
        write_to_pipes(bytes.data(), bytes.size());
        _exit(0);
    }
};

// The seal of runner/linux/isolate.cpp over a record of the right size, with the nonce of another process.
struct forged : base {
    static constexpr std::string_view name = "selftest.record.forged";
    static constexpr std::string_view meaning = "writes a whole record that was sealed for another test";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script&) {
        constexpr std::uint64_t nonce = 0x1234567890abcdef;
        trial_result other;
        std::vector<std::uint8_t> bytes(16 + sizeof other);
        std::memcpy(bytes.data() + 16, &other, sizeof other);
        const std::uint64_t sum = fnv(bytes.data() + 16, sizeof other, fnv_basis ^ nonce);
        std::memcpy(bytes.data(), &nonce, sizeof nonce);
        std::memcpy(bytes.data() + 8, &sum, sizeof sum);
        write_to_pipes(bytes.data(), bytes.size());
        _exit(0);
    }
};

struct before : base {
    static constexpr std::string_view name = "selftest.record.before";
    static constexpr std::string_view meaning = "behaves, but a byte stands in front of its record";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script& s) {
        write_to_pipes("x", 1);
        behave(s);
    }
};

struct closes : base {
    static constexpr std::string_view name = "selftest.record.closed";
    static constexpr std::string_view meaning = "closes every descriptor and ends as if nothing were";
    static constexpr come_to right = {"error", "exited with 1 and no record"};
    static void script(cmodx::script& s) {
        for (int file = 0; file < 1024; ++file) close(file);
        behave(s);
    }
};

struct heir : base {
    static constexpr std::string_view name = "selftest.record.heir";
    static constexpr std::string_view meaning = "exits in silence, and a child holds the pipe open";
    static constexpr come_to right = {"error", "exited with 0 and no record"};
    static void script(cmodx::script&) {
        if (fork() == 0)
            for (;;) pause();
        _exit(0);
    }
};

const define_selftest<garbage> garbage_entry;
const define_selftest<half> half_entry;
const define_selftest<forged> forged_entry;
const define_selftest<before> before_entry;
const define_selftest<closes> closes_entry;
const define_selftest<heir> heir_entry;

}  // namespace
}  // namespace cmodx::selftest
