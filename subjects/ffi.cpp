// SPDX-License-Identifier: Apache-2.0
// libffi's closures: code that libffi makes, which calls back with the token.
#include <ffi.h>

#include "subject.h"

namespace {

ffi_cif cif;

// The first closure is made here: of those that threads make at once, libffi 3.4.4 refuses some
// (results/reproducers/first_closures.c).
const char* start() {
    void* run = nullptr;
    ffi_closure_free(ffi_closure_alloc(sizeof(ffi_closure), &run));
    return ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 0, &ffi_type_sint, nullptr) == FFI_OK ? nullptr : "ffi_prep_cif failed";
}
void answer(ffi_cif*, void* result, void**, void* token) {
    *static_cast<ffi_arg*>(result) = static_cast<ffi_arg>(reinterpret_cast<uintptr_t>(token));
}
int emit(cmodx_code* c, uint8_t token) {
    c->size = sizeof(ffi_closure);
    c->write = c->own = ffi_closure_alloc(sizeof(ffi_closure), &c->run);
    if (c->own == nullptr) return 1;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): a token in place of a pointer
    return ffi_prep_closure_loc(static_cast<ffi_closure*>(c->own), &cif, answer,
                                reinterpret_cast<void*>(uintptr_t{token}), c->run);
}
void drop(cmodx_code* c) { ffi_closure_free(c->own); }

const cmodx_subject closures = [] {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.name = "libffi-closure";
    s.claim = CMODX_TO_CALLER;
    s.start = start;
    s.emit = emit;
    s.drop = drop;
    return s;
}();

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&closures, nullptr};
    return all;
}
