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

/* A slice, or an index, of an axis of `dim` elements. */
static bool
read_axis(Elab *e, const Env *env, const Expr *x, int64_t dim, Axis *ret, Mode mode)
{
    *ret = (Axis){.span = x->span};
    if (x->kind == EXPR_SLICE)
        return read_slice(e, env, x, dim, ret);
    ret->index = elab_eval(e, env, x, mode);
    return check_index(e, &ret->index, dim, x->span);
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
        if (a->name || a->value->kind == EXPR_PACK) {
            complain(e, elab_index_type, a->span, "a name");
            ok = false;
        } else {
            ok &= read_axis(e, env, a->value, t.dim[i], &axis[i], mode);
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

/* Is the index known to be in range? */
static bool
in_range(Elab *e, const Axis *a, int64_t dim)
{
    const Value *v = &a->index;

    if (v->kind == VAL_int || (v->bounded && v->lo >= 0 && v->hi < dim))
        return true;
    elab_require_index(e, *v, dim, a->span);
    return false;
}

/* Rows by an array of indices: of the first axis, alone. */
static Value
take_rows(Elab *e, Value base, Ref r, const Axis *axis, Span span)
{
    unsigned rank = elab_value_type(e, base).rank;

    for (unsigned i = 1; i < rank; i++)
        if (!axis[i].slice)
            return FAIL(e, unsupported, span, "an array of indices beside other indices");
    if (axis[0].slice || elab_value_type(e, axis[0].index).rank != 1)
        return FAIL(e, unsupported, span, "an array of indices here");
    elab_require_index(e, axis[0].index, elab_value_type(e, base).dim[0], axis[0].span);
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
            return take_rows(e, base, r, axis, span);
    for (unsigned i = 0; i < t.rank; i++) {
        if (axis[i].slice)
            continue;
        safe &= in_range(e, &axis[i], t.dim[i]);
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

/* ---- assignment ---- */

static bool
is_whole(const Axis *a, uint32_t dim)
{
    return a->slice && a->size == dim;
}

/* How many axes at the front have indices, if all after them are whole; else -1. */
static int
leading_indices(Type t, const Axis *axis)
{
    int n = 0;

    while (n < t.rank && !axis[n].slice)
        n++;
    for (int i = n; i < t.rank; i++)
        if (!is_whole(&axis[i], t.dim[i]))
            return -1;
    return n;
}

/* Where axis i of an array of type t is one of those meant; NO_REF: everywhere. */
static Ref
meant(Elab *e, Type t, const Axis *axis, unsigned i)
{
    Builder *b = &e->frame->b;
    Ref at = NO_REF, end;

    if (is_whole(&axis[i], t.dim[i]))
        return NO_REF;
    Ref iota = ir_iota(b, type_with(t, DT_i32), i);
    if (!axis[i].slice)
        return ir_eq(b, iota, elab_ref_of(e, axis[i].index, DT_i32));
    if (axis[i].from > 0)
        at = ir_ge(b, iota, ir_number(b, DT_i32, (double)axis[i].from));
    if (axis[i].from + axis[i].size == t.dim[i])
        return at;
    end = ir_lt(b, iota, ir_number(b, DT_i32, (double)(axis[i].from + axis[i].size)));
    return at.id ? ir_and(b, at, end) : end;
}

/* v, which has the slices' sizes, brought to its place in an array of type t. */
static Ref
spread(Elab *e, Ref v, Type t, const Axis *axis)
{
    Type small = t, wide = t;
    int64_t low_stride[2 * MAX_RANK];
    bool whole = true;

    for (unsigned i = 0; i < t.rank; i++) {
        small.dim[i] = axis[i].slice ? (uint32_t)axis[i].size : 1;
        wide.dim[i] = axis[i].slice ? t.dim[i] : 1;
        low_stride[2 * i] = axis[i].slice ? axis[i].from : 0;
        low_stride[2 * i + 1] = 1;
        whole &= small.dim[i] == wide.dim[i];
    }
    v = ir_reshape(&e->frame->b, v, small);
    v = whole ? v : ir_pad(&e->frame->b, v, wide, low_stride);
    return ir_broadcast_to(&e->frame->b, v, t);
}

/* x with x[...] = v, all of x being new: what an array that others may still read becomes. */
static Value
choose_elements(Elab *e, Ref x, Ref v, const Axis *axis)
{
    Builder *b = &e->frame->b;
    Type t = ir_type(b->function, x);
    Ref here = NO_REF;

    for (unsigned i = 0; i < t.rank; i++) {
        Ref at = meant(e, t, axis, i);
        here = here.id && at.id ? ir_and(b, here, at) : at.id ? at : here;
    }
    Ref all = leading_indices(t, axis) >= 0 ? ir_broadcast_to(b, v, t) : spread(e, v, t, axis);
    return elab_value_ref(e, here.id ? ir_select(b, here, all, x) : all);
}

static bool
read_target(Elab *e, const Env *env, Type t, uint32_t n, const Expr *const *index, Axis *axis,
            Type *ret_part)
{
    bool ok = true;

    *ret_part = type_scalar((DType)t.dtype);
    for (uint32_t i = 0; i < t.rank; i++) {
        axis[i] = (Axis){.slice = true, .size = t.dim[i]};
        if (i < n && !read_axis(e, env, index[i], t.dim[i], &axis[i], MODE_term))
            return false;
        if (axis[i].slice) {
            ret_part->dim[ret_part->rank++] = (uint32_t)axis[i].size;
        } else if (elab_value_type(e, axis[i].index).rank) {
            complain(e, unsupported, axis[i].span, "assigning to an array of indices");
            ok = false;
        }
    }
    return ok;
}

Value
elab_assign_index(Elab *e, const Env *env, Value base, bool owned, uint32_t n,
                  const Expr *const *index, Value v, Span span, bool *ret_owned)
{
    Type t = elab_value_type(e, base), part;
    Axis axis[MAX_RANK];
    Ref at[MAX_RANK];
    bool safe = true;

    *ret_owned = false;
    if (n > t.rank)
        return FAIL(e, elab_index_count, span, elab_value_text(e, base), n);
    if (!read_target(e, env, t, n, index, axis, &part) || elab_is_poison(v))
        return POISON;
    if (!elab_is_number(v) ||
        (part.dtype != DT_f32 && part.dtype != DT_f64 &&
         elab_value_type(e, v).dtype != part.dtype) ||
        elab_value_type(e, v).dtype == (part.dtype == DT_bool ? DT_f32 : DT_bool) ||
        !elab_fit(e, &v, part))
        return FAIL(e, elab_assign_type, span, elab_type_text(e, part), elab_value_text(e, v));
    e->frame->b.span = span;
    Ref x = elab_ref_of(e, base, DT_none), r = elab_ref_of(e, v, (DType)part.dtype);
    int leading = leading_indices(t, axis);
    if (!owned || leading < 0)
        return choose_elements(e, x, r, axis);
    for (int i = 0; i < leading; i++) {
        safe &= in_range(e, &axis[i], t.dim[i]);
        at[i] = elab_ref_of(e, axis[i].index, DT_i32);
    }
    *ret_owned = true;
    if (leading == 0)
        return elab_value_ref(e, r);
    return elab_value_ref(e, ir_update(&e->frame->b, x, r, (uint32_t)leading, at, safe, false));
}
