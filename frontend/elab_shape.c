/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_shape.c -- is a name used, is it used where sizes stand?
 *
 * A hyperparameter that decides a shape cannot be read when the kernel runs; it is compiled in.
 */
#include "frontend/elab.h"

typedef struct Search {
    const char *name;
    bool shape; /* inside sizes, where the name counts */
} Search;

static bool in_body(const Search *s, const Body *body);

static bool
in_expr(const Search *s, const Expr *x)
{
    Search inner = *s;

    if (!x)
        return false;
    if (x->kind == EXPR_NAME)
        return s->shape && x->name == s->name;
    /* `f[n](x)`: what is called with brackets is given sizes */
    if (x->kind == EXPR_CALL && x->left->kind == EXPR_INDEX)
        inner.shape = true;
    if (x->kind == EXPR_CALL && in_expr(&inner, x->left))
        return true;
    if (x->kind != EXPR_CALL && in_expr(s, x->left))
        return true;
    for (uint32_t i = 0; i < x->n_args; i++)
        if (in_expr(s, x->args[i]->value))
            return true;
    inner.shape = s->shape || !x->reduces; /* the bounds of a comprehension are its shape */
    for (uint32_t i = 0; i < x->n_gens; i++)
        if (in_expr(&inner, x->gens[i]->lo) || in_expr(&inner, x->gens[i]->hi))
            return true;
    return in_expr(s, x->right) || in_body(s, x->body) || in_body(s, x->other);
}

static bool
in_type(const char *name, const AstType *t)
{
    const Search sizes = {name, true};

    for (uint32_t i = 0; t && i < t->n_dims; i++)
        if (in_expr(&sizes, t->dims[i]))
            return true;
    for (uint32_t i = 0; t && i < t->n_fields; i++)
        if (in_type(name, t->fields[i]->type))
            return true;
    return t && in_type(name, t->result);
}

static bool
in_stmt(const Search *s, const Stmt *stmt)
{
    const Search sizes = {s->name, true};

    /* a layer is named with its sizes: `Linear[2, h]`; a slice or an index is not assigned */
    if (in_type(s->name, stmt->type) ||
        in_expr(stmt->kind == STMT_LAYER ? &sizes : s, stmt->value) || in_expr(s, stmt->init) ||
        in_body(s, stmt->body) || in_body(s, stmt->other) ||
        (stmt->decl && in_body(s, stmt->decl->body)))
        return true;
    for (uint32_t i = 0; i < stmt->n_values; i++)
        if (in_expr(s, stmt->values[i]))
            return true;
    for (uint32_t i = 0; i < stmt->n_dims; i++)
        if (in_expr(&sizes, stmt->dims[i]))
            return true;
    for (uint32_t i = 0; i < stmt->n_patterns; i++)
        if (in_type(s->name, stmt->patterns[i]->type))
            return true;
    return false;
}

static bool
in_body(const Search *s, const Body *body)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++)
        if (in_stmt(s, body->stmts[i]))
            return true;
    return body && in_expr(s, body->value);
}

bool
elab_in_shape(const Decl *d, const char *name)
{
    const Search anywhere = {name, false};

    for (uint32_t i = 0; i < d->n_params; i++)
        if (in_type(name, d->params[i]->type) || in_expr(&anywhere, d->params[i]->value) ||
            in_expr(&anywhere, d->params[i]->init))
            return true;
    return in_type(name, d->result) || in_body(&anywhere, d->body);
}

bool
elab_expr_mentions(const Expr *x, const char *name)
{
    const Search everywhere = {name, true};

    return in_expr(&everywhere, x);
}

bool
elab_mentions(const Stmt *stmt, const char *name)
{
    const Search everywhere = {name, true};

    return in_stmt(&everywhere, stmt);
}
