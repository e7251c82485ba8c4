/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_pointwise.c -- which functions of numbers are elementwise as they stand.
 *
 * Such a function lifts over arrays by being given them; any other becomes a loop over its
 * elements.  It is made of arithmetic, comparisons, `let` and calls of its like: without `if`,
 * whose branches must not both be computed.
 */
#include "frontend/elab.h"

enum { BUSY, YES, NO };

static bool expr_pointwise(Elab *e, File *file, const Decl *d, const Expr *x);

static bool
is_own_name(const Decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_params; i++)
        if (d->params[i]->name == name)
            return true;
    for (uint32_t i = 0; i < d->body->n_stmts; i++)
        for (uint32_t k = 0; k < d->body->stmts[i]->n_patterns; k++)
            if (d->body->stmts[i]->patterns[k]->name == name)
                return true;
    return false;
}

static bool
callee_pointwise(Elab *e, File *file, const Decl *d, const Expr *x, uint32_t n_args)
{
    File *from;

    if (x->kind != EXPR_NAME || is_own_name(d, x->name))
        return false;
    const Decl *other = elab_find_decl(file, x->name, &from);
    if (!other)
        other = elab_find_decl(e->prelude, x->name, &from);
    if (other)
        return elab_is_liftable(other) && elab_is_pointwise(e, from, other);
    const Builtin *b = elab_find_builtin(x->name);
    return b && b->pointwise && (!b->folds || n_args == 2);
}

static bool
call_pointwise(Elab *e, File *file, const Decl *d, const Expr *x, bool piped)
{
    for (uint32_t i = 0; i < x->n_args; i++)
        if (!expr_pointwise(e, file, d, x->args[i]->value))
            return false;
    return callee_pointwise(e, file, d, x->left, x->n_args + piped);
}

static bool
pipe_pointwise(Elab *e, File *file, const Decl *d, const Expr *x)
{
    if (!expr_pointwise(e, file, d, x->left))
        return false;
    return x->right->kind == EXPR_CALL ? call_pointwise(e, file, d, x->right, true)
                                       : callee_pointwise(e, file, d, x->right, 1);
}

static bool
expr_pointwise(Elab *e, File *file, const Decl *d, const Expr *x)
{
    switch (x->kind) {
    case EXPR_NAME:
    case EXPR_INT:
    case EXPR_REAL:
    case EXPR_BOOL: return true;
    case EXPR_UNARY: return expr_pointwise(e, file, d, x->left);
    case EXPR_BINARY:
        if (x->op == AST_OP_PIPE)
            return pipe_pointwise(e, file, d, x);
        return x->op != AST_OP_AT && expr_pointwise(e, file, d, x->left) &&
               expr_pointwise(e, file, d, x->right);
    case EXPR_CALL: return call_pointwise(e, file, d, x, false);
    default: return false;
    }
}

static bool
stmt_pointwise(Elab *e, File *file, const Decl *d, const Stmt *s)
{
    if (s->kind != STMT_LET && s->kind != STMT_RETURN)
        return false;
    for (uint32_t i = 0; i < s->n_patterns; i++)
        if (!s->patterns[i]->name || s->patterns[i]->type)
            return false;
    for (uint32_t i = 0; i < s->n_values; i++)
        if (!expr_pointwise(e, file, d, s->values[i]))
            return false;
    return s->n_values == (s->kind == STMT_LET ? s->n_patterns : 1);
}

static bool
body_pointwise(Elab *e, File *file, const Decl *d)
{
    for (uint32_t i = 0; i < d->body->n_stmts; i++)
        if (!stmt_pointwise(e, file, d, d->body->stmts[i]))
            return false;
    return !d->body->value || expr_pointwise(e, file, d, d->body->value);
}

bool
elab_is_pointwise(Elab *e, File *file, const Decl *d)
{
    size_t i = 0;

    while (i < e->n_pointwise && e->pointwise[i].decl != d)
        i++;
    if (i < e->n_pointwise)
        return e->pointwise[i].state == YES;
    e->pointwise = arena_grow(e->arena, e->pointwise, e->n_pointwise, &e->cap_pointwise,
                              e->n_pointwise + 1, sizeof *e->pointwise);
    e->pointwise[e->n_pointwise].decl = d;
    e->pointwise[e->n_pointwise++].state = BUSY;
    bool yes = body_pointwise(e, file, d);
    e->pointwise[i].state = yes ? YES : NO;
    return yes;
}
