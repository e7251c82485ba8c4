/* SPDX-License-Identifier: Apache-2.0
 *
 * reduce.c -- derivatives of sum, prod, amax and amin
 *
 * prod, amax and amin have a slope, an array like their operand: the tangent is the sum of
 * slope times tangent, the cotangent slope times cotangent.  The slope of a product is the
 * product of the others, by a tree of products of halves and without any division, so that a
 * factor 0 is no special case.  Equal largest elements share the slope, as in PyTorch's amax.
 */
#include "passes/ad/ad.h"

#include <string.h>

/* ---- shapes */

static uint32_t
kept_axes(const Attr *axes, unsigned rank, int64_t *kept)
{
    uint32_t n = 0, k = 0;

    for (unsigned i = 0; i < rank; i++) {
        if (k < axes->n_ints && axes->ints[k] == (int64_t)i)
            k++;
        else
            kept[n++] = i;
    }
    return n;
}

Ref
ad_unreduce(Builder *b, Ref r, Type x, const Attr *axes)
{
    int64_t kept[MAX_RANK];

    kept_axes(axes, x.rank, kept);
    return ir_broadcast(b, r, x, kept);
}

/* ---- products */

static Ref
rows(Builder *b, Ref x, uint32_t from, uint32_t count)
{
    int64_t at[4] = {from, 1, 0, 1};
    Type t = ir_type(b->function, x);

    t.dim[0] = count;
    return ir_slice(b, x, t, at);
}

/* The products of all other rows of x, which has at least one: those of pairs of rows first. */
static Ref
product_of_others(Builder *b, Ref x)
{
    uint32_t n = ir_type(b->function, x).dim[0], half = n / 2;

    if (n == 1)
        return ir_full(b, ir_type(b->function, x), 1);
    Ref low = rows(b, x, 0, half), high = rows(b, x, half, half);
    Ref pair[2] = {ir_mul(b, low, high), NO_REF};
    if (n % 2)
        pair[1] = rows(b, x, n - 1, 1);
    Ref others = product_of_others(b, n % 2 ? ir_concat(b, 2, pair, 0) : pair[0]);
    Ref of_pairs = n % 2 ? rows(b, others, 0, half) : others;
    Ref out[3] = {ir_mul(b, of_pairs, high), ir_mul(b, of_pairs, low), NO_REF};
    if (n % 2)
        out[2] = rows(b, others, half, 1);
    return ir_concat(b, n % 2 ? 3 : 2, out, 0);
}

static Ref
product_slope(Builder *b, Ref x, const Attr *axes)
{
    Type t = ir_type(b->function, x), matrix = {.dtype = t.dtype, .rank = 2, .dim = {1, 1}};
    int64_t order[MAX_RANK], back[MAX_RANK];
    uint32_t n = axes->n_ints;

    memcpy(order, axes->ints, n * sizeof *order);
    kept_axes(axes, t.rank, order + n);
    for (unsigned i = 0; i < t.rank; i++) {
        matrix.dim[i >= n] *= t.dim[order[i]];
        back[order[i]] = i;
    }
    if (type_size(t) == 0)
        return x;
    Ref moved = ir_transpose(b, x, order);
    Ref slope = product_of_others(b, ir_reshape(b, moved, matrix));
    return ir_transpose(b, ir_reshape(b, slope, ir_type(b->function, moved)), back);
}

/* ---- slopes */

static Ref
extreme_slope(Builder *b, Ref x, Ref r, const Attr *axes)
{
    Type t = ir_type(b->function, x);
    Ref equal = ir_eq(b, x, ad_unreduce(b, r, t, axes));
    Ref one = ir_select(b, equal, ir_number(b, (DType)t.dtype, 1), ad_zero(b, t));
    Ref count = ir_reduce(b, OP_sum, one, axes->n_ints, axes->ints);

    return ir_div(b, one, ad_unreduce(b, count, t, axes));
}

Ref
ad_reduce_slope(Builder *b, Op op, Ref x, Ref r, const Attr *axes)
{
    return op == OP_prod ? product_slope(b, x, axes) : extreme_slope(b, x, r, axes);
}

static Ref
forward_slope(Ad *a, const Node *n)
{
    static const int64_t first[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    Builder *b = &a->copy.b;
    Ref t = ad_tan(a, n, 0), r = a->copy.map[n - a->f->node];

    if (!t.id)
        return NO_REF;
    Ref slope = ad_reduce_slope(b, n->op, ad_arg(a, n, 0), r, &n->attr);
    if (ad_is_wide(a))
        slope = ir_broadcast(b, slope, ir_type(b->function, t), first);
    return ir_reduce(b, OP_sum, ir_mul(b, slope, t), n->attr.n_ints, n->attr.ints);
}

static void
reverse_slope(Ad *a, const Node *n, Ref g)
{
    Builder *b = &a->copy.b;
    Ref x = ad_arg(a, n, 0), r = a->copy.map[n - a->f->node];
    Ref slope = ad_reduce_slope(b, n->op, x, r, &n->attr);

    ad_give(a, n->arg[0],
            ir_mul(b, slope, ad_unreduce(b, g, ir_type(b->function, x), &n->attr)));
}

#define SLOPE(name) \
    Ref jvp_##name(Ad *a, const Node *n) \
    { \
        return forward_slope(a, n); \
    } \
    void vjp_##name(Ad *a, const Node *n, const Ref *g) \
    { \
        reverse_slope(a, n, g[0]); \
    }
SLOPE(prod)
SLOPE(amax)
SLOPE(amin)

void
vjp_sum(Ad *a, const Node *n, const Ref *g)
{
    ad_give(a, n->arg[0], ad_unreduce(&a->copy.b, g[0], ir_type(a->f, n->arg[0]), &n->attr));
}
