// SPDX-License-Identifier: Apache-2.0
// mremap with old size 0 makes a second mapping of shared memory (mremap(2)); a 32-bit QEMU user guest ends by SIGABRT.
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/mman.h>

int main(void) {
    char *first = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *second = mremap(first, 0, 4096, MREMAP_MAYMOVE);
    if (second == MAP_FAILED) return perror("mremap"), 1;
    first[0] = 42;
    puts(second[0] == 42 ? "the same memory" : "other memory");
    return 0;
}
