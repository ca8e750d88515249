// SPDX-License-Identifier: Apache-2.0
// A write at the offset `address` of /proc/self/mem changes the memory there (proc(5)). QEMU 7.2's user mode for a 32-bit
// guest reports success, or EFAULT, and the memory stays as it was: the offset is not translated to the host's address.
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(void) {
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ssize_t written = pwrite(open("/proc/self/mem", O_RDWR), "new", 4, (off_t)(uintptr_t)p);
    printf("%d bytes written, %s\n", (int)written, strcmp(p, "new") == 0 ? "and they are there" : "NOT THERE");
    return 0;
}
