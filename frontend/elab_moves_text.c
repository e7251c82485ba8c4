/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_moves_text.c -- the text of a sampler or an optimizer entered: its arguments bound.
 */
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_moves.h"

static const Named *
find_named(const Named *a, uint32_t n, const char *name)
{
    for (uint32_t i = n; i-- > 0;)
        if (a[i].name == name)
            return &a[i];
    return NULL;
}

/* As it was written where the chain was made, with what the names there are now. */
static Value
eval_written(const OpenText *o, const Named *a)
{
    if (!a->expr)
        return a->value;
    Env there = *a->env;
    if (o->now)
        elab_leave_block(o->e, &there, o->now);
    there = elab_in_time(o->e, &there);
    return elab_eval(o->e, &there, a->expr, MODE_step);
}

static Value
argument(const OpenText *o, const Param *p, Span *ret_span)
{
    Elab *e = o->e;
    const FnVal *fn = o->m->fn;
    const Named *a = find_named(o->change, o->n_change, p->name);

    a = a ? a : find_named(o->m->arg, o->m->n_args, p->name);
    *ret_span = a ? a->span : p->value ? p->value->span : p->span;
    if (a)
        return eval_written(o, a);
    a = find_named(fn->bound, fn->n_bound, p->name);
    if (fn->tuning && p->value)
        return elab_tuned_value(e, &o->env, fn->tuning, o->m->decl, p, a, ret_span);
    if (a) {
        const Env there = elab_in_time(e, a->env);
        *ret_span = a->span;
        return elab_eval(e, &there, a->expr, MODE_term);
    }
    if (p->value)
        return elab_eval(e, &o->env, p->value, MODE_term);
    return FAIL(e, elab_missing, p->span, o->m->decl->name, p->name);
}

/* An argument in its declared type; an optimizer of one element also takes arrays. */
static Value
coerce(const OpenText *o, Value v, const Param *p, Span span)
{
    Elab *e = o->e;
    const char *what = arena_printf(e->arena, "'%s' of '%s'", p->name, o->m->decl->name);

    if (o->m->lifted && elab_is_scalar_type(p->type)) {
        Value lifted = elab_coerce_lifted(e, v, p->type, span, what);
        if (lifted.kind != VAL_none)
            return lifted;
    }
    return elab_coerce(e, &o->env, v, p->type, span, what);
}

static void
bind_params(OpenText *o, Value x)
{
    Elab *e = o->e;

    for (uint32_t i = 0; i < o->m->decl->n_params; i++) {
        const Param *p = o->m->decl->params[i];
        uint32_t read = e->reads;
        Span span = p->span;
        e->reads = 0;
        if (p == o->m->moved) {
            elab_bind_var(e, &o->env, p->name, coerce(o, x, p, span), p->name_span);
            o->x = o->env.local;
        } else {
            Value v = argument(o, p, &span);
            v = coerce(o, v, p, span);
            e->binds = e->reads;
            elab_bind(e, &o->env, p->name, v, p->name_span);
            e->binds = 0;
        }
        e->reads = e->reads < read ? read : e->reads;
    }
}

static void
solve_statics(OpenText *o)
{
    Elab *e = o->e;
    const Moves *m = o->m;
    Dims d = {.rank = m->type.rank};
    Solve s;

    memcpy(d.dim, m->type.dim, sizeof d.dim);
    elab_solve_begin(e, &s, m->fn, m->decl->name_span);
    elab_solve_match(e, &s, m->moved->type, d, m->moved->span,
                     arena_printf(e->arena, " by what '%s' moves, which is %s", m->decl->name,
                                  elab_type_text(e, m->type)));
    elab_solve_end(e, &s, &o->env);
}

/* One sampler may well be inside another of its kind, but not in itself without end. */
enum { MAX_NESTING = 12 };

static bool
is_endless(Elab *e, const Moves *m)
{
    unsigned n = 0;

    for (const Activation *a = e->act; a; a = a->caller)
        n += a->decl == m->decl;
    if (n < MAX_NESTING)
        return false;
    complain(e, elab_recursion, m->decl->name_span, m->decl->name);
    return true;
}

/* Enters the text, with x moved so far.  What encloses the chain may change between its steps.
 */
bool
elab_open_text(OpenText *o, Value x, Value t)
{
    Elab *e = o->e;
    const Activation *back = e->act;

    if (is_endless(e, o->m) || !elab_push_depth(e, o->m->decl->name_span))
        return false;
    o->back_act = back;
    o->back_time = e->time;
    o->back_slots = e->owner_slots;
    const Named *given = find_named(o->change, o->n_change, e->word.t);
    if (given || o->m->counts) {
        const Env time = {.local = e->time};
        e->time = elab_time(e, given ? given->value : t,
                            elab_find_local(&time, e->word.n_steps)->value,
                            elab_find_local(&time, e->word.n_warmup)->value);
    }
    o->env = o->m->fn->env;
    o->env.local = e->time;
    o->env.act = elab_enter_text(e, o->m->decl, back, o->m->decl->name_span);
    o->env.let_mode = o->env.ret_mode = MODE_step;
    o->env.reports = NULL;
    o->env.buffers = NULL;
    o->env.path = NULL;
    o->back_training = e->training;
    e->training = false;
    o->slot = arena_array(e->arena, const Binding *, elab_count_kept(o->m->decl) + 1);
    solve_statics(o);
    e->owner_slots = o->m->owned ? e->next_slot : 0;
    bind_params(o, x);
    elab_open_required(e, &o->env, o->m->decl->body, o->m->decl->name_span);
    return true;
}

void
elab_close_text(OpenText *o)
{
    Elab *e = o->e;

    e->act = o->back_act;
    e->training = o->back_training;
    e->time = o->back_time;
    e->owner_slots = o->back_slots;
    e->depth--;
}
