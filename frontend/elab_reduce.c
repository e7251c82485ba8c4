/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_reduce.c -- sums, extremes and their like over the axes of an array.
 */
#include <string.h>

#include "frontend/elab_builtin.h"

bool
elab_read_axis(Elab *e, const Call *call, Type t, int64_t *ret)
{
    const Value *axis = elab_named_arg(call, "axis");

    *ret = -1;
    if (!axis)
        return true;
    *ret = axis->kind == VAL_int ? axis->i + (axis->i < 0 ? t.rank : 0) : -1;
    if (axis->kind == VAL_int && *ret >= 0 && *ret < t.rank)
        return true;
    complain(e, elab_axis, call->span, elab_value_text(e, call->arg[0]));
    return false;
}

static Op
reduction_op(FoldKind kind)
{
    static const uint8_t op[FOLD_COUNT] = {
        [FOLD_sum] = OP_sum,  [FOLD_prod] = OP_prod, [FOLD_max] = OP_amax,
        [FOLD_min] = OP_amin, [FOLD_all] = OP_all,   [FOLD_any] = OP_any,
    };
    return (Op)op[kind];
}

static Value
reduce(Elab *e, FoldKind kind, bool mean, Value v, int64_t axis, Mode mode)
{
    Type t = elab_value_type(e, v);
    uint32_t n_axes = axis < 0 ? t.rank : 1;
    bool adds = kind == FOLD_sum || kind == FOLD_prod, real = dtype_is_float((DType)t.dtype);
    bool wide = mode == MODE_wide && adds && n_axes == t.rank && (real || mean);
    DType d = wide ? DT_f64 : mean && !real ? e->real : (DType)t.dtype;
    Ref r = elab_ref_of(e, v, d);

    if (t.rank)
        r = axis < 0 ? ir_reduce_all(&e->frame->b, reduction_op(kind), r)
                     : ir_reduce(&e->frame->b, reduction_op(kind), r, 1, &axis);
    if (!mean || t.rank == 0)
        return elab_value_ref(e, r);
    uint64_t n = axis < 0 ? type_size(t) : t.dim[axis];
    return elab_arith(e, AST_OP_DIV, elab_value_ref(e, r), elab_value_int((int64_t)n), mode,
                      e->frame->b.span);
}

/* `keep = true`: the axes that go stay, with size 1. */
static bool
read_keep(Elab *e, const Call *call, bool *ret)
{
    const Value *keep = elab_named_arg(call, "keep");

    *ret = keep && keep->kind == VAL_bool && keep->b;
    if (!keep || keep->kind == VAL_bool)
        return true;
    complain(e, elab_not_static, call->span, "'keep'", elab_value_text(e, *keep));
    return false;
}

/* What a reduction of type t gave, in the shape with or without the axes that went. */
static Value
shape_reduced(Elab *e, Value v, Type t, int64_t axis, bool keep)
{
    Type to = type_scalar((DType)elab_value_type(e, v).dtype);

    for (unsigned i = 0; i < t.rank; i++)
        if (keep || (axis >= 0 && i != axis))
            to.dim[to.rank++] = axis < 0 || i == axis ? 1 : t.dim[i];
    return elab_value_ref(e, ir_reshape(&e->frame->b, elab_ref_of(e, v, DT_none), to));
}

Value
elab_call_reduce(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    bool logical = b->op == FOLD_all || b->op == FOLD_any, keep;
    int64_t axis;

    (void)env;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (call->n == 2)
        return elab_apply_pointwise(e, b->op == FOLD_max ? OP_max : OP_min, call->arg, 2,
                                    call->span);
    Value v = call->arg[0];
    if (!elab_is_number(v) || (elab_value_type(e, v).dtype == DT_bool) != logical)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, logical ? "bool" : "numbers",
                    elab_value_text(e, v));
    if (!elab_read_axis(e, call, elab_value_type(e, v), &axis) || !read_keep(e, call, &keep))
        return POISON;
    e->frame->b.span = call->span;
    if (elab_is_static(v))
        return v;
    Type t = elab_value_type(e, v);
    v = reduce(e, (FoldKind)b->op, strcmp(b->name, "mean") == 0, v, axis, mode);
    return keep ? shape_reduced(e, v, t, axis, true) : v;
}

/* The largest of v, taken as constant. */
static Value
largest(Elab *e, Value v, int64_t axis, bool keep, Mode mode)
{
    Type t = elab_value_type(e, v);
    Value m = reduce(e, FOLD_max, false, v, axis, mode);

    m = keep ? shape_reduced(e, m, t, axis, true) : m;
    return elab_value_ref(e, ir_stop_gradient(&e->frame->b, elab_ref_of(e, m, DT_none)));
}

/* log(sum(exp(v))), given the largest of v and the sum of exp(v - largest); where the largest
 * is not finite it is the result. */
Value
elab_shifted_log(Elab *e, Value largest, Value sum, Mode mode, Span span)
{
    Value finite = elab_apply_pointwise(e, OP_isfinite, &largest, 1, span);
    Value log = elab_apply_pointwise(e, OP_log, &sum, 1, span);

    log = elab_choose(e, finite, log, elab_value_real(0), span);
    return elab_arith(e, AST_OP_ADD, largest, log, mode, span);
}

/* log(sum(exp(v))) without overflow.  A term that is not a normal number beside the largest,
 * which is 1, changes nothing: as 0 it and its derivatives are quick to compute with. */
Value
elab_call_logsumexp(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                    Mode mode)
{
    Mode inner = elab_arg_mode(mode);
    int64_t axis;
    bool keep;

    (void)env;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_number(e, b, call, 0))
        return POISON;
    Value v = elab_convert(e, call->arg[0], e->real);
    Type t = elab_value_type(e, v);
    if (!elab_read_axis(e, call, t, &axis) || !read_keep(e, call, &keep))
        return POISON;
    if (t.rank == 0)
        return v;
    e->frame->b.span = call->span;
    bool apart = axis >= 0 && !keep;
    Value shift = largest(e, v, axis, axis >= 0, inner);
    Value below = elab_arith(e, AST_OP_SUB, v, shift, inner, call->span);
    Value all = elab_apply_pointwise(e, OP_exp_flush, &below, 1, call->span);
    all = reduce(e, FOLD_sum, false, all, axis, inner);
    shift = apart ? shape_reduced(e, shift, t, axis, false) : shift;
    if (keep)
        all = shape_reduced(e, all, t, axis, true);
    return elab_shifted_log(e, shift, all, mode, call->span);
}

Value
elab_call_argmax(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    int64_t axis;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) ||
        !elab_check_array(e, b, call, 0, "an array") || !elab_check_number(e, b, call, 0))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    if (!elab_read_axis(e, call, t, &axis))
        return POISON;
    Ref r = elab_ref_of(e, call->arg[0], DT_none);
    e->frame->b.span = call->span;
    Type flat = type_array((DType)t.dtype, 1, (uint32_t[]){(uint32_t)type_size(t)});
    if (axis < 0)
        r = ir_reshape(&e->frame->b, r, flat);
    Value v = elab_value_ref(e, ir_build(&e->frame->b, OP_argmax, (Type){0}, 1, &r,
                                         (Attr){.i = axis < 0 ? 0 : axis}, 0, NULL));
    int64_t size = axis < 0 ? (int64_t)type_size(t) : t.dim[axis];
    v.bounded = v.kind == VAL_ref;
    v.lo = v.bounded ? 0 : v.lo;
    if (v.bounded)
        v.hi = size - 1;
    return v;
}
