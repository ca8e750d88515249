// SPDX-License-Identifier: Apache-2.0
// A program returns from user mode to user mode by IRET (x86_64).
//
// QEMU 7.2's system emulation reads the frame with the kernel's rights (helper_iret_protected in
// target/i386/tcg/seg_helper.c). With SMAP that is a fault of the kernel, which ends the program; without SMAP, and in
// QEMU 10, it returns.
//
// Run: ci/reproduce MACHINE results/reproducers/iret.c
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void) {
    const pid_t child = fork();
    if (child == 0) {
        __asm__ volatile(
            "sub $128, %%rsp\n mov %%rsp, %%rcx\n mov %%ss, %%eax\n push %%rax\n push %%rcx\n pushf\n mov %%cs, %%eax\n"
            "push %%rax\n lea 1f(%%rip), %%rax\n push %%rax\n iretq\n 1: add $128, %%rsp" ::
                : "rax", "rcx", "memory", "cc");
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        printf("reproducer: ended by signal %d\n", WTERMSIG(status));
    else
        printf("reproducer: IRET returned\n");
    fflush(stdout);
    if (getpid() == 1) reboot(RB_POWER_OFF);
    return WIFSIGNALED(status);
}
