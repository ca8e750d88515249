// SPDX-License-Identifier: Apache-2.0
// PCRE2's JIT: a pattern that matches `token` characters, compiled and matched by its machine code.
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>

#include <memory>

#include "subject.h"

namespace {

constexpr unsigned most = 255;
unsigned char text[most + 1];

const char* start() {
    for (unsigned i = 0; i < most; ++i) text[i] = 'x';
    uint32_t there = 0;
    pcre2_config(PCRE2_CONFIG_JIT, &there);
    return there != 0 ? nullptr : "this PCRE2 has no JIT";
}
int emit(cmodx_code* c, uint8_t token) {
    char pattern[16];
    const int length = snprintf(pattern, sizeof pattern, "x{%u}", token);
    int error = 0;
    PCRE2_SIZE at = 0;
    pcre2_code* const code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern), static_cast<PCRE2_SIZE>(length),
                                           PCRE2_ANCHORED, &error, &at, nullptr);
    if (code == nullptr) return error;
    size_t size = 0;
    if (pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) != 0 || pcre2_pattern_info(code, PCRE2_INFO_JITSIZE, &size) != 0 ||
        size == 0) {
        pcre2_code_free(code);
        return 1;
    }
    c->run = c->own = code;
    c->size = size;
    return 0;
}
void drop(cmodx_code* c) { pcre2_code_free(static_cast<pcre2_code*>(c->own)); }
int call(void* run) {
    struct release {
        void operator()(pcre2_match_data* of) const { pcre2_match_data_free(of); }
    };
    thread_local const std::unique_ptr<pcre2_match_data, release> found{pcre2_match_data_create(1, nullptr)};
    if (pcre2_jit_match(static_cast<const pcre2_code*>(run), text, most, 0, 0, found.get(), nullptr) != 1) return -1;
    const PCRE2_SIZE* const range = pcre2_get_ovector_pointer(found.get());
    return static_cast<int>(range[1] - range[0]);
}

const cmodx_subject patterns = [] {
    cmodx_subject s = {};
    s.version = CMODX_SUBJECT_VERSION;
    s.name = "pcre2-jit";
    s.claim = CMODX_TO_CALLER;
    s.start = start;
    s.emit = emit;
    s.drop = drop;
    s.call = call;
    return s;
}();

}  // namespace

const cmodx_subject* const* cmodx_subjects() {
    static const cmodx_subject* const all[] = {&patterns, nullptr};
    return all;
}
