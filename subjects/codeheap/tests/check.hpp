// SPDX-License-Identifier: Apache-2.0
// Tests that run wherever the library does, GoogleTest or not: `codeheap_test` runs all, `codeheap_test NAME` one.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "include/codeheap.h"
#include "live.hpp"

namespace heap_tests {

struct test {
    const char* name;
    void (*run)();
    test* next;
    static inline test* first = nullptr;
    test(const char* n, void (*r)()) : name(n), run(r), next(first) { first = this; }
};

inline bool failed = false;

// Ends the test, not the process, as a reason for why it cannot run here.
struct skipped {
    std::string reason;
};

template <class A, class B>
bool expect(const A& is, const B& should, const char* what, const char* file, int line) {
    if (is == should) return true;
    failed = true;
    std::fprintf(stderr, "%s:%d: %s: is %lld, should be %lld\n", file, line, what, static_cast<long long>(is),
                 static_cast<long long>(should));
    return false;
}

// Code of this architecture.
using bytes = std::vector<std::uint8_t>;
inline bytes returning(std::uint8_t value) {
    bytes b(32);
    cmodx::code_buffer c{b.data(), b.size()};
    cmodx::target::live::emit_return(c, value);
    b.resize(c.size);
    return b;
}
inline int call(const void* code) { return reinterpret_cast<int (*)()>(reinterpret_cast<std::uintptr_t>(code))(); }

// A heap that lives as long as a test; without one the test ends, skipped if this machine is known to refuse it.
class heap {
  public:
    explicit heap(codeheap_options o = {}) {
        o.version = CODEHEAP_VERSION;
        const codeheap_error e = codeheap_create(&o, &h_);
        if (e != CODEHEAP_OK) throw skipped{codeheap_text(e)};
    }
    ~heap() { codeheap_destroy(h_); }
    heap(const heap&) = delete;
    operator codeheap*() const { return h_; }

    void* alloc(const bytes& b, std::uint32_t flags = 0, std::size_t alignment = 0) const {
        void* code = nullptr;
        const codeheap_error e = codeheap_alloc(h_, b.data(), b.size(), alignment, flags, &code);
        expect(e, CODEHEAP_OK, codeheap_text(e), __FILE__, __LINE__);
        return code;
    }

  private:
    codeheap* h_ = nullptr;
};

// The mapping that the tests use where one will do: dual if this machine runs what is written so.
inline codeheap_options usual(codeheap_sync sync = CODEHEAP_BROADCAST) {
    codeheap_options o = {};
    o.version = CODEHEAP_VERSION;
    o.sync = sync;
    codeheap* h = nullptr;
    if (codeheap_create(&o, &h) == CODEHEAP_STALE_MAPPING) {
        o.mapping = CODEHEAP_RWX;
        o.flags = CODEHEAP_ALLOW_RWX;
    }
    codeheap_destroy(h);
    return o;
}

}  // namespace heap_tests

#define HEAP_TEST(name)                                         \
    static void name();                                         \
    static const heap_tests::test register_##name(#name, name); \
    static void name()
#define EXPECT_IS(is, should) heap_tests::expect((is), (should), #is, __FILE__, __LINE__)
