// SPDX-License-Identifier: Apache-2.0
// A guest's /init that makes trouble for the suite, /cmodx, which it becomes; /trouble says which: `clock` sets the
// time of day back and forth, `unplug` takes all CPUs but the first away and gives them back, `deny NUMBER` lets a
// system call fail with EPERM. What has been done is said on the console, once it is known to have come about; what
// cannot be done ends the guest. For ci/selftests.
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
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static void pause_for(long milliseconds) {
    const struct timespec moment = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
}

// Whoever finds it: the first process is not there to tell the others.
static void fail(const char* what) {
    printf("trouble: failed: %s: %s\n", what, strerror(errno));
    tcdrain(STDOUT_FILENO);
    reboot(RB_AUTOBOOT);  // which an emulator is told to end at
    exit(1);
}

static void mount_at(const char* place, const char* type) {
    mkdir(place, 0755);
    if (mount(type, place, type, 0, NULL) != 0) fail(place);
}

static int first_child(int parent, int other_than) {
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
    FILE* const file = fopen(path, "r");
    if (file == NULL && parent == 1) fail(path);
    if (file == NULL) return 0;
    int child = 0;
    while (fscanf(file, "%d", &child) == 1 && child == other_than) child = 0;
    fclose(file);
    return child;
}

// The process of the test that runs, or 0: the suite's child, which is the first process's, as this one is.
static int test_that_runs(void) {
    const int suite = first_child(1, getpid());
    return suite == 0 ? 0 : first_child(suite, 0);
}

// However fast the machine is, the trouble is made between its tests and amid them.
static void until_tests_begin(unsigned count) {
    static int last = 0;
    while (count != 0) {
        const int test = test_that_runs();
        if (test != 0 && test != last) --count;
        if (test != 0) last = test;
        pause_for(2);
    }
}

static void jump(void) {
    int last = 0;
    unsigned left_to_say = 0;
    for (unsigned n = 0;; n = (n + 1) % 1000) {
        // Years and hours ahead, then the second day of all time: the kernel sets no clock to less than its uptime.
        const struct timespec wanted = {n % 2 == 0 ? 2000000000 + 3600 * (long)n : 86400 + (long)n, 0};
        struct timespec before, after;
        clock_gettime(CLOCK_REALTIME, &before);
        if (clock_settime(CLOCK_REALTIME, &wanted) != 0) fail("clock_settime");
        clock_gettime(CLOCK_REALTIME, &after);
        errno = 0;
        if (after.tv_sec < wanted.tv_sec || after.tv_sec > wanted.tv_sec + 60) fail("the clock did not jump");
        const int test = test_that_runs();
        if (test != 0 && test != last) left_to_say = 2;
        last = test;
        if (left_to_say != 0) {
            --left_to_say;
            printf("trouble: the clock jumped by %ld s\n", (long)(after.tv_sec - before.tv_sec));
        }
        pause_for(20);
    }
}

// Whether there is such a CPU.
static int plug(int cpu, char online) {
    char path[64];
    char is = 0;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/online", cpu);
    const int file = open(path, O_RDWR);
    if (file < 0 && errno == ENOENT && cpu > 1) return 0;
    if (file < 0 || write(file, &online, 1) != 1) fail(path);
    errno = 0;
    if (pread(file, &is, 1, 0) != 1 || is != online) fail(path);
    close(file);
    return 1;
}

static void unplug(void) {
    for (unsigned n = 0;; ++n) {
        const char online = n % 2 == 0 ? '0' : '1';
        until_tests_begin(online == '0' ? 4 : 2);
        for (int cpu = 1; plug(cpu, online); ++cpu)
            printf("trouble: CPU %d is %s\n", cpu, online == '0' ? "gone" : "back");
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
    if (syscall(number, 0, 0, 0) != -1 || errno != EPERM) fail("a system call is not denied");
    printf("trouble: system call %u is denied\n", number);
}

int main(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    char what[64] = "";
    const int file = open("/trouble", O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, what, sizeof what - 1) <= 0) fail("/trouble");
    close(file);
    mount_at("/proc", "proc");
    mount_at("/sys", "sysfs");
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
