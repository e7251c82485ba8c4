/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_chain.c -- samplers and optimizers as values: chains that are made, stepped and read.
 *
 * A chain is a value like any other: a step gives a new one, which the name then stands for, so
 * branches and loops carry it as they carry numbers.
 */
#include <string.h>

#include "frontend/elab_chain.h"
#include "frontend/elab_flow.h"

/* ---- one step ---- */

static Value
is_finite(Elab *e, Value v)
{
    Value f = elab_apply_pointwise(e, OP_isfinite, &v, 1, e->frame->b.span);

    if (f.kind == VAL_ref && elab_value_type(e, f).rank)
        f = elab_value_ref(e, ir_reduce_all(&e->frame->b, OP_all, elab_ref_of(e, f, DT_none)));
    return f;
}

/* A step to what is not finite is not taken. */
static Value
commit(Elab *e, const ChainVal *was, const ChainVal *is)
{
    Value old[MAX_LEAVES], new[MAX_LEAVES], ok = elab_value_bool(true);
    uint32_t n = elab_chain_leaves(e, was, old, NULL, MAX_LEAVES);
    Builder *b = &e->frame->b;

    elab_chain_leaves(e, is, new, NULL, MAX_LEAVES);
    for (uint32_t i = 0; i < n; i++)
        if (dtype_is_float((DType)elab_value_type(e, new[i]).dtype))
            ok = elab_logic(e, AST_OP_AND, ok, is_finite(e, new[i]), b->span);
    if (ok.kind == VAL_bool)
        return elab_value_chain(is);
    for (uint32_t i = 0; i < n; i++)
        new[i] = elab_value_ref(e, ir_select(b, elab_ref_of(e, ok, DT_bool),
                                             elab_ref_of(e, new[i], DT_none),
                                             elab_ref_of(e, old[i], DT_none)));
    Value v = elab_chain_with(e, is, new);
    ChainVal *r = elab_copy_chain(e, v.chain);
    r->t = is->t;
    memcpy(r->report, is->report, is->of->n_reports * sizeof *r->report);
    return elab_value_chain(r);
}

Value
elab_step_chain(Elab *e, const ChainVal *c, const Named *change, uint32_t n_change,
                const Env *now)
{
    Value v = elab_moves_step(e, c, change, n_change, now);

    return v.kind == VAL_chain && c->of->decl->kind == DECL_SAMPLER ? commit(e, c, v.chain) : v;
}

/* ---- chains in the text ---- */

bool
elab_is_count(const Elab *e, Value v)
{
    return elab_is_number(v) && type_eq(elab_value_type(e, v), type_scalar(DT_i32));
}

bool
elab_movable(Elab *e, Value *x, Span span)
{
    if (!elab_is_number(*x) || elab_value_type(e, *x).dtype == DT_bool) {
        if (!elab_is_poison(*x))
            complain(e, elab_moved, span, elab_value_text(e, *x));
        return false;
    }
    *x = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, *x, e->real), .frame = e->frame};
    return true;
}

/* Is the argument among those that were read before? */
static bool
is_twice(Elab *e, const Named *arg, uint32_t n, const char *name, Span span)
{
    for (uint32_t i = 0; i < n; i++)
        if (arg[i].name == name) {
            complain(e, elab_argument_twice, span, name);
            return true;
        }
    return false;
}

static const Param *
moved_param(const Decl *d)
{
    for (uint32_t i = 0; i < d->n_params; i++)
        if (elab_is_state_param(d->params[i]))
            return d->params[i];
    return NULL;
}

/* Arguments by position and by name, kept as they were written. */
static bool
read_arguments(Elab *e, const Env *env, const FnVal *fn, const Expr *x, Named *arg)
{
    const Decl *d = fn->decl;
    Env *where = arena_new(e->arena, Env);

    *where = *env;
    for (uint32_t i = 0; i < x->n_args; i++) {
        const Arg *a = x->args[i];
        const Param *p = a->name           ? elab_find_param(d, a->name)
                         : i < d->n_params ? d->params[i]
                                           : NULL;
        if (!p)
            elab_no_such_argument(e, d, a, x);
        if (!p || is_twice(e, arg, i, p->name, a->span))
            return false;
        arg[i] = (Named){.name = p->name, .span = a->span, .expr = a->value, .env = where};
    }
    return true;
}

/* Takes the argument of that name out of n; NULL if there is none. */
static const Named *
take_argument(Elab *e, Named *arg, uint32_t *n, const Param *p)
{
    for (uint32_t i = 0; p && i < *n; i++)
        if (arg[i].name == p->name) {
            Named *own = arena_new(e->arena, Named);
            *own = arg[i];
            memmove(arg + i, arg + i + 1, (--*n - i) * sizeof *arg);
            return own;
        }
    return NULL;
}

/* A chain that a `state` keeps, in a later step: with the arguments of this one. */
static const ChainVal *
make_again(Elab *e, const ChainVal *was, FnVal *fn, const Named *arg, uint32_t n)
{
    Moves *m = arena_new(e->arena, Moves);
    ChainVal *c = elab_copy_chain(e, was);

    *m = *was->of;
    m->fn = fn;
    m->arg = arena_array(e->arena, Named, n + 1);
    memcpy(m->arg, arg, n * sizeof *arg);
    m->n_args = n;
    c->of = m;
    return c;
}

static Value
resume(Elab *e, const Env *env, Keeping *keeping, const ChainVal *c, const Expr *moved)
{
    if (!keeping->move)
        return elab_value_chain(c);
    e->keeping = NULL;
    Value at = elab_eval(e, env, moved, MODE_step);
    at = elab_movable(e, &at, moved->span) && elab_fit(e, &at, c->of->type)
             ? elab_moves_to(e, c, at, NULL)
             : POISON;
    e->keeping = keeping;
    return at;
}

Value
elab_make_chain(Elab *e, const Env *env, FnVal *fn, const Expr *x)
{
    Keeping *keeping = e->keeping;
    Named *arg = arena_array(e->arena, Named, x->n_args + 1);
    Moves *m = arena_new(e->arena, Moves);
    uint32_t n = x->n_args;
    Value v = POISON;

    if (!read_arguments(e, env, fn, x, arg))
        return POISON;
    const Named *from = take_argument(e, arg, &n, moved_param(fn->decl));
    const Expr *moved = from ? from->expr : NULL;
    if (!moved)
        return FAIL(e, elab_not_applied, x->span, fn->decl->name);
    if (keeping && keeping->chain) {
        if (keeping->at == keeping->n)
            return POISON;
        const ChainVal *c = make_again(e, keeping->chain[keeping->at++], fn, arg, n);
        return resume(e, env, keeping, c, moved);
    }
    e->keeping = NULL;
    Value at = elab_eval(e, env, moved, MODE_step);
    e->frame->b.span = x->span;
    if (elab_movable(e, &at, moved->span) &&
        elab_moves_begin(e, m, fn, arg, n, elab_value_type(e, at))) {
        m->counts = !keeping;
        m->owned = true;
        v = elab_moves_start(e, m, at);
    }
    e->keeping = keeping;
    return v;
}

/* ---- what is read and set ---- */

static Value
no_chain_member(Elab *e, const ChainVal *c, const Expr *x)
{
    const Moves *m = c->of;
    const char **name =
        arena_array(e->arena, const char *, m->n_kept + m->n_reports + m->decl->n_params + 1);
    size_t n = 0;

    for (uint32_t i = 0; i < m->n_kept; i++)
        name[n++] = m->kept[i].name;
    for (uint32_t i = 0; i < m->n_reports; i++)
        name[n++] = m->report[i];
    for (uint32_t i = 0; i < m->decl->n_params; i++)
        name[n++] = m->decl->params[i]->name;
    Diag *d = complain(e, elab_no_member, x->at, arena_printf(e->arena, "'%s'", m->decl->name),
                       x->name);
    if (!diag_near(e->diags, d, x->name, name, n))
        diag_help(e->diags, d,
                  "a chain has what it moves, its states, what its step "
                  "reports, and its arguments");
    return POISON;
}

Value
elab_chain_member(Elab *e, const Env *env, const ChainVal *c, const Expr *x)
{
    const Moves *m = c->of;

    if (x->name == m->moved->name)
        return c->x;
    for (uint32_t i = 0; i < m->n_reports; i++)
        if (m->report[i] == x->name)
            return elab_chain_report(e, c, i);
    for (uint32_t i = 0; i < m->n_kept; i++)
        if (m->kept[i].name == x->name && !m->kept[i].anew)
            return c->kept[i];
    for (uint32_t i = 0; i < m->decl->n_params; i++)
        if (m->decl->params[i]->name == x->name)
            return elab_moves_argument(e, c, m->decl->params[i], env);
    return no_chain_member(e, c, x);
}

static Value
set_moved(Elab *e, const Env *env, const ChainVal *c, Span span, Value v)
{
    if (elab_is_poison(v))
        return POISON;
    if (!elab_movable(e, &v, span) || !elab_fit(e, &v, c->of->type))
        return FAIL(e, elab_assign_type, span, elab_type_text(e, c->of->type),
                    elab_value_text(e, v));
    return elab_moves_to(e, c, v, env);
}

/* A name, or the member of a list by that name, becomes another moment of its chain. */
static void
replace_chain(Elab *e, Env *env, const Expr *x, Value v)
{
    const Expr *name = x->kind == EXPR_INDEX ? x->left : x;
    int64_t i;

    if (name->kind != EXPR_NAME) {
        complain(e, unsupported, x->span, "assigning here");
        return;
    }
    const Binding *b = elab_target_slot(e, env, name);
    if (!b)
        return;
    if (x->kind == EXPR_INDEX) {
        Value list = elab_value_tuple(e, b->value.n, b->value.item);
        list.kind = VAL_list;
        if (!elab_static_int(e, env, x->args[0]->value, "the index of a chain", &i))
            return;
        list.item[i < 0 ? i + (int64_t)list.n : i] = v;
        v = list;
    }
    elab_push_slot(e, env, b, v, 0);
}

void
elab_chain_assign(Elab *e, Env *env, const ChainVal *c, const Expr *x, Value v)
{
    if (x->name == c->of->moved->name)
        replace_chain(e, env, x->left, set_moved(e, env, c, x->span, v));
    else
        complain(e, elab_chain_set, x->at, x->name, c->of->moved->name);
}

/* ---- c.step() ---- */

/* `c.step(t = 3)` is step number 3 of the chain. */
static bool
read_time(Elab *e, const Env *env, const Arg *a, Named *ret)
{
    *ret = (Named){.name = a->name, .span = a->span};
    ret->value = elab_eval(e, env, a->value, MODE_step);
    if (elab_is_poison(ret->value) || elab_is_count(e, ret->value))
        return !elab_is_poison(ret->value);
    complain(e, elab_type, a->span, "'t'", "int", elab_value_text(e, ret->value));
    return false;
}

static bool
read_changes(Elab *e, const Env *env, const Decl *d, const Expr *x, Named *ret)
{
    bool ok = true;

    for (uint32_t i = 0; i < x->n_args; i++) {
        const Arg *a = x->args[i];
        const Param *p = a->name ? elab_find_param(d, a->name) : NULL;
        if (!p && a->name == e->word.t) {
            ok &= read_time(e, env, a, &ret[i]);
            continue;
        }
        if (!p)
            elab_no_such_argument(e, d, a, x);
        if (!p || is_twice(e, ret, i, p->name, a->span))
            return false;
        ret[i] = (Named){.name = p->name, .span = a->span};
        ret[i].value = elab_eval(e, env, a->value, MODE_step);
        ok &= !elab_is_poison(ret[i].value);
    }
    return ok;
}

/* `c.step(x = v)` first sets what is moved. */
static Value
step_as_asked(Elab *e, const Env *env, const ChainVal *c, Named *change, uint32_t n)
{
    const Named *to = take_argument(e, change, &n, c->of->moved);

    if (to) {
        const Value v = set_moved(e, env, c, to->span, to->value);
        if (v.kind != VAL_chain)
            return POISON;
        c = v.chain;
    }
    return elab_step_chain(e, c, change, n, env);
}

void
elab_run_call(Elab *e, Env *env, const Stmt *s)
{
    const Expr *x = s->value, *member = x->left;
    Value c = elab_eval(e, env, member->left, MODE_term);
    Named *change = arena_array(e->arena, Named, x->n_args + 1);

    if (elab_is_poison(c))
        return;
    if (c.kind != VAL_chain || strcmp(member->name, "step") != 0) {
        complain(e, elab_not_chain, s->span, elab_value_text(e, c));
        return;
    }
    if (!read_changes(e, env, c.chain->of->decl, x, change))
        return;
    e->frame->b.span = s->span;
    replace_chain(e, env, member->left, step_as_asked(e, env, c.chain, change, x->n_args));
}
