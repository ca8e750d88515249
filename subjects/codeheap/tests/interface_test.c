/* SPDX-License-Identifier: Apache-2.0 */
/* The header is C, and a C compiler links the library: no C++ runtime. */
#include <stdio.h>
#include <string.h>

#include "codeheap.h"

int main(void) {
    codeheap_options options;
    codeheap* heap = NULL;
    codeheap_executor* e = NULL;
    codeheap_error error;
    void* code = NULL;
    int outside;
    memset(&options, 0, sizeof options);
    options.version = CODEHEAP_VERSION;
    options.sync = CODEHEAP_LAZY;
    options.flags = CODEHEAP_ALLOW_RWX | CODEHEAP_FALL_BACK;
    error = codeheap_create(&options, &heap);
    if (error == CODEHEAP_OK) error = codeheap_register(heap, &e);
    if (error == CODEHEAP_OK) error = codeheap_alloc(heap, "0123456789abcdef", 16, 0, 0, &code);
    if (error != CODEHEAP_OK) {
        fprintf(stderr, "%s\n", codeheap_text(error));
        return 1;
    }
    outside = codeheap_enter(e);
    codeheap_check(e);
    if (memcmp(code, "0123456789abcdef", 16) != 0) return 1;
    codeheap_leave(e, outside);
    codeheap_unregister(heap, e);
    error = codeheap_free(heap, code);
    codeheap_destroy(heap);
    return error != CODEHEAP_OK;
}
