/* SPDX-License-Identifier: Apache-2.0
 *
 * tool.h -- what the drivers share: a text read whole
 */
#ifndef EBM_TESTS_TOOLS_TOOL_H
#define EBM_TESTS_TOOLS_TOOL_H

#include <stdio.h>

#include "base/arena.h"

static inline char *
read_all(Arena *a, FILE *f, size_t *ret_size)
{
    char *text = NULL;
    size_t cap = 0, size = 0, got;

    do {
        text = arena_grow(a, text, size, &cap, size + 65536, 1);
        got = fread(text + size, 1, 65536, f);
        size += got;
    } while (got);
    *ret_size = size;
    return text;
}

#endif
