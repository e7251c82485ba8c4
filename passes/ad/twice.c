/* SPDX-License-Identifier: Apache-2.0
 *
 * twice.c -- t + t, where possible without an operation an element
 *
 * The derivative of x x is g x + g x.  Doubling is exact, so it may be done to whichever factor
 * of g x costs least: a constant, a scalar that is repeated over an array, a value from outside
 * the region at hand.
 */
#include "passes/ad/ad.h"

enum { LOOK = 8 }; /* products that are looked through */

static bool
is_free(const Builder *b, Ref t)
{
    const Node *n = ir_node(b->function, t);

    return ir_is_splat(b->function, t, NULL) || n->region != b->region ||
           (n->op == OP_broadcast && ir_type(b->function, n->arg[0]).rank == 0);
}

static bool
has_free_factor(const Builder *b, Ref t, unsigned look)
{
    const Node *n = ir_node(b->function, t);

    if (is_free(b, t))
        return true;
    if (look == 0 || (n->op != OP_mul && n->op != OP_div && n->op != OP_neg))
        return false;
    return has_free_factor(b, n->arg[0], look - 1) ||
           (n->op == OP_mul && has_free_factor(b, n->arg[1], look - 1));
}

static Ref
twice(Builder *b, Ref t, unsigned look)
{
    Node n = *ir_node(b->function, t);

    if (n.op == OP_broadcast && is_free(b, t) && n.region == b->region) {
        Ref x = twice(b, n.arg[0], 0);
        return ir_build(b, OP_broadcast, n.type, 1, &x, n.attr, 0, NULL);
    }
    if (look == 0 || is_free(b, t) || !has_free_factor(b, t, look))
        return ir_add(b, t, t);
    if (n.op == OP_neg)
        return ir_neg(b, twice(b, n.arg[0], look - 1));
    if (n.op == OP_mul && !has_free_factor(b, n.arg[0], look - 1))
        return ir_mul(b, n.arg[0], twice(b, n.arg[1], look - 1));
    return ir_pointwise(b, (Op)n.op, twice(b, n.arg[0], look - 1), n.arg[1], NO_REF);
}

Ref
ad_add(Builder *b, Ref x, Ref y)
{
    if (!x.id || !y.id)
        return x.id ? x : y;
    return ref_eq(x, y) ? twice(b, x, LOOK) : ir_add(b, x, y);
}
