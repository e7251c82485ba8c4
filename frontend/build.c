/* SPDX-License-Identifier: Apache-2.0
 *
 * build.c -- the tree of expressions and types
 *
 * Brackets nest as deep as the parser's stack allows; chains such as `a + a + ...` need
 * no stack there, so every node knows the depth of the tree below it.  A node that would
 * be too deep is replaced by a leaf, and the file is broken.
 */
#include "frontend/build.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *
build_text(Syntax *s, const char *text, uint32_t size)
{
    return arena_strndup(s->arena, text, size);
}

List *
list_of(Syntax *s, void *item)
{
    return list_add(s, arena_new(s->arena, List), item);
}

List *
list_add(Syntax *s, List *list, void *item)
{
    if (!item)
        return list;
    list->item = arena_grow(s->arena, list->item, list->count, &list->cap, list->count + 1,
                            sizeof *list->item);
    list->item[list->count++] = item;
    return list;
}

List *
list_join(Syntax *s, void *item, const List *rest)
{
    List *list = list_of(s, item);

    for (size_t i = 0; i < rest->count; i++)
        list_add(s, list, rest->item[i]);
    return list;
}

void
build_too_deep(Syntax *s, Span span)
{
    if (s->too_deep)
        s->errors++;
    else
        syntax_error(s, DIAG_too_deep, span);
    s->too_deep = true;
}

/* ---- depth ---- */

static void
deepen(uint32_t *depth, uint32_t below)
{
    if (*depth <= below)
        *depth = below + 1;
}

static void
deepen_expr(uint32_t *depth, const Expr *e)
{
    if (e)
        deepen(depth, e->depth);
}

static void
deepen_type(uint32_t *depth, const AstType *t)
{
    if (t)
        deepen(depth, t->depth);
}

static void
deepen_param(uint32_t *depth, const Param *p)
{
    deepen_type(depth, p->type);
    deepen_expr(depth, p->init);
    deepen_expr(depth, p->value);
}

static uint32_t
expr_depth(const Expr *e)
{
    uint32_t depth = 1;

    deepen_expr(&depth, e->left);
    deepen_expr(&depth, e->right);
    for (uint32_t i = 0; i < e->n_args; i++)
        deepen_expr(&depth, e->args[i]->value);
    for (uint32_t i = 0; i < e->n_gens; i++) {
        deepen_expr(&depth, e->gens[i]->lo);
        deepen_expr(&depth, e->gens[i]->hi);
    }
    for (uint32_t i = 0; i < e->n_params; i++)
        deepen_param(&depth, e->params[i]);
    if (e->body)
        deepen(&depth, e->body->depth);
    if (e->other)
        deepen(&depth, e->other->depth);
    return depth;
}

static uint32_t
type_depth(const AstType *t)
{
    uint32_t depth = 1;

    for (uint32_t i = 0; i < t->n_dims; i++)
        deepen_expr(&depth, t->dims[i]);
    for (uint32_t i = 0; i < t->n_fields; i++)
        deepen_type(&depth, t->fields[i]->type);
    deepen_type(&depth, t->result);
    if (t->range) {
        deepen_expr(&depth, t->range->lo);
        deepen_expr(&depth, t->range->hi);
    }
    return depth;
}

static uint32_t
pattern_depth(const Pattern *p)
{
    uint32_t depth = 1;

    deepen_type(&depth, p->type);
    for (uint32_t i = 0; i < p->n_fields; i++)
        deepen(&depth, p->fields[i]->depth);
    return depth;
}

static uint32_t
decl_depth(const Decl *d)
{
    uint32_t depth = 1;

    for (uint32_t i = 0; i < d->n_statics; i++)
        deepen_expr(&depth, d->statics[i]->value);
    for (uint32_t i = 0; i < d->n_params; i++)
        deepen_param(&depth, d->params[i]);
    deepen_type(&depth, d->result);
    deepen_expr(&depth, d->derivative);
    deepen(&depth, d->body->depth);
    return depth;
}

uint32_t
build_stmt_depth(const Stmt *st)
{
    uint32_t depth = 1;

    for (uint32_t i = 0; i < st->n_patterns; i++)
        deepen(&depth, st->patterns[i]->depth);
    for (uint32_t i = 0; i < st->n_targets; i++)
        deepen_expr(&depth, st->targets[i]);
    for (uint32_t i = 0; i < st->n_values; i++)
        deepen_expr(&depth, st->values[i]);
    for (uint32_t i = 0; i < st->n_dims; i++)
        deepen_expr(&depth, st->dims[i]);
    deepen_expr(&depth, st->value);
    deepen_expr(&depth, st->init);
    deepen_expr(&depth, st->bound);
    deepen_type(&depth, st->type);
    if (st->gen) {
        deepen_expr(&depth, st->gen->lo);
        deepen_expr(&depth, st->gen->hi);
    }
    if (st->body)
        deepen(&depth, st->body->depth);
    if (st->other)
        deepen(&depth, st->other->depth);
    if (st->decl)
        deepen(&depth, decl_depth(st->decl));
    return depth;
}

/* ---- expressions ---- */

static Expr *
new_expr(Syntax *s, ExprKind kind, Span span)
{
    Expr *e = arena_new(s->arena, Expr);

    *e = (Expr){.kind = kind, .depth = 1, .span = span, .at = span};
    return e;
}

/* To be called when the node is complete. */
static Expr *
finish(Syntax *s, Expr *e)
{
    e->depth = expr_depth(e);
    if (e->depth <= AST_MAX_DEPTH)
        return e;
    build_too_deep(s, e->at);
    return build_bool(s, e->span, false);
}

Expr *
build_name(Syntax *s, Span span, const char *name)
{
    Expr *e = new_expr(s, EXPR_NAME, span);

    e->name = name;
    return e;
}

Expr *
build_int(Syntax *s, Span span, const char *text)
{
    Expr *e = new_expr(s, EXPR_INT, span);

    errno = 0;
    e->integer = strtoll(text, NULL, 10);
    e->text = text;
    if (errno == ERANGE)
        syntax_error(s, DIAG_integer_range, span, scan_quote(s, span));
    return e;
}

/* The point is a point whatever the program's locale. */
static double
read_real(const char *text)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c ? strtod_l(text, NULL, c) : strtod(text, NULL);

    if (c)
        freelocale(c);
    return value;
}

Expr *
build_real(Syntax *s, Span span, const char *text)
{
    Expr *e = new_expr(s, EXPR_REAL, span);

    e->real = read_real(text);
    e->text = text;
    if (!isfinite(e->real)) {
        syntax_error(s, DIAG_real_range, span, scan_quote(s, span));
        e->real = 0;
    }
    return e;
}

Expr *
build_bool(Syntax *s, Span span, bool value)
{
    Expr *e = new_expr(s, EXPR_BOOL, span);

    e->boolean = value;
    return e;
}

Expr *
build_string(Syntax *s, Span span, const char *text)
{
    Expr *e = new_expr(s, EXPR_STRING, span);

    e->text = text;
    return e;
}

Expr *
build_parens(Span span, Expr *e)
{
    e->parens = true;
    e->span = span;
    return e;
}

Expr *
build_unary(Syntax *s, Span span, AstOp op, Span at, Expr *x)
{
    Expr *e = new_expr(s, EXPR_UNARY, span);

    e->op = op;
    e->at = at;
    e->left = x;
    return finish(s, e);
}

Expr *
build_binary(Syntax *s, Span span, AstOp op, Span at, Expr *x, Expr *y)
{
    Expr *e = new_expr(s, EXPR_BINARY, span);

    e->op = op;
    e->at = at;
    e->left = x;
    e->right = y;
    return finish(s, e);
}

static Expr *
with_args(Syntax *s, ExprKind kind, Span span, Span at, Expr *left, const List *args)
{
    Expr *e = new_expr(s, kind, span);

    e->at = at;
    e->left = left;
    e->args = (Arg **)args->item;
    e->n_args = (uint32_t)args->count;
    return finish(s, e);
}

Expr *
build_call(Syntax *s, Span span, Span at, Expr *callee, List *args)
{
    return with_args(s, EXPR_CALL, span, at, callee, args);
}

Expr *
build_index(Syntax *s, Span span, Span at, Expr *x, List *args)
{
    return with_args(s, EXPR_INDEX, span, at, x, args);
}

Expr *
build_member(Syntax *s, Span span, Span at, Expr *x, const char *name)
{
    Expr *e = new_expr(s, EXPR_MEMBER, span);

    e->at = at;
    e->left = x;
    e->name = name;
    return finish(s, e);
}

Expr *
build_list(Syntax *s, Span span, ExprKind kind, List *args)
{
    return with_args(s, kind, span, span, NULL, args);
}

Expr *
build_for(Syntax *s, Span span, bool reduces, List *gens, Body *body)
{
    Expr *e = new_expr(s, EXPR_FOR, span);

    e->reduces = reduces;
    e->gens = (Gen **)gens->item;
    e->n_gens = (uint32_t)gens->count;
    e->body = body;
    return finish(s, e);
}

Expr *
build_if(Syntax *s, Span span, Expr *condition, Body *yes, Body *no)
{
    Expr *e = new_expr(s, EXPR_IF, span);

    e->left = condition;
    e->body = yes;
    e->other = no;
    return finish(s, e);
}

Expr *
build_lambda(Syntax *s, Span span, List *params, Body *body)
{
    Expr *e = new_expr(s, EXPR_LAMBDA, span);

    e->params = (Param **)params->item;
    e->n_params = (uint32_t)params->count;
    e->body = body;
    return finish(s, e);
}

Expr *
build_slice(Syntax *s, Span span, Expr *from, Expr *to)
{
    Expr *e = new_expr(s, EXPR_SLICE, span);

    e->left = from;
    e->right = to;
    return finish(s, e);
}

Expr *
build_pack(Syntax *s, Span span, const char *name)
{
    Expr *e = new_expr(s, EXPR_PACK, span);

    e->name = name;
    return e;
}

Arg *
build_arg(Syntax *s, Span span, const char *name, Span name_span, Expr *value)
{
    Arg *arg = arena_new(s->arena, Arg);

    *arg = (Arg){.span = span, .name = name, .name_span = name_span, .value = value};
    return arg;
}

Gen *
build_gen(Syntax *s, Span span, const char *name, Span name_span, Expr *lo, Expr *hi)
{
    Gen *gen = arena_new(s->arena, Gen);

    *gen = (Gen){.span = span, .name = name, .name_span = name_span, .lo = lo, .hi = hi};
    return gen;
}

Param *
build_param(Syntax *s, Span span, const char *name, Span name_span, AstType *type)
{
    Param *p = arena_new(s->arena, Param);

    *p = (Param){.span = span, .name = name, .name_span = name_span, .type = type};
    return p;
}

Param *
build_argument(Syntax *s, Span span, Param *p, bool given, Expr *init, Expr *value)
{
    p->span = span;
    p->given = given;
    p->init = init;
    p->value = value;
    p->doc = scan_doc(s, span.begin);
    return p;
}

/* ---- types ---- */

static AstType *
new_type(Syntax *s, TypeKind kind, Span span)
{
    AstType *t = arena_new(s->arena, AstType);

    *t = (AstType){.kind = kind, .depth = 1, .span = span};
    return t;
}

static AstType *
finish_type(Syntax *s, AstType *t)
{
    t->depth = type_depth(t);
    if (t->depth <= AST_MAX_DEPTH)
        return t;
    build_too_deep(s, t->span);
    t = new_type(s, TYPE_NAME, t->span);
    t->name = intern_str(s->names, "real");
    return t;
}

static AstType *
any_type(Syntax *s, Span span, DeclKind kind)
{
    AstType *t = new_type(s, TYPE_ANY, span);

    t->bare = kind;
    return t;
}

AstType *
build_named_type(Syntax *s, Span span, const char *name, List *dims)
{
    static const DeclKind bare[] = {DECL_ENERGY, DECL_SAMPLER, DECL_OPTIMIZER};
    AstType *t = new_type(s, TYPE_NAME, span);

    for (size_t i = 0; !dims && i < sizeof bare / sizeof *bare; i++)
        if (strcmp(name, ast_decl_word(bare[i])) == 0)
            return any_type(s, span, bare[i]);
    t->name = name;
    if (dims) {
        t->dims = (Expr **)dims->item;
        t->n_dims = (uint32_t)dims->count;
    }
    return finish_type(s, t);
}

AstType *
build_fn_type(Syntax *s, Span span, List *fields, AstType *result)
{
    AstType *t = new_type(s, TYPE_FN, span);

    t->fields = (Field **)fields->item;
    t->n_fields = (uint32_t)fields->count;
    t->result = result;
    return finish_type(s, t);
}

AstType *
build_type(Syntax *s, Span span, TypeKind kind, List *fields)
{
    AstType *t = new_type(s, kind, span);

    t->fields = (Field **)fields->item;
    t->n_fields = (uint32_t)fields->count;
    return finish_type(s, t);
}

AstType *
build_any_fn(Syntax *s, Span span)
{
    return any_type(s, span, DECL_FN);
}

Field *
build_field(Syntax *s, Span span, const char *name, Span name_span, AstType *type)
{
    Field *f = arena_new(s->arena, Field);

    *f = (Field){.span = span, .name = name, .name_span = name_span, .type = type};
    return f;
}

AstType *
build_ranged(Syntax *s, Span span, AstType *type, Range *range)
{
    if (!range)
        return type;
    type->span = span;
    type->range = range;
    return finish_type(s, type);
}

Range *
build_bound(Syntax *s, Span span, Range *range, AstOp op, Expr *value)
{
    bool lower = op == AST_OP_GT || op == AST_OP_GE;
    bool open = op == AST_OP_GT || op == AST_OP_LT;

    if (!range)
        range = arena_new(s->arena, Range);
    if (lower ? range->lo : range->hi)
        syntax_error(s, DIAG_two_bounds, span, lower ? "lower" : "upper");
    range->span = range->span.file ? span_join(range->span, span) : span;
    *(lower ? &range->lo : &range->hi) = value;
    *(lower ? &range->lo_open : &range->hi_open) = open;
    return range;
}

Range *
build_range(Syntax *s, Span span, Expr *lo, Expr *hi)
{
    Range *range = arena_new(s->arena, Range);

    *range = (Range){.span = span, .lo = lo, .hi = hi, .hi_open = true, .in = true};
    return range;
}

/* ---- bodies and patterns ---- */

Body *
build_body(Syntax *s, Span span, bool braced, List *stmts, Expr *value)
{
    Body *body = arena_new(s->arena, Body);

    *body = (Body){.span = span, .braced = braced, .value = value, .depth = 1};
    if (stmts) {
        body->stmts = (Stmt **)stmts->item;
        body->n_stmts = (uint32_t)stmts->count;
    }
    for (uint32_t i = 0; i < body->n_stmts; i++)
        deepen(&body->depth, body->stmts[i]->depth);
    deepen_expr(&body->depth, value);
    if (body->depth > AST_MAX_DEPTH) {
        build_too_deep(s, span);
        body->n_stmts = 0;
        body->stmts = NULL;
        body->value = value ? build_bool(s, span, false) : NULL;
        body->depth = 2;
    }
    return body;
}

Pattern *
build_pattern(Syntax *s, Span span, const char *name, AstType *type, List *fields)
{
    Pattern *p = arena_new(s->arena, Pattern);

    *p = (Pattern){.span = span, .name = name, .type = type};
    if (fields) {
        p->fields = (Pattern **)fields->item;
        p->n_fields = (uint32_t)fields->count;
    }
    p->depth = pattern_depth(p);
    return p;
}
