/* SPDX-License-Identifier: Apache-2.0 */
/* A heap of code that is executable and not writable, and the protocol that lets threads run what changes in it.
 *
 * Every function may be called from any thread, and none from a signal handler but those marked "async-signal-safe".
 * Errors are values; codeheap_text() says what each means. README.md beside the library's sources says what a fork, a
 * dlclose, exhausted memory and a denied primitive come to. */
#ifndef CODEHEAP_H
#define CODEHEAP_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CODEHEAP_VERSION 1

#if defined CODEHEAP_BUILDING
#define CODEHEAP_API __attribute__((visibility("default")))
#else
#define CODEHEAP_API
#endif

typedef struct codeheap codeheap;

typedef enum codeheap_error {
    CODEHEAP_OK = 0,
    CODEHEAP_BAD_ARGUMENT,   /* a null pointer, a length of 0, an alignment that is no power of two up to 4096, … */
    CODEHEAP_NO_MEMORY,      /* memory or address space is exhausted; the heap is as it was */
    CODEHEAP_NOT_LIVE,       /* the address is none that alloc returned, or it was freed */
    CODEHEAP_TOO_LONG,       /* the update goes beyond the end of the code */
    CODEHEAP_BUSY,           /* a registered thread is inside the heap's code, and this needs all of them outside */
    CODEHEAP_FORKED,         /* this is a child of the process that made the heap: call codeheap_after_fork first */
    CODEHEAP_NO_ALIAS,       /* memory cannot be mapped twice here: memfd_create or an executable shared map is denied */
    CODEHEAP_NO_EXEC,        /* memory cannot be made executable here */
    CODEHEAP_NO_POKE,        /* the kernel does not write for us: /proc/self/mem is denied */
    CODEHEAP_NO_MEMBARRIER,  /* membarrier(2) has no SYNC_CORE here, or is denied */
    CODEHEAP_STALE_MAPPING,  /* self-check: this machine runs old code after new was written by this mapping */
    CODEHEAP_NOT_EXPLICIT,   /* one writable and executable mapping was asked for without CODEHEAP_ALLOW_RWX */
    CODEHEAP_STRADDLES,      /* the update crosses the block in which this machine exchanges code that runs */
    CODEHEAP_OUTSIDE_CLASS,  /* the old or the new instruction is not one of those that may be exchanged while they run */
    CODEHEAP_UNSPECIFIED,    /* what is known of this machine does not promise that code may change while it runs */
    CODEHEAP_NOT_ATOMIC,     /* this mapping does not write in one store: code that runs cannot be modified through it */
    CODEHEAP_MAINTENANCE,    /* the kernel refused to maintain the caches */
    CODEHEAP_NOT_SEALED,     /* image: somebody may still write it, or change its size */
    CODEHEAP_STILL_WRITABLE, /* image: a writable mapping of it is left, so that it cannot be sealed */
    CODEHEAP_TRUNCATED,      /* image: shorter or longer than it says */
    CODEHEAP_BAD_IMAGE,      /* image: its head is not one */
    CODEHEAP_BAD_DIGEST,     /* image: its bytes are not those that were finished */
    CODEHEAP_REFUSED,        /* image: the verifier found something that the policy does not allow */
    CODEHEAP_NO_VERIFIER,    /* image: the library was built without Capstone */
    CODEHEAP_SEALED_HEAP,    /* after_fork: CODEHEAP_PERMANENT has sealed the mappings, a child cannot have its own */
    CODEHEAP_ERRORS          /* how many there are */
} codeheap_error;

/* One sentence; never null. Async-signal-safe. */
CODEHEAP_API const char* codeheap_text(codeheap_error);

/* Who sees new code when alloc, update or publish returns. */
typedef enum codeheap_sync {
    CODEHEAP_BROADCAST, /* every thread of the process: membarrier, or riscv_flush_icache */
    CODEHEAP_LAZY,      /* each thread, from its next codeheap_check or codeheap_enter on; nobody is interrupted */
    CODEHEAP_TRACKED,   /* each registered thread: those inside were interrupted, the others see to it as they enter */
    CODEHEAP_NONE       /* a thread that learns of it from the caller's flag and then synchronizes itself */
} codeheap_sync;

/* How code is written. */
typedef enum codeheap_mapping {
    CODEHEAP_DUAL, /* by a second mapping; no address is writable and executable, ever */
    CODEHEAP_FLIP, /* mprotect: the page is not executable meanwhile, so all registered threads must be outside */
    CODEHEAP_POKE, /* by the kernel, through /proc/self/mem; code that runs is not modified so */
    CODEHEAP_RWX   /* one mapping, writable and executable; wants CODEHEAP_ALLOW_RWX */
} codeheap_mapping;

enum {
    CODEHEAP_ALLOW_RWX = 1,    /* options: CODEHEAP_RWX may be taken */
    CODEHEAP_FALL_BACK = 2,    /* options: if the mapping fails its self-check, try the next of the list above */
    CODEHEAP_TAKE_SIGTRAP = 4, /* options: install a handler of SIGTRAP, for updates that put a breakpoint first */
    CODEHEAP_PERMANENT = 8,    /* options: mseal the mappings where the kernel can; they outlive the heap then */

    CODEHEAP_RETARGETABLE = 16, /* alloc: the address is an entry whose code update may exchange as a whole */
    CODEHEAP_DEFER = 32,        /* alloc, update: others need not see it before codeheap_publish */
    CODEHEAP_STOPPED = 64       /* update: the caller has seen to it that no thread runs the bytes */
};

typedef struct codeheap_options {
    uint32_t version; /* CODEHEAP_VERSION */
    codeheap_sync sync;
    codeheap_mapping mapping;
    uint32_t flags;
    size_t reserve;    /* bytes of address space that the heap takes at a time; 0: 64 MiB, of 32-bit processes 8 MiB */
    int signal;        /* tracked: the signal that interrupts a thread, such as SIGRTMIN+5; 0: membarrier does */
    const char* facts; /* what is known better than the machine says, such as "ziccif=1"; may be null */
} codeheap_options;

/* `options` may be null: broadcast, dual. The heap checks its mapping on the machine before it is returned. */
CODEHEAP_API codeheap_error codeheap_create(const codeheap_options* options, codeheap** heap);
/* No thread may run its code any more. Null is nothing. */
CODEHEAP_API void codeheap_destroy(codeheap* heap);

/* Copies `length` bytes into executable memory. The alignment is at least 16; 0 asks for no more. It is 32 at most with
 * CODEHEAP_RETARGETABLE. */
CODEHEAP_API codeheap_error codeheap_alloc(codeheap* heap, const void* buffer, size_t length, size_t alignment,
                                           uint32_t flags, void** code);
/* Replaces `length` bytes at `code`, any address inside live code, while threads may run them. The bytes are one
 * instruction, which takes the place of one that is as long; with CODEHEAP_STOPPED they are what you like. At an entry made by
 * CODEHEAP_RETARGETABLE they are a new function of any length. Nothing was written if an error is returned, but for
 * CODEHEAP_MAINTENANCE. */
CODEHEAP_API codeheap_error codeheap_update(codeheap* heap, void* code, const void* bytes, size_t length,
                                            uint32_t flags);
/* Threads that are inside may finish; the memory is filled with traps when the last has left, and used again then. */
CODEHEAP_API codeheap_error codeheap_free(codeheap* heap, void* code);
/* Lets others see what was deferred, once for all of it. */
CODEHEAP_API codeheap_error codeheap_publish(codeheap* heap);
/* Ends grace periods that can end, without waiting; bytes that still have to wait, or 0. */
CODEHEAP_API size_t codeheap_reclaim(codeheap* heap);

/* In the child of a fork: gives it a copy of the code at the same addresses. Until then it shares the parent's, and may
 * only run what the parent does not change any more. The registration of the thread that forked goes on, inside or
 * outside; the other threads' are void. */
CODEHEAP_API codeheap_error codeheap_after_fork(codeheap* heap);

typedef struct codeheap_info {
    codeheap_sync sync;
    codeheap_mapping mapping; /* that was taken */
    size_t mapped;            /* bytes of executable memory that hold or held code */
    size_t in_use;            /* bytes handed out, rounded up as they are */
    size_t waiting;           /* bytes freed whose grace period has not ended */
    size_t bookkeeping;       /* bytes of the heap's own data */
    uint64_t broadcasts;      /* barriers that the heap asked the kernel for */
    uint64_t interrupts;      /* signals that it sent to single threads */
} codeheap_info;
CODEHEAP_API void codeheap_ask(codeheap* heap, codeheap_info* info);

/* ------------------------------------------------------------------------------------------------------------------
 * Executors: threads that run the heap's code. Broadcast and none need no registration for new code to be seen; freeing
 * does, unless the caller himself knows that nobody is inside what he frees. A thread
 *
 *     codeheap_enter(e);  p = load_acquire(&pointer);  codeheap_check(e);  p();  codeheap_leave(e);
 *
 * or, if it never blocks for long, stays inside and calls codeheap_quiescent between two such loads. */

typedef struct codeheap_executor {
    const uint32_t* generation; /* of the heap: changes when there is something new; odd while nobody may enter */
    const uint32_t* epoch;      /* of the heap */
    uint32_t seen;              /* generation at which the thread last synchronized itself */
    uint32_t active;            /* epoch at which it entered; 0: outside */
    uint32_t fence;             /* whether entering needs a fence */
} codeheap_executor;

/* For the calling thread, which is outside then. Unregister before the thread or the heap ends. */
CODEHEAP_API codeheap_error codeheap_register(codeheap* heap, codeheap_executor** executor);
CODEHEAP_API void codeheap_unregister(codeheap* heap, codeheap_executor* executor);

/* The slow paths of the functions below. Async-signal-safe. */
CODEHEAP_API void codeheap_synchronize(codeheap_executor* e);
CODEHEAP_API void codeheap_wait(codeheap_executor* e);

/* Between the load of a pointer to code and the call: a load, a compare and a branch. Async-signal-safe. */
static inline void codeheap_check(codeheap_executor* e) {
    if (__builtin_expect(__atomic_load_n(e->generation, __ATOMIC_ACQUIRE) != e->seen, 0)) codeheap_synchronize(e);
}

/* Code that is freed from now on stays whole until the thread leaves. Returns whether it had been outside, which is
 * what leave wants to know: sections nest, also in signal handlers. Async-signal-safe. */
static inline int codeheap_enter(codeheap_executor* e) {
    if (__atomic_load_n(&e->active, __ATOMIC_RELAXED) != 0) return 0;
    __atomic_store_n(&e->active, __atomic_load_n(e->epoch, __ATOMIC_ACQUIRE), __ATOMIC_RELAXED);
    if (__builtin_expect(e->fence != 0, 0)) __atomic_thread_fence(__ATOMIC_SEQ_CST);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (__builtin_expect(__atomic_load_n(e->generation, __ATOMIC_ACQUIRE) != e->seen, 0)) codeheap_wait(e);
    return 1;
}
static inline void codeheap_leave(codeheap_executor* e, int was_outside) {
    if (was_outside) __atomic_store_n(&e->active, 0, __ATOMIC_RELEASE);
}

/* Inside: the thread holds no pointer to code at this moment. Async-signal-safe. */
static inline void codeheap_quiescent(codeheap_executor* e) {
    codeheap_leave(e, 1);
    (void)codeheap_enter(e);
}

/* ------------------------------------------------------------------------------------------------------------------
 * Publish with proof: one process generates code that it cannot run, it is sealed, verified, and only then executable.
 * An image is a memfd, and is passed on like any descriptor. */

/* A new image of `capacity` bytes of code at most. `*room` is writable, never executable. */
CODEHEAP_API codeheap_error codeheap_image_begin(size_t capacity, int* image, void** room);
/* The first `length` bytes of room are the code, `entries` offsets of functions in it. The code must not run on past
 * its end, where traps are put. Takes room away, writes the digest and seals. STILL_WRITABLE: somebody else has it mapped. */
CODEHEAP_API codeheap_error codeheap_image_seal(int image, void* room, size_t length, const uint32_t* entries,
                                                size_t count);

typedef struct codeheap_policy {
    const char* architecture;         /* "x86_64", "aarch64", "arm32"; null: this one */
    const char* const* instructions;  /* mnemonics that are allowed, ended by null; null: all that do no harm */
    const uint64_t* targets;          /* addresses outside that direct branches may name, relative to the code */
    size_t target_count;
    int allow_system_calls;
    const uint8_t* digest;            /* 32 bytes of SHA-256 that the image must have; null: any that is right */
} codeheap_policy;

typedef struct codeheap_report {
    size_t offset;   /* of the instruction that was refused */
    size_t decoded;  /* how many instructions were found */
    uint8_t digest[32];
    char reason[160];
} codeheap_report;

/* In libcodeheap_verify. Refuses what is not sealed; `report` may be null. */
CODEHEAP_API codeheap_error codeheap_image_verify(int image, const codeheap_policy* policy, codeheap_report* report);
/* Verifies, then maps read-only and executable, for everyone: no process can ever write it again. */
CODEHEAP_API codeheap_error codeheap_image_map(int image, const codeheap_policy* policy, codeheap_report* report,
                                               const void** code, size_t* length);
CODEHEAP_API void codeheap_image_unmap(const void* code, size_t length);

#ifdef __cplusplus
}
#endif
#endif
