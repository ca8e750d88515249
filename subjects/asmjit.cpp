// SPDX-License-Identifier: Apache-2.0
// asmjit's JitAllocator, by one mapping and by two; its users flush by __builtin___clear_cache, as its JitRuntime does.
#include <asmjit/core.h>
#include <string.h>

#include "subject.h"

namespace {

asmjit::JitAllocator* jit;

template <bool Dual>
const char* start() {
    asmjit::JitAllocator::CreateParams p{};
    if (Dual) p.options = asmjit::JitAllocatorOptions::kUseDualMapping;
    jit = new asmjit::JitAllocator(&p);
    return nullptr;
}

int alloc(cmodx_code* c, const void* bytes, size_t length) {
    c->size = length;
#ifdef WITH_ASMJIT_SPANS
    asmjit::JitAllocator::Span span;
    if (jit->alloc(span, length) != asmjit::kErrorOk) return 1;
    c->run = span.rx();
    c->write = span.rw();
#else
    if (jit->alloc(&c->run, &c->write, length) != asmjit::kErrorOk) return 1;
#endif
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
void drop(cmodx_code* c) { jit->release(c->run); }

constexpr cmodx_subject subject(const char* name, uint32_t promises, const char* (*start)()) {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.promises = promises;
    s.name = name;
    s.claim = CMODX_TO_CALLER;
    s.start = start;
    s.alloc = alloc;
    s.publish = publish;
    s.patch = patch;
    s.drop = drop;
    return s;
}
constexpr cmodx_subject single = subject("asmjit-single", 0, start<false>);
constexpr cmodx_subject dual = subject("asmjit-dual", CMODX_WX, start<true>);

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&single, &dual, nullptr};
    return all;
}
