// SPDX-License-Identifier: Apache-2.0
// Code that QEMU's user mode has translated is changed by another way than this process's stores: by pwrite to the
// mapped file, by /proc/self/mem, by a child process in shared memory, or by fallocate's hole and MADV_DONTNEED. Prints
// whether old code was run afterwards, with all maintenance that user mode has and a system call in between.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

static void report(const char *how, char *p) {
    __builtin___clear_cache(p, p + 4096);
#if defined __x86_64__
    __builtin_ia32_mfence();
#endif
    int got = ((int (*)(void))p)();
    printf("%-16s %s\n", how, got == 2 ? "new code" : got == 1 ? "OLD CODE" : "other");
}

static char *fresh(int fd, int flags) {
    if (fd >= 0 && pwrite(fd, code[0], sizeof code[0], 0) < 0) perror("pwrite");
    char *p = mmap(NULL, 4096, PROT_READ | PROT_EXEC | (fd < 0 ? PROT_WRITE : 0), flags, fd, 0);
    if (fd < 0) memcpy(p, code[0], sizeof code[0]);
    __builtin___clear_cache(p, p + 4096);
    if (((int (*)(void))p)() != 1) puts("the old code does not run");
    return p;
}

int main(void) {
    int fd = memfd_create("code", 0);
    if (ftruncate(fd, 4096) != 0) return 1;
    char *p = fresh(fd, MAP_SHARED);
    if (pwrite(fd, code[1], sizeof code[1], 0) < 0) return 1;
    report("pwrite", p);

    p = fresh(-1, MAP_PRIVATE | MAP_ANONYMOUS);
    int mem = open("/proc/self/mem", O_RDWR);
    if (pwrite(mem, code[1], sizeof code[1], (off_t)(uintptr_t)p) < 0) perror("/proc/self/mem");
    report("/proc/self/mem", p);

    p = fresh(-1, MAP_SHARED | MAP_ANONYMOUS);
    if (fork() == 0) {
        memcpy(p, code[1], sizeof code[1]);
        _exit(0);
    }
    wait(NULL);
    report("child process", p);

    p = fresh(fd, MAP_PRIVATE);
    mprotect(p, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
    memcpy(p, code[0], sizeof code[0]);  // a page of its own
    ((int (*)(void))p)();
    if (pwrite(fd, code[1], sizeof code[1], 0) < 0) return 1;
    madvise(p, 4096, MADV_DONTNEED);  // the file's again
    report("MADV_DONTNEED", p);
    return 0;
}
