/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_tool.c -- IR text on standard input, IR text after passes on standard output
 *
 *   pass_tool PASS[,PASS...]    "middle": the pipeline up to the interpreter
 *
 * Diagnostics are printed as the compiler prints them; the exit status is 1 then.
 */
#include <stdlib.h>
#include <string.h>

#include "passes/pass.h"

typedef struct Tool {
    const char *passes;
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

static Module *
run_passes(Tool *t, const Module *m, DiagList *diags)
{
    PassOptions options = {.arena = &t->arena, .diags = diags, .log = stdout, .verify = true};
    const char *unknown;

    if (strcmp(t->passes, "middle") == 0)
        return pass_run(m, pipeline_middle.pass, pipeline_middle.n, &options);
    Module *out = pass_run_list(m, t->passes, &options, &unknown);
    if (unknown)
        printf("no pass is called '%s'\n", unknown);
    return out;
}

static void
run(void *user)
{
    Tool *t = user;
    SourceMap sources = {.arena = &t->arena};
    uint32_t file = source_add(&sources, "-", t->text, t->size);
    DiagList diags = {.arena = &t->arena, .sources = &sources};
    Module *m = ir_read(&t->arena, &sources, file, &diags);

    if (m)
        m = run_passes(t, m, &diags);
    for (size_t i = 0; i < diags.count; i++)
        diag_render(&diags, &diags.diag[i], stdout);
    if (!m)
        return;
    t->status = 0;
    ir_print(m, stdout);
}

int
main(int argc, char **argv)
{
    Tool t = {.passes = argc > 1 ? argv[1] : "middle", .status = 1};

    if (!read_all(&t) || !arena_guard(&t.arena, run, &t))
        fputs("out of memory\n", stderr);
    free(t.text);
    arena_free(&t.arena);
    return t.status;
}
