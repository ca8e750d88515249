/* SPDX-License-Identifier: Apache-2.0 */
/* A subject to begin with: copy it, and put your JIT's own calls where the comments say so.
 *
 *     cc -shared -fPIC -I subjects yours.c -o yours.so && cmodx_subject run --subject yours.so
 *
 * The suite hands over machine code as bytes; or, for a JIT that takes no bytes, asks for a function that returns a
 * number (emit, retarget). Leave null what yours does not do: there are no such tests then. */
#include <string.h>
#include <sys/mman.h>

#include "subject.h"

/* Your allocator: a place that code can be written to and will run at. */
static int alloc(cmodx_code* c, const void* bytes, size_t length) {
    c->size = (length + 65535) & ~(size_t)65535;
    c->write = mmap(NULL, c->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (c->write == MAP_FAILED) return 1; /* any number but 0: it failed, and nothing was kept */
    memcpy(c->write, bytes, length);
    return 0;
}

/* What yours does between the writing and the first call. The address to call is known now. */
static int publish(cmodx_code* c) {
    if (mprotect(c->write, c->size, PROT_READ | PROT_EXEC) != 0) return 1;
    __builtin___clear_cache((char*)c->write, (char*)c->write + c->size);
    c->run = c->write;
    c->write = NULL; /* no alias that others may write to */
    return 0;
}

static void drop(cmodx_code* c) { munmap(c->run != NULL ? c->run : c->write, c->size); }

static const cmodx_subject template = {
    .version = CMODX_SUBJECT_VERSION,
    .promises = CMODX_WX,     /* no page is ever writable and executable; 0 if yours does not promise it */
    .name = "template",       /* [a-z0-9-]+ */
    .claim = CMODX_TO_CALLER, /* who sees the code when publish returns: claim what you document, and see */
    .alloc = alloc,
    .publish = publish,
    .patch = NULL, /* changing code that may run meanwhile: this one cannot */
    .drop = drop,
    .reader_sync = NULL, /* what a thread has to do before it runs new code, if anything */
};

const cmodx_subject* const* cmodx_subjects(void) {
    static const cmodx_subject* const all[] = {&template, NULL};
    return all;
}
