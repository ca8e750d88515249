/* SPDX-License-Identifier: Apache-2.0 */
/* An inline cache on the code heap: `object.x`, where x lies at another offset in objects of another shape.
 *
 * The site is code that looks for one shape only. If another comes, it jumps to miss(), which finds x the slow way and
 * then rewrites the site for that shape, while the other thread runs it. Whatever the heap refuses (on some machines
 * code may not change while it runs) only leaves the cache cold: both ways find the same x. */
#include <codeheap.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { shapes = 8, objects = 64, calls = 200000 };

typedef struct object {
    uint32_t shape;
    uint32_t words[shapes]; /* x is the one with the shape's number */
} object;
typedef uint32_t site_function(const object*);

static codeheap* heap;
static void* site;
static unsigned long misses, rewritten;
static codeheap_error refused;

static uint32_t miss(const object* o);

/* What a JIT's assembler does: the site for one shape. Returns the length. */
static size_t compile(uint8_t* out, uint32_t shape) {
    const uint32_t offset = (uint32_t)offsetof(object, words) + 4 * shape;
    const uintptr_t slow = (uintptr_t)miss;
    /* clang-format off */
#if defined __x86_64__
    const uint8_t code[] = {0x83, 0x3f, (uint8_t)shape,  /* cmp dword [rdi], shape */
                            0x75, 0x04,                  /* jne past the return */
                            0x8b, 0x47, (uint8_t)offset, /* mov eax, [rdi + offset] */
                            0xc3,                        /* ret */
                            0xff, 0x25, 0, 0, 0, 0};     /* jmp to the word that follows */
#elif defined __aarch64__
    const uint32_t code[] = {0xb9400001,                    /* ldr w1, [x0] */
                             0x7100003f | shape << 10,      /* cmp w1, shape */
                             0x54000061,                    /* b.ne past the return */
                             0xb9400000 | offset / 4 << 10, /* ldr w0, [x0, offset] */
                             0xd65f03c0,                    /* ret */
                             0x58000041,                    /* ldr x1, the word after next */
                             0xd61f0020};                   /* br x1 */
#elif defined __riscv
    const uint32_t code[] = {0x00052583,                /* lw a1, 0(a0) */
                             0x00000613 | shape << 20,  /* li a2, shape */
                             0x00c59663,                /* bne a1, a2, past the return */
                             0x00052503 | offset << 20, /* lw a0, offset(a0) */
                             0x00008067,                /* ret */
                             0x00000597,                /* auipc a1, 0 */
                             0x00c5b583,                /* ld a1, 12(a1): the word after next */
                             0x00058067};               /* jr a1 */
#elif defined __arm__
    const uint32_t code[] = {0xe5901000,          /* ldr r1, [r0] */
                             0xe3510000 | shape,  /* cmp r1, shape */
                             0x05900000 | offset, /* ldreq r0, [r0, offset] */
                             0x012fff1e,          /* bxeq lr */
                             0xe51ff004};         /* ldr pc, the word that follows */
#else
#error "an encoding for this architecture"
#endif
    /* clang-format on */
    memcpy(out, code, sizeof code);
    memcpy(out + sizeof code, &slow, sizeof slow);
    return sizeof code + sizeof slow;
}

static uint32_t miss(const object* o) {
    uint8_t code[64];
    const codeheap_error e = codeheap_update(heap, site, code, compile(code, o->shape), 0);
    __atomic_fetch_add(&misses, 1, __ATOMIC_RELAXED);
    if (e == CODEHEAP_OK)
        __atomic_fetch_add(&rewritten, 1, __ATOMIC_RELAXED);
    else
        __atomic_store_n(&refused, e, __ATOMIC_RELAXED);
    return o->words[o->shape];
}

/* Runs of objects of one shape, as programs have them. Returns how often the site was wrong. */
static void* use(void* seed) {
    object all[objects];
    uintptr_t wrong = 0;
    unsigned state = (unsigned)(uintptr_t)seed;
    codeheap_executor* self = NULL;
    if (codeheap_register(heap, &self) != CODEHEAP_OK) return (void*)1;
    for (uint32_t i = 0; i < objects; ++i) {
        all[i].shape = i / (objects / shapes);
        for (uint32_t w = 0; w < shapes; ++w) all[i].words[w] = 1000 * i + w;
    }
    for (int n = 0; n < calls; ++n) {
        if (n % 1000 == 0) state = state * 1103515245 + 12345;
        const object* o = &all[(state >> 16) % shapes * (objects / shapes) + (unsigned)n % (objects / shapes)];
        const int outside = codeheap_enter(self);
        wrong += ((site_function*)site)(o) != o->words[o->shape];
        codeheap_leave(self, outside);
    }
    codeheap_unregister(heap, self);
    return (void*)wrong;
}

int main(void) {
    const codeheap_options options = {.version = CODEHEAP_VERSION, .flags = CODEHEAP_FALL_BACK};
    uint8_t code[64];
    codeheap_error e = codeheap_create(&options, &heap);
    if (e == CODEHEAP_OK) e = codeheap_alloc(heap, code, compile(code, 0), 0, CODEHEAP_RETARGETABLE, &site);
    if (e != CODEHEAP_OK) {
        fprintf(stderr, "no code heap here: %s\n", codeheap_text(e));
        return 77;
    }
    pthread_t other;
    void *theirs = NULL, *ours = NULL;
    if (pthread_create(&other, NULL, use, (void*)1) != 0) return 3;
    ours = use((void*)2);
    pthread_join(other, &theirs);
    printf("%d calls by two threads: %lu misses, the site rewritten %lu times", 2 * calls, misses, rewritten);
    if (rewritten == 0) printf(" (%s)", codeheap_text(refused));
    printf(", %lu wrong\n", (unsigned long)((uintptr_t)ours + (uintptr_t)theirs));
    codeheap_destroy(heap);
    return ours != NULL || theirs != NULL;
}
