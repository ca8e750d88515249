// SPDX-License-Identifier: Apache-2.0
// x86_64: one thread replaces a five-byte NOP by a jump and back, each by one store of an aligned quadword; another
// runs it all the time. AMD64 (APM vol. 2, "Cross-Modifying Code") promises the old or the new instruction.
//
// QEMU's translator reads an instruction in pieces, the first byte by itself, and not in one access (translator_ldub
// and its callers in target/i386/tcg/translate.c). In system emulation with a host thread for each CPU the store of
// another CPU comes in between: the first byte of one instruction, the rest of the other.
//
// Run: ci/reproduce MACHINE results/reproducers/torn_fetch.c
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <unistd.h>

enum { rounds = 2000000, room = 1 << 16 };

// nop; and jmp over the first return, each with the first bytes of "xor %eax, %eax" behind it.
static const uint8_t was[] = {0x0f, 0x1f, 0x44, 0x00, 0x00, 0x90, 0x31, 0xc0};
static const uint8_t is[] = {0xe9, 0x04, 0x00, 0x00, 0x00, 0x90, 0x31, 0xc0};
static const uint8_t rest[] = {0xc3, 0xb8, 0x01, 0x00, 0x00, 0x00, 0xc3};  // ret; mov $1, %eax; ret

static char* code;
static atomic_int over;
static volatile unsigned faults;
static unsigned long calls;
static sigjmp_buf again;

static void on_fault(int number) {
    (void)number;
    ++faults;
    siglongjmp(again, 1);
}

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void* executor(void* nothing) {
    pin(1);
    sigsetjmp(again, 1);
    while (!over) {
        ((unsigned (*)(void))code)();
        ++calls;
    }
    return nothing;
}

int main(void) {
    code = mmap(NULL, room, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(code, 0xcc, room);  // a jump that is neither ends in a trap
    memcpy(code, was, sizeof was);
    memcpy(code + sizeof was, rest, sizeof rest);
    for (int number = SIGILL; number <= SIGSEGV; ++number)
        if (number != SIGKILL) signal(number, on_fault);
    uint64_t words[2];
    memcpy(&words[0], was, 8);
    memcpy(&words[1], is, 8);
    pthread_t thread;
    pthread_create(&thread, NULL, executor, NULL);
    pin(0);
    for (unsigned r = 1; r <= rounds; ++r)
        atomic_store_explicit((_Atomic uint64_t*)(void*)code, words[r & 1], memory_order_relaxed);
    over = 1;
    pthread_join(thread, NULL);
    printf("reproducer: a fault in %u of %lu calls\n", faults, calls);
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return faults != 0;
}
