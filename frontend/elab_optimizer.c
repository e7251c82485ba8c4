/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_optimizer.c -- an optimizer applied to every parameter.
 */
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_train.h"

typedef struct Update {
    Elab *e;
    FnVal *fn;
    const ParamInfo *p;
    Ref gradient;
    bool step; /* else the first values of the states */
    OptimizerResult *to;
} Update;

static void
add_state(Update *u, const char *name, Value v)
{
    Elab *e = u->e;
    OptimizerResult *o = u->to;
    size_t cap = o->n;

    o->memory = arena_grow(e->arena, o->memory, o->n, &cap, o->n + 1, sizeof *o->memory);
    cap = o->n;
    o->state = arena_grow(e->arena, o->state, o->n, &cap, o->n + 1, sizeof *o->state);
    o->memory[o->n] = (Memory){name, elab_value_type(e, v)};
    o->state[o->n++] = v;
}

static void
run_state(Update *u, Env *env, const Stmt *s)
{
    Elab *e = u->e;
    Value *v = arena_array(e->arena, Value, s->n_patterns);

    elab_values(e, env, s, s->n_patterns, v);
    for (uint32_t i = 0; i < s->n_patterns; i++) {
        const Pattern *p = s->patterns[i];
        const char *name = arena_printf(e->arena, "%s.%s", p->name, u->p->name);
        Type t = type_with(u->p->type, (DType)elab_value_type(e, v[i]).dtype);
        if (t.dtype == DT_f64)
            t.dtype = (uint8_t)e->real;
        if (elab_is_poison(v[i]) || !elab_fit(e, &v[i], t))
            continue;
        if (u->step)
            v[i] = elab_entry_input(e, INPUT_memory, name, t, VARY_uniform);
        elab_bind_var(e, env, p->name, v[i], p->span);
        add_state(u, name, v[i]);
    }
}

static Value
update(Update *u)
{
    Elab *e = u->e;
    const Decl *d = u->fn->decl;
    Env env = u->fn->env;
    size_t first = u->to->n;

    env.local = e->time;
    env.act = elab_enter_text(e, d, NULL, d->name_span);
    env.let_mode = env.ret_mode = MODE_step;
    elab_bind_statics(e, u->fn, &env);
    elab_bind_var(e, &env, d->params[0]->name,
                  elab_entry_input(e, INPUT_param, u->p->name, u->p->type, VARY_uniform),
                  d->params[0]->name_span);
    elab_bind(e, &env, d->params[1]->name, u->step ? elab_value_ref(e, u->gradient) : NO_VALUE,
              d->params[1]->name_span);
    for (uint32_t i = 2; i < d->n_params; i++)
        elab_bind_hyper(e, &env, HYPER_optimizer, d, d->params[i]);
    for (uint32_t i = 0; i < d->body->n_stmts; i++) {
        Stmt *s = d->body->stmts[i];
        if (s->kind == STMT_STATE)
            run_state(u, &env, s);
        else if (s->kind == STMT_STEP && u->step)
            elab_run_stmts(e, &env, s->body->stmts, s->body->n_stmts);
    }
    size_t at = first;
    for (uint32_t i = 0; i < d->body->n_stmts; i++)
        for (uint32_t k = 0;
             d->body->stmts[i]->kind == STMT_STATE && k < d->body->stmts[i]->n_patterns;
             k++, at++) {
            Value v = elab_find_local(&env, d->body->stmts[i]->patterns[k]->name)->value;
            elab_fit(e, &v, u->to->memory[at].type);
            u->to->state[at] = v;
        }
    return elab_find_local(&env, d->params[0]->name)->value;
}

bool
elab_optimize(Elab *e, FnVal *optimizer, const Ref *gradient, bool step, OptimizerResult *ret)
{
    ret->param = arena_array(e->arena, Value, e->n_params + 1);
    for (size_t i = 0; i < e->n_params; i++) {
        Update u = {.e = e,
                    .fn = optimizer,
                    .p = &e->param[i],
                    .gradient = gradient[i],
                    .step = step,
                    .to = ret};
        ret->param[i] = NO_VALUE;
        if (e->param[i].state || !gradient[i].id)
            continue;
        ret->param[i] = update(&u);
    }
    e->act = NULL;
    return !e->stopped && e->diags->errors == 0;
}
