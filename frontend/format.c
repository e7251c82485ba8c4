/* SPDX-License-Identifier: Apache-2.0
 *
 * format.c -- the layout of statements and declarations
 *
 * A block of one statement that was written on one line stays there if it fits; every
 * other block has a line for each statement.  Single empty lines are kept.
 */
#include "frontend/format.h"

#include "frontend/syntax.h"

static void put_stmt(Layout *p, const Stmt *st);

/* ---- blocks ---- */

bool
format_one_line(const Layout *p, const Body *body)
{
    return body->n_stmts + (body->value != NULL) <= 1 &&
           !layout_is_broken(p, body->span.begin, body->span.end);
}

/* `{ statement }` */
static void
put_line_block(Layout *p, const Body *body, int tail)
{
    bool empty = body->n_stmts == 0 && !body->value;

    layout_put(p, empty ? "{" : "{ ");
    if (body->n_stmts)
        put_stmt(p, body->stmts[0]);
    if (body->value)
        format_expr(p, body->value, 2 + tail);
    layout_put(p, empty ? "}" : " }");
}

static bool
line_block_fits(const Layout *p, const Body *body, int tail)
{
    Layout m = layout_measure(p, LAYOUT_STRICT);

    put_line_block(&m, body, tail);
    return layout_fits(&m, tail);
}

static void
put_stmt_line(Layout *p, const Stmt *st, bool first)
{
    int indent = p->line;

    p->hang = indent + LAYOUT_INDENT;
    layout_leading(p, st->span.begin, first);
    put_stmt(p, st);
    layout_trailing(p, st->span.end, indent);
}

static void
put_value_line(Layout *p, const Expr *value, bool first)
{
    int indent = p->line;

    p->hang = indent + LAYOUT_INDENT;
    layout_leading(p, value->span.begin, first);
    format_expr(p, value, 0);
    layout_trailing(p, value->span.end, indent);
}

static void
put_block(Layout *p, const Body *body)
{
    int line = p->line, hang = p->hang;

    layout_put(p, "{");
    p->hang = line + LAYOUT_INDENT;
    layout_trailing(p, body->span.begin + 1, line + LAYOUT_INDENT);
    for (uint32_t i = 0; i < body->n_stmts; i++)
        put_stmt_line(p, body->stmts[i], i == 0);
    if (body->value)
        put_value_line(p, body->value, body->n_stmts == 0);
    layout_closing(p, body->span.end - 1, body->n_stmts == 0 && !body->value);
    p->hang = hang;
    layout_newline(p, line);
    layout_put(p, "}");
}

void
format_block(Layout *p, const Body *body, bool broken, int tail)
{
    layout_flush(p, body->span.begin);
    if (p->over || p->done)
        return;
    broken = broken || !format_one_line(p, body);
    if (p->mode == LAYOUT_STRICT) {
        if (broken)
            p->over = true;
        else
            put_line_block(p, body, tail);
        return;
    }
    if (!broken && line_block_fits(p, body, tail)) {
        put_line_block(p, body, tail);
        return;
    }
    if (p->mode == LAYOUT_WRITE) {
        put_block(p, body);
        return;
    }
    layout_put(p, "{");
    p->done = !p->over;
}

/* The block of a statement or declaration that began at column `indent`, whatever lines its
 * head took. */
static void
put_own_block(Layout *p, const Body *body, int indent, bool broken, int tail)
{
    layout_flush(p, body->span.begin);
    if (p->fresh)
        layout_newline(p, indent);
    p->line = indent;
    layout_space(p);
    format_block(p, body, broken, tail);
}

/* ---- statements ---- */

static void
put_pattern(Layout *p, const Pattern *pattern)
{
    layout_flush(p, pattern->span.begin);
    if (pattern->name) {
        layout_put(p, pattern->name);
        if (pattern->type) {
            layout_put(p, ": ");
            format_type(p, pattern->type);
        }
        return;
    }
    layout_put(p, "(");
    for (uint32_t i = 0; i < pattern->n_fields; i++) {
        layout_put(p, i ? ", " : "");
        put_pattern(p, pattern->fields[i]);
    }
    layout_put(p, ")");
}

static void
put_binding(Layout *p, const char *word, const Stmt *st)
{
    layout_put(p, word);
    for (uint32_t i = 0; i < st->n_patterns; i++) {
        layout_put(p, i ? ", " : "");
        put_pattern(p, st->patterns[i]);
    }
    layout_put(p, st->init ? " ~ " : " = ");
    if (st->init)
        format_expr(p, st->init, 0);
    else
        format_exprs(p, st->values, st->n_values, 0);
}

static void
put_assign(Layout *p, const Stmt *st)
{
    format_exprs(p, st->targets, st->n_targets, 2);
    layout_put(p, " ");
    layout_put(p, ast_op_text(st->op));
    layout_put(p, "= ");
    format_exprs(p, st->values, st->n_values, 0);
}

static void
put_name(Layout *p, const char *word, const Stmt *st)
{
    layout_put(p, word);
    layout_flush(p, st->name_span.begin);
    layout_put(p, st->name);
}

static void
put_init(Layout *p, const Expr *init, const Expr *value, int tail)
{
    if (init) {
        layout_put(p, " ~ ");
        format_expr(p, init, tail);
    }
    if (value) {
        layout_put(p, " = ");
        format_expr(p, value, tail);
    }
}

/* `param`, `layer`, `buffer`, `const`, `report`: name[dims]: type ~ init = value */
static void
put_member(Layout *p, const char *word, const Stmt *st)
{
    put_name(p, word, st);
    for (uint32_t i = 0; i < st->n_dims; i++) {
        layout_put(p, i ? ", " : "[");
        format_expr(p, st->dims[i], 1);
    }
    layout_put(p, st->n_dims ? "]" : "");
    if (st->type) {
        layout_put(p, ": ");
        format_type(p, st->type);
    }
    put_init(p, st->init, st->value, 0);
}

static bool
if_is_one_line(const Layout *p, const Stmt *st)
{
    if (!format_one_line(p, st->body))
        return false;
    if (!st->other)
        return true;
    return st->other->braced ? format_one_line(p, st->other)
                             : if_is_one_line(p, st->other->stmts[0]);
}

static void
put_if_parts(Layout *p, const Stmt *st, bool broken)
{
    int indent = p->line;

    layout_put(p, "if ");
    format_expr(p, st->value, 2);
    put_own_block(p, st->body, indent, broken, st->other ? 7 : 0);
    if (!st->other)
        return;
    layout_flush(p, st->other->span.begin);
    if (p->fresh)
        layout_newline(p, indent);
    layout_space(p);
    layout_put(p, "else");
    if (st->other->braced) {
        put_own_block(p, st->other, indent, broken, 0);
        return;
    }
    layout_put(p, " ");
    put_if_parts(p, st->other->stmts[0], broken);
}

static void
put_if(Layout *p, const Stmt *st)
{
    bool broken = !if_is_one_line(p, st);

    if (!broken && p->mode != LAYOUT_STRICT) {
        Layout m = layout_measure(p, LAYOUT_STRICT);
        put_if_parts(&m, st, false);
        broken = !layout_fits(&m, 0);
    }
    put_if_parts(p, st, broken);
}

static void
put_while(Layout *p, const Stmt *st)
{
    int indent = p->line;

    layout_put(p, "while ");
    format_expr(p, st->value, 1);
    layout_put(p, ",");
    layout_flush(p,
                 st->bound->span.begin); /* not behind `most`, which could end the statement */
    layout_space(p);
    layout_put(p, "at most ");
    format_expr(p, st->bound, 2);
    put_own_block(p, st->body, indent, false, 0);
}

static void
put_require(Layout *p, const Stmt *st)
{
    layout_put(p, "require ");
    format_expr(p, st->value, 1);
    layout_put(p, ", \"");
    layout_put(p, st->text);
    layout_put(p, "\"");
}

static void put_callable(Layout *p, const Decl *d, bool local);

static void
put_stmt(Layout *p, const Stmt *st)
{
    int indent = p->line;

    switch (st->kind) {
    case STMT_LET: put_binding(p, "let ", st); break;
    case STMT_VAR: put_binding(p, "var ", st); break;
    case STMT_STATE: put_binding(p, "state ", st); break;
    case STMT_CACHE: put_binding(p, "cache ", st); break;
    case STMT_CONST: put_member(p, "const ", st); break;
    case STMT_ASSIGN: put_assign(p, st); break;
    case STMT_RETURN:
        layout_put(p, "return ");
        format_exprs(p, st->values, st->n_values, 0);
        break;
    case STMT_REPORT: put_member(p, "report ", st); break;
    case STMT_REQUIRE: put_require(p, st); break;
    case STMT_IF: put_if(p, st); break;
    case STMT_FOR:
        layout_put(p, "for ");
        format_gen(p, st->gen);
        put_own_block(p, st->body, indent, false, 0);
        break;
    case STMT_WHILE: put_while(p, st); break;
    case STMT_PARAM: put_member(p, "param ", st); break;
    case STMT_LAYER: put_member(p, "layer ", st); break;
    case STMT_BUFFER: put_member(p, "buffer ", st); break;
    case STMT_STEP:
        layout_put(p, "step");
        put_own_block(p, st->body, indent, false, 0);
        break;
    case STMT_DECL: put_callable(p, st->decl, true); break;
    case STMT_CALL: format_expr(p, st->value, 0); break;
    case STMT_KINDS: break;
    }
}

/* ---- declarations ---- */

static Span
static_span(const void *element)
{
    return ((const Static *)element)->span;
}

static void
put_static(Layout *p, const void *element, int tail)
{
    const Static *st = element;

    layout_flush(p, st->span.begin);
    layout_put(p, st->name);
    layout_put(p, st->pack ? "..." : "");
    put_init(p, NULL, st->value, tail);
}

static Span
param_span(const void *element)
{
    return ((const Param *)element)->span;
}

static void
put_param(Layout *p, const void *element, int tail)
{
    const Param *param = element;

    layout_flush(p, param->span.begin);
    layout_put(p, param->given ? "given " : "");
    layout_put(p, param->name);
    layout_put(p, ": ");
    format_type(p, param->type);
    put_init(p, param->init, param->value, tail);
}

static int
head_tail(const Layout *p, const Decl *d)
{
    Layout m = layout_measure(p, LAYOUT_STRICT);

    if (!d->result)
        return 2;
    m.column = 0;
    layout_put(&m, " -> ");
    format_type(&m, d->result);
    return m.over ? 0 : m.column + 2;
}

/* The bracket behind a list that ends at `at`: only blanks, a comma and comments are between.
 */
static uint32_t
closing_place(const Layout *p, uint32_t at)
{
    const char *text = p->source->text;

    for (; text[at] && text[at] != ')' && text[at] != ']'; at++)
        if (text[at] == '#')
            while (text[at + 1] && text[at + 1] != '\n')
                at++;
    return at;
}

static void
put_head(Layout *p, const Decl *d)
{
    Listing statics = {.open = "[",
                       .close = "]",
                       .elements = (void *const *)d->statics,
                       .count = d->n_statics,
                       .span = static_span,
                       .item = put_static,
                       .begin = d->name_span.end};
    Listing params = {.open = "(",
                      .close = ")",
                      .elements = (void *const *)d->params,
                      .count = d->n_params,
                      .span = param_span,
                      .item = put_param};

    statics.end = params.begin = d->name_span.end;
    if (d->n_statics)
        statics.end = params.begin = closing_place(p, d->statics[d->n_statics - 1]->span.end);
    params.end =
        d->n_params ? closing_place(p, d->params[d->n_params - 1]->span.end) : params.begin;
    layout_put(p, ast_decl_word(d->kind));
    layout_put(p, " ");
    layout_put(p, d->name);
    if (d->n_statics)
        format_list(p, &statics, 1);
    format_list(p, &params, head_tail(p, d));
    if (d->result) {
        layout_put(p, " -> ");
        format_type(p, d->result);
    }
}

/* `= expr`, on the next line if it does not fit on this one. */
static void
put_definition(Layout *p, const Expr *value, int tail)
{
    layout_put(p, " =");
    layout_flush(p, value->span.begin);
    if (!p->fresh && !format_expr_goes_on(p, value, tail))
        layout_newline(p, p->hang);
    layout_space(p);
    format_expr(p, value, tail);
}

/* A newline before `derivative` would end the statement that a local function is. */
static void
put_derivative(Layout *p, const Expr *derivative, bool local)
{
    if (!local) {
        layout_newline(p, p->hang);
        layout_flush(p, derivative->span.begin);
    }
    layout_space(p);
    layout_put(p, "derivative ");
    format_expr(p, derivative, 0);
}

static void
put_callable(Layout *p, const Decl *d, bool local)
{
    int indent = p->line;

    put_head(p, d);
    if (d->body->braced) {
        put_own_block(p, d->body, indent, false, 0);
    } else {
        p->line = indent;
        put_definition(p, d->body->value, 0);
    }
    if (d->derivative)
        put_derivative(p, d->derivative, local);
}

static void
put_setting(Layout *p, const Setting *set, bool first)
{
    int indent = p->line;

    layout_leading(p, set->span.begin, first);
    layout_put(p, set->name);
    layout_put(p, " = ");
    format_expr(p, set->value, 0);
    layout_trailing(p, set->span.end, indent);
}

static void
put_recipe(Layout *p, const Decl *d)
{
    layout_put(p, d->name);
    layout_put(p, " {");
    p->hang = 2 * LAYOUT_INDENT;
    layout_trailing(p, d->name_span.end, LAYOUT_INDENT);
    for (uint32_t i = 0; i < d->n_settings; i++)
        put_setting(p, d->settings[i], i == 0);
    layout_closing(p, d->span.end - 1, d->n_settings == 0);
    layout_newline(p, 0);
    layout_put(p, "}");
}

static void
put_decl(Layout *p, const Decl *d)
{
    p->hang = LAYOUT_INDENT;
    switch (d->kind) {
    case DECL_IMPORT:
        layout_put(p, "import \"");
        layout_put(p, d->text);
        layout_put(p, "\"");
        break;
    case DECL_CONST:
    case DECL_DATA:
        layout_put(p, d->kind == DECL_CONST ? "const " : "data ");
        layout_put(p, d->name);
        if (d->type) {
            layout_put(p, ": ");
            format_type(p, d->type);
        }
        put_init(p, NULL, d->value, 0);
        break;
    case DECL_TRAIN:
    case DECL_SAMPLE: put_recipe(p, d); break;
    default: put_callable(p, d, false); break;
    }
}

void
syntax_format(Arena *a, const AstFile *ast, const SourceMap *sources, Text *out)
{
    Layout p = {
        .ast = ast, .source = source_get(sources, ast->file), .out = out, .fresh = true};

    (void)a;
    for (uint32_t i = 0; i < ast->n_decls; i++) {
        const Decl *d = ast->decls[i];
        layout_leading(&p, d->span.begin, i == 0);
        put_decl(&p, d);
        layout_trailing(&p, d->span.end, 0);
    }
    layout_closing(&p, UINT32_MAX, ast->n_decls == 0);
}
