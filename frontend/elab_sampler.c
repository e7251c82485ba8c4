/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_sampler.c -- the run's own sampler applied to its energy: @start and @step.
 */
#include <string.h>

#include "frontend/elab_chain.h"

typedef struct Chains {
    Elab *e;
    FnVal *energy;
    Moves moves;
    Type x;
    const ChainVal *start; /* what @start has made */
} Chains;

/* ---- where chains start ---- */

/* What the energy says about where a chain starts. */
static Value
declared_start(Chains *b, const Param *p)
{
    Elab *e = b->e;
    Env env = b->energy->env;

    env.local = e->time;
    elab_bind_statics(e, b->energy, &env);
    for (uint32_t i = 0; i < b->energy->decl->n_params; i++) {
        const Param *q = b->energy->decl->params[i];
        if (q != p)
            elab_bind(e, &env, q->name, elab_default_value(e, &env, b->energy, q),
                      q->name_span);
    }
    return elab_initial(e, &env, p->init, NULL, b->x, p->span);
}

static Value
start_x(Chains *b)
{
    Elab *e = b->e;
    const ElabRequest *rq = e->request;
    const Param *p = NULL;

    for (uint32_t i = 0; i < b->energy->decl->n_params && !p; i++)
        if (elab_is_state_param(b->energy->decl->params[i]))
            p = b->energy->decl->params[i];
    switch (rq->init) {
    case INIT_given: return elab_entry_input(e, INPUT_x, "x", b->x, VARY_chain);
    case INIT_zeros: return elab_value_ref(e, ir_full(&e->frame->b, b->x, 0));
    case INIT_uniform: {
        Value u = elab_draw_value(e, DRAW_uniform, b->x);
        u = elab_arith(e, AST_OP_MUL, elab_value_real(rq->high - rq->low), u, MODE_step,
                       p->span);
        return elab_arith(e, AST_OP_ADD, elab_value_real(rq->low), u, MODE_step, p->span);
    }
    default: break;
    }
    if (rq->init == INIT_default && p && p->init)
        return declared_start(b, p);
    return elab_draw_value(e, DRAW_normal, b->x);
}

/* ---- the two functions ---- */

/* What is kept, under its names, and what is reported. */
static void
finish(Chains *b, const ChainVal *c, const Value *kept, bool step)
{
    Elab *e = b->e;
    Value leaf[MAX_LEAVES];
    const char *name[MAX_LEAVES];
    uint32_t n = elab_chain_leaves(e, c, leaf, name, MAX_LEAVES);
    Ref *r = arena_array(e->arena, Ref, n + b->moves.n_reports + 1);
    Output *out = arena_array(e->arena, Output, n + b->moves.n_reports + 1);

    for (uint32_t i = 0; i < n; i++) {
        DType d = kept ? (DType)elab_value_type(e, kept[i]).dtype : DT_none;
        r[i] = elab_ref_of(e, leaf[i], d);
        out[i].name = i ? name[i] : "x";
    }
    for (uint32_t i = 0; step && i < b->moves.n_reports; i++) {
        r[n] = elab_ref_of(e, c->report[i], DT_f64);
        out[n++] = (Output){b->moves.report[i], OUTPUT_report};
    }
    elab_end_entry(e, n, r, out);
}

static void
build_start(Chains *b)
{
    Elab *e = b->e;

    e->frame = elab_frame_new(e, "start", NULL);
    e->may_draw = true;
    elab_bind_time(e, TIME_zero);
    Value x = start_x(b);
    if (elab_is_poison(x) || !elab_fit(e, &x, b->x))
        return;
    Value c = elab_moves_start(e, &b->moves, x);
    if (c.kind == VAL_chain) {
        b->start = c.chain;
        finish(b, c.chain, NULL, false);
    }
    elab_nest_leave(e);
}

static void
build_step(Chains *b)
{
    Elab *e = b->e;
    Value leaf[MAX_LEAVES];
    const char *name[MAX_LEAVES];
    uint32_t n = elab_chain_leaves(e, b->start, leaf, name, MAX_LEAVES);

    e->frame = elab_frame_new(e, "step", NULL);
    e->may_draw = true;
    leaf[0] = elab_entry_input(e, INPUT_x, "x", b->x, VARY_chain);
    for (uint32_t i = 1; i < n; i++)
        leaf[i] =
            elab_entry_input(e, INPUT_state, name[i], elab_value_type(e, leaf[i]), VARY_chain);
    elab_bind_time(e, TIME_step);
    Value was = elab_chain_with(e, b->start, leaf);
    Value c = elab_moves_step(e, was.chain, NULL, 0, NULL);
    if (c.kind == VAL_chain)
        finish(b, c.chain, leaf, true);
    elab_nest_leave(e);
}

bool
elab_build_sampler(Elab *e, FnVal *energy, FnVal *sampler, Type x)
{
    static const Tuning own = {HYPER_sampler, ""};
    Chains b = {.e = e, .energy = energy, .x = x};
    unsigned before = e->diags->errors;
    FnVal *tuned = arena_new(e->arena, FnVal);
    Named given = {.value = elab_value_fn(energy)};

    *tuned = *sampler;
    tuned->tuning = &own;
    for (uint32_t i = 0; i < sampler->decl->n_params; i++)
        if (!sampler->decl->params[i]->value && !elab_is_state_param(sampler->decl->params[i]))
            given.name = sampler->decl->params[i]->name;
    if (!elab_moves_begin(e, &b.moves, tuned, &given, 1, x))
        return false;
    build_start(&b);
    if (e->diags->errors == before && !e->stopped)
        build_step(&b);
    e->program->report = b.moves.report;
    e->program->n_report = b.moves.n_reports;
    e->act = NULL;
    return e->diags->errors == before && !e->stopped;
}
