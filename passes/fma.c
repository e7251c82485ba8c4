/* SPDX-License-Identifier: Apache-2.0
 *
 * fma.c -- products and sums become fused multiply-adds, once and for all
 *
 * needs   everything that may still make products or sums done: derivatives, inlining
 * gives   a b + c -> fma(a, b, c);  a b - c -> fma(a, b, -c);  c - a b -> fma(-a, b, c);
 *         x y + c of a contraction -> the contraction with initial value c;
 *         a sum of at most 16 products, one a turn of a loop -> a contraction of their factors
 * keeps   nothing to the bit: this is the one pass that changes rounding, which is why it runs
 *         at one fixed place, before the interpreter and before lowering
 * not     integers; contractions that have an initial value
 *
 * Whether a product has other uses does not matter, so that reporting it changes no bit.  Of
 * two products the left one is fused.  The product may stand in any region around the sum: it
 * is then computed again with it.
 */
#include "passes/rebuild.h"

#include "passes/fold_build.h"

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

/* ---- short sums */

/* A loop that keeps factors where it made products and added them up. */
typedef struct Factors {
    const Node *n;
    uint32_t id, rank, extent[MAX_RANK];
    Ref *yield;
    FoldKind *kind;
    uint32_t n_yields;
    uint32_t *first, *second; /* by result: the yields that are its value, or its factors */
} Factors;

/* Has every partial result of the loop's sums one term at most, so that there is nothing to add
 * to several at once? */
static bool
open_short(Rebuild *r, uint32_t id, Factors *x)
{
    uint64_t turns = 1;

    *x = (Factors){.n = &r->from->node[id], .id = id};
    x->rank = (uint32_t)x->n->attr.ints[0];
    for (uint32_t k = 0; k < x->rank; k++) {
        x->extent[k] = (uint32_t)x->n->attr.ints[1 + k];
        turns *= x->extent[k];
    }
    return turns > 0 && turns <= FOLD_PARTIALS;
}

/* Where a loop stands in another one, its factors would be kept for each turn of that one. */
static bool
in_loop(const Rebuild *r)
{
    for (const Scope *s = r->scope; s; s = s->outer)
        if (s->op == OP_loop)
            return true;
    return false;
}

static FoldKind
kind_of(const Factors *x, uint32_t i)
{
    return (FoldKind)x->n->attr.ints[1 + x->rank + i];
}

static bool
sums_products(const Rebuild *r, const Factors *x, uint32_t i)
{
    Type t = x->n->result[i];

    return r->live.result[x->id][i] && kind_of(x, i) == FOLD_sum && t.rank == 0 &&
           dtype_is_float((DType)t.dtype) &&
           ir_is(r->from, r->from->region[x->n->own[0]].yield[i], OP_mul);
}

static bool
any_sums_products(const Rebuild *r, const Factors *x)
{
    for (uint32_t i = 0; i < x->n->n_results; i++)
        if (sums_products(r, x, i))
            return true;
    return false;
}

/* The place of a value among those that the loop gives; factors are given once. */
static uint32_t
give(Factors *x, Ref value, FoldKind kind)
{
    for (uint32_t k = 0; k < x->n_yields; k++)
        if (ref_eq(x->yield[k], value) && x->kind[k] == kind)
            return k;
    x->yield[x->n_yields] = value;
    x->kind[x->n_yields] = kind;
    return x->n_yields++;
}

static void
give_results(Rebuild *r, Factors *x)
{
    for (uint32_t i = 0; i < x->n->n_results; i++) {
        Ref value = r->from->region[x->n->own[0]].yield[i];
        const Node *product = ir_node(r->from, value);
        if (sums_products(r, x, i)) {
            x->first[i] = give(x, rebuild_arg(r, product, 0), FOLD_store);
            x->second[i] = give(x, rebuild_arg(r, product, 1), FOLD_store);
        } else if (r->live.result[x->id][i]) {
            x->first[i] = give(x, r->map[value.id], kind_of(x, i));
        }
    }
}

static Ref
copy_short(Rebuild *r, Factors *x)
{
    const Region *from = &r->from->region[x->n->own[0]];
    uint32_t most = 2 * x->n->n_results + 1;
    RegionId body = region_begin(&r->b);
    Scope scope = {body, OP_loop, true, r->scope};

    x->yield = arena_array(r->ctx->arena, Ref, most);
    x->kind = arena_array(r->ctx->arena, FoldKind, most);
    x->first = arena_array(r->ctx->arena, uint32_t, most);
    x->second = arena_array(r->ctx->arena, uint32_t, most);
    r->scope = &scope;
    for (uint32_t k = 0; k < x->rank; k++)
        r->map[from->param[k].id] = ir_param(&r->b, type_scalar(DT_i32));
    rebuild_region(r, x->n->own[0]);
    give_results(r, x);
    ir_yield(&r->b, x->n_yields, x->yield);
    region_end(&r->b);
    r->scope = scope.outer;
    return ir_loop(&r->b, x->rank, x->extent, x->kind, body);
}

static Ref
result_of(Rebuild *r, const Factors *x, Ref loop, uint32_t i)
{
    const char *axes = arena_strndup(r->ctx->arena, "abcdefgh", x->rank);
    const char *text = arena_printf(r->ctx->arena, "%s,%s->", axes, axes);
    Ref first = ir_get(&r->b, loop, x->first[i]);

    if (!sums_products(r, x, i))
        return first;
    return ir_contract(&r->b, text, first, ir_get(&r->b, loop, x->second[i]), NO_REF);
}

static bool
join_sums(Rebuild *r, uint32_t id)
{
    Factors x;

    if (in_loop(r) || !open_short(r, id, &x) || !any_sums_products(r, &x))
        return false;
    Ref loop = copy_short(r, &x);
    r->many[id] = arena_array(r->ctx->arena, Ref, x.n->n_results + 1);
    for (uint32_t i = 0; i < x.n->n_results; i++)
        if (r->live.result[id][i])
            r->many[id][i] = result_of(r, &x, loop, i);
    return true;
}

/* ---- the pass */

static bool
join(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    Ref known = NO_REF;

    if (n->op == OP_loop)
        return join_sums(r, id);
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
