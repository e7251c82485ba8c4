/* SPDX-License-Identifier: Apache-2.0
 *
 * syntax.c -- running scanner and parser over a source
 */
#include "frontend/syntax.h"

#include <string.h>

#include "frontend/build.h"
#include "parse.tab.h"

int ebm_yylex_init_extra(Syntax *s, yyscan_t *scanner);
struct yy_buffer_state *ebm_yy_scan_bytes(const char *bytes, int size, yyscan_t scanner);
int ebm_yylex_destroy(yyscan_t scanner);

/* Offsets are 32 bits, the scanner's sizes are ints; and nobody writes such a file by hand. */
enum { FILE_MAX_MIB = 64 };

static bool
has_byte_order_mark(const Source *src)
{
    return src->size >= 3 && memcmp(src->text, "\xEF\xBB\xBF", 3) == 0;
}

/* All memory is the arena's: an exhaustion that jumps out of here leaks nothing but what
 * the parser's look-ahead may hold. */
static void
run_parser(Syntax *s, int start)
{
    yyscan_t scanner;

    if (s->source->size > FILE_MAX_MIB * 1024u * 1024u) {
        syntax_error(s, DIAG_file_size, (Span){s->file, 0, 0}, FILE_MAX_MIB);
        return;
    }
    s->start = start;
    s->line = 1;
    s->at = has_byte_order_mark(s->source) ? 3 : 0;
    ebm_yylex_init_extra(s, &scanner);
    ebm_yy_scan_bytes(s->source->text + s->at, (int)(s->source->size - s->at), scanner);
    if (ebm_yyparse(scanner, s) != 0)
        s->errors++;
    ebm_yylex_destroy(scanner);
}

static Syntax
new_syntax(Arena *a, Interner *names, const SourceMap *sources, uint32_t file, DiagList *diags)
{
    return (Syntax){.arena = a,
                    .names = names,
                    .diags = diags,
                    .source = source_get(sources, file),
                    .file = file};
}

const AstFile *
syntax_parse(Arena *a, Interner *names, const SourceMap *sources, uint32_t file,
             DiagList *diags)
{
    Syntax s = new_syntax(a, names, sources, file, diags);

    s.ast = arena_new(a, AstFile);
    run_parser(&s, START_FILE);
    s.ast->file = file;
    s.ast->broken = s.errors > 0;
    s.ast->comments = s.comments;
    s.ast->n_comments = (uint32_t)s.n_comments;
    return s.ast;
}

const Expr *
syntax_parse_expr(Arena *a, Interner *names, const SourceMap *sources, uint32_t file,
                  DiagList *diags)
{
    Syntax s = new_syntax(a, names, sources, file, diags);

    run_parser(&s, START_EXPR);
    return s.errors ? NULL : s.expr;
}
