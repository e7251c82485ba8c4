/* SPDX-License-Identifier: Apache-2.0
 *
 * pass_tool.c -- IR text on standard input, IR text after passes on standard output
 *
 *   pass_tool PASS[,PASS...]    "middle": the pipeline up to the interpreter
 *
 * Diagnostics are printed as the compiler prints them; the exit status is 1 then.
 */
#include <string.h>

#include "passes/pass.h"
#include "tests/tools/tool.h"

typedef struct Tool {
    const char *passes;
    Arena arena;
    int status;
} Tool;

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
    SourceMap sources;
    DiagList diags;
    Module *m = read_module(&t->arena, &sources, &diags);

    if (m)
        m = run_passes(t, m, &diags);
    diag_render(&diags, stdout);
    if (!m)
        return;
    t->status = 0;
    ir_print(m, stdout);
}

int
main(int argc, char **argv)
{
    Tool t = {.passes = argc > 1 ? argv[1] : "middle", .status = 1};

    if (!arena_guard(&t.arena, run, &t))
        fputs("out of memory\n", stderr);
    arena_free(&t.arena);
    return t.status;
}
