/* SPDX-License-Identifier: Apache-2.0
 *
 * syntax_tool.c -- scanner, parser and formatter alone, for the goldens
 *
 *     syntax_tool parse|dump|expr|fmt|check [FILE]
 *
 * `parse` prints messages only; `check` fails unless formatting keeps the tree and is
 * idempotent.  Without FILE, or with `-`, the text is standard input.
 */
#include <stdio.h>
#include <string.h>

#include "frontend/syntax.h"
#include "tests/tools/tool.h"

typedef struct Run {
    Arena arena;
    const char *command, *name;
    FILE *file;
    int status;
} Run;

/* Formats `ast`, parses the result and compares. */
static const char *
check(Arena *a, Interner *names, SourceMap *sources, DiagList *diags, const AstFile *ast)
{
    Text once = {.arena = a}, twice = {.arena = a}, before = {.arena = a}, after = {.arena = a};

    syntax_format(a, ast, sources, &once);
    uint32_t file = source_add(sources, "formatted", text_str(&once), once.size);
    const AstFile *again = syntax_parse(a, names, sources, file, diags);
    if (again->broken)
        return "the formatted text does not parse";
    syntax_dump(ast, &before);
    syntax_dump(again, &after);
    if (strcmp(text_str(&before), text_str(&after)) != 0)
        return "the formatted text has another tree";
    if (ast->n_comments != again->n_comments)
        return "comments were lost";
    syntax_format(a, again, sources, &twice);
    return strcmp(text_str(&once), text_str(&twice)) ? "formatting is not idempotent" : NULL;
}

static void
work(void *user)
{
    Run *run = user;
    Arena *a = &run->arena;
    Interner names = {.arena = a};
    SourceMap sources = {.arena = a};
    DiagList diags = {.arena = a, .sources = &sources};
    Text out = {.arena = a};
    size_t size;
    char *text = read_all(a, run->file, &size);
    uint32_t file = source_add(&sources, run->name, text, size);

    if (strcmp(run->command, "expr") == 0) {
        const Expr *e = syntax_parse_expr(a, &names, &sources, file, &diags);
        if (e) {
            syntax_dump_expr(e, &out);
            text_add(&out, "\n", 1);
        }
        run->status = !e;
    } else {
        const AstFile *ast = syntax_parse(a, &names, &sources, file, &diags);
        run->status = ast->broken;
        if (ast->broken)
            ;
        else if (strcmp(run->command, "dump") == 0)
            syntax_dump(ast, &out);
        else if (strcmp(run->command, "fmt") == 0)
            syntax_format(a, ast, &sources, &out);
        else if (strcmp(run->command, "check") == 0) {
            const char *wrong = check(a, &names, &sources, &diags, ast);
            run->status = wrong != NULL;
            text_printf(&out, "%s%s", wrong ? wrong : "", wrong ? "\n" : "");
        }
    }
    fwrite(text_str(&out), 1, out.size, stdout);
    diag_render(&diags, stdout);
}

int
main(int argc, char **argv)
{
    const char *path = argc == 3 && strcmp(argv[2], "-") != 0 ? argv[2] : NULL;
    Run run = {.command = argc > 1 ? argv[1] : "", .name = path ? path : "stdin"};

    run.file = path ? fopen(path, "rb") : stdin;
    if (argc < 2 || argc > 3 || !run.file) {
        fprintf(stderr, "usage: syntax_tool parse|dump|expr|fmt|check [FILE]\n");
        return 2;
    }
    if (!arena_guard(&run.arena, work, &run))
        run.status = 3;
    if (path)
        fclose(run.file);
    arena_free(&run.arena);
    return run.status;
}
