// SPDX-License-Identifier: Apache-2.0
// The code heap, once for each of its policies.
#include <string.h>

#include "codeheap.h"
#include "live.hpp"
#include "subject.h"

namespace {

codeheap* heap;
thread_local codeheap_executor* reader;

template <codeheap_sync Sync>
const char* start() {
    codeheap_options o = {};
    o.version = CODEHEAP_VERSION;
    o.sync = Sync;
    const codeheap_error e = codeheap_create(&o, &heap);
    return e == CODEHEAP_OK ? nullptr : codeheap_text(e);
}

int alloc(cmodx_code* c, const void* bytes, size_t length) {
    c->size = length;
    c->write = nullptr;
    return codeheap_alloc(heap, bytes, length, 0, CODEHEAP_DEFER, &c->run);
}
int publish(cmodx_code*) { return codeheap_publish(heap); }
int patch(cmodx_code* c, size_t offset, const void* bytes, size_t length) {
    return codeheap_update(heap, static_cast<char*>(c->run) + offset, bytes, length, 0);
}

size_t returning(uint8_t (&bytes)[32], uint8_t token) {
    cmodx::code_buffer b{bytes, sizeof bytes};
    cmodx::target::live::emit_return(b, token);
    return b.size;
}
int emit(cmodx_code* c, uint8_t token) {
    uint8_t bytes[32];
    c->size = returning(bytes, token);
    c->write = nullptr;
    return codeheap_alloc(heap, bytes, c->size, 0, CODEHEAP_RETARGETABLE, &c->run);
}
int retarget(cmodx_code* c, uint8_t token) {
    uint8_t bytes[32];
    return codeheap_update(heap, c->run, bytes, returning(bytes, token), 0);
}
void drop(cmodx_code* c) { codeheap_free(heap, c->run); }

const char* text(int error) { return codeheap_text(static_cast<codeheap_error>(error)); }

void begin() {
    if (codeheap_register(heap, &reader) == CODEHEAP_OK) (void)codeheap_enter(reader);
}
void sync() { codeheap_check(reader); }
void end() {
    codeheap_leave(reader, 1);
    codeheap_unregister(heap, reader);
}

constexpr cmodx_subject subject(const char* name, cmodx_claim claim, const char* (*start)()) {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.promises = CMODX_WX;
    s.name = name;
    s.claim = claim;
    s.start = start;
    s.alloc = alloc;
    s.publish = publish;
    s.patch = patch;
    s.emit = emit;
    s.retarget = retarget;
    s.drop = drop;
    s.text = text;
    s.reader_begin = begin;
    s.reader_sync = sync;
    s.reader_end = end;
    return s;
}
constexpr cmodx_subject broadcast = subject("codeheap-broadcast", CMODX_TO_ALL, start<CODEHEAP_BROADCAST>);
constexpr cmodx_subject lazy = subject("codeheap-lazy", CMODX_TO_READER_SYNC, start<CODEHEAP_LAZY>);
constexpr cmodx_subject tracked = subject("codeheap-tracked", CMODX_TO_READER_SYNC, start<CODEHEAP_TRACKED>);
constexpr cmodx_subject none = subject("codeheap-none", CMODX_TO_CALLER, start<CODEHEAP_NONE>);

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&broadcast, &lazy, &tracked, &none, nullptr};
    return all;
}
