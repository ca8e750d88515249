// SPDX-License-Identifier: Apache-2.0
// A thread changes its code through a writable mapping of the same memory, with all maintenance by the executable
// address that the compiler offers, as an allocator with two mappings does. Prints how often old code ran afterwards.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined __x86_64__
static const uint32_t code[2][2] = {{0x000001b8, 0x0000c300}, {0x000002b8, 0x0000c300}};  // mov eax, 1 or 2; ret
#elif defined __aarch64__
static const uint32_t code[2][2] = {{0x52800020, 0xd65f03c0}, {0x52800040, 0xd65f03c0}};
#elif defined __riscv
static const uint32_t code[2][2] = {{0x00100513, 0x00008067}, {0x00200513, 0x00008067}};
#elif defined __arm__
static const uint32_t code[2][2] = {{0xe3a00001, 0xe12fff1e}, {0xe3a00002, 0xe12fff1e}};
#endif

int main(void) {
    enum { times = 1000 };
    const int file = memfd_create("code", 0);
    if (file < 0 || ftruncate(file, 4096) != 0) return 3;
    char *w = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    char *x = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    if (w == MAP_FAILED || x == MAP_FAILED) return 3;
    int old = 0;
    for (int i = 0; i < times; ++i) {
        memcpy(w, code[i % 2], sizeof code[0]);
        __builtin___clear_cache(x, x + sizeof code[0]);
        old += ((int (*)(void))x)() != 1 + i % 2;
    }
    printf("reproducer: old code ran %d of %d times\n", old, times);
    return old != 0;
}
