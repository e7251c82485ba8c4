/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_names.c -- do the names of a declaration mean anything?
 *
 * Losses, optimizers, data sets and recipes are checked this far and not elaborated.  The walk
 * binds names without values, in the order of the text.
 */
#include <string.h>

#include "frontend/elab.h"

static void check_body(Elab *e, const Env *env, const Body *body);
static void check_names(Elab *e, Env *env, const Decl *d);

static void
declare(Elab *e, Env *env, const char *name, Span span)
{
    elab_bind(e, env, name, NO_VALUE, span);
}

/* ---- expressions and types ---- */

static void check_expr(Elab *e, const Env *env, const Expr *x);

static void
check_gen(Elab *e, Env *env, const Gen *g)
{
    check_expr(e, env, g->lo);
    check_expr(e, env, g->hi);
    declare(e, env, g->name, g->name_span);
}

static void
check_type(Elab *e, const Env *env, const AstType *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->n_dims; i++)
        check_expr(e, env, t->dims[i]);
    for (uint32_t i = 0; i < t->n_fields; i++)
        check_type(e, env, t->fields[i]->type);
    check_type(e, env, t->result);
    if (t->range) {
        check_expr(e, env, t->range->lo);
        check_expr(e, env, t->range->hi);
    }
}

static void
check_params(Elab *e, Env *env, Param *const *params, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        check_type(e, env, params[i]->type);
        check_expr(e, env, params[i]->init);
        check_expr(e, env, params[i]->value);
        declare(e, env, params[i]->name, params[i]->name_span);
    }
}

static void
check_expr(Elab *e, const Env *env, const Expr *x)
{
    Env inner = *env;

    if (!x)
        return;
    if (x->kind == EXPR_NAME || x->kind == EXPR_PACK)
        elab_check_name(e, env, x->name, x->span);
    check_expr(e, env, x->left);
    check_expr(e, env, x->right);
    for (uint32_t i = 0; i < x->n_args; i++)
        check_expr(e, env, x->args[i]->value);
    for (uint32_t i = 0; i < x->n_gens; i++)
        check_gen(e, &inner, x->gens[i]);
    check_params(e, &inner, x->params, x->n_params);
    check_body(e, &inner, x->body);
    check_body(e, &inner, x->other);
}

/* ---- statements ---- */

static void
declare_pattern(Elab *e, Env *env, const Pattern *p)
{
    check_type(e, env, p->type);
    if (p->name)
        declare(e, env, p->name, p->span);
    for (uint32_t i = 0; !p->name && i < p->n_fields; i++)
        declare_pattern(e, env, p->fields[i]);
}

static bool
declares_name(const Stmt *s)
{
    return s->kind == STMT_CONST || s->kind == STMT_PARAM || s->kind == STMT_LAYER ||
           s->kind == STMT_BUFFER;
}

static void
check_local_fn(Elab *e, Env *env, const Decl *d)
{
    declare(e, env, d->name, d->name_span);
    Env inner = *env;
    check_names(e, &inner, d);
}

static void
check_stmt(Elab *e, Env *env, const Stmt *s)
{
    Env inner;

    for (uint32_t i = 0; i < s->n_dims; i++)
        check_expr(e, env, s->dims[i]);
    check_type(e, env, s->type);
    for (uint32_t i = 0; i < s->n_targets; i++)
        check_expr(e, env, s->targets[i]);
    for (uint32_t i = 0; i < s->n_values; i++)
        check_expr(e, env, s->values[i]);
    check_expr(e, env, s->value);
    check_expr(e, env, s->init);
    check_expr(e, env, s->bound);
    inner = *env;
    if (s->gen)
        check_gen(e, &inner, s->gen);
    check_body(e, &inner, s->body);
    check_body(e, &inner, s->other);
    if (s->decl)
        check_local_fn(e, env, s->decl);
    for (uint32_t i = 0; i < s->n_patterns; i++)
        declare_pattern(e, env, s->patterns[i]);
    if (declares_name(s))
        declare(e, env, s->name, s->name_span);
}

static void
check_body(Elab *e, const Env *env, const Body *body)
{
    Env inner = *env;

    if (!body)
        return;
    for (uint32_t i = 0; i < body->n_stmts; i++)
        check_stmt(e, &inner, body->stmts[i]);
    check_expr(e, &inner, body->value);
}

/* ---- declarations ---- */

static void
check_names(Elab *e, Env *env, const Decl *d)
{
    for (uint32_t i = 0; i < d->n_statics; i++) {
        check_expr(e, env, d->statics[i]->value);
        declare(e, env, d->statics[i]->name, d->statics[i]->name_span);
    }
    check_params(e, env, d->params, d->n_params);
    check_type(e, env, d->result);
    check_body(e, env, d->body);
    check_expr(e, env, d->derivative);
}

/* `keep = last`: what is a name alone is a word of that line, but of these lines. */
static bool
takes_name(const Setting *s)
{
    static const char *const line[] = {"energy", "sampler", "loss", "optimizer", "dataset"};

    for (size_t i = 0; i < sizeof line / sizeof line[0]; i++)
        if (strcmp(s->name, line[i]) == 0)
            return true;
    return false;
}

static void
check_recipe(Elab *e, const Env *env, const Decl *d)
{
    for (uint32_t i = 0; i < d->n_settings; i++)
        if (d->settings[i]->value->kind != EXPR_NAME || takes_name(d->settings[i]))
            check_expr(e, env, d->settings[i]->value);
}

void
elab_check_names(Elab *e, File *file, const Decl *d)
{
    bool recipe = d->kind == DECL_TRAIN || d->kind == DECL_SAMPLE;
    Env env = elab_file_env(recipe ? elab_options_file(e) : file);

    elab_bind_time(e, TIME_zero);
    env.local = e->time;
    declare(e, &env, e->word.batch_size, d->span);
    declare(e, &env, e->word.batch_index, d->span);
    declare(e, &env, e->word.training, d->span);
    if (recipe)
        check_recipe(e, &env, d);
    else
        check_names(e, &env, d);
}
