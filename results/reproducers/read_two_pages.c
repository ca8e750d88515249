// SPDX-License-Identifier: Apache-2.0
// A function on two pages, which QEMU's user mode has translated, is rewritten by one read(2) from a pipe. The pages
// are writable, so the call has to succeed and the new function has to run: prints what became of both.
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

// Two NOPs in front of the page's end, then a function that returns 1; `two` makes it 2.
#if defined __x86_64__
static uint32_t code[4] = {0x90909090, 0x90909090, 0x000001b8, 0x0000c300};
static const uint32_t two = 0x000002b8;
#elif defined __aarch64__
static uint32_t code[4] = {0xd503201f, 0xd503201f, 0x52800020, 0xd65f03c0};
static const uint32_t two = 0x52800040;
#elif defined __riscv
static uint32_t code[4] = {0x00000013, 0x00000013, 0x00100513, 0x00008067};
static const uint32_t two = 0x00200513;
#elif defined __arm__
static uint32_t code[4] = {0xe320f000, 0xe320f000, 0xe3a00001, 0xe12fff1e};
static const uint32_t two = 0xe3a00002;
#endif

static int run(char *at) {
    __builtin___clear_cache(at, at + sizeof code);
    return ((int (*)(void))at)();
}

int main(void) {
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int ends[2];
    if (pages == MAP_FAILED || pipe(ends) != 0) return 2;
    char *at = pages + 4096 - 8;
    memcpy(at, code, sizeof code);
    int before = run(at);
    code[2] = two;
    if (write(ends[1], code, sizeof code) != sizeof code) return 2;
    ssize_t got = read(ends[0], at, sizeof code);
    printf("read %zd%s, ran %d, then %d\n", got, got < 0 && errno == EFAULT ? " (EFAULT)" : "", before, run(at));
    return got == sizeof code ? 0 : 1;
}
