// SPDX-License-Identifier: Apache-2.0
// The C interface: creation, forks, and what errors mean.
#include "include/codeheap.h"

#include <stdlib.h>
#include <string.h>

#include <iterator>
#include <new>

#include "heap.hpp"
#include "trap.hpp"

using cmodx::code::executors;
using cmodx::code::guard;
using cmodx::code::mutex;

namespace {

constexpr const char* texts[] = {
    "no error",
    "an argument is not what the function takes",
    "memory or address space is exhausted",
    "the address is not that of live code of this heap",
    "the update goes beyond the end of the code",
    "a registered thread is inside the heap's code",
    "this is a child of the process that made the heap, and has not called codeheap_after_fork",
    "memory cannot be mapped twice here: memfd_create or an executable shared mapping is denied",
    "memory cannot be made executable here",
    "the kernel does not write on our behalf: /proc/self/mem is denied",
    "membarrier has no SYNC_CORE here, or is denied",
    "this machine runs old code after new code was written by this mapping",
    "a writable and executable mapping must be allowed explicitly",
    "the update crosses the aligned block in which code that runs may be exchanged",
    "the instruction is not one of those that may be exchanged while they run",
    "what is known of this machine does not promise that code may change while it runs",
    "this mapping does not write in one store",
    "the kernel refused to maintain the caches",
    "the image is not sealed: it may still be written, or change its size",
    "the image cannot be sealed: a writable mapping of it is left",
    "the image is not as long as it says",
    "the file is not an image of code",
    "the image's bytes are not those that were finished",
    "the verifier found what the policy does not allow",
    "the library was built without a verifier",
    "the heap is permanent: its mappings are sealed, and a child cannot have its own",
};
static_assert(std::size(texts) == CODEHEAP_ERRORS);

// Every heap, so that a fork finds no lock taken.
mutex all_lock;
codeheap* all;
bool watching_forks;
pid_t forking;  // the thread

void before_fork() {
    all_lock.lock();
    forking = cmodx::code::this_thread();
    for (codeheap* h = all; h != nullptr; h = h->next) h->lock_all();
    executors::lock_pool();
    cmodx::code::lock_sigtrap();
}
void after_fork() {
    cmodx::code::unlock_sigtrap();
    executors::unlock_pool();
    for (codeheap* h = all; h != nullptr; h = h->next) h->unlock_all();
    all_lock.unlock();
}
void after_fork_in_child() {
    for (codeheap* h = all; h != nullptr; h = h->next) h->threads.keep_only(forking);
    after_fork();
}

codeheap_error make(const codeheap_options& o, codeheap*& made) {
    if (o.mapping == CODEHEAP_RWX && (o.flags & CODEHEAP_ALLOW_RWX) == 0) return CODEHEAP_NOT_EXPLICIT;
    void* memory = aligned_alloc(64, (sizeof(codeheap) + 63) & ~std::size_t{63});
    if (memory == nullptr) return CODEHEAP_NO_MEMORY;
    made = new (memory) codeheap;
    const codeheap_error e = made->start(o);
    if (e == CODEHEAP_OK) return e;
    made->~codeheap();
    free(memory);
    return e;
}

bool may_fall_back(codeheap_error e) {
    return e == CODEHEAP_NO_ALIAS || e == CODEHEAP_NO_EXEC || e == CODEHEAP_NO_POKE || e == CODEHEAP_STALE_MAPPING;
}

}  // namespace

const char* codeheap_text(codeheap_error e) {
    return e >= CODEHEAP_OK && e < CODEHEAP_ERRORS ? texts[e] : "no such error";
}

codeheap_error codeheap_create(const codeheap_options* given, codeheap** heap) {
    codeheap_options o = {};
    o.version = CODEHEAP_VERSION;
    if (given != nullptr) o = *given;
    constexpr std::uint32_t known =
        CODEHEAP_ALLOW_RWX | CODEHEAP_FALL_BACK | CODEHEAP_TAKE_SIGTRAP | CODEHEAP_PERMANENT;
    if (heap == nullptr || o.version != CODEHEAP_VERSION || o.sync < CODEHEAP_BROADCAST || o.sync > CODEHEAP_NONE ||
        o.mapping < CODEHEAP_DUAL || o.mapping > CODEHEAP_RWX || (o.flags & ~known) != 0 || o.reserve > SIZE_MAX / 2)
        return CODEHEAP_BAD_ARGUMENT;
    codeheap* made = nullptr;
    codeheap_error e = make(o, made);
    const codeheap_error first = e;
    while (may_fall_back(e) && (o.flags & CODEHEAP_FALL_BACK) != 0 && o.mapping < CODEHEAP_RWX) {
        o.mapping = static_cast<codeheap_mapping>(o.mapping + 1);
        e = make(o, made);
    }
    if (e != CODEHEAP_OK) return e == CODEHEAP_NOT_EXPLICIT ? first : e;
    const guard g(all_lock);
    if (!watching_forks) watching_forks = pthread_atfork(before_fork, after_fork, after_fork_in_child) == 0;
    made->next = all;
    all = made;
    *heap = made;
    return CODEHEAP_OK;
}

void codeheap_destroy(codeheap* heap) {
    if (heap == nullptr) return;
    {
        const guard g(all_lock);
        codeheap** link = &all;
        while (*link != heap) link = &(*link)->next;
        *link = heap->next;
    }
    heap->~codeheap();
    free(heap);
}

codeheap_error codeheap_alloc(codeheap* heap, const void* buffer, size_t length, size_t alignment, uint32_t flags,
                              void** code) {
    if (heap == nullptr || (flags & ~(CODEHEAP_RETARGETABLE | CODEHEAP_DEFER)) != 0) return CODEHEAP_BAD_ARGUMENT;
    return heap->alloc(buffer, length, alignment, flags, code);
}
codeheap_error codeheap_update(codeheap* heap, void* code, const void* bytes, size_t length, uint32_t flags) {
    if (heap == nullptr || (flags & ~(CODEHEAP_STOPPED | CODEHEAP_DEFER)) != 0) return CODEHEAP_BAD_ARGUMENT;
    return heap->update(code, bytes, length, flags);
}
codeheap_error codeheap_free(codeheap* heap, void* code) {
    return heap == nullptr ? CODEHEAP_BAD_ARGUMENT : heap->release(code);
}
codeheap_error codeheap_publish(codeheap* heap) { return heap == nullptr ? CODEHEAP_BAD_ARGUMENT : heap->publish(); }
size_t codeheap_reclaim(codeheap* heap) { return heap == nullptr ? 0 : heap->reclaim(); }
codeheap_error codeheap_after_fork(codeheap* heap) { return heap == nullptr ? CODEHEAP_BAD_ARGUMENT : heap->adopt(); }
void codeheap_ask(codeheap* heap, codeheap_info* info) { heap->ask(*info); }

codeheap_error codeheap_register(codeheap* heap, codeheap_executor** executor) {
    return heap == nullptr || executor == nullptr ? CODEHEAP_BAD_ARGUMENT : heap->threads.enlist(executor);
}
void codeheap_unregister(codeheap* heap, codeheap_executor* executor) {
    if (heap != nullptr && executor != nullptr) heap->threads.dismiss(executor);
}
