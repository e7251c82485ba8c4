/* SPDX-License-Identifier: Apache-2.0
 *
 * vjp_loop.c -- reverse mode of loop: comprehensions and folds
 *
 * Iterations are independent, so that the reverse computes each again and runs it backwards; no
 * tape is needed.  How the iterations' cotangents of an outer value x meet depends on the use:
 *
 *   gather   x is read as x[i, j], by indices of the loop alone, in order: a comprehension
 * gives each element its cotangent, summed over the loop's other indices; scatter  x is read at
 * other places: nested `for` loops carry x's cotangent and add to it; whole    x is used
 * otherwise: the iterations' cotangents are a fold.
 *
 * A number by which all cotangents of a loop's results are multiplied is left out of the
 * iterations and multiplied in after them, where that is less work.
 *
 * Folds are sums here: others are reductions of stored arrays by now (derive.c).
 */
#include "passes/ad/ad.h"

#include <assert.h>

typedef enum Use { USE_whole, USE_gather, USE_scatter } Use;

/* An outer value and one way in which it is used. */
typedef struct Outer {
    uint32_t id;
    Use use;
    unsigned axes; /* gather: bit k if the loop's index k is among the indices */
} Outer;

typedef struct Iterations {
    const Node *n;
    uint32_t id;
    RegionId body_id;
    const Region *body;
    unsigned rank;
    const Ref *g;
    Ref scale;    /* what the reverse is multiplied by in the end, or NO_REF */
    Outer *outer; /* by use: gather and whole first, scatter last */
    uint32_t n_outer, n_folded;
} Iterations;

/* ---- how outer values are used */

/* The indices of loop `n` that, ascending and over the whole axes, are the indices of `at`; 0
 * when it is no `at` or has others. */
static unsigned
gathered_axes(const Function *f, const Node *n, const Node *at)
{
    const Ref *param = f->region[n->own[0]].param;
    unsigned rank = (unsigned)n->attr.ints[0], axes = 0, k = 0;

    if (at->op != OP_at)
        return 0;
    for (uint32_t i = 1; i < at->n_args; i++, k++) {
        while (k < rank && !ref_eq(param[k], at->arg[i]))
            k++;
        if (k == rank || n->attr.ints[1 + k] != ir_type(f, at->arg[0]).dim[i - 1])
            return 0;
        axes |= 1u << k;
    }
    return axes;
}

/* Can the elements' cotangents be stored before they are summed over the other indices? */
static bool
fits(const Node *loop, const Node *at)
{
    uint64_t size = type_size(at->type);
    unsigned rank = (unsigned)loop->attr.ints[0];

    for (unsigned i = 0; i < rank && size <= IR_MAX_ELEMENTS; i++)
        size *= (uint64_t)loop->attr.ints[1 + i];
    return size <= IR_MAX_ELEMENTS && rank + at->type.rank <= MAX_RANK;
}

typedef struct Scan {
    const Function *f;
    uint32_t x;
    const Node *loop; /* whose reverse is built */
    bool whole, scatter;
    unsigned *axes; /* distinct gathers */
    uint32_t n_axes;
    Arena *arena;
} Scan;

static void
add_gather(Scan *s, unsigned axes)
{
    for (uint32_t i = 0; i < s->n_axes; i++)
        if (s->axes[i] == axes)
            return;
    unsigned *grown = arena_array(s->arena, unsigned, s->n_axes + 1);
    for (uint32_t i = 0; i < s->n_axes; i++)
        grown[i] = s->axes[i];
    grown[s->n_axes++] = axes;
    s->axes = grown;
}

static bool
uses(const Node *n, uint32_t x)
{
    for (uint32_t i = 0; i < n->n_args; i++)
        if (n->arg[i].id == x)
            return true;
    return false;
}

/* A use in the body itself, or in a region within: `loop` is then the inner loop, or NULL. */
static void
scan_use(Scan *s, const Node *n, const Node *loop)
{
    bool reads = n->op == OP_at || n->op == OP_take;
    unsigned axes = loop ? gathered_axes(s->f, loop, n) : 0;

    if (axes && loop == s->loop && fits(loop, n))
        add_gather(s, axes);
    else if (reads && !(axes && loop != s->loop))
        s->scatter = true;
    else
        s->whole = true;
}

static void
scan_region(Scan *s, RegionId region, const Node *loop)
{
    const Region *r = &s->f->region[region];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &s->f->node[r->node[k]];
        if (uses(n, s->x))
            scan_use(s, n, loop);
        for (uint32_t i = 0; i < n->n_regions; i++)
            scan_region(s, n->own[i], n->op == OP_loop ? n : NULL);
    }
    for (uint32_t i = 0; i < r->n_yields; i++)
        s->whole |= r->yield[i].id == s->x;
}

/* Fills `ret` with the ways in which x is used, but for scatter: *ret_scatter. */
static uint32_t
find_uses(const Ad *a, const Iterations *it, uint32_t x, Outer **ret, bool *ret_scatter)
{
    Scan s = {.f = a->f, .x = x, .loop = it->n, .arena = a->ctx->arena};
    uint32_t n = 0;

    scan_region(&s, it->body_id, it->n);
    *ret = arena_array(a->ctx->arena, Outer, s.n_axes + 1);
    for (; n < s.n_axes; n++)
        (*ret)[n] = (Outer){x, USE_gather, s.axes[n]};
    if (s.whole && !s.scatter)
        (*ret)[n++] = (Outer){x, USE_whole, 0};
    *ret_scatter = s.scatter;
    return n;
}

static void
find_outer(const Ad *a, Iterations *it)
{
    uint32_t *captured, n = ad_captures(a, it->body_id, true, &captured), n_scatter = 0;
    uint32_t *scatter = arena_array(a->ctx->arena, uint32_t, n + 1);
    size_t cap = 0;

    for (uint32_t i = 0; i < n; i++) {
        Outer *use;
        bool scatters;
        uint32_t count = find_uses(a, it, captured[i], &use, &scatters);
        it->outer = arena_grow(a->ctx->arena, it->outer, it->n_outer, &cap,
                               it->n_outer + count + 1, sizeof *it->outer);
        for (uint32_t k = 0; k < count; k++)
            it->outer[it->n_outer++] = use[k];
        if (scatters)
            scatter[n_scatter++] = captured[i];
    }
    it->n_folded = it->n_outer;
    it->outer = arena_grow(a->ctx->arena, it->outer, it->n_outer, &cap,
                           it->n_outer + n_scatter + 1, sizeof *it->outer);
    for (uint32_t i = 0; i < n_scatter; i++)
        it->outer[it->n_outer++] = (Outer){scatter[i], USE_scatter, 0};
}

/* ---- one iteration */

/* Is n a read of an outer value by indices of the loop? */
static bool
is_gather(const Ad *a, const Iterations *it, const Node *n)
{
    return n->op == OP_at &&
           !region_within(a->f, ir_node(a->f, n->arg[0])->region, it->body_id) &&
           gathered_axes(a->f, it->n, n) && fits(it->n, n);
}

/* Computes the iteration again and runs it backwards; the loop's indices are mapped. */
static void
reverse_iteration(Ad *a, const Iterations *it)
{
    Builder *b = &a->copy.b;
    Ref index[MAX_RANK];
    const int64_t *kind = it->n->attr.ints + 1 + it->rank;

    ad_copy_taped(a, it->body_id);
    ad_clear_cot(a, it->body_id);
    for (size_t i = 0; i < it->body->n_nodes; i++)
        a->leaf[it->body->node[i]] = is_gather(a, it, &a->f->node[it->body->node[i]]);
    for (unsigned i = 0; i < it->rank; i++)
        index[i] = a->copy.map[it->body->param[i].id];
    for (uint32_t i = 0; i < it->body->n_yields; i++) {
        if (!it->g[i].id || !a->active.result[it->id][i])
            continue;
        assert(kind[i] == FOLD_store || kind[i] == FOLD_sum);
        ad_give(a, it->body->yield[i],
                kind[i] == FOLD_store ? ir_at(b, it->g[i], it->rank, index, true) : it->g[i]);
    }
    ad_reverse_region(a, it->body_id);
}

/* Puts `with` (NULL: nothing) in place of the outer values' cotangents; saves those. */
static Ref *
hide_outer(Ad *a, const Iterations *it)
{
    Ref *saved = arena_array(a->ctx->arena, Ref, it->n_outer + 1);

    for (uint32_t i = 0; i < it->n_outer; i++)
        saved[i] = a->cot[it->outer[i].id];
    for (uint32_t i = 0; i < it->n_outer; i++)
        a->cot[it->outer[i].id] = NO_REF;
    return saved;
}

static void
show_outer(Ad *a, const Iterations *it, const Ref *saved)
{
    for (uint32_t i = 0; i < it->n_outer; i++)
        a->cot[it->outer[i].id] = saved[i];
}

/* ---- gather and whole: a loop */

static Ref
gathered_cot(Ad *a, const Iterations *it, const Outer *o)
{
    Ref sum = NO_REF;
    unsigned indices = 0;

    for (size_t i = 0; i < it->body->n_nodes; i++) {
        uint32_t id = it->body->node[i];
        const Node *n = &a->f->node[id];
        Ref g = a->cot[id];
        if (n->op != OP_at || n->arg[0].id != o->id || !g.id ||
            gathered_axes(a->f, it->n, n) != o->axes)
            continue;
        sum = ad_add(&a->copy.b, sum, g);
    }
    for (unsigned k = 0; k < it->rank; k++)
        indices += o->axes >> k & 1;
    return sum.id ? sum : ad_zero(&a->copy.b, type_drop(a->f->node[o->id].type, indices));
}

static uint32_t
other_axes(const Iterations *it, unsigned axes, int64_t *ret)
{
    uint32_t n = 0;

    for (unsigned k = 0; k < it->rank; k++)
        if (!(axes >> k & 1))
            ret[n++] = k;
    return n;
}

/* r times a number, which stands outside the loop. */
static Ref
scaled(Builder *b, Ref scale, Ref r)
{
    Type t = ir_type(b->function, r);

    if (!scale.id)
        return r;
    return ir_mul(b, ir_broadcast_to(b, ir_convert(b, scale, (DType)t.dtype), t), r);
}

static void
reverse_folded(Ad *a, const Iterations *it)
{
    Builder *b = &a->copy.b;
    uint32_t n = it->n_folded, extent[MAX_RANK];
    Ref *yield = arena_array(a->ctx->arena, Ref, n + 1);
    FoldKind *kind = arena_array(a->ctx->arena, FoldKind, n + 1);
    RegionId own = region_begin(b);
    Ref *saved = hide_outer(a, it);

    for (unsigned k = 0; k < it->rank; k++) {
        extent[k] = (uint32_t)it->n->attr.ints[1 + k];
        a->copy.map[it->body->param[k].id] = ir_param(b, type_scalar(DT_i32));
    }
    reverse_iteration(a, it);
    for (uint32_t i = 0; i < n; i++) {
        bool gather = it->outer[i].use == USE_gather;
        kind[i] = gather ? FOLD_store : FOLD_sum;
        yield[i] =
            gather ? gathered_cot(a, it, &it->outer[i]) : ad_cot_full(a, it->outer[i].id);
    }
    show_outer(a, it, saved);
    ir_yield(b, n, yield);
    region_end(b);
    Ref node = ir_loop(b, it->rank, extent, kind, own);
    for (uint32_t i = 0; i < n; i++) {
        int64_t axes[MAX_RANK];
        Ref r = ir_get(b, node, i);
        if (it->outer[i].use == USE_gather)
            r = ir_reduce(b, OP_sum, r, other_axes(it, it->outer[i].axes, axes), axes);
        ad_give(a, (Ref){it->outer[i].id}, scaled(b, it->scale, r));
    }
}

/* ---- scatter: nested `for` loops that carry the cotangents */

/* The loops from axis `k` inwards, with `sum` as initial values and, after, results. */
static void
scatter_axis(Ad *a, const Iterations *it, unsigned k, Ref *sum)
{
    Builder *b = &a->copy.b;
    const Outer *outer = it->outer + it->n_folded;
    uint32_t n = it->n_outer - it->n_folded;
    Ref *inner = arena_array(a->ctx->arena, Ref, n + 1);

    if (k == it->rank) {
        for (uint32_t i = 0; i < n; i++)
            a->cot[outer[i].id] = sum[i];
        reverse_iteration(a, it);
        for (uint32_t i = 0; i < n; i++)
            sum[i] = a->cot[outer[i].id];
        return;
    }
    int64_t extent = it->n->attr.ints[1 + k];
    RegionId own = region_begin(b);
    a->copy.map[it->body->param[k].id] = ir_param(b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < n; i++)
        inner[i] = ir_param(b, a->f->node[outer[i].id].type);
    scatter_axis(a, it, k + 1, inner);
    ir_yield(b, n, inner);
    region_end(b);
    Ref node = ir_for(b, ad_index(b, 0), ad_index(b, extent), n, sum, own, extent);
    for (uint32_t i = 0; i < n; i++)
        sum[i] = ir_get(b, node, i);
}

static void
reverse_scattered(Ad *a, const Iterations *it)
{
    uint32_t n = it->n_outer - it->n_folded;
    Ref *sum = arena_array(a->ctx->arena, Ref, n + 1);

    for (uint32_t i = 0; i < n; i++)
        sum[i] = ad_cot_full(a, it->outer[it->n_folded + i].id);
    Ref *saved = hide_outer(a, it);
    scatter_axis(a, it, 0, sum);
    show_outer(a, it, saved);
    for (uint32_t i = 0; i < n; i++)
        a->cot[it->outer[it->n_folded + i].id] = sum[i];
}

/* ---- a common factor */

/* g as a number times the rest of it. */
static bool
split(Builder *b, Ref g, Ref *ret_scale, Ref *ret_rest)
{
    Type t = ir_type(b->function, g);
    const Node *n = ir_node(b->function, g);

    if (ir_is_splat(b->function, g, NULL))
        return false;
    if (t.rank == 0 || (n->op == OP_broadcast && ir_type(b->function, n->arg[0]).rank == 0)) {
        *ret_scale = t.rank == 0 ? g : n->arg[0];
        *ret_rest = ir_full(b, t, 1);
        return true;
    }
    for (uint32_t k = 0; n->op == OP_mul && k < 2; k++) {
        const Node *x = ir_node(b->function, n->arg[k]);
        if (x->op != OP_broadcast || ir_type(b->function, x->arg[0]).rank > 0)
            continue;
        *ret_scale = x->arg[0];
        *ret_rest = n->arg[1 - k];
        return true;
    }
    return false;
}

static uint64_t
size_given(const Ad *a, const Iterations *it)
{
    uint64_t n = 0;

    for (uint32_t i = 0; i < it->n_outer; i++)
        n += type_size(a->f->node[it->outer[i].id].type);
    return n;
}

/* The reverse of a loop is linear in the cotangents of its results: a number that all of them
 * are multiplied by is left to what the loop gives, if that is less than it has turns. */
static void
take_scale(Ad *a, Iterations *it)
{
    Ref *rest = arena_array(a->ctx->arena, Ref, it->n->n_results + 1), common = NO_REF;

    if (it->n_folded < it->n_outer || size_given(a, it) >= ir_loop_turns(it->n))
        return;
    for (uint32_t i = 0; i < it->n->n_results; i++) {
        Ref scale;
        if (!it->g[i].id || !a->active.result[it->id][i])
            continue;
        if (!split(&a->copy.b, it->g[i], &scale, &rest[i]) ||
            (common.id && !ref_eq(scale, common)))
            return;
        common = scale;
    }
    if (common.id) {
        it->scale = common;
        it->g = rest;
    }
}

void
vjp_loop(Ad *a, const Node *n, const Ref *g)
{
    Iterations it = {.n = n, .id = (uint32_t)(n - a->f->node), .body_id = n->own[0], .g = g};

    it.body = &a->f->region[it.body_id];
    it.rank = (unsigned)n->attr.ints[0];
    find_outer(a, &it);
    take_scale(a, &it);
    if (it.n_folded)
        reverse_folded(a, &it);
    if (it.n_folded < it.n_outer)
        reverse_scattered(a, &it);
}
