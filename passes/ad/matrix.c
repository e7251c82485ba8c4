/* SPDX-License-Identifier: Apache-2.0
 *
 * matrix.c -- derivatives of cholesky and trisolve
 *
 * Formulas: I. Murray, "Differentiation of the Cholesky decomposition", arXiv 1602.07527
 * (2016). phi(M) is the lower triangle of M with its diagonal halved.  Only lower triangles are
 * read, so only they have derivatives.  A further axis (see ad.h) is last: each of its entries
 * is one more column of a right side.
 */
#include "passes/ad/ad.h"

#include <string.h>

typedef enum Triangle { BELOW_AND_DIAGONAL, BELOW, HALF_DIAGONAL } Triangle;

/* The lower triangle of the matrix in x's first two axes. */
static Ref
lower(Builder *b, Ref x, Triangle kind)
{
    static const int64_t first[2] = {0, 1};
    Type t = ir_type(b->function, x), square = t;

    square.rank = 2;
    Ref row = ir_iota(b, square, 0), column = ir_iota(b, square, 1);
    Ref keep = kind == BELOW_AND_DIAGONAL ? ir_ge(b, row, column) : ir_gt(b, row, column);
    Ref zero = ad_zero(b, t), rest = zero;
    if (kind == HALF_DIAGONAL) {
        Ref diagonal = ir_broadcast(b, ir_eq(b, row, column), t, first);
        Ref half = ir_mul(b, x, ir_number(b, (DType)t.dtype, .5));
        rest = ir_select(b, diagonal, half, zero);
    }
    return ir_select(b, ir_broadcast(b, keep, t, first), x, rest);
}

static Ref
swap_first(Builder *b, Ref x)
{
    static const int64_t perm[3] = {1, 0, 2};
    return ir_transpose(b, x, perm);
}

/* L^-1 B, or L^-T B, for B of any rank: its axes after the first are columns. */
static Ref
solve(Builder *b, bool transposed, Ref l, Ref right)
{
    Type t = ir_type(b->function, right), flat = t;

    if (t.rank > 2) {
        flat.rank = 2;
        flat.dim[1] = (uint32_t)(type_size(t) / (t.dim[0] ? t.dim[0] : 1));
    }
    Ref arg[2] = {l, ir_reshape(b, right, flat)};
    Ref r = ir_build(b, OP_trisolve, (Type){0}, 2, arg, (Attr){.i = transposed}, 0, NULL);
    return ir_reshape(b, r, t);
}

/* ---- cholesky */

/* dL = L phi(L^-1 dA L^-T) */
Ref
jvp_cholesky(Ad *a, const Node *n)
{
    Builder *b = &a->copy.b;
    Ref l = a->copy.map[n - a->f->node], t = ad_tan(a, n, 0);

    if (!t.id)
        return NO_REF;
    Ref below = lower(b, t, BELOW);
    Ref whole = ir_add(b, lower(b, t, BELOW_AND_DIAGONAL), swap_first(b, below));
    Ref left = solve(b, false, l, whole);
    Ref both = swap_first(b, solve(b, false, l, swap_first(b, left)));
    Ref phi = lower(b, both, HALF_DIAGONAL);
    return ir_contract(b, ad_is_wide(a) ? "ij,jkt->ikt" : "ij,jk->ik", l, phi, NO_REF);
}

/* S = L^-T phi(L^T dL) L^-1; the lower triangle's cotangent is phi(S + S^T). */
void
vjp_cholesky(Ad *a, const Node *n, const Ref *g)
{
    Builder *b = &a->copy.b;
    Ref l = a->copy.map[n - a->f->node];
    Ref inner = ir_contract(b, "ji,jk->ik", l, lower(b, g[0], BELOW_AND_DIAGONAL), NO_REF);
    Ref left = solve(b, true, l, lower(b, inner, HALF_DIAGONAL));
    Ref s = swap_first(b, solve(b, true, l, swap_first(b, left)));

    ad_give(a, n->arg[0], lower(b, ir_add(b, s, swap_first(b, s)), HALF_DIAGONAL));
}

/* ---- trisolve */

/* y = L^-1 B: dy = L^-1 (dB - dL y), and with L^T for L. */
Ref
jvp_trisolve(Ad *a, const Node *n)
{
    Builder *b = &a->copy.b;
    Ref y = a->copy.map[n - a->f->node], dl = ad_tan(a, n, 0), right = ad_tan(a, n, 1);
    bool wide = ad_is_wide(a), matrix = n->type.rank == 2;
    const char *spec =
        wide ? (matrix ? "ijt,jm->imt" : "ijt,j->it") : (matrix ? "ij,jm->im" : "ij,j->i");

    if (dl.id) {
        Ref low = lower(b, dl, BELOW_AND_DIAGONAL);
        Ref term = ir_contract(b, spec, n->attr.i ? swap_first(b, low) : low, y, NO_REF);
        right = right.id ? ir_sub(b, right, term) : ir_neg(b, term);
    }
    return right.id ? solve(b, n->attr.i, ad_arg(a, n, 0), right) : NO_REF;
}

/* The right side's cotangent is L^-T g, L's is -(L^-T g) y^T, and with L^T for L. */
void
vjp_trisolve(Ad *a, const Node *n, const Ref *g)
{
    Builder *b = &a->copy.b;
    Ref y = a->copy.map[n - a->f->node];
    Ref right = solve(b, !n->attr.i, ad_arg(a, n, 0), g[0]);
    const char *spec = n->type.rank == 2 ? "im,jm->ij" : "i,j->ij";

    ad_give(a, n->arg[1], right);
    if (!a->active.node[n->arg[0].id])
        return;
    Ref outer = n->attr.i ? ir_contract(b, spec, y, right, NO_REF)
                          : ir_contract(b, spec, right, y, NO_REF);
    ad_give(a, n->arg[0], ir_neg(b, lower(b, outer, BELOW_AND_DIAGONAL)));
}
