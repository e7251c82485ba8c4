/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- modules from text, for the tests of the IR
 */
#ifndef EBM_TESTS_IR_TEXT_H
#define EBM_TESTS_IR_TEXT_H

#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

/* NULL, with what was said on standard error, when the text is refused. */
static inline Module *
test_read(Arena *arena, const char *text)
{
    SourceMap *sources = arena_new(arena, SourceMap);
    DiagList diags = {.arena = arena, .sources = sources};

    sources->arena = arena;
    uint32_t file = source_add(sources, "test", text, strlen(text));
    Module *m = ir_read(arena, sources, file, &diags);
    diag_render(&diags, stderr);
    return m;
}

/* The module's text, in memory that the arena owns. */
static inline char *
test_print(Arena *arena, const Module *m)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    ir_print(m, out);
    fclose(out);
    char *copy = arena_strndup(arena, text, size);
    free(text);
    return copy;
}

/* What the verifier says about it. */
static inline char *
test_verify(Arena *arena, const Module *m, bool *ret_good)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);

    *ret_good = ir_verify(m, out);
    fclose(out);
    char *copy = arena_strndup(arena, text, size);
    free(text);
    return copy;
}

#endif
