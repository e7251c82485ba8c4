/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_array.c -- functions that rearrange arrays, and linear algebra.
 */
#include <string.h>

#include "frontend/elab_builtin.h"

/* ---- shapes ---- */

Value
elab_call_size(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    Value v = call->arg[0];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    Type t = elab_value_type(e, v);
    if (v.kind == VAL_shape)
        t = type_array(DT_f32, v.dims->rank, v.dims->dim);
    else if (v.kind == VAL_list)
        return elab_value_int(v.n);
    else if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "an array",
                    elab_value_text(e, v));
    if (b->op == 0)
        return elab_value_int((int64_t)type_size(t));
    if (t.rank == 0)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "an array",
                    elab_value_text(e, v));
    return elab_value_int(t.dim[0]);
}

Value
elab_call_like(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_number(e, b, call, 0))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    if (t.rank == 0)
        return t.dtype == DT_i32 ? elab_value_int(b->op) : elab_value_real(b->op);
    return elab_value_ref(e, ir_full(&e->frame->b, t, b->op));
}

Value
elab_call_reshape(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                  Mode mode)
{
    Dims d;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !elab_static_dims(e, fn, &d))
        return POISON;
    Value v = call->arg[0];
    if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "an array",
                    elab_value_text(e, v));
    Type have = elab_value_type(e, v), want = type_array((DType)have.dtype, d.rank, d.dim);
    e->frame->b.span = call->span;
    if (b->op) {
        if (!elab_fit(e, &v, want))
            return FAIL(e, elab_shapes, call->span, elab_value_text(e, v),
                        elab_type_text(e, want));
        return v;
    }
    if (type_size(have) != type_size(want))
        return FAIL(e, elab_reshape, call->span, elab_value_text(e, v), elab_dims_text(e, d));
    return elab_value_ref(e, ir_reshape(&e->frame->b, elab_ref_of(e, v, DT_none), want));
}

Value
elab_call_transpose(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                    Mode mode)
{
    int64_t perm[MAX_RANK];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_array(e, b, call, 0, "an array"))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    for (unsigned i = 0; i < t.rank; i++)
        perm[i] = t.rank - 1 - i;
    e->frame->b.span = call->span;
    return elab_value_ref(
        e, ir_transpose(&e->frame->b, elab_ref_of(e, call->arg[0], DT_none), perm));
}

static bool
joinable(Type a, Type b, int64_t axis)
{
    if (a.rank != b.rank)
        return false;
    for (unsigned i = 0; i < a.rank; i++)
        if ((int64_t)i != axis && a.dim[i] != b.dim[i])
            return false;
    return true;
}

/* concat joins along an axis; stack makes a new leading one. */
Value
elab_call_concat(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    Ref r[64];
    bool stack = b->op == 1;
    int64_t axis;
    DType d = DT_none;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    for (uint32_t i = 0; i < call->n; i++) {
        if (!stack && !elab_check_array(e, b, call, i, "arrays"))
            return POISON;
        if (!elab_is_number(call->arg[i]))
            return FAIL(e, elab_argument, call->arg_span[i], b->name, "arrays",
                        elab_value_text(e, call->arg[i]));
        DType own = (DType)elab_value_type(e, call->arg[i]).dtype;
        d = d == DT_none || own == d ? own : d == DT_bool || own == DT_bool ? DT_none : e->real;
        if (d == DT_none)
            return FAIL(e, elab_array, call->span, elab_value_text(e, call->arg[0]),
                        elab_value_text(e, call->arg[i]));
    }
    Type first = elab_value_type(e, call->arg[0]);
    if (!elab_read_axis(e, call, first, &axis))
        return POISON;
    axis = axis < 0 ? 0 : axis;
    e->frame->b.span = call->span;
    for (uint32_t i = 0; i < call->n; i++) {
        Type t = elab_value_type(e, call->arg[i]);
        if (!joinable(first, t, stack ? -1 : axis) || first.rank + stack > MAX_RANK)
            return FAIL(e, elab_shapes, call->span, elab_value_text(e, call->arg[0]),
                        elab_value_text(e, call->arg[i]));
        r[i] = elab_ref_of(e, call->arg[i], d);
        Type row = type_with(t, d);
        memmove(row.dim + 1, row.dim, sizeof row.dim - sizeof row.dim[0]);
        row.dim[0] = 1;
        row.rank++;
        if (stack)
            r[i] = ir_reshape(&e->frame->b, r[i], row);
    }
    return elab_value_ref(e, ir_concat(&e->frame->b, call->n, r, (unsigned)axis));
}

/* `split(x, n)`: n equal parts along an axis. */
Value
elab_call_split(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                Mode mode)
{
    int64_t axis, start_stride[2 * MAX_RANK] = {0};
    Value part[MAX_LEAVES], n = call->arg[1];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_array(e, b, call, 0, "an array"))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    if (!elab_read_axis(e, call, t, &axis))
        return POISON;
    axis = axis < 0 ? 0 : axis;
    if (n.kind != VAL_int)
        return FAIL(e, elab_not_static, call->arg_span[1], "the number of parts",
                    elab_value_text(e, n));
    if (n.i < 1 || n.i > MAX_LEAVES || t.dim[axis] % n.i)
        return FAIL(e, elab_split, call->span, elab_value_text(e, call->arg[0]), (long long)n.i,
                    (long long)axis);
    Ref r = elab_ref_of(e, call->arg[0], DT_none);
    t.dim[axis] /= (uint32_t)n.i;
    for (unsigned i = 0; i < t.rank; i++)
        start_stride[2 * i + 1] = 1;
    e->frame->b.span = call->span;
    for (int64_t i = 0; i < n.i; i++) {
        start_stride[2 * axis] = i * t.dim[axis];
        part[i] = n.i == 1 ? call->arg[0]
                           : elab_value_ref(e, ir_slice(&e->frame->b, r, t, start_stride));
    }
    return n.i == 1 ? part[0] : elab_value_tuple(e, (uint32_t)n.i, part);
}

/* `pad(x, before, after)`: zeros around x, along every axis or the one named. */
Value
elab_call_pad(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    int64_t axis, low_stride[2 * MAX_RANK], around[2];
    uint64_t size = 1;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_array(e, b, call, 0, "an array"))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    if (!elab_read_axis(e, call, t, &axis))
        return POISON;
    for (uint32_t i = 0; i < 2; i++) {
        uint32_t k = call->n == 3 ? i + 1 : 1;
        if (call->arg[k].kind != VAL_int)
            return FAIL(e, elab_not_static, call->arg_span[k], "how much 'pad' adds",
                        elab_value_text(e, call->arg[k]));
        around[i] = call->arg[k].i;
        if (around[i] > (int64_t)IR_MAX_ELEMENTS)
            return FAIL(e, elab_too_large, call->arg_span[k],
                        elab_expr_text(e, call->arg_span[k]));
        if (around[i] < 0)
            return FAIL(e, elab_argument, call->arg_span[k], b->name, "sizes of at least 0",
                        elab_expr_text(e, call->arg_span[k]));
    }
    for (unsigned i = 0; i < t.rank; i++) {
        bool here = axis < 0 || i == axis;
        uint64_t wide = t.dim[i] + (here ? (uint64_t)(around[0] + around[1]) : 0);
        low_stride[2 * i] = here ? around[0] : 0;
        low_stride[2 * i + 1] = 1;
        if (wide > IR_MAX_ELEMENTS / size)
            return FAIL(e, elab_too_large, call->span, elab_expr_text(e, call->span));
        size *= wide;
        t.dim[i] = (uint32_t)wide;
    }
    e->frame->b.span = call->span;
    return elab_value_ref(
        e, ir_pad(&e->frame->b, elab_ref_of(e, call->arg[0], DT_none), t, low_stride));
}

/* Rows of x; an array of indices of any shape gives that shape of rows. */
Value
elab_call_gather(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_array(e, b, call, 0, "an array"))
        return POISON;
    Value i = call->arg[1];
    Type x = elab_value_type(e, call->arg[0]), t = elab_value_type(e, i);
    if (!elab_is_number(i) || t.dtype != DT_i32 || t.rank + x.rank - 1 > MAX_RANK)
        return FAIL(e, elab_index_type, call->arg_span[1], elab_value_text(e, i));
    if (t.rank <= 1)
        return elab_index_value(e, call->arg[0], 1, &i, call->arg_span[1]);
    if (type_size(t) > IR_MAX_ELEMENTS * (uint64_t)x.dim[0] / type_size(x))
        return FAIL(e, elab_too_large, call->span, elab_expr_text(e, call->span));
    Type flat = type_array(DT_i32, 1, (uint32_t[]){(uint32_t)type_size(t)});
    Type all = type_array((DType)x.dtype, t.rank, t.dim);
    for (unsigned k = 1; k < x.rank; k++)
        all.dim[all.rank++] = x.dim[k];
    e->frame->b.span = call->span;
    i = elab_value_ref(e, ir_reshape(&e->frame->b, elab_ref_of(e, i, DT_i32), flat));
    Value rows = elab_index_value(e, call->arg[0], 1, &i, call->arg_span[1]);
    return elab_value_ref(e, ir_reshape(&e->frame->b, elab_ref_of(e, rows, DT_none), all));
}

/* ---- linear algebra ---- */

static bool
square(Elab *e, const Builtin *b, const Call *call)
{
    Type t = elab_value_type(e, call->arg[0]);

    if (elab_is_number(call->arg[0]) && t.rank == 2 && t.dim[0] == t.dim[1] &&
        t.dtype != DT_bool)
        return true;
    complain(e, elab_argument, call->arg_span[0], b->name, "a square matrix",
             elab_value_text(e, call->arg[0]));
    return false;
}

static Ref
real_ref(Elab *e, Value v)
{
    DType d = (DType)elab_value_type(e, v).dtype;
    return elab_ref_of(e, v, dtype_is_float(d) ? d : e->real);
}

Value
elab_call_cholesky(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                   Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !square(e, b, call))
        return POISON;
    Ref r = real_ref(e, call->arg[0]);
    e->frame->b.span = call->span;
    return elab_value_ref(
        e, ir_build(&e->frame->b, OP_cholesky, (Type){0}, 1, &r, (Attr){0}, 0, NULL));
}

Value
elab_call_trisolve(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                   Mode mode)
{
    const Value *transposed = elab_named_arg(call, "transpose");

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !square(e, b, call) ||
        !elab_check_array(e, b, call, 1, "a vector or a matrix") ||
        !elab_check_number(e, b, call, 1))
        return POISON;
    Type l = elab_value_type(e, call->arg[0]), t = elab_value_type(e, call->arg[1]);
    if (t.rank > 2 || t.dim[0] != l.dim[0])
        return FAIL(e, elab_product, call->span, elab_value_text(e, call->arg[0]),
                    elab_value_text(e, call->arg[1]));
    if (transposed && transposed->kind != VAL_bool)
        return FAIL(e, elab_not_static, call->span, "'transpose'",
                    elab_value_text(e, *transposed));
    bool wide = elab_is_wide(e, call->arg[0]) || elab_is_wide(e, call->arg[1]);
    DType d = wide ? DT_f64 : e->real;
    Ref arg[2] = {elab_ref_of(e, call->arg[0], d), elab_ref_of(e, call->arg[1], d)};
    e->frame->b.span = call->span;
    return elab_value_ref(e, ir_build(&e->frame->b, OP_trisolve, (Type){0}, 2, arg,
                                      (Attr){.i = transposed && transposed->b}, 0, NULL));
}
