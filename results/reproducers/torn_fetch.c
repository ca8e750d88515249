// SPDX-License-Identifier: Apache-2.0
// One thread replaces an instruction by another and back, each by one aligned store; another thread runs it all the
// time. Both architectures promise that it runs the old or the new one.
//   x86_64: a five-byte NOP and a jump, inside an aligned quadword; AMD64 APM vol. 2, "Cross-Modifying Code".
//   riscv64: lui and lui, four bytes at a multiple of four; "Ziccif", which QEMU 10 says that its CPUs have.
//
// QEMU's translators read an instruction in pieces: the first byte by itself (translator_ldub and its callers in
// target/i386/tcg/translate.c), or 16 bits and 16 bits (decode_opc in target/riscv/translate.c). In system emulation
// with a host thread for each CPU the store of another CPU comes in between: the beginning of one instruction, the rest
// of the other.
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
#include <time.h>
#include <unistd.h>

enum { seconds = 20, room = 1 << 16 };

#if defined(__x86_64__)
// nop; and jmp over the first return, each with the first bytes of "xor %eax, %eax" behind it; "mov $1, %eax" is jumped
// to.
typedef uint64_t patch;
static const uint8_t was[] = {0x0f, 0x1f, 0x44, 0x00, 0x00, 0x90, 0x31, 0xc0};
static const uint8_t is[] = {0xe9, 0x04, 0x00, 0x00, 0x00, 0x90, 0x31, 0xc0};
static const uint8_t rest[] = {0xc3, 0xb8, 0x01, 0x00, 0x00, 0x00, 0xc3};
static const unsigned results[] = {0, 1};
#elif defined(__riscv)
// lui a0, 0x11111; lui a0, 0x22222; ret. Either half of the two differs.
typedef uint32_t patch;
static const uint8_t was[] = {0x37, 0x15, 0x11, 0x11};
static const uint8_t is[] = {0x37, 0x25, 0x22, 0x22};
static const uint8_t rest[] = {0x67, 0x80, 0x00, 0x00};
static const unsigned results[] = {0x11111000, 0x22222000};
#else
#error "no instruction for this architecture"
#endif

static char* code;
static atomic_int over;
static volatile unsigned faults;
static _Atomic unsigned long calls;
static unsigned long neither;
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
        const unsigned value = ((unsigned (*)(void))code)();
        ++calls;
        neither += value != results[0] && value != results[1];
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
    __builtin___clear_cache(code, code + room);
    patch words[2];
    memcpy(&words[0], was, sizeof was);
    memcpy(&words[1], is, sizeof is);
    pthread_t thread;
    pthread_create(&thread, NULL, executor, NULL);
    pin(0);
    const time_t end = time(NULL) + seconds;
    for (unsigned r = 1; time(NULL) < end; ++r)
        atomic_store_explicit((_Atomic patch*)(void*)code, words[r & 1], memory_order_relaxed);
    over = 1;
    pthread_join(thread, NULL);
    printf("reproducer: a fault in %u, neither instruction in %lu of %lu calls\n", faults, neither,
           (unsigned long)calls);
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return faults != 0 || neither != 0;
}
