/* SPDX-License-Identifier: Apache-2.0
 *
 * ir_tool.c -- IR text on standard input, what is made of it on standard output
 *
 *   ir_tool print    prints it again
 *   ir_tool check    says "ok"
 * Errors are printed as the compiler prints them; the exit status is 1 then.
 */
#include <stdlib.h>
#include <string.h>

#include "ir/ir.h"

typedef struct Tool {
    const char *command;
    char *text;
    size_t size;
    Arena arena;
    int status;
} Tool;

static bool
read_all(Tool *t)
{
    size_t cap = 1 << 16;

    t->text = malloc(cap);
    for (size_t got = 1; t->text && got; t->size += got) {
        if (t->size == cap) {
            char *more = realloc(t->text, cap *= 2);
            if (!more)
                return false;
            t->text = more;
        }
        got = fread(t->text + t->size, 1, cap - t->size, stdin);
    }
    return t->text != NULL;
}

static void
run(void *user)
{
    Tool *t = user;
    SourceMap sources = {.arena = &t->arena};
    uint32_t file = source_add(&sources, "-", t->text, t->size);
    DiagList diags = {.arena = &t->arena, .sources = &sources};
    Module *m = ir_read(&t->arena, &sources, file, &diags);

    for (size_t i = 0; i < diags.count; i++)
        diag_render(&diags, &diags.diag[i], stdout);
    if (!m)
        return;
    t->status = 0;
    if (strcmp(t->command, "print") == 0)
        ir_print(m, stdout);
    else
        puts("ok");
}

int
main(int argc, char **argv)
{
    Tool t = {.command = argc > 1 ? argv[1] : "print", .status = 1};

    if (!read_all(&t) || !arena_guard(&t.arena, run, &t))
        fputs("out of memory\n", stderr);
    arena_free(&t.arena);
    free(t.text);
    return t.status;
}
