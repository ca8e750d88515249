// SPDX-License-Identifier: Apache-2.0
// A guest's /init that makes trouble for the suite, /cmodx, which it becomes; /trouble says which: `clock` sets the time
// of day back and forth, `unplug` takes all CPUs but the first away and gives them back, `deny NUMBER` lets a system
// call fail with EPERM. For ci/selftests.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void pause_for(long milliseconds) {
    const struct timespec moment = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

static void fail(const char* what) {
    printf("trouble: %s: %s\n", what, strerror(errno));
    exit(1);  // a panic, which ends the guest
}

static void jump(void) {
    for (unsigned n = 0;; ++n) {
        // Days and hours ahead, then the beginning of time.
        const struct timespec now = {n % 2 == 0 ? 2000000000 + 3600 * (long)n : 1 + (long)n, 0};
        if (clock_settime(CLOCK_REALTIME, &now) != 0) fail("clock_settime");
        pause_for(20);
    }
}

static void unplug(void) {
    mkdir("/unplug", 0755);
    if (mount("sysfs", "/unplug", "sysfs", 0, NULL) != 0) fail("sysfs");
    pause_for(1500);  // the suite asks for the CPUs when it begins
    for (unsigned n = 0;; ++n) {
        char path[64];
        for (int cpu = 1; snprintf(path, sizeof path, "/unplug/devices/system/cpu/cpu%d/online", cpu) > 0; ++cpu) {
            const int file = open(path, O_WRONLY);
            if (file < 0 && cpu == 1) fail(path);
            if (file < 0) break;
            if (write(file, n % 2 == 0 ? "0" : "1", 1) != 1) printf("trouble: %s: %s\n", path, strerror(errno));
            close(file);
        }
        if (n < 4) printf("trouble: CPUs are %s\n", n % 2 == 0 ? "gone" : "back");
        pause_for(n % 2 == 0 ? 700 : 1300);
    }
}

static void deny(unsigned number) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog filter = {sizeof program / sizeof *program, program};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        fail("seccomp");
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    char what[64] = "";
    const int file = open("/trouble", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, what, sizeof what - 1) <= 0) fail("/trouble");
    close(file);
    unsigned number = 0;
    void (*const body)(void) = strcmp(what, "clock") == 0 ? jump : strcmp(what, "unplug") == 0 ? unplug : NULL;
    if (body != NULL) {
        const pid_t child = fork();
        if (child < 0) fail("fork");
        if (child == 0) body();
    } else if (sscanf(what, "deny %u", &number) == 1) {
        deny(number);
    } else {
        fail(what);
    }
    if (chmod("/cmodx", 0755) != 0) fail("/cmodx");
    execl("/cmodx", "/init", (char*)NULL);
    fail("/cmodx");
}
