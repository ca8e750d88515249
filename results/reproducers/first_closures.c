// SPDX-License-Identifier: Apache-2.0
// The first closures of a process are made by three threads at once.
//
// libffi 3.4.4 refuses some (ENOMEM): its allocator is initialized by whoever finds it not to be, and counts as ready
// when its page size is set, before the granularity is by which others then round (init_mparams in src/dlmalloc.c). Who
// makes one closure beforehand never sees it.
//
// Run: cc -O2 -static -pthread results/reproducers/first_closures.c -lffi -o build/first_closures &&
// build/first_closures
#include <ffi.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { threads = 3, processes = 3000 };

static atomic_int ready;
static atomic_int refused;

static void* first(void* unused) {
    (void)unused;
    void* run;
    ready++;
    while (ready < threads) {
    }
    if (ffi_closure_alloc(sizeof(ffi_closure), &run) == NULL) refused++;
    return NULL;
}

static int child(void) {
    pthread_t others[threads - 1];
    for (int t = 0; t < threads - 1; ++t) pthread_create(&others[t], NULL, first, NULL);
    first(NULL);
    for (int t = 0; t < threads - 1; ++t) pthread_join(others[t], NULL);
    return refused != 0;
}

int main(int count, char** words) {
    if (count > 1) return child();
    char* const again[] = {words[0], "child", NULL};
    int with = 0;
    for (int p = 0; p < processes; ++p) {
        const pid_t process = fork();
        if (process == 0) {
            execv("/proc/self/exe", again);
            _exit(2);
        }
        int status;
        waitpid(process, &status, 0);
        with += status != 0;
    }
    printf("reproducer: in %d of %d processes a thread got no closure\n", with, processes);
    return with != 0;
}
