// SPDX-License-Identifier: Apache-2.0
// libtcc: C compiled into memory, by one mapping that becomes executable as it is relocated. Its compiler is not
// thread-safe, so a lock stands around it.
#include <libtcc.h>
#include <stdio.h>
#include <stdlib.h>

#include <mutex>

#include "subject.h"

namespace {

std::mutex compiler;

int emit(cmodx_code* c, uint8_t token) {
    const std::lock_guard one(compiler);
    TCCState* s = tcc_new();
    if (s == nullptr) return 1;
    char text[64];
    snprintf(text, sizeof text, "int f(void) { return %d; }", token);
    tcc_set_options(s, "-nostdlib");
    tcc_set_output_type(s, TCC_OUTPUT_MEMORY);
    tcc_set_error_func(s, nullptr, [](void*, const char*) {});
    if (tcc_compile_string(s, text) != 0 || tcc_relocate(s, TCC_RELOCATE_AUTO) != 0) {
        tcc_delete(s);
        return 1;
    }
    c->own = s;
    c->run = tcc_get_symbol(s, "f");
    return c->run == nullptr;
}
void drop(cmodx_code* c) {
    const std::lock_guard one(compiler);
    tcc_delete(static_cast<TCCState*>(c->own));
}

const cmodx_subject compiled = [] {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.name = "libtcc";
    s.claim = CMODX_TO_CALLER;
    s.emit = emit;
    s.drop = drop;
    return s;
}();

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&compiled, nullptr};
    return all;
}
