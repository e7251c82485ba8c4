/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_draw.c -- random numbers.
 */
#include "frontend/elab_builtin.h"

static bool
may_draw(Elab *e, const Builtin *b, Span span)
{
    if (e->may_draw)
        return true;
    complain(e, elab_no_draw, span, b->name);
    return false;
}

static bool
draw_type(Elab *e, const FnVal *fn, const Call *call, DType d, Type *ret)
{
    Dims dims;

    if (!elab_static_dims(e, fn, &dims))
        return false;
    if (fn->n_statics == 0 && call->expect)
        dims = *call->expect;
    *ret = type_array(d, dims.rank, dims.dim);
    return true;
}

/* normal(mean, sd) and uniform(low, high): a standard draw, scaled. */
Value
elab_call_draw(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (call->n == 1)
        return FAIL(e, elab_arity, call->span, b->name, 2u, 1u);
    for (uint32_t i = 0; i < call->n; i++)
        if (!elab_check_number(e, b, call, i))
            return POISON;
    e->frame->b.span = call->span;
    Value v = elab_draw_value(e, (Distribution)b->op, t);
    if (call->n == 0 || elab_is_poison(v))
        return v;
    Value scale = b->op == DRAW_normal ? call->arg[1]
                                       : elab_arith(e, AST_OP_SUB, call->arg[1], call->arg[0],
                                                    MODE_term, call->span);
    v = elab_arith(e, AST_OP_MUL, scale, v, MODE_term, call->span);
    if (call->arg[0].kind == VAL_int && call->arg[0].i == 0)
        return v;
    return elab_arith(e, AST_OP_ADD, call->arg[0], v, MODE_term, call->span);
}

Value
elab_call_draw_like(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                    Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !may_draw(e, b, call->span) ||
        !elab_check_number(e, b, call, 0))
        return POISON;
    e->frame->b.span = call->span;
    return elab_draw_value(e, (Distribution)b->op,
                           type_with(elab_value_type(e, call->arg[0]), e->real));
}

/* -1 or 1, each with probability 1/2. */
Value
elab_call_rademacher(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                     Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, call->n == 0) || !may_draw(e, b, call->span) ||
        (call->n && !elab_check_number(e, b, call, 0)) || !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (call->n)
        t = type_with(elab_value_type(e, call->arg[0]), e->real);
    e->frame->b.span = call->span;
    Value low = elab_compare(e, AST_OP_LT, elab_draw_value(e, DRAW_uniform, t),
                             elab_value_real(0.5), call->span);
    return elab_is_poison(low)
               ? POISON
               : elab_choose(e, low, elab_value_real(-1), elab_value_real(1), call->span);
}

Value
elab_call_bernoulli(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                    Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !elab_check_number(e, b, call, 0) || !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (t.rank == 0)
        t = type_with(elab_value_type(e, call->arg[0]), e->real);
    e->frame->b.span = call->span;
    return elab_compare(e, AST_OP_LT, elab_draw_value(e, DRAW_uniform, t), call->arg[0],
                        call->span);
}

/* The upper half of bits * n: uniform in 0..n up to 2^-32. */
Value
elab_call_randint(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                  Mode mode)
{
    Value n = call->arg[0];
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !draw_type(e, fn, call, DT_i32, &t))
        return POISON;
    if (!elab_is_scalar(e, n) || elab_value_type(e, n).dtype != DT_i32)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "int", elab_value_text(e, n));
    e->frame->b.span = call->span;
    Value bits = elab_draw_value(e, DRAW_bits, t);
    if (elab_is_poison(bits))
        return POISON;
    Value r = elab_value_ref(
        e, ir_umulhi(&e->frame->b, elab_ref_of(e, bits, DT_i32), elab_ref_of(e, n, DT_i32)));
    if (n.kind == VAL_int && r.kind == VAL_ref) {
        r.bounded = true;
        r.lo = 0;
        r.hi = n.i - 1;
    }
    return r;
}

Value
elab_call_shared(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    (void)env;
    (void)mode;
    return elab_check_call(e, b, fn, call, false) ? call->arg[0] : POISON;
}
