// SPDX-License-Identifier: Apache-2.0
// What the kernel refuses when the heap is already in use: for want of memory, or since it is sealed.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.hpp"

using namespace heap_tests;  // NOLINT(google-build-using-namespace)

namespace {

constexpr int unable = 77;

// From now on the call fails by ENOMEM; with a length, only if its second argument is that and its third is `how`.
bool deny(long call, unsigned length = 0, unsigned how = 0) {
    const auto number = static_cast<unsigned>(call), always = length == 0 ? number : 0;
    const auto argument = [always](unsigned n) {  // the lower half, on a little-endian machine
        return static_cast<unsigned>(always != 0 ? offsetof(seccomp_data, nr) : offsetof(seccomp_data, args) + 8 * n);
    };
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(1)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, always != 0 ? always : length, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument(2)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, always != 0 ? always : how, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// What it returns in a child process, which is for good denied what it denies itself.
void expect_of_child(const std::function<int()>& what) {
    const pid_t child = fork();
    if (child == 0) _exit(what());
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == unable) throw skipped{"that cannot be denied here"};
    EXPECT_IS(status, 0);
}

codeheap* make(codeheap_sync sync, codeheap_mapping mapping) {
    codeheap_options o = {};
    o.version = CODEHEAP_VERSION;
    o.sync = sync;
    o.mapping = mapping;
    codeheap* h = nullptr;
    (void)codeheap_create(&o, &h);
    return h;
}

}  // namespace

// Without the barrier nobody knows who is inside.
HEAP_TEST(denied_barrier_ends_no_grace_period) {
    expect_of_child([] {
        codeheap* h = make(CODEHEAP_LAZY, CODEHEAP_DUAL);
        codeheap_executor* e = nullptr;
        void* code = nullptr;
        const bytes b = returning(1);
        if (h == nullptr || codeheap_register(h, &e) != CODEHEAP_OK || e->fence != 0) return unable;
        if (codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return 1;
        if (!deny(SYS_membarrier)) return unable;
        if (codeheap_free(h, code) != CODEHEAP_OK || codeheap_reclaim(h) == 0) return 2;
        return call(code) == 1 ? 0 : 3;
    });
}

HEAP_TEST(denied_write_takes_no_piece) {
    expect_of_child([] {
        codeheap* h = make(CODEHEAP_NONE, CODEHEAP_POKE);
        const bytes b = returning(1);
        void* code = nullptr;
        codeheap_info before, after;
        if (h == nullptr || codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return unable;
        codeheap_ask(h, &before);
        if (!deny(SYS_pwrite64)) return unable;
        if (codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_NO_POKE) return 1;
        codeheap_ask(h, &after);
        return after.in_use == before.in_use ? 0 : 2;
    });
}

// The page that was flipped has neighbours.
HEAP_TEST(denied_flip_leaves_code_executable) {
    expect_of_child([] {
        codeheap* h = make(CODEHEAP_NONE, CODEHEAP_FLIP);
        const bytes b = returning(1);
        void *code = nullptr, *other = nullptr;
        if (h == nullptr || codeheap_alloc(h, b.data(), b.size(), 0, 0, &code) != CODEHEAP_OK) return unable;
        // A page alone cannot be made executable again.
        if (!deny(SYS_mprotect, static_cast<unsigned>(sysconf(_SC_PAGESIZE)), PROT_READ | PROT_EXEC)) return unable;
        (void)codeheap_alloc(h, b.data(), b.size(), 0, 0, &other);
        return call(code) == 1 ? 0 : 1;
    });
}

HEAP_TEST(permanent_heap_is_its_makers) {
    codeheap_options o = usual();
    o.flags |= CODEHEAP_PERMANENT;
    const heap h(o);
    void* code = h.alloc(returning(3));
    expect_of_child([&] {
        for (int attempt = 0; attempt < 2; ++attempt) {
            const codeheap_error e = codeheap_after_fork(h);
            if (e != CODEHEAP_OK && e != CODEHEAP_SEALED_HEAP) return 1;
            if (call(code) != 3) return 2;
        }
        return 0;
    });
    EXPECT_IS(call(code), 3);
}
