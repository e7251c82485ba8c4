/* SPDX-License-Identifier: Apache-2.0
 *
 * tool.h -- what the drivers share: a text read whole, and as a module
 */
#ifndef EBM_TESTS_TOOLS_TOOL_H
#define EBM_TESTS_TOOLS_TOOL_H

#include <stdio.h>

#include "base/arena.h"
#include "ir/ir.h"

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

/* The module on standard input; NULL after errors, which are in *ret_diags. */
static inline Module *
read_module(Arena *a, SourceMap *sources, DiagList *ret_diags)
{
    size_t size;

    *sources = (SourceMap){.arena = a};
    *ret_diags = (DiagList){.arena = a, .sources = sources};
    char *text = read_all(a, stdin, &size);
    return ir_read(a, sources, source_add(sources, "-", text, size), ret_diags);
}

#endif
