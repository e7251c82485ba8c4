/* SPDX-License-Identifier: Apache-2.0
 *
 * intern.h -- one pointer for each spelling.
 *
 * Names are compared often and spelled once: within one Interner equal names are equal
 * pointers.  The text is in NFC, with the micro sign read as the Greek letter.
 */
#ifndef EBM_FRONTEND_INTERN_H
#define EBM_FRONTEND_INTERN_H

#include "base/arena.h"

/* Starts as {.arena}.  An open-addressing table of at most half its slots. */
typedef struct Interner {
    Arena *arena;
    const char **slot;
    size_t count, cap;
} Interner;

/* The one copy of these `size` bytes, NUL-terminated; they hold no NUL themselves. */
const char *intern(Interner *in, const char *text, size_t size);

/* The same for a C string. */
const char *intern_str(Interner *in, const char *text);

#endif
