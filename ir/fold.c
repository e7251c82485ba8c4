/* SPDX-License-Identifier: Apache-2.0
 *
 * fold.c -- constants, and identities that are exact for every input
 *
 * Three kinds of rule, tried in this order: pointwise ops on constants are evaluated; pointwise
 * ops on values broadcast alike are done before the broadcast, so that scalars stay scalars;
 * and identities.  A rule may only give a node that is equal to the bit, NaN (but for its
 * payload), infinities and -0 included.
 */
#include "ir/fold.h"

#include <assert.h>
#include <string.h>

static const Node *
node_of(const Builder *b, Ref r)
{
    return &b->function->node[r.id];
}

static bool
is_scalar_const(const Node *n)
{
    return n->op == OP_const && n->type.rank == 0;
}

static Scalar
read_scalar(const Node *n)
{
    Scalar s = {.bits = 0};

    memcpy(&s, n->attr.data, dtype_size(n->type.dtype));
    return s;
}

bool
ir_is_splat(const Function *f, Ref r, Scalar *ret_value)
{
    const Node *n = &f->node[r.id];

    while (n->op == OP_broadcast)
        n = &f->node[n->arg[0].id];
    if (!is_scalar_const(n))
        return false;
    if (ret_value)
        *ret_value = read_scalar(n);
    return true;
}

bool
ir_is_number(const Function *f, Ref r, double value)
{
    Scalar s, want;

    if (!r.id || !ir_is_splat(f, r, &s))
        return false;
    DType d = ir_type(f, r).dtype;
    want = scalar_from_double(value, d);
    return memcmp(&s, &want, dtype_size(d)) == 0 && scalar_to_double(want, d) == value;
}

/* ---- constants */

static Ref
fold_constant(Builder *b, const Node *n)
{
    Scalar arg[3] = {{.bits = 0}};
    unsigned typed = n->op == OP_select ? 1 : 0;

    for (uint32_t i = 0; i < n->n_args; i++) {
        const Node *x = node_of(b, n->arg[i]);
        if (!is_scalar_const(x))
            return NO_REF;
        arg[i] = read_scalar(x);
    }
    Scalar r = ir_eval(n->op, node_of(b, n->arg[typed])->type.dtype, n->type.dtype, arg);
    return ir_const(b, n->type, &r);
}

/* ---- broadcasts */

static bool
same_broadcast(const Node *x, const Node *y)
{
    return y->op == OP_broadcast && x->attr.n_ints == y->attr.n_ints &&
           (x->attr.n_ints == 0 ||
            memcmp(x->attr.ints, y->attr.ints, x->attr.n_ints * sizeof *x->attr.ints) == 0);
}

/* op(broadcast x, broadcast y) = broadcast(op(x, y)) */
static Ref
fold_broadcast(Builder *b, const Node *n)
{
    Ref inner[3];

    for (uint32_t i = 0; i < n->n_args; i++) {
        const Node *x = node_of(b, n->arg[i]);
        if (x->op != OP_broadcast || !same_broadcast(node_of(b, n->arg[0]), x))
            return NO_REF;
        inner[i] = x->arg[0];
    }
    const Node *first = node_of(b, n->arg[0]);
    Attr attr = first->attr;
    Type whole = n->type, part = type_with(node_of(b, inner[0])->type, n->type.dtype);
    Ref r = ir_build(b, n->op, part, n->n_args, inner, n->attr, 0, NULL);
    return ir_build(b, OP_broadcast, whole, 1, &r, attr, 0, NULL);
}

/* ---- identities */

static bool
is_number(const Builder *b, Ref r, double value)
{
    return ir_is_number(b->function, r, value);
}

/* Is r minus zero?  (As a float; an integer 0 serves as well.) */
static bool
is_minus_zero(const Builder *b, Ref r)
{
    Scalar s;
    DType d = ir_type(b->function, r).dtype;

    if (dtype_is_int(d))
        return is_number(b, r, 0);
    return ir_is_splat(b->function, r, &s) &&
           (d == DT_f32 ? s.bits == UINT64_C(0x80000000)
                        : s.bits == UINT64_C(0x8000000000000000));
}

static Ref
fold_arithmetic(Builder *b, const Node *n)
{
    Ref x = n->arg[0], y = n->n_args > 1 ? n->arg[1] : NO_REF;

    switch (n->op) {
    case OP_add: return is_minus_zero(b, y) ? x : is_minus_zero(b, x) ? y : NO_REF;
    case OP_sub: return is_number(b, y, 0) ? x : NO_REF;
    case OP_mul:
        if (is_number(b, x, 1) || is_number(b, y, 1))
            return is_number(b, x, 1) ? y : x;
        if (is_number(b, x, -1) || is_number(b, y, -1))
            return ir_neg(b, is_number(b, x, -1) ? y : x);
        return NO_REF;
    case OP_div: return is_number(b, y, 1) ? x : is_number(b, y, -1) ? ir_neg(b, x) : NO_REF;
    case OP_neg: return node_of(b, x)->op == OP_neg ? node_of(b, x)->arg[0] : NO_REF;
    case OP_idiv: return is_number(b, y, 1) ? x : NO_REF;
    case OP_min:
    case OP_max: return ref_eq(x, y) ? x : NO_REF;
    default: return NO_REF;
    }
}

/* A bool operand that is the constant `value`. */
static bool
is_bool(const Builder *b, Ref r, bool value)
{
    Scalar s;

    return ir_type(b->function, r).dtype == DT_bool && ir_is_splat(b->function, r, &s) &&
           s.b == value;
}

static Ref
fold_logic(Builder *b, const Node *n)
{
    Ref x = n->arg[0], y = n->n_args > 1 ? n->arg[1] : NO_REF;

    switch (n->op) {
    case OP_not: return node_of(b, x)->op == OP_not ? node_of(b, x)->arg[0] : NO_REF;
    case OP_and:
        if (ref_eq(x, y) || is_bool(b, y, true) || is_bool(b, x, false))
            return x;
        return is_bool(b, x, true) || is_bool(b, y, false) ? y : NO_REF;
    case OP_or:
        if (ref_eq(x, y) || is_bool(b, y, false) || is_bool(b, x, true))
            return x;
        return is_bool(b, x, false) || is_bool(b, y, true) ? y : NO_REF;
    case OP_select:
        if (is_bool(b, x, true) || ref_eq(n->arg[1], n->arg[2]))
            return n->arg[1];
        return is_bool(b, x, false) ? n->arg[2] : NO_REF;
    default: return NO_REF;
    }
}

/* Conversions to a wider dtype and back are exact. */
static bool
widens(DType from, DType to)
{
    return from == DT_bool || (from == DT_f32 && to == DT_f64) ||
           (from == DT_i32 && (to == DT_i64 || to == DT_f64));
}

static Ref
fold_conversion(Builder *b, const Node *n)
{
    const Node *x = node_of(b, n->arg[0]);

    if (n->op == OP_stop_gradient)
        return x->op == OP_stop_gradient ? n->arg[0] : NO_REF;
    if (n->op != OP_convert && n->op != OP_bitcast)
        return NO_REF;
    if (x->type.dtype == n->type.dtype)
        return n->arg[0];
    if (x->op != n->op)
        return NO_REF;
    DType from = ir_type(b->function, x->arg[0]).dtype;
    if (from == n->type.dtype && (n->op == OP_bitcast || widens(from, x->type.dtype)))
        return x->arg[0];
    return NO_REF;
}

/* ---- shapes */

static bool
is_identity_permutation(const Attr *a)
{
    for (uint32_t i = 0; i < a->n_ints; i++)
        if (a->ints[i] != (int64_t)i)
            return false;
    return true;
}

/* A scalar repeated over a whole array: any rearrangement of it is the scalar repeated over the
 * new shape. */
static Ref
repeated_scalar(const Builder *b, Ref r)
{
    const Node *x = node_of(b, r);

    return x->op == OP_broadcast && x->attr.n_ints == 0 ? x->arg[0] : NO_REF;
}

static Ref
fold_at(Builder *b, const Node *n)
{
    Ref scalar = repeated_scalar(b, n->arg[0]);

    if (!scalar.id || n->attr.i != 1)
        return NO_REF;
    return n->type.rank ? ir_broadcast(b, scalar, n->type, NULL) : scalar;
}

static Ref
fold_broadcast_chain(Builder *b, const Node *n)
{
    const Node *x = node_of(b, n->arg[0]);
    int64_t axes[MAX_RANK];

    if (n->attr.n_ints == n->type.rank)
        return n->arg[0];
    if (x->op != OP_broadcast)
        return NO_REF;
    for (uint32_t i = 0; i < x->attr.n_ints; i++)
        axes[i] = n->attr.ints[x->attr.ints[i]];
    return ir_broadcast(b, x->arg[0], n->type, axes);
}

static Ref
fold_shape(Builder *b, const Node *n)
{
    Ref x = n->n_args ? n->arg[0] : NO_REF;

    switch (n->op) {
    case OP_broadcast: return fold_broadcast_chain(b, n);
    case OP_at: return fold_at(b, n);
    case OP_reshape:
    case OP_slice:
        if (type_eq(n->type, node_of(b, x)->type))
            return x;
        if (n->op == OP_reshape && node_of(b, x)->op == OP_reshape)
            return ir_reshape(b, node_of(b, x)->arg[0], n->type);
        break;
    case OP_pad: return type_eq(n->type, node_of(b, x)->type) ? x : NO_REF;
    case OP_transpose:
        if (is_identity_permutation(&n->attr))
            return x;
        break;
    case OP_concat: return n->n_args == 1 ? x : NO_REF;
    default: return NO_REF;
    }
    Ref scalar = repeated_scalar(b, x);
    if (!scalar.id)
        return NO_REF;
    return n->type.rank ? ir_broadcast(b, scalar, n->type, NULL) : scalar;
}

Ref
fold_node(Builder *b, const Node *n)
{
    if (!op_is_pointwise(n->op))
        return fold_shape(b, n);
    Ref r = n->op == OP_stop_gradient ? NO_REF : fold_constant(b, n);
    if (!r.id)
        r = fold_broadcast(b, n);
    if (!r.id)
        r = fold_arithmetic(b, n);
    if (!r.id)
        r = fold_logic(b, n);
    return r.id ? r : fold_conversion(b, n);
}
