// SPDX-License-Identifier: Apache-2.0
// Runs a command to which the kernel denies something: `deny WHAT COMMAND…`.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

// The system call fails with EPERM, as under a container's seccomp profile; only with these bits in its third argument,
// if any are given.
bool deny_call(long number, unsigned bits = 0) {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(number), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                 offsetof(seccomp_data, args[2])),  // the lower half, on a little-endian machine
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, static_cast<std::uint8_t>(bits == 0 ? 0 : 1)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter = {.len = sizeof program / sizeof *program, .filter = program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Memory that is or was writable may not become executable (Linux 6.3, prctl PR_SET_MDWE), as SELinux's execmem has it.
bool deny_exec() { return prctl(65 /* PR_SET_MDWE */, 1 /* PR_MDWE_REFUSE_EXEC_GAIN */, 0, 0, 0) == 0; }

}  // namespace

int main(int argc, char** argv) {
    const std::string_view what = argc > 2 ? argv[1] : "";
    const bool denied = what == "memfd_create"        ? deny_call(SYS_memfd_create)
                        : what == "membarrier"        ? deny_call(SYS_membarrier)
                        : what == "mprotect"          ? deny_call(SYS_mprotect, PROT_EXEC)
                        : what == "process_vm_writev" ? deny_call(SYS_process_vm_writev)
                        : what == "ptrace"            ? deny_call(SYS_ptrace)
                        : what == "prctl"             ? deny_call(SYS_prctl)
                        : what == "exec"              ? deny_exec()
                                                      : false;
    if (!denied) {
        std::fprintf(
            stderr,
            "deny: memfd_create, membarrier, mprotect, process_vm_writev, ptrace, prctl or exec, and a command; or "
            "this kernel cannot\n");
        return 2;
    }
    execv(argv[2], argv + 2);
    std::perror(argv[2]);
    return 2;
}
