/* SPDX-License-Identifier: Apache-2.0
 *
 * intern.c -- one pointer for each spelling
 */
#include "frontend/intern.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"

/* The slot that holds the text, or the empty one where it belongs. */
static size_t
find_slot(const Interner *in, const char *text, size_t size)
{
    size_t i = (size_t)hash_bytes(0, text, size) & (in->cap - 1);

    while (in->slot[i] && (strncmp(in->slot[i], text, size) != 0 || in->slot[i][size]))
        i = (i + 1) & (in->cap - 1);
    return i;
}

static void
rehash(Interner *in)
{
    Interner wide = {
        .arena = in->arena, .count = in->count, .cap = in->cap ? 2 * in->cap : 256};

    wide.slot = arena_array(in->arena, const char *, wide.cap);
    for (size_t i = 0; i < in->cap; i++)
        if (in->slot[i])
            wide.slot[find_slot(&wide, in->slot[i], strlen(in->slot[i]))] = in->slot[i];
    *in = wide;
}

const char *
intern(Interner *in, const char *text, size_t size)
{
    assert(!memchr(text, 0, size));
    if (2 * in->count >= in->cap)
        rehash(in);

    size_t i = find_slot(in, text, size);
    if (!in->slot[i]) {
        in->slot[i] = arena_strndup(in->arena, text, size);
        in->count++;
    }
    return in->slot[i];
}

const char *
intern_str(Interner *in, const char *text)
{
    return intern(in, text, strlen(text));
}
