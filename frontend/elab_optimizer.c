/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_optimizer.c -- an optimizer applied to every parameter.
 *
 * A sum over the model needs what every parameter gives to it before any can go on.  So the
 * step is elaborated for all parameters once more for each such sum: the sums found before have
 * their values, the next one adds up.
 */
#include <string.h>

#include "frontend/elab_builtin.h"
#include "frontend/elab_train.h"

enum { MAX_MODEL_SUMS = 64 };

/* The calls of model_sum in one step, counted in the order of elaboration. */
struct ModelSums {
    Value known[MAX_MODEL_SUMS];
    uint32_t n_known;
    uint32_t at;
    Ref adding; /* f64: what the parameters so far give to sum n_known; NO_REF: nothing */
};

static Ref
sum_elements(Elab *e, Value v)
{
    Ref r = elab_ref_of(e, v, DT_f64);

    return ir_type(e->frame->b.function, r).rank ? ir_reduce_all(&e->frame->b, OP_sum, r) : r;
}

Value
elab_call_model_sum(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                    Mode mode)
{
    ModelSums *sums = e->model_sums;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_number(e, b, call, 0))
        return POISON;
    if (e->checking && !sums)
        return elab_value_ref(e,
                              ir_convert(&e->frame->b, sum_elements(e, call->arg[0]), e->real));
    if (!sums || e->frame->outer || e->frame->b.region)
        return FAIL(e, elab_place, call->span, b->name,
                    "an optimizer's step, outside branches and loops");
    uint32_t i = sums->at++;
    if (i < sums->n_known)
        return sums->known[i];
    if (i == MAX_MODEL_SUMS)
        return FAIL(e, elab_too_large, call->span, "the number of sums over the model");
    Ref own = sum_elements(e, call->arg[0]);
    if (i == sums->n_known)
        sums->adding = sums->adding.id ? ir_add(&e->frame->b, sums->adding, own) : own;
    return elab_value_ref(e, ir_convert(&e->frame->b, own, e->real));
}

/* ---- what is kept ---- */

static const Param *
gradient_param(const Moves *m)
{
    for (uint32_t i = 0; i < m->decl->n_params; i++)
        if (elab_is_state_param(m->decl->params[i]) && m->decl->params[i] != m->moved)
            return m->decl->params[i];
    return NULL;
}

static bool
is_moved(const Elab *e, const Optimization *o, size_t i)
{
    return !e->param[i].state && o->gradient[i].id;
}

/* The chain of one parameter, as it is before the first step: its gradient is 0 there. */
static bool
start_one(Elab *e, FnVal *optimizer, Update *u, const ParamInfo *p)
{
    Named g = {.name = "", .value = elab_value_ref(e, ir_full(&e->frame->b, p->type, 0))};
    const Value w = elab_entry_input(e, INPUT_param, p->name, p->type, VARY_uniform);

    g.span = optimizer->decl->name_span;
    if (!elab_moves_begin(e, &u->moves, optimizer, &g, 1, p->type))
        return false;
    u->moves.arg[0].name = gradient_param(&u->moves)->name;
    Value v = elab_moves_start(e, &u->moves, w);
    u->start = v.kind == VAL_chain ? v.chain : NULL;
    return u->start != NULL;
}

static void
list_memory(Elab *e, Optimization *o, const Update *u, const ParamInfo *p)
{
    Value leaf[MAX_LEAVES];
    const char *name[MAX_LEAVES];
    uint32_t n = elab_chain_leaves(e, u->start, leaf, name, MAX_LEAVES);

    o->memory = arena_grow(e->arena, o->memory, o->n, &o->cap, o->n + n, sizeof *o->memory);
    for (uint32_t i = 1; i < n; i++) /* the first is the parameter */
        o->memory[o->n++] = (Memory){arena_printf(e->arena, "%s.%s", name[i], p->name),
                                     elab_value_type(e, leaf[i]), leaf[i], NO_VALUE};
}

bool
elab_start_optimizer(Elab *e, FnVal *optimizer, const Ref *gradient, Optimization *o)
{
    static const Tuning own = {HYPER_optimizer, ""};
    FnVal *tuned = arena_new(e->arena, FnVal);

    *tuned = *optimizer;
    tuned->tuning = &own;
    *o = (Optimization){.gradient = gradient};
    o->update = arena_alloc(e->arena, e->n_params + 1, sizeof *o->update);
    for (size_t i = 0; i < e->n_params; i++) {
        if (!is_moved(e, o, i))
            continue;
        if (!start_one(e, tuned, &o->update[i], &e->param[i]))
            return false;
        list_memory(e, o, &o->update[i], &e->param[i]);
    }
    return true;
}

/* ---- a step ---- */

/* One parameter; *at counts the memory. */
static bool
step_one(Elab *e, Optimization *o, size_t i, size_t *at)
{
    const ParamInfo *p = &e->param[i];
    Update *u = &o->update[i];
    Value leaf[MAX_LEAVES];
    uint32_t n = elab_chain_leaves(e, u->start, leaf, NULL, MAX_LEAVES);

    leaf[0] = elab_entry_input(e, INPUT_param, p->name, p->type, VARY_uniform);
    for (uint32_t k = 1; k < n; k++) {
        const Memory *m = &o->memory[*at + k - 1];
        leaf[k] = elab_entry_input(e, INPUT_memory, m->name, m->type, VARY_uniform);
    }
    u->moves.arg[0].value = elab_value_ref(e, o->gradient[i]);
    Value v = elab_moves_step(e, elab_chain_with(e, u->start, leaf).chain, NULL, 0, NULL);
    if (v.kind != VAL_chain)
        return false;
    u->end = v.chain;
    elab_chain_leaves(e, u->end, leaf, NULL, MAX_LEAVES);
    for (uint32_t k = 1; k < n; k++)
        o->memory[(*at)++].next = leaf[k];
    return true;
}

static bool
step_all(Elab *e, Optimization *o)
{
    size_t at = 0;

    e->model_sums->adding = NO_REF;
    for (size_t i = 0; i < e->n_params; i++) {
        e->model_sums->at = 0;
        if (is_moved(e, o, i) && !step_one(e, o, i, &at))
            return false;
    }
    return true;
}

bool
elab_step_optimizer(Elab *e, Optimization *o)
{
    ModelSums *sums = arena_new(e->arena, ModelSums);
    bool ok;

    e->model_sums = sums;
    while ((ok = step_all(e, o)) && sums->adding.id)
        sums->known[sums->n_known++] =
            elab_value_ref(e, ir_convert(&e->frame->b, sums->adding, e->real));
    e->model_sums = NULL;
    return ok;
}

/* ---- reports ---- */

static const Update *
first_update(const Elab *e, const Optimization *o)
{
    for (size_t i = 0; i < e->n_params; i++)
        if (o->update[i].end)
            return &o->update[i];
    return NULL;
}

static bool
is_common(const Elab *e, const Optimization *o, uint32_t report, Value v)
{
    for (size_t i = 0; i < e->n_params; i++)
        if (o->update[i].end && !ref_eq(o->update[i].end->report[report].ref, v.ref))
            return false;
    return true;
}

/* What all parameters report alike is one report; else each has its own. */
void
elab_optimizer_reports(Elab *e, const Optimization *o, Reports *ret)
{
    const Update *first = first_update(e, o);

    *ret = (Reports){0};
    for (uint32_t k = 0; first && k < first->moves.n_reports; k++) {
        bool common = is_common(e, o, k, first->end->report[k]);
        for (size_t i = 0; i < e->n_params; i++) {
            const Update *u = &o->update[i];
            const char *name = first->moves.report[k];
            if (!u->end || (common && u != first))
                continue;
            if (!common)
                name = arena_printf(e->arena, "%s.%s", name, e->param[i].name);
            size_t cap = ret->cap;
            ret->name =
                arena_grow(e->arena, ret->name, ret->n, &cap, ret->n + 1, sizeof *ret->name);
            ret->value = arena_grow(e->arena, ret->value, ret->n, &ret->cap, ret->n + 1,
                                    sizeof *ret->value);
            ret->name[ret->n] = name;
            ret->value[ret->n++] = u->end->report[k];
        }
    }
}
