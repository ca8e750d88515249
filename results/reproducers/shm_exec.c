// SPDX-License-Identifier: Apache-2.0
// shmat with SHM_EXEC maps shared memory executable (shmat(2)); QEMU 7.2's user mode raises SIGSEGV when it is run.
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#if defined __x86_64__
static const unsigned code[] = {0x00002ab8, 0x0000c300};  // mov eax, 42; ret
#elif defined __aarch64__
static const unsigned code[] = {0x52800540, 0xd65f03c0};  // mov w0, #42; ret
#elif defined __riscv
static const unsigned code[] = {0x02a00513, 0x00008067};  // li a0, 42; ret
#elif defined __arm__
static const unsigned code[] = {0xe3a0002a, 0xe12fff1e};  // mov r0, #42; bx lr
#endif

int main(void) {
    int id = shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0700);
    char *p = shmat(id, NULL, SHM_EXEC);
    shmctl(id, IPC_RMID, NULL);
    if (p == (void *)-1) return perror("shmat"), 1;
    memcpy(p, code, sizeof code);
    __builtin___clear_cache(p, p + sizeof code);
    printf("ran, and returned %d\n", ((int (*)(void))p)());
    return 0;
}
