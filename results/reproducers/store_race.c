// SPDX-License-Identifier: Apache-2.0
// One thread replaces an instruction by one aligned store, does what its architecture asks of a writer, sets a flag and
// waits for an answer; another calls the code all the time, and answers the first call that began behind the flag and
// a context synchronization. That call has to run the new code.
//
// QEMU's system emulation with a host thread for each CPU throws translations away before it makes the store
// (notdirty_write in accel/tcg/cputlb.c), and not under a lock that the translator takes: a CPU that translates in
// between keeps the old code, until the next store to the page. With one thread for all CPUs (-accel tcg,thread=single)
// it cannot happen, and in user-mode emulation the page is write-protected until the store is made again.
//
// Run: ci/reproduce MACHINE results/reproducers/store_race.c
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { rounds = 50000, again = 1000 };

// The function's code with the instruction that is replaced first, and the two that stand there in turn.
#if defined(__aarch64__)
static const uint32_t body[] = {0xd503201f, 0x52800000, 0xd65f03c0, 0x52800020, 0xd65f03c0};
static const uint32_t patch[] = {0xd503201f, 0x14000003};  // nop; b to the second mov w0
enum { entry = 0, patched = 0 };
static void maintain(void* p) { __asm__ volatile("dc cvau, %0\n dsb ish\n ic ivau, %0\n dsb ish" ::"r"(p) : "memory"); }
static void synchronize(void) { __asm__ volatile("dsb ishld\n isb" ::: "memory"); }
#elif defined(__arm__)
static const uint32_t body[] = {0xe320f000, 0xe3a00000, 0xe12fff1e, 0xe3a00001, 0xe12fff1e};
static const uint32_t patch[] = {0xe320f000, 0xea000001};  // nop; b to the second mov r0
enum { entry = 0, patched = 0 };
static void maintain(void* p) { __builtin___clear_cache((char*)p, (char*)p + 4); }
static void synchronize(void) { __asm__ volatile("dsb ish\n isb" ::: "memory"); }
#elif defined(__riscv)
static const uint32_t body[] = {0x00000513, 0x00008067};
static const uint32_t patch[] = {0x00000513, 0x00100513};  // li a0
enum { entry = 0, patched = 0 };
static void maintain(void* p) { __asm__ volatile("fence rw, rw" ::"r"(p) : "memory"); }
static void synchronize(void) { __asm__ volatile("fence.i" ::: "memory"); }
#elif defined(__x86_64__)
static const uint32_t body[] = {0xb8909090, 0, 0xc3};
static const uint32_t patch[] = {0, 1};  // the immediate of mov eax
enum { entry = 3, patched = 1 };
static void maintain(void* p) { __asm__ volatile("" ::"r"(p) : "memory"); }
static void synchronize(void) {
    uint32_t a = 0, b, c = 0, d;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d)::"memory");
}
#endif

static _Atomic uint32_t* code;
static atomic_uint flag, answer;
static unsigned stale, still;

// Now and then a nap: with one host thread for all CPUs the other one runs only while this one is idle.
static void spin(unsigned* turns) {
    if (++*turns % 20000 == 0) usleep(1);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void* executor(void* nothing) {
    unsigned (*call)(void) = (unsigned (*)(void))((char*)code + entry);
    pin(1);
    unsigned turns = 0;
    for (unsigned seen = 0; seen != rounds;) {
        const unsigned f = flag;
        synchronize();
        const unsigned got = call();
        if (f == seen) {
            spin(&turns);
            continue;
        }
        seen = f;
        if (got != (f & 1)) {
            ++stale;
            unsigned more = 0;
            for (int i = 0; i < again; ++i) {
                synchronize();
                more += call() != (f & 1);
            }
            still += more == again;
        }
        answer = f;
    }
    return nothing;
}

int main(void) {
    code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy((void*)code, body, sizeof body);
    maintain((void*)code);
    pthread_t thread;
    pthread_create(&thread, NULL, executor, NULL);
    pin(0);
    unsigned turns = 0;
    for (unsigned r = 1; r <= rounds; ++r) {
        atomic_store_explicit(&code[patched], patch[r & 1], memory_order_relaxed);
        maintain((void*)&code[patched]);
        flag = r;
        while (answer != r) spin(&turns);
    }
    pthread_join(thread, NULL);
    printf("reproducer: old code in %u of %d rounds; in %u of them also in the %d calls behind\n", stale, rounds, still,
           again);
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return stale != 0;
}
