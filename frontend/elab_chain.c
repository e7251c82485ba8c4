/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_chain.c -- samplers and optimizers as values: chains that are stepped and read, and
 * `run`.
 *
 * A chain is a value like any other: a step gives a new one, which the name then stands for, so
 * branches and loops carry it as they carry numbers.
 */
#include <string.h>

#include "frontend/elab_builtin.h"
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

static Value
step_chain(Elab *e, const ChainVal *c, const Named *change, uint32_t n_change, const Env *now)
{
    Value v = elab_moves_step(e, c, change, n_change, now);

    return v.kind == VAL_chain && c->of->decl->kind == DECL_SAMPLER ? commit(e, c, v.chain) : v;
}

/* ---- run ---- */

typedef struct Run {
    Elab *e;
    Moves moves;
    Value n;
    const Binding *back_time;
} Run;

/* Steps of the sampler have a clock of their own. */
static void
enter_run(Run *r, Value t)
{
    Elab *e = r->e;

    r->back_time = e->time;
    e->clock++;
    e->time = elab_time(e, t, r->n, elab_value_int(0));
}

static void
leave_run(Run *r)
{
    r->e->time = r->back_time;
    r->e->clock--;
}

static Value
run_turn(Run *r, const ChainVal *c, Value t)
{
    enter_run(r, t);
    Value v = step_chain(r->e, c, NULL, 0, NULL);
    leave_run(r);
    return v;
}

/* The chain in the types that are carried from turn to turn. */
static bool
yield_chain(Elab *e, const ChainVal *c, const Type *type, uint32_t n)
{
    Value leaf[MAX_LEAVES];
    Ref r[MAX_LEAVES];

    if (elab_chain_leaves(e, c, leaf, NULL, MAX_LEAVES) != n)
        return false;
    for (uint32_t i = 0; i < n; i++)
        r[i] = elab_ref_of(e, leaf[i], (DType)type[i].dtype);
    ir_yield(&e->frame->b, n, r);
    return true;
}

static Value
turn_number(Elab *e, Ref param, Value n)
{
    Value t = {.kind = VAL_ref, .ref = param, .frame = e->frame};

    if (n.kind == VAL_int || n.bounded) {
        t.bounded = true;
        t.lo = 0;
        t.hi = (n.kind == VAL_int ? n.i : n.hi) - 1;
    }
    return t;
}

static Value
run_loop(Run *run, const ChainVal *c)
{
    Elab *e = run->e;
    Builder *b = &e->frame->b;
    Value leaf[MAX_LEAVES];
    Ref init[MAX_LEAVES];
    Type type[MAX_LEAVES];
    uint32_t n = elab_chain_leaves(e, c, leaf, NULL, MAX_LEAVES);
    Ref from = ir_number(b, DT_i32, 0), to = elab_ref_of(e, run->n, DT_i32);
    int64_t most = run->n.kind == VAL_int ? run->n.i : run->n.bounded ? run->n.hi : -1;
    uint32_t extent = most > 0 && most < INT32_MAX ? (uint32_t)most : 0;
    Nest nest;

    for (uint32_t i = 0; i < n; i++) {
        init[i] = elab_ref_of(e, leaf[i], DT_none);
        type[i] = ir_type(b->function, init[i]);
    }
    RegionId body = region_begin(b);
    Ref turn = ir_param(b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < n; i++)
        leaf[i] = (Value){.kind = VAL_ref, .ref = ir_param(b, type[i]), .frame = e->frame};
    elab_nest_enter(e, &nest, 1, &turn, &extent);
    Value v = run_turn(run, elab_chain_with(e, c, leaf).chain, turn_number(e, turn, run->n));
    elab_nest_leave(e);
    bool ok = v.kind == VAL_chain && yield_chain(e, v.chain, type, n);
    region_end(b);
    return ok ? elab_value_ref(e, ir_get(b, ir_for(b, from, to, n, init, body, most), 0))
              : POISON;
}

static Value
run_steps(Run *r, Value x)
{
    Elab *e = r->e;

    enter_run(r, elab_value_int(0));
    Value c = elab_moves_start(e, &r->moves, x);
    leave_run(r);
    if (c.kind != VAL_chain)
        return POISON;
    if (r->n.kind == VAL_int && r->n.i == 1)
        c = run_turn(r, c.chain, elab_value_int(0));
    else if (r->n.kind != VAL_int || r->n.i > 0)
        return run_loop(r, c.chain);
    return c.kind == VAL_chain ? c.chain->x : POISON;
}

/* The arguments that a sampler takes by position: its energy and its state. */
static bool
place(Elab *e, const FnVal *fn, const Call *call, Named *ret_energy, Value *ret_x)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < fn->decl->n_params; i++) {
        const Param *p = fn->decl->params[i];
        if (p->value)
            continue;
        if (elab_is_state_param(p))
            *ret_x = call->arg[2];
        else
            *ret_energy =
                (Named){.name = p->name, .span = call->arg_span[1], .value = call->arg[1]};
        n++;
    }
    (void)e;
    return n == 2;
}

static bool
is_count(const Elab *e, Value v)
{
    return elab_is_number(v) && type_eq(elab_value_type(e, v), type_scalar(DT_i32));
}

/* What is moved has the dtype of the run, as the state of a chain has. */
static bool
movable(Elab *e, Value *x, Span span)
{
    if (!elab_is_number(*x) || elab_value_type(e, *x).dtype == DT_bool) {
        if (!elab_is_poison(*x))
            complain(e, elab_moved, span, elab_value_text(e, *x));
        return false;
    }
    *x = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, *x, e->real), .frame = e->frame};
    return true;
}

Value
elab_call_run(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    const Value *steps = elab_named_arg(call, "steps");
    Run r = {.e = e};
    Named energy = {0};
    Value x = NO_VALUE;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!steps)
        return FAIL(e, elab_missing, call->span, b->name, "steps");
    for (uint32_t i = 0; i < 2; i++)
        if (call->arg[i].kind != VAL_fn)
            return FAIL(e, elab_argument, call->arg_span[i], b->name,
                        i ? "an energy" : "a sampler", elab_value_text(e, call->arg[i]));
    if (!is_count(e, *steps))
        return FAIL(e, elab_bound_type, call->span, elab_value_text(e, *steps));
    FnVal *sampler = call->arg[0].fn;
    if (sampler->kind == FN_opaque)
        return POISON;
    if (!elab_is_machine(sampler) || sampler->decl->kind != DECL_SAMPLER)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "a sampler",
                    elab_value_text(e, call->arg[0]));
    e->frame->b.span = call->span;
    if (!place(e, sampler, call, &energy, &x))
        return FAIL(e, elab_sampler_args, sampler->decl->name_span, sampler->decl->name);
    if (!movable(e, &x, call->arg_span[2]) ||
        !elab_moves_begin(e, &r.moves, sampler, &energy, 1, elab_value_type(e, x)))
        return POISON;
    r.n = *steps;
    return run_steps(&r, x);
}

/* ---- chains in the text ---- */

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
    at = movable(e, &at, moved->span) && elab_fit(e, &at, c->of->type)
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
    if (movable(e, &at, moved->span) &&
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
    const char *near = near_miss(x->name, name, n);
    Diag *d = complain(e, elab_no_member, x->at, arena_printf(e->arena, "'%s'", m->decl->name),
                       x->name);
    if (near)
        diag_help(e->diags, d, "did you mean '%s'?", near);
    else
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
    if (!movable(e, &v, span) || !elab_fit(e, &v, c->of->type))
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
    if (elab_is_poison(ret->value) || is_count(e, ret->value))
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
    return step_chain(e, c, change, n, env);
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
