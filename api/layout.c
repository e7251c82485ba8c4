/* SPDX-License-Identifier: Apache-2.0
 *
 * layout.c -- source text as its syntax tree, and in the canonical layout
 */
#include "api/report.h"
#include "api/text.h"
#include "frontend/syntax.h"

/* What parsing one file for its text takes. */
typedef struct Parsing {
    Arena arena;
    SourceMap sources;
    Interner names;
    DiagList diags;
    const char *name, *text;
    size_t size;
    bool dump; /* the tree; else the canonical layout */
    Text out;
} Parsing;

static void
parse(void *user)
{
    Parsing *p = user;
    Arena *a = &p->arena;

    p->sources.arena = p->names.arena = p->diags.arena = p->out.arena = a;
    p->diags.sources = &p->sources;
    uint32_t file = source_add(&p->sources, p->name, p->text, p->size);
    const AstFile *ast = syntax_parse(a, &p->names, &p->sources, file, &p->diags);
    if (ast->broken)
        return;
    if (p->dump)
        syntax_dump(ast, &p->out);
    else
        syntax_format(a, ast, &p->sources, &p->out);
}

static EbmStatus
parse_text(Parsing *p, EbmText **ret, EbmReport **ret_report)
{
    bool done = arena_guard(&p->arena, parse, p);
    EbmStatus status = done ? report_diags(ret_report, &p->diags) : report_memory(ret_report);

    if (status == EBM_OK)
        status = text_give(text_str(&p->out), p->out.size, ret, ret_report);
    arena_free(&p->arena);
    return status;
}

EbmStatus
ebm_format(const char *name, const char *source, size_t size, EbmText **ret,
           EbmReport **ret_report)
{
    Parsing p = {.name = name ? name : "input.ebm", .text = source, .size = size};

    return parse_text(&p, ret, ret_report);
}

EbmStatus
text_of_tree(const char *name, const char *source, size_t size, EbmText **ret,
             EbmReport **ret_report)
{
    Parsing p = {.name = name, .text = source, .size = size, .dump = true};

    return parse_text(&p, ret, ret_report);
}
