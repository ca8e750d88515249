/* SPDX-License-Identifier: Apache-2.0 */
/* A subject that claims more than it does: what it patches stays as it was, and its pages are writable and executable. */
#include <string.h>
#include <sys/mman.h>

#include "subject.h"

#ifndef VERSION
#define VERSION CMODX_SUBJECT_VERSION
#endif
#ifndef NAME
#define NAME "liar"
#endif

static int alloc(cmodx_code* c, const void* bytes, size_t length) {
    c->size = length;
    c->run = mmap(NULL, length, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->run == MAP_FAILED) return 1;
    memcpy(c->run, bytes, length);
    return 0;
}
static int publish(cmodx_code* c) {
    __builtin___clear_cache(c->run, (char*)c->run + c->size);
    return 0;
}
static int patch(cmodx_code* c, size_t offset, const void* bytes, size_t length) {
    (void)c, (void)offset, (void)bytes, (void)length;
    return 0;
}
static void drop(cmodx_code* c) { munmap(c->run, c->size); }

static const cmodx_subject liar = {
    .version = VERSION,
    .promises = CMODX_WX,
    .name = NAME,
    .claim = CMODX_TO_ALL,
    .alloc = alloc,
    .publish = publish,
    .patch = patch,
    .drop = drop,
};

const cmodx_subject* const* cmodx_subjects(void) {
    static const cmodx_subject* const all[] = {&liar, NULL};
    return all;
}
