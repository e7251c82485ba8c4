/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_parser.c -- any bytes at all: no crash, and what parses can be formatted
 *
 * A libFuzzer target.  If the text is a program, its formatted text must have the same
 * tree and the same comments, and formatting that must change nothing.
 */
#include <string.h>

#include "frontend/syntax.h"
#include "tests/fuzz/front.h"

typedef struct Input {
    Arena arena;
    const uint8_t *data;
    size_t size;
} Input;

static void
work(void *user)
{
    Input *in = user;
    Arena *a = &in->arena;
    Interner names = {.arena = a};
    SourceMap sources = {.arena = a};
    DiagList diags = {.arena = a, .sources = &sources};
    Text once = {.arena = a}, twice = {.arena = a}, before = {.arena = a}, after = {.arena = a};
    uint32_t file = source_add(&sources, "input", (const char *)in->data, in->size);
    const AstFile *ast = syntax_parse(a, &names, &sources, file, &diags), *again;

    demand(ast->broken == (diags.errors > 0));
    syntax_dump(ast, &before);
    try_render(&diags);
    if (ast->broken)
        return;
    syntax_format(a, ast, &sources, &once);
    file = source_add(&sources, "formatted", text_str(&once), once.size);
    again = syntax_parse(a, &names, &sources, file, &diags);
    demand(!again->broken && again->n_comments == ast->n_comments);
    syntax_dump(again, &after);
    demand(before.size == after.size && memcmp(before.data, after.data, after.size) == 0);
    syntax_format(a, again, &sources, &twice);
    demand(once.size == twice.size &&
           (!once.size || memcmp(once.data, twice.data, once.size) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Input in = {.data = data, .size = size};

    (void)arena_guard(&in.arena, work, &in);
    arena_free(&in.arena);
    return 0;
}
