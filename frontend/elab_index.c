/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_index.c -- `x[i, 1:3, :]`, and `x[i] = v`.
 *
 * Slices are one node; the indices that choose one element an axis are another, after their
 * axes were brought to the front.
 */
#include <string.h>

#include "frontend/elab.h"

/* What stands in the brackets for one axis. */
typedef struct Axis {
    bool slice;
    int64_t from, size; /* slice */
    Value index;
    Span span;
} Axis;

static bool
slice_end(Elab *e, const Env *env, const Expr *x, int64_t dim, int64_t otherwise, int64_t *ret)
{
    *ret = otherwise;
    if (!x)
        return true;
    if (!elab_static_int(e, env, x, "a bound of a slice", ret))
        return false;
    if (*ret < 0)
        *ret += dim;
    if (*ret >= 0 && *ret <= dim)
        return true;
    complain(e, elab_slice_range, x->span, (long long)dim);
    return false;
}

static bool
read_slice(Elab *e, const Env *env, const Expr *x, int64_t dim, Axis *ret)
{
    int64_t to;

    ret->slice = true;
    if (!slice_end(e, env, x->left, dim, 0, &ret->from) ||
        !slice_end(e, env, x->right, dim, dim, &to))
        return false;
    ret->size = to - ret->from;
    if (ret->size > 0)
        return true;
    complain(e, elab_empty_slice, x->span);
    return false;
}

static bool
check_index(Elab *e, Value *v, int64_t dim, Span span)
{
    Type t = elab_value_type(e, *v);

    if (elab_is_poison(*v))
        return false;
    if (!elab_is_number(*v) || t.dtype != DT_i32) {
        complain(e, elab_index_type, span, elab_value_text(e, *v));
        return false;
    }
    if (v->kind != VAL_int)
        return true;
    if (v->i < 0)
        v->i += dim;
    if (v->i >= 0 && v->i < dim)
        return true;
    complain(e, elab_index_range, span, (long long)dim);
    return false;
}

static bool
read_axes(Elab *e, const Env *env, Value base, const Expr *x, Axis *axis, Mode mode)
{
    Type t = elab_value_type(e, base);
    bool ok = true;

    if (x->n_args > t.rank) {
        complain(e, elab_index_count, x->span, elab_value_text(e, base), x->n_args);
        return false;
    }
    for (uint32_t i = 0; i < t.rank; i++) {
        axis[i] = (Axis){.slice = true, .size = t.dim[i]};
        if (i >= x->n_args)
            continue;
        const Arg *a = x->args[i];
        axis[i].span = a->span;
        if (a->name || a->value->kind == EXPR_PACK) {
            complain(e, elab_index_type, a->span, "a name");
            ok = false;
        } else if (a->value->kind == EXPR_SLICE) {
            ok &= read_slice(e, env, a->value, t.dim[i], &axis[i]);
        } else {
            axis[i].slice = false;
            axis[i].index = elab_eval(e, env, a->value, mode);
            ok &= check_index(e, &axis[i].index, t.dim[i], a->span);
        }
    }
    return ok;
}

static Ref
take_slices(Elab *e, Ref r, Type t, const Axis *axis)
{
    int64_t start_stride[2 * MAX_RANK];
    Type to = t;
    bool whole = true;

    for (unsigned i = 0; i < t.rank; i++) {
        start_stride[2 * i] = axis[i].slice ? axis[i].from : 0;
        start_stride[2 * i + 1] = 1;
        to.dim[i] = axis[i].slice ? (uint32_t)axis[i].size : t.dim[i];
        whole &= to.dim[i] == t.dim[i];
    }
    return whole ? r : ir_slice(&e->frame->b, r, to, start_stride);
}

static Ref
bring_forward(Elab *e, Ref r, unsigned rank, const Axis *axis)
{
    int64_t perm[MAX_RANK];
    unsigned n = 0;

    for (unsigned i = 0; i < rank; i++)
        if (!axis[i].slice)
            perm[n++] = i;
    for (unsigned i = 0; i < rank; i++)
        if (axis[i].slice)
            perm[n++] = i;
    return ir_transpose(&e->frame->b, r, perm);
}

static bool
in_range(Value v, int64_t dim)
{
    return v.kind == VAL_int || (v.bounded && v.lo >= 0 && v.hi < dim);
}

/* Rows by an array of indices: of the first axis, alone. */
static Value
take_rows(Elab *e, Ref r, const Axis *axis, unsigned rank, Span span)
{
    for (unsigned i = 1; i < rank; i++)
        if (!axis[i].slice)
            return FAIL(e, unsupported, span, "an array of indices beside other indices");
    if (axis[0].slice || elab_value_type(e, axis[0].index).rank != 1)
        return FAIL(e, unsupported, span, "an array of indices here");
    return elab_value_ref(e, ir_take(&e->frame->b, r, elab_ref_of(e, axis[0].index, DT_i32)));
}

static Value
pick(Elab *e, Value base, const Axis *axis, Span span)
{
    Type t = elab_value_type(e, base);
    Ref index[MAX_RANK];
    uint32_t n = 0;
    bool safe = true;

    e->frame->b.span = span;
    Ref r = take_slices(e, elab_ref_of(e, base, DT_none), t, axis);
    for (unsigned i = 0; i < t.rank; i++)
        if (!axis[i].slice && elab_value_type(e, axis[i].index).rank)
            return take_rows(e, r, axis, t.rank, span);
    for (unsigned i = 0; i < t.rank; i++) {
        if (axis[i].slice)
            continue;
        safe &= in_range(axis[i].index, t.dim[i]);
        index[n++] = elab_ref_of(e, axis[i].index, DT_i32);
    }
    if (n == 0)
        return elab_value_ref(e, r);
    r = bring_forward(e, r, t.rank, axis);
    return elab_value_ref(e, ir_at(&e->frame->b, r, n, index, safe));
}

static Value
pick_layer(Elab *e, const Env *env, Value list, const Expr *x)
{
    int64_t i;

    if (x->n_args != 1)
        return FAIL(e, elab_index_count, x->span, "an array of layers", x->n_args);
    if (!elab_static_int(e, env, x->args[0]->value, "the index of a layer", &i))
        return POISON;
    i += i < 0 ? (int64_t)list.n : 0;
    if (i < 0 || i >= (int64_t)list.n)
        return FAIL(e, elab_index_range, x->args[0]->span, (long long)list.n);
    return list.item[i];
}

Value
elab_index(Elab *e, const Env *env, Value base, const Expr *x, Mode mode)
{
    Axis axis[MAX_RANK];

    if (base.kind == VAL_list)
        return pick_layer(e, env, base, x);
    if (!elab_is_number(base))
        return FAIL(e, elab_not_indexable, x->left->span, elab_value_text(e, base));
    if (!read_axes(e, env, base, x, axis, mode))
        return POISON;
    return pick(e, base, axis, x->span);
}

Value
elab_index_value(Elab *e, Value base, uint32_t n, const Value *index, Span span)
{
    Type t = elab_value_type(e, base);
    Axis axis[MAX_RANK];

    for (unsigned i = 0; i < t.rank; i++) {
        axis[i] = (Axis){.slice = i >= n, .size = t.dim[i], .span = span};
        if (i < n)
            axis[i].index = index[i];
    }
    return pick(e, base, axis, span);
}

/* x with x[i0, i1, ...] = v, all of x being new: what an array that others may still read
 * becomes. */
static Value
choose_elements(Elab *e, Ref x, Ref v, uint32_t n, const Value *index)
{
    Builder *b = &e->frame->b;
    Type t = ir_type(b->function, x);
    Ref here = NO_REF;

    for (uint32_t i = 0; i < n; i++) {
        Ref at =
            ir_eq(b, ir_iota(b, type_with(t, DT_i32), i), elab_ref_of(e, index[i], DT_i32));
        here = here.id ? ir_and(b, here, at) : at;
    }
    Ref all = ir_broadcast_to(b, v, t);
    return elab_value_ref(e, ir_select(b, here, all, x));
}

Value
elab_assign_index(Elab *e, Value base, bool owned, uint32_t n, const Value *given, Value v,
                  Span span, bool *ret_owned)
{
    Type t = elab_value_type(e, base), part;
    Value index[MAX_RANK];
    Ref at[MAX_RANK];
    bool safe = true;

    *ret_owned = false;
    if (n > t.rank)
        return FAIL(e, elab_index_count, span, elab_value_text(e, base), n);
    for (uint32_t i = 0; i < n; i++) {
        index[i] = given[i];
        if (!check_index(e, &index[i], t.dim[i], span))
            return POISON;
        if (elab_value_type(e, index[i]).rank)
            return FAIL(e, unsupported, span, "assigning to an array of indices");
        safe &= in_range(index[i], t.dim[i]);
    }
    part = type_drop(t, n);
    if (elab_is_poison(v))
        return POISON;
    if (!elab_is_number(v) ||
        (part.dtype != DT_f32 && part.dtype != DT_f64 &&
         elab_value_type(e, v).dtype != part.dtype) ||
        elab_value_type(e, v).dtype == (part.dtype == DT_bool ? DT_f32 : DT_bool) ||
        !elab_fit(e, &v, part))
        return FAIL(e, elab_assign_type, span, elab_type_text(e, part), elab_value_text(e, v));
    e->frame->b.span = span;
    Ref x = elab_ref_of(e, base, DT_none), r = elab_ref_of(e, v, (DType)part.dtype);
    if (!owned)
        return choose_elements(e, x, r, n, index);
    for (uint32_t i = 0; i < n; i++)
        at[i] = elab_ref_of(e, index[i], DT_i32);
    *ret_owned = true;
    return elab_value_ref(e, ir_update(&e->frame->b, x, r, n, at, safe, false));
}
