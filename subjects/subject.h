/* SPDX-License-Identifier: Apache-2.0 */
/* An implementation of run-time code modification, as the suite drives it. A subject fills in what it can do and claims
 * who sees new code; the verdict is the claim against what is observed. Functions return 0, or what went wrong. */
#ifndef CMODX_SUBJECT_H
#define CMODX_SUBJECT_H

#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

#define CMODX_SUBJECT_VERSION 3
typedef struct cmodx_code {
    void* run;   /* the executable alias: int (*)(void), or what `call` takes; set when it is published */
    void* write; /* the writable alias, or null if the subject does not hand it out */
    size_t size;
    void* own; /* the subject's */
} cmodx_code;

/* To whom the new code is visible when publish, patch, emit or retarget returns. */
typedef enum cmodx_claim {
    CMODX_TO_CALLER,
    CMODX_TO_ACQUIRER,    /* a thread that acquires a flag which is released afterwards */
    CMODX_TO_READER_SYNC, /* one that also calls reader_sync between that and the call */
    CMODX_TO_ALL          /* whoever comes to it */
} cmodx_claim;

enum { CMODX_WX = 1 /* no page is ever writable and executable at one address */ };

typedef struct cmodx_subject {
    uint32_t version; /* CMODX_SUBJECT_VERSION */
    uint32_t promises;
    const char* name;
    cmodx_claim claim;
    const char* (*start)(void); /* null: ready; otherwise why it cannot run here */
    /* Level of bytes: position-independent, not always entered at the first. Null functions are not offered. */
    int (*alloc)(cmodx_code*, const void* bytes, size_t length);
    int (*publish)(cmodx_code*);
    int (*patch)(cmodx_code*, size_t offset, const void* bytes, size_t length); /* may run meanwhile */
    /* Level of functions: code that returns the token. */
    int (*emit)(cmodx_code*, uint8_t token);     /* publishes, too */
    int (*retarget)(cmodx_code*, uint8_t token); /* may run meanwhile */
    void (*drop)(cmodx_code*);                   /* of both levels; nobody runs it any more */
    int (*call)(void* run); /* of functions with another signature; null: `run` is called itself */
    const char* (*text)(int error); /* what a number that a function returned says, or null */
    /* Called by each thread that runs code. */
    void (*reader_begin)(void);
    void (*reader_sync)(void);
    void (*reader_end)(void);
} cmodx_subject;

/* What a shared object exports: subjects, ended by null. */
const cmodx_subject* const* cmodx_subjects(void);

#ifdef __cplusplus
}
#endif
#endif
