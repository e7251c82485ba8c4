/* SPDX-License-Identifier: Apache-2.0
 *
 * fma.c -- products and sums become fused multiply-adds, once and for all
 *
 * needs   everything that may still make products or sums done: derivatives, inlining
 * gives   a b + c -> fma(a, b, c);  a b - c -> fma(a, b, -c);  c - a b -> fma(-a, b, c);
 *         x y + c of a contraction -> the contraction with initial value c
 * keeps   nothing to the bit: this is the one pass that changes rounding, which is why it runs
 * at one fixed place, before the interpreter and before lowering not     integers; contractions
 * that have an initial value
 *
 * Whether a product has other uses does not matter, so that reporting it changes no bit.  Of
 * two products the left one is fused.  The product may stand in any region around the sum: it
 * is then computed again with it.
 */
#include "passes/rebuild.h"

/* Is x a product?  A broadcast or any other view of one is none. */
static bool
is_product(const Rebuild *r, Ref x)
{
    return ir_is(r->b.function, x, OP_mul);
}

static Ref
fuse(Rebuild *r, Ref product, bool negate, Ref c)
{
    const Node *n = ir_node(r->b.function, product);
    Ref a = n->arg[0], b = n->arg[1];

    return ir_fma(&r->b, negate ? ir_neg(&r->b, a) : a, b, c);
}

/* A contraction without initial value, of x's type: always, when x is one. */
static bool
is_open_contraction(const Rebuild *r, Ref x)
{
    return ir_is(r->b.function, x, OP_contract) && ir_node(r->b.function, x)->n_args == 2;
}

static Ref
start_from(Rebuild *r, Ref contraction, Ref c)
{
    const Node *n = ir_node(r->b.function, contraction);

    return ir_contract(&r->b, n->attr.text, n->arg[0], n->arg[1], c);
}

static Ref
join_add(Rebuild *r, Ref x, Ref y)
{
    if (is_product(r, x) || is_product(r, y))
        return is_product(r, x) ? fuse(r, x, false, y) : fuse(r, y, false, x);
    if (is_open_contraction(r, x) || is_open_contraction(r, y))
        return is_open_contraction(r, x) ? start_from(r, x, y) : start_from(r, y, x);
    return NO_REF;
}

static Ref
join_sub(Rebuild *r, Ref x, Ref y)
{
    if (is_product(r, x))
        return fuse(r, x, false, ir_neg(&r->b, y));
    if (is_product(r, y))
        return fuse(r, y, true, x);
    if (is_open_contraction(r, x))
        return start_from(r, x, ir_neg(&r->b, y));
    return NO_REF;
}

static bool
join(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    Ref known = NO_REF;

    if (!dtype_is_float((DType)n->type.dtype))
        return false;
    if (n->op == OP_add)
        known = join_add(r, rebuild_arg(r, n, 0), rebuild_arg(r, n, 1));
    else if (n->op == OP_sub)
        known = join_sub(r, rebuild_arg(r, n, 0), rebuild_arg(r, n, 1));
    r->map[id] = known;
    return known.id != 0;
}

Module *
pass_fma(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, join, NULL);
}
