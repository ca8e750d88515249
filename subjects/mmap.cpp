// SPDX-License-Identifier: Apache-2.0
// What a small JIT does by itself: pages of its own and __builtin___clear_cache, by one mapping or by two.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "subject.h"

namespace {

constexpr size_t page = 65536;  // a multiple of every page size in use

int single(cmodx_code* c, const void* bytes, size_t length) {
    c->size = (length + page - 1) / page * page;
    c->write = mmap(nullptr, c->size, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->write == MAP_FAILED) return 1;
    c->run = c->write;
    memcpy(c->write, bytes, length);
    return 0;
}

int dual(cmodx_code* c, const void* bytes, size_t length) {
    c->size = (length + page - 1) / page * page;
    const int file = memfd_create("subject", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, static_cast<off_t>(c->size)) != 0) return 1;
    c->write = mmap(nullptr, c->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    c->run = mmap(nullptr, c->size, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
    close(file);
    if (c->write == MAP_FAILED || c->run == MAP_FAILED) return 1;
    memcpy(c->write, bytes, length);
    return 0;
}

void clear(const cmodx_code* c) {
    auto* begin = static_cast<char*>(c->run);
    __builtin___clear_cache(begin, begin + c->size);
}
int publish(cmodx_code* c) {
    clear(c);
    return 0;
}
int patch(cmodx_code* c, size_t offset, const void* bytes, size_t length) {
    memcpy(static_cast<char*>(c->write) + offset, bytes, length);
    clear(c);
    return 0;
}
void drop(cmodx_code* c) {
    if (c->write != c->run) munmap(c->write, c->size);
    munmap(c->run, c->size);
}

constexpr cmodx_subject subject(const char* name, uint32_t promises, int (*alloc)(cmodx_code*, const void*, size_t)) {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.promises = promises;
    s.name = name;
    s.claim = CMODX_TO_CALLER;
    s.alloc = alloc;
    s.publish = publish;
    s.patch = patch;
    s.drop = drop;
    return s;
}
constexpr cmodx_subject one = subject("mmap-single", 0, single);
constexpr cmodx_subject two = subject("mmap-dual", CMODX_WX, dual);

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&one, &two, nullptr};
    return all;
}
