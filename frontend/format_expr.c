/* SPDX-License-Identifier: Apache-2.0
 *
 * format_expr.c -- the layout of expressions and types
 *
 * Parentheses are those that were written.  A chain of operators and a list in brackets
 * fill their lines; a block opens at the end of one.
 */
#include "frontend/format.h"

/* Something to be written after a space, or on the next line. */
typedef struct Piece {
    const char *before; /* an operator, or "" */
    const void *element;
    void (*put)(Layout *p, const void *element, int tail);
    int tail;
} Piece;

static bool
measures(const Layout *p, LayoutMode mode, const Piece *piece, bool at_hang)
{
    Layout m = layout_measure(p, mode);

    if (at_hang)
        m.column = p->hang;
    else
        layout_put(&m, " ");
    layout_put(&m, piece->before);
    piece->put(&m, piece->element, piece->tail);
    return layout_fits(&m, piece->tail);
}

/* Should it stand on this line?  Yes if it fits there as a whole, no if it would on the
 * next, yes if it can be broken here. */
static bool
goes_on(const Layout *p, const Piece *piece)
{
    if (p->mode != LAYOUT_WRITE || measures(p, LAYOUT_STRICT, piece, false))
        return true;
    return !measures(p, LAYOUT_STRICT, piece, true) && measures(p, LAYOUT_LOOSE, piece, false);
}

static void
put_expr(Layout *p, const void *e, int tail)
{
    format_expr(p, e, tail);
}

bool
format_expr_goes_on(const Layout *p, const Expr *e, int tail)
{
    return goes_on(p, &(Piece){.before = "", .element = e, .put = put_expr, .tail = tail});
}

/* ---- lists ---- */

static bool
has_gap_comment(const Layout *p, const Listing *list)
{
    uint32_t at = list->begin;

    for (uint32_t i = 0; i < list->count; i++) {
        Span span = list->span(list->elements[i]);
        if (layout_has_comment(p, at, span.begin))
            return true;
        at = span.end;
    }
    return layout_has_comment(p, at, list->end);
}

/* One element a line, with its comments. */
static void
put_column(Layout *p, const Listing *list)
{
    int line = p->line, inner = line + LAYOUT_INDENT, hang = p->hang;

    layout_put(p, list->open);
    p->hang = inner + LAYOUT_INDENT;
    layout_newline(p, inner);
    for (uint32_t i = 0; i < list->count; i++) {
        Span span = list->span(list->elements[i]);
        layout_leading(p, span.begin, i == 0);
        list->item(p, list->elements[i], 1);
        layout_put(p, ",");
        layout_trailing(p, span.end, inner);
    }
    layout_closing(p, list->end, list->count == 0);
    p->hang = hang;
    layout_newline(p, line);
    layout_put(p, list->close);
}

static bool
list_fits(const Layout *p, const Listing *list, int tail)
{
    Layout m = layout_measure(p, LAYOUT_LOOSE);

    for (uint32_t i = 0; i < list->count && !m.over && !m.done; i++) {
        layout_put(&m, i ? ", " : "");
        list->item(&m, list->elements[i], 1);
    }
    return layout_fits(&m, tail + 1);
}

/* As many elements a line as fit. */
static void
put_filled(Layout *p, const Listing *list, int tail)
{
    int hang = p->hang;
    bool measuring = p->mode != LAYOUT_WRITE;

    layout_put(p, list->open);
    p->hang = p->column > p->line + 48 ? p->line + 2 * LAYOUT_INDENT : p->column;

    bool rows = list->rows && !measuring && !list_fits(p, list, tail);
    for (uint32_t i = 0; i < list->count && !p->over && !p->done; i++) {
        int after = i + 1 < list->count ? 1 : 1 + tail;
        Piece piece = {
            .before = "", .element = list->elements[i], .put = list->item, .tail = after};
        bool may_break = !measuring && (i || p->hang < p->column);
        bool breaks = may_break && ((i && rows) || !goes_on(p, &piece));
        layout_put(p, i ? "," : "");
        if (breaks)
            layout_newline(p, p->hang);
        else if (i)
            layout_space(p);
        list->item(p, list->elements[i], after);
    }
    layout_flush(p, list->end);
    p->hang = hang;
    layout_put(p, list->close);
}

void
format_list(Layout *p, const Listing *list, int tail)
{
    if (p->mode == LAYOUT_WRITE && has_gap_comment(p, list))
        put_column(p, list);
    else
        put_filled(p, list, tail);
}

void
format_exprs(Layout *p, Expr *const *e, uint32_t count, int tail)
{
    for (uint32_t i = 0; i < count && !p->over && !p->done; i++) {
        int after = i + 1 < count ? 1 : tail;
        if (i)
            layout_put(p, ",");
        if (i && !format_expr_goes_on(p, e[i], after))
            layout_newline(p, p->hang);
        else if (i)
            layout_space(p);
        format_expr(p, e[i], after);
    }
}

/* ---- types ---- */

static void
put_dims(Layout *p, Expr *const *dims, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        layout_put(p, i ? ", " : "[");
        format_expr(p, dims[i], 1);
    }
    layout_put(p, count ? "]" : "");
}

static void
put_fields(Layout *p, const AstType *t)
{
    layout_put(p, "(");
    for (uint32_t i = 0; i < t->n_fields; i++) {
        layout_put(p, i ? ", " : "");
        if (t->fields[i]->name) {
            layout_flush(p, t->fields[i]->span.begin);
            layout_put(p, t->fields[i]->name);
            layout_put(p, ": ");
        }
        format_type(p, t->fields[i]->type);
    }
    layout_put(p, ")");
}

static void
put_bound(Layout *p, const char *op, const Expr *bound)
{
    layout_space(p);
    layout_put(p, op);
    layout_put(p, " ");
    format_expr(p, bound, 0);
}

static void
put_range(Layout *p, const Range *r)
{
    if (r->in) {
        put_bound(p, "in", r->lo);
        layout_put(p, "..");
        format_expr(p, r->hi, 0);
        return;
    }
    if (r->lo)
        put_bound(p, r->lo_open ? ">" : ">=", r->lo);
    if (r->hi)
        put_bound(p, r->hi_open ? "<" : "<=", r->hi);
}

void
format_type(Layout *p, const AstType *t)
{
    if (p->over || p->done)
        return;
    layout_flush(p, t->span.begin);
    switch (t->kind) {
    case TYPE_NAME:
        layout_put(p, t->name);
        put_dims(p, t->dims, t->n_dims);
        break;
    case TYPE_ANY: layout_put(p, ast_decl_word(t->bare)); break;
    case TYPE_TUPLE: put_fields(p, t); break;
    case TYPE_ENERGY:
        layout_put(p, "energy");
        put_fields(p, t);
        break;
    case TYPE_FN:
        layout_put(p, "fn");
        put_fields(p, t);
        layout_put(p, " -> ");
        format_type(p, t->result);
        break;
    case TYPE_KINDS: break;
    }
    if (t->range)
        put_range(p, t->range);
}

/* ---- expressions ---- */

static Span
arg_span(const void *arg)
{
    return ((const Arg *)arg)->span;
}

static void
put_arg(Layout *p, const void *element, int tail)
{
    const Arg *arg = element;

    layout_flush(p, arg->span.begin);
    if (arg->name) {
        layout_put(p, arg->name);
        layout_put(p, " = ");
    }
    format_expr(p, arg->value, tail);
}

static bool
has_rows(const Expr *e)
{
    return e->kind == EXPR_ARRAY && e->args[0]->value->kind == EXPR_ARRAY;
}

static void
put_args(Layout *p, const Expr *e, const char *open, const char *close, int tail)
{
    format_list(p,
                &(Listing){.open = open,
                           .close = close,
                           .elements = (void *const *)e->args,
                           .count = e->n_args,
                           .span = arg_span,
                           .item = put_arg,
                           .begin = e->left ? e->left->span.end : e->span.begin,
                           .end = e->span.end - 1,
                           .rows = has_rows(e)},
                tail);
}

/* How tightly an operator binds, for chains of equal ones; 0 does not chain. */
static int
chain_level(const Expr *e)
{
    if (e->kind != EXPR_BINARY)
        return 0;
    switch (e->op) {
    case AST_OP_OR: return 1;
    case AST_OP_AND: return 2;
    case AST_OP_PIPE: return 3;
    case AST_OP_ADD:
    case AST_OP_SUB: return 4;
    case AST_OP_MUL:
    case AST_OP_DIV:
    case AST_OP_IDIV:
    case AST_OP_MOD:
    case AST_OP_AT: return 5;
    default: return 0;
    }
}

/* `op right` of a chain, on this line or the next. */
static void
put_link(Layout *p, const Expr *e, int tail)
{
    Piece piece = {
        .before = ast_op_text(e->op), .element = e->right, .put = put_expr, .tail = tail + 1};

    layout_flush(p, e->at.begin);
    if (!p->fresh && !goes_on(p, &piece))
        layout_newline(p, p->hang);
    layout_space(p);
    layout_put(p, ast_op_text(e->op));
    layout_put(p, " ");
    format_expr(p, e->right, tail);
}

static void
put_binary(Layout *p, const Expr *e, int tail)
{
    const Expr *left = e->left;

    if (e->op == AST_OP_POW) {
        format_expr(p, left, 1);
        layout_flush(p, e->at.begin);
        layout_put(p, "^");
        format_expr(p, e->right, tail);
        return;
    }
    if (chain_level(left) == chain_level(e) && chain_level(e) && !left->parens)
        put_binary(p, left, 0);
    else
        format_expr(p, left, 0);
    if (!p->over && !p->done)
        put_link(p, e, tail);
}

static void
put_unary(Layout *p, const Expr *e, int tail)
{
    layout_put(p, e->op == AST_OP_NOT ? "not " : "-");
    format_expr(p, e->left, tail);
}

void
format_gen(Layout *p, const Gen *gen)
{
    layout_flush(p, gen->span.begin);
    layout_put(p, gen->name);
    layout_put(p, " in ");
    format_expr(p, gen->lo, 2);
    layout_put(p, "..");
    format_expr(p, gen->hi, 1);
}

/* A body that is a block, or an expression that may go to the next line. */
static void
put_body(Layout *p, const Body *body, bool may_break, int tail)
{
    if (body->braced) {
        layout_space(p);
        format_block(p, body, false, tail);
        return;
    }
    layout_flush(p, body->value->span.begin);
    if (may_break && !p->fresh && !format_expr_goes_on(p, body->value, tail))
        layout_newline(p, p->hang);
    layout_space(p);
    format_expr(p, body->value, tail);
}

static void
put_for(Layout *p, const Expr *e, int tail)
{
    int hang = p->hang;

    layout_put(p, e->reduces ? "for " : "[for ");
    if (!e->reduces)
        p->hang = p->column > p->line + 48 ? p->line + LAYOUT_INDENT : p->column - 5;
    p->hang += LAYOUT_INDENT;
    for (uint32_t i = 0; i < e->n_gens; i++) {
        layout_put(p, i ? ", " : "");
        format_gen(p, e->gens[i]);
    }
    layout_put(p, ":");
    put_body(p, e->body, true, tail + !e->reduces);
    if (!e->reduces)
        layout_flush(p, e->span.end - 1 - e->parens);
    p->hang = hang;
    layout_put(p, e->reduces ? "" : "]");
}

static void
put_lambda(Layout *p, const Expr *e, int tail)
{
    layout_put(p, "|");
    for (uint32_t i = 0; i < e->n_params; i++) {
        layout_put(p, i ? ", " : "");
        layout_flush(p, e->params[i]->span.begin);
        layout_put(p, e->params[i]->name);
        if (e->params[i]->type) {
            layout_put(p, ": ");
            format_type(p, e->params[i]->type);
        }
    }
    layout_put(p, "|");
    put_body(p, e->body, false, tail);
}

/* Can all blocks of `if ... else if ... else ...` stand on one line? */
static bool
if_is_one_line(const Layout *p, const Expr *e)
{
    return format_one_line(p, e->body) &&
           (e->other->value && !e->other->braced ? if_is_one_line(p, e->other->value)
                                                 : format_one_line(p, e->other));
}

static void
put_if_parts(Layout *p, const Expr *e, bool broken, int tail)
{
    layout_put(p, "if ");
    format_expr(p, e->left, 2);
    layout_space(p);
    format_block(p, e->body, broken, 7);
    layout_flush(p, e->other->span.begin);
    layout_space(p);
    layout_put(p, "else ");
    if (e->other->braced)
        format_block(p, e->other, broken, tail);
    else
        put_if_parts(p, e->other->value, broken, tail);
}

static void
put_if(Layout *p, const Expr *e, int tail)
{
    bool broken = !if_is_one_line(p, e);

    if (!broken && p->mode != LAYOUT_STRICT) {
        Layout m = layout_measure(p, LAYOUT_STRICT);
        put_if_parts(&m, e, false, tail);
        broken = !layout_fits(&m, tail);
    }
    put_if_parts(p, e, broken, tail);
}

static void
put_slice(Layout *p, const Expr *e, int tail)
{
    if (e->left)
        format_expr(p, e->left, 1);
    layout_put(p, ":");
    if (e->right)
        format_expr(p, e->right, tail);
}

static void
put_bare(Layout *p, const Expr *e, int tail)
{
    switch (e->kind) {
    case EXPR_NAME: layout_put(p, e->name); break;
    case EXPR_INT:
    case EXPR_REAL: layout_put(p, e->text); break;
    case EXPR_BOOL: layout_put(p, e->boolean ? "true" : "false"); break;
    case EXPR_STRING:
        layout_put(p, "\"");
        layout_put(p, e->text);
        layout_put(p, "\"");
        break;
    case EXPR_UNARY: put_unary(p, e, tail); break;
    case EXPR_BINARY: put_binary(p, e, tail); break;
    case EXPR_CALL:
        format_expr(p, e->left, 1);
        put_args(p, e, "(", ")", tail);
        break;
    case EXPR_INDEX:
        format_expr(p, e->left, 1);
        put_args(p, e, "[", "]", tail);
        break;
    case EXPR_MEMBER:
        format_expr(p, e->left, 1);
        layout_flush(p, e->at.begin);
        layout_put(p, ".");
        layout_put(p, e->name);
        break;
    case EXPR_TUPLE: put_args(p, e, "(", ")", tail); break;
    case EXPR_ARRAY: put_args(p, e, "[", "]", tail); break;
    case EXPR_FOR: put_for(p, e, tail); break;
    case EXPR_IF: put_if(p, e, tail); break;
    case EXPR_LAMBDA: put_lambda(p, e, tail); break;
    case EXPR_SLICE: put_slice(p, e, tail); break;
    case EXPR_PACK:
        layout_put(p, e->name);
        layout_put(p, "...");
        break;
    case EXPR_KINDS: break;
    }
}

void
format_expr(Layout *p, const Expr *e, int tail)
{
    int hang = p->hang;

    if (p->over || p->done)
        return;
    layout_flush(p, e->span.begin);
    if (!e->parens) {
        put_bare(p, e, tail);
        return;
    }
    layout_put(p, "(");
    p->hang = p->column;
    put_bare(p, e, tail + 1);
    layout_flush(p, e->span.end - 1);
    p->hang = hang;
    layout_put(p, ")");
}
