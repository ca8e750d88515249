// SPDX-License-Identifier: Apache-2.0
#include "memory.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "live.hpp"

// The C library's headers may be older than the kernel.
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

namespace cmodx::code {
namespace {

constexpr long mseal_number = 462;  // include/uapi/asm-generic/unistd.h, the same on all four architectures

void* map(void* at, std::size_t size, int protection, int flags, int file = -1) {
    void* p =
        mmap(at, size, protection, flags | (file < 0 ? MAP_ANONYMOUS : 0) | (at != nullptr ? MAP_FIXED : 0), file, 0);
    return p == MAP_FAILED ? nullptr : p;
}

codeheap_error denied(codeheap_error what) { return errno == ENOMEM ? CODEHEAP_NO_MEMORY : what; }

int make_file(std::size_t size) {
    // Since Linux 6.3 a memfd may be barred from execution by a sysctl unless it says that it is for that.
    int file = memfd_create("codeheap", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (file < 0 && errno == EINVAL) file = memfd_create("codeheap", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0) return -1;
    if (ftruncate(file, static_cast<off_t>(size)) == 0) return file;
    close(file);
    return -1;
}

// The executable view is made behind the seal: it cannot be made writable by mprotect then, nor can anybody who gets at
// the descriptor map it writable.
codeheap_error map_twice(region& r, void* code, void* alias, std::size_t used) {
    const int file = make_file(r.size);
    if (file < 0) return denied(CODEHEAP_NO_ALIAS);
    // A child that cannot have its own keeps what it shares.
    void* executable = nullptr;
    if (void* writable = map(alias, r.size, PROT_READ | PROT_WRITE, MAP_SHARED, file); writable != nullptr) {
        r.alias = static_cast<std::uint8_t*>(writable);
        if (used != 0) memcpy(r.alias, code, used);
        // Before Linux 5.1 there is no such seal; the descriptor is closed below in any case.
        if (fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE) != 0)
            (void)fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
        (void)fcntl(file, F_ADD_SEALS, F_SEAL_SEAL);
        executable = map(code, r.size, PROT_READ | PROT_EXEC, MAP_SHARED, file);
        if (executable != nullptr) r.code = static_cast<std::uint8_t*>(executable);
    }
    const codeheap_error e = executable == nullptr ? denied(CODEHEAP_NO_ALIAS) : CODEHEAP_OK;
    close(file);
    return e;
}

codeheap_error poke(const region& r, void* at, const void* from, std::size_t length) {
    const auto* bytes = static_cast<const std::uint8_t*>(from);
    auto to = reinterpret_cast<std::uintptr_t>(at);
    while (length != 0) {
        const ssize_t done = pwrite64(r.kernel, bytes, length, static_cast<off64_t>(to));
        if (done <= 0) return CODEHEAP_NO_POKE;
        bytes += done;
        to += static_cast<std::uintptr_t>(done);
        length -= static_cast<std::size_t>(done);
    }
    return CODEHEAP_OK;
}

bool protect(const region& r, const void* at, std::size_t length, int how) {
    const std::size_t page = page_size();
    const auto offset = static_cast<std::size_t>(static_cast<const std::uint8_t*>(at) - r.code);
    const std::size_t begin = offset & -page;
    return mprotect(r.code + begin, (offset + length - begin + page - 1) & -page, how) == 0;
}

struct trap_block {
    std::uint8_t bytes[256] = {};
    constexpr trap_block() {
        code_buffer c{bytes, sizeof bytes};
        while (c.size < sizeof bytes) target::isa::trap(c);
    }
};

}  // namespace

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }

void* take_pages(std::size_t bytes) { return map(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE); }
void give_pages(void* pages, std::size_t bytes) {
    if (pages != nullptr) munmap(pages, bytes);
}

codeheap_error map_region(region& r, codeheap_mapping path, std::size_t size, bool permanent) {
    r = {.size = size, .path = path};
    codeheap_error e = CODEHEAP_OK;
    if (path == CODEHEAP_DUAL) {
        e = map_twice(r, nullptr, nullptr, 0);
    } else {
        const int writable = path == CODEHEAP_RWX ? PROT_WRITE : 0;
        r.code = static_cast<std::uint8_t*>(map(nullptr, size, PROT_READ | PROT_EXEC | writable, MAP_PRIVATE));
        if (r.code == nullptr) e = denied(CODEHEAP_NO_EXEC);
    }
    if (e == CODEHEAP_OK && path == CODEHEAP_POKE) {
        r.kernel = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
        if (r.kernel < 0) e = CODEHEAP_NO_POKE;
    }
    if (e != CODEHEAP_OK) {
        unmap_region(r);
        return e;
    }
    if (permanent && path != CODEHEAP_FLIP) {  // Linux 6.10; elsewhere mappings stay changeable
        r.sealed = syscall(mseal_number, r.code, size, 0UL) == 0;
        if (r.alias != nullptr && syscall(mseal_number, r.alias, size, 0UL) == 0) r.sealed = true;
    }
    return CODEHEAP_OK;
}

void unmap_region(region& r) {
    if (r.code != nullptr) munmap(r.code, r.size);
    if (r.alias != nullptr) munmap(r.alias, r.size);
    if (r.kernel >= 0) close(r.kernel);
    r = {};
}

codeheap_error make_own(region& r, std::size_t used) {
    if (r.path == CODEHEAP_DUAL) return r.sealed ? CODEHEAP_SEALED_HEAP : map_twice(r, r.code, r.alias, used);
    if (r.path != CODEHEAP_POKE) return CODEHEAP_OK;  // private memory is the child's own
    close(r.kernel);                                  // of the parent's memory
    r.kernel = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    return r.kernel < 0 ? CODEHEAP_NO_POKE : CODEHEAP_OK;
}

codeheap_error write(const region& r, void* at, const void* from, std::size_t length) {
    static constexpr trap_block traps;
    const auto put = [&](auto&& copy) {
        if (from != nullptr) return copy(0, from, length);
        for (std::size_t done = 0; done < length; done += sizeof traps.bytes) {
            const std::size_t left = length - done;
            const codeheap_error e = copy(done, traps.bytes, left < sizeof traps.bytes ? left : sizeof traps.bytes);
            if (e != CODEHEAP_OK) return e;
        }
        return CODEHEAP_OK;
    };
    if (r.path == CODEHEAP_POKE)
        return put([&](std::size_t offset, const void* bytes, std::size_t size) {
            return poke(r, static_cast<std::uint8_t*>(at) + offset, bytes, size);
        });

    if (r.path == CODEHEAP_FLIP && !protect(r, at, length, PROT_READ | PROT_WRITE)) return denied(CODEHEAP_NO_EXEC);
    std::uint8_t* to = r.writable(at);
    put([&](std::size_t offset, const void* bytes, std::size_t size) {
        memcpy(to + offset, bytes, size);
        return CODEHEAP_OK;
    });
    // If the kernel cannot divide its mapping, for want of memory, the whole region need not be divided: the page has
    // neighbours that run.
    if (r.path == CODEHEAP_FLIP && !protect(r, at, length, PROT_READ | PROT_EXEC) &&
        mprotect(r.code, r.size, PROT_READ | PROT_EXEC) != 0)
        return denied(CODEHEAP_NO_EXEC);
    return CODEHEAP_OK;
}

void populate(const region& r, void* at, std::size_t length) {
    if (r.path == CODEHEAP_DUAL || r.path == CODEHEAP_RWX) (void)madvise(r.writable(at), length, MADV_POPULATE_WRITE);
}

}  // namespace cmodx::code
