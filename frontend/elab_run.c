/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_run.c -- `run(sampler, energy, x, steps = n)`: a sampler's steps within a computation.
 */
#include "frontend/elab_builtin.h"
#include "frontend/elab_chain.h"

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
    Value v = elab_step_chain(r->e, c, NULL, 0, NULL);
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
    if (!elab_is_count(e, *steps))
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
    if (!elab_movable(e, &x, call->arg_span[2]) ||
        !elab_moves_begin(e, &r.moves, sampler, &energy, 1, elab_value_type(e, x)))
        return POISON;
    r.n = *steps;
    return run_steps(&r, x);
}
