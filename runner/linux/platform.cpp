// SPDX-License-Identifier: Apache-2.0
// The engine's platform on Linux: mmap, memfd, pthreads, and signals turned into returns.
#include "runner/engine/platform.hpp"

#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>

#include "facts.hpp"
#include "linux.hpp"

namespace cmodx::platform {
namespace {

constexpr std::size_t most_tasks = 64;

const char* refusal(const char* permission, const char* other) {
    return errno == EPERM || errno == EACCES || errno == ENOSYS ? permission : other;
}

code_memory map_alias(std::size_t size) {
    code_memory memory;
    const int file = static_cast<int>(syscall(SYS_memfd_create, "cmodx", 0x0001U /* MFD_CLOEXEC */));
    if (file < 0) {
        memory.failure = refusal("memfd_create is denied", "memfd_create failed");
        return memory;
    }
    void* writable = MAP_FAILED;
    void* executable = MAP_FAILED;
    if (ftruncate(file, static_cast<off_t>(size)) == 0) {
        writable = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        executable = mmap(nullptr, size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    }
    if (writable == MAP_FAILED || executable == MAP_FAILED) {
        memory.failure =
            refusal("an executable shared mapping is denied", "the memory of the alias could not be mapped");
        if (writable != MAP_FAILED) munmap(writable, size);
        if (executable != MAP_FAILED) munmap(executable, size);
    } else {
        memory = {static_cast<std::uint8_t*>(writable), static_cast<std::uint8_t*>(executable), size, nullptr};
    }
    close(file);
    return memory;
}

struct started_task {
    const task* what;
    std::atomic<int>* trouble;
};

void* start(void* argument) {
    const started_task& s = *static_cast<started_task*>(argument);
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(s.what->cpu, &cpus);
    if (sched_setaffinity(0, sizeof cpus, &cpus) != 0) s.trouble->store(errno);
    s.what->body(s.what->argument);
    return nullptr;
}

constexpr std::array<int, 5> fault_signals = {SIGILL, SIGSEGV, SIGBUS, SIGTRAP, SIGFPE};

struct guard {
    sigjmp_buf back;
    int signal;
    std::uintptr_t pc;
};
thread_local guard* armed = nullptr;

struct text {
    std::uintptr_t begin;
    std::uintptr_t end;
};
std::array<text, 256> texts = {};  // of the program and the libraries that it has loaded

int add_texts(dl_phdr_info* module, std::size_t, void* count) {
    auto& n = *static_cast<std::size_t*>(count);
    for (int i = 0; i < module->dlpi_phnum && n < texts.size(); ++i) {
        const auto& segment = module->dlpi_phdr[i];
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
        const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
        texts[n++] = {begin, begin + segment.p_memsz};
    }
    return 0;
}

// Faults inside the program's own text are the harness's, or a subject's, and end the process by the signal.
void handle_fault(int signal, siginfo_t*, void* context) {
    const std::uintptr_t pc = target::program_counter(*static_cast<const ucontext_t*>(context));
    bool own = false;
    for (const text& t : texts) own |= pc >= t.begin && pc < t.end;
    if (armed == nullptr || own) {
        ::signal(signal, SIG_DFL);
        raise(signal);
        return;
    }
    armed->signal = signal;
    armed->pc = pc;
    siglongjmp(armed->back, 1);
}

void install_fault_handler() {
    static const bool once = [] {
        std::size_t count = 0;
        dl_iterate_phdr(add_texts, &count);
        struct sigaction sa = {};
        sa.sa_sigaction = handle_fault;
        sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
        for (const int s : fault_signals) sigaction(s, &sa, nullptr);
        return true;
    }();
    static_cast<void>(once);
}

}  // namespace

code_memory map(mapping path, std::size_t size) {
    size = (size + page_size() - 1) / page_size() * page_size();
    if (path == mapping::alias || path == mapping::process || path == mapping::file) return map_alias(size);
    const int protection = PROT_READ | PROT_WRITE | (path == mapping::flip ? 0 : PROT_EXEC);
    code_memory memory;
    void* address = mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) {
        memory.failure = refusal("a writable and executable mapping is denied", "memory could not be mapped");
        return memory;
    }
    auto* bytes = static_cast<std::uint8_t*>(address);
    return {bytes, bytes, size, nullptr};
}

void unmap(const code_memory& memory) {
    if (memory.executable == nullptr) return;
    munmap(memory.executable, memory.size);
    if (memory.writable != memory.executable) munmap(memory.writable, memory.size);
}

bool make_executable(const code_memory& memory, mapping path) {
    return path != mapping::flip || mprotect(memory.executable, memory.size, PROT_READ | PROT_EXEC) == 0;
}

std::size_t page_size() {
    static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return size;
}

void synchronize(std::uint8_t* begin, std::size_t size) {
    auto* const text = reinterpret_cast<char*>(begin);
    __builtin___clear_cache(text, text + size);
}

const kernel* as_kernel() { return nullptr; }
std::uintptr_t interrupt_function() { return 0; }

std::uintptr_t clear_cache_function() {
    return reinterpret_cast<std::uintptr_t>(+[](char* begin, char* end) { __builtin___clear_cache(begin, end); });
}

switches context_switches() {
    rusage usage = {};
    getrusage(RUSAGE_THREAD, &usage);
    return {usage.ru_nvcsw, usage.ru_nivcsw};
}

const char* run_for(std::span<const task> tasks, std::uint64_t duration, const std::atomic<std::uint32_t>* ready,
                    std::uint32_t* stop) {
    constexpr timespec moment = {0, 50'000};
    std::array<pthread_t, most_tasks> threads = {};
    std::array<started_task, most_tasks> arguments = {};
    std::atomic<int> trouble{0};
    std::size_t started = 0;
    for (; started < std::min(tasks.size(), most_tasks); ++started) {
        arguments[started] = {&tasks[started], &trouble};
        if (pthread_create(&threads[started], nullptr, start, &arguments[started]) != 0) break;
    }
    const bool all = started == tasks.size();
    const timespec wanted = {static_cast<time_t>(duration / 1'000'000'000),
                             static_cast<long>(duration % 1'000'000'000)};
    if (all) {
        // On a busy machine it can take longer than the batch until every thread has its CPU.
        while (ready->load(std::memory_order_acquire) < tasks.size())
            clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
        clock_nanosleep(CLOCK_MONOTONIC, 0, &wanted, nullptr);
    }
    std::atomic_ref<std::uint32_t>(*stop).store(1);
    for (std::size_t i = 0; i < started; ++i) pthread_join(threads[i], nullptr);
    // EAGAIN: the C library says so of a stack that the memory has no room for, too.
    if (!all) return "a thread could not be started: too little memory, or too many threads";
    return trouble.load() == 0 ? nullptr : "a thread could not be put on its CPU";
}

bool pin(unsigned cpu) {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    return sched_setaffinity(0, sizeof cpus, &cpus) == 0;
}

// Of the kernel: sched_getcpu() asks the vDSO, and that of QEMU's user-mode emulation of x86_64 says 0 always.
unsigned current_cpu() {
    unsigned cpu = 0;
    syscall(SYS_getcpu, &cpu, nullptr, nullptr);
    return cpu;
}

bool run_beside(const task& other, void (*mine)(void*), void* argument) {
    std::atomic<int> trouble{0};
    started_task started = {&other, &trouble};
    pthread_t thread = {};
    if (pthread_create(&thread, nullptr, start, &started) != 0) return false;
    mine(argument);
    pthread_join(thread, nullptr);
    return trouble.load() == 0;
}

void* shared_memory(std::size_t size) {
    void* const memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? nullptr : memory;
}

std::uint64_t nanoseconds() {
    timespec now = {};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

void yield() { sched_yield(); }
void rest() {
    const timespec moment = {0, 10'000};
    nanosleep(&moment, nullptr);
}
void pause() { target::pause(); }

void guarded(void (*body)(void*), void (*on_fault)(void*, int, std::uintptr_t), void* argument) {
    install_fault_handler();
    // Torn code may leave any stack pointer behind.
    alignas(16) static thread_local std::array<std::uint8_t, 65536> signal_stack;
    const stack_t stack = {.ss_sp = signal_stack.data(), .ss_flags = 0, .ss_size = signal_stack.size()};
    sigaltstack(&stack, nullptr);
    guard* const outer = armed;
    guard here = {};
    armed = &here;
    // With the mask of signals: ThreadSanitizer blocks them all while a handler runs.
    if (sigsetjmp(here.back, 1) != 0) on_fault(argument, here.signal, here.pc);
    body(argument);
    armed = outer;
    if (outer != nullptr) return;
    const stack_t none = {.ss_sp = nullptr, .ss_flags = SS_DISABLE, .ss_size = 0};
    sigaltstack(&none, nullptr);
}

}  // namespace cmodx::platform
