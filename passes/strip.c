/* SPDX-License-Identifier: Apache-2.0
 *
 * strip.c -- runs loops over many rows strip by strip, so that what one loop hands to the next
 * stays in cache
 *
 * needs   loop form
 * gives   where a long loop stores an array that later products read from end to end (the
 *         residuals of a regression, and the gradient made of them), one `for` over strips of
 *         rows: each strip is computed, and added to the products, before the next
 * keeps   every bit: products add in the order of the rows as before, and sums keep their 16
 *         strided partial results from strip to strip
 */
#include <assert.h>
#include <string.h>

#include "passes/fold_build.h"
#include "passes/rebuild.h"

enum {
    STRIP = 128,      /* rows; a multiple of FOLD_PARTIALS */
    LONG = 4 * STRIP, /* shorter loops stay whole */
};

/* A later loop whose body has one `for` over all rows. */
typedef struct Consumer {
    uint32_t loop, product; /* ids of the loop and of the `for` in its body */
} Consumer;

typedef struct Candidate {
    uint32_t producer;
    uint32_t rows;
    Consumer *consumer;
    size_t n, cap;
} Candidate;

typedef struct Strip {
    Rebuild *r;
    const Function *f;
    const Candidate *c;
    Ref *stored;  /* by result of the producer: the strip's array, while one is open */
    Ref *partial; /* ... its 16 partial results, for a fold */
    Ref *product; /* by consumer: the accumulators of its `for` */
    Ref row;      /* of the open product, within the strip; NO_REF outside */
} Strip;

/* ---- finding */

static const Node *
node_of(const Function *f, Ref r)
{
    return &f->node[r.id];
}

static FoldKind
kind_of(const Node *loop, uint32_t result)
{
    return (FoldKind)loop->attr.ints[1 + loop->attr.ints[0] + result];
}

static RegionId
owner_of(const Function *f, RegionId region, uint32_t *ret_owner)
{
    for (uint32_t id = 1; id < f->n; id++)
        for (uint32_t k = 0; k < f->node[id].n_regions; k++)
            if (f->node[id].own[k] == region) {
                *ret_owner = id;
                return f->node[id].region;
            }
    *ret_owner = 0;
    return 0;
}

/* Is `read` the element of an array at the index of a `for` over all rows, in a loop beside the
 * producer? */
static bool
is_row_read(const Function *f, const Node *producer, const Node *read, uint32_t rows,
            Consumer *ret)
{
    const Node *index = read->n_args == 2 ? node_of(f, read->arg[1]) : NULL;
    uint32_t loop, product;

    if (read->op != OP_at || !index || index->op != OP_arg || index->attr.i != 0)
        return false;
    RegionId body = owner_of(f, index->region, &product);
    const Node *p = &f->node[product];
    if (!product || p->op != OP_for || p->n_results != 1 || read->region != p->own[0] ||
        p->type.dtype != DT_none)
        return false;
    if (!ir_is_number(f, p->arg[0], 0) || !ir_is_number(f, p->arg[1], rows) ||
        p->result[0].rank)
        return false;
    RegionId around = owner_of(f, body, &loop);
    if (!loop || f->node[loop].op != OP_loop || around != producer->region)
        return false;
    *ret = (Consumer){loop, product};
    return true;
}

static bool
add_consumer(Candidate *c, Consumer found, Arena *arena)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->consumer[i].loop == found.loop)
            return c->consumer[i].product == found.product; /* one product a loop */
    c->consumer = arena_grow(arena, c->consumer, c->n, &c->cap, c->n + 1, sizeof *c->consumer);
    c->consumer[c->n++] = found;
    return true;
}

static bool
yields(const Function *f, Ref r)
{
    for (size_t k = 0; k < f->n_regions; k++)
        for (uint32_t i = 0; i < f->region[k].n_yields; i++)
            if (ref_eq(f->region[k].yield[i], r))
                return true;
    return false;
}

/* Every reader of the stored array `r` is a product over its rows. */
static bool
read_by_products(const Rebuild *b, Candidate *c, Ref r)
{
    const Function *f = b->from;
    Consumer found;

    if (yields(f, r))
        return false;
    for (uint32_t id = r.id + 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        for (uint32_t i = 0; i < n->n_args; i++) {
            if (!ref_eq(n->arg[i], r) || !b->live.node[id])
                continue;
            if (i != 0 || !is_row_read(f, &f->node[c->producer], n, c->rows, &found) ||
                !add_consumer(c, found, b->ctx->arena))
                return false;
        }
    }
    return true;
}

/* Does node `id` need the producer, or a consumer? */
static bool depends(const Function *f, const Candidate *c, uint32_t id, uint8_t *known);

static bool
region_depends(const Function *f, const Candidate *c, RegionId region, uint8_t *known)
{
    const Region *r = &f->region[region];

    for (size_t k = 0; k < r->n_nodes; k++)
        if (depends(f, c, r->node[k], known))
            return true;
    return false;
}

static bool
depends(const Function *f, const Candidate *c, uint32_t id, uint8_t *known)
{
    const Node *n = &f->node[id];
    bool yes = id == c->producer;

    if (known[id])
        return known[id] == 2;
    if (id < c->producer)
        return false;
    for (uint32_t i = 0; i < n->n_args && !yes; i++)
        yes = depends(f, c, n->arg[i].id, known);
    for (uint32_t k = 0; k < n->n_regions && !yes; k++)
        yes = region_depends(f, c, n->own[k], known);
    known[id] = yes ? 2 : 1;
    return yes;
}

/* All that a consumer's loop reads, but the stored arrays in its product, is there without the
 * producer. */
static bool
is_independent(const Rebuild *b, const Candidate *c, Consumer q, RegionId region,
               uint8_t *known)
{
    const Region *r = &b->from->region[region];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &b->from->node[r->node[k]];
        Consumer same;
        if (is_row_read(b->from, &b->from->node[c->producer], n, c->rows, &same) &&
            same.loop == q.loop && node_of(b->from, n->arg[0])->op == OP_get &&
            node_of(b->from, n->arg[0])->arg[0].id == c->producer)
            continue;
        for (uint32_t i = 0; i < n->n_args; i++)
            if (node_of(b->from, n->arg[i])->region == b->from->node[q.loop].region &&
                depends(b->from, c, n->arg[i].id, known))
                return false;
        for (uint32_t i = 0; i < n->n_regions; i++)
            if (!is_independent(b, c, q, n->own[i], known))
                return false;
    }
    return true;
}

static bool
find_consumers(const Rebuild *b, Candidate *c)
{
    const Function *f = b->from;

    for (uint32_t id = c->producer + 1; id < f->n; id++) {
        const Node *g = &f->node[id];
        if (g->op != OP_get || g->arg[0].id != c->producer || !b->live.node[id])
            continue;
        bool stored = kind_of(&f->node[c->producer], (uint32_t)g->attr.i) == FOLD_store;
        if (stored && !read_by_products(b, c, (Ref){id}))
            return false;
    }
    return c->n > 0;
}

static bool
find_candidate(const Rebuild *b, uint32_t id, Candidate *ret)
{
    const Node *n = &b->from->node[id];

    if (n->op != OP_loop || n->attr.ints[0] != 1 || n->attr.ints[1] < LONG)
        return false;
    *ret = (Candidate){.producer = id, .rows = (uint32_t)n->attr.ints[1]};
    if (!find_consumers(b, ret))
        return false;
    uint8_t *known = arena_array(b->ctx->arena, uint8_t, b->from->n);
    for (size_t i = 0; i < ret->n; i++)
        if (!is_independent(b, ret, ret->consumer[i],
                            b->from->node[ret->consumer[i].loop].own[0], known))
            return false;
    return true;
}

/* ---- writing */

static Ref
number(Strip *s, int64_t value)
{
    return ir_number(&s->r->b, DT_i32, (double)value);
}

/* What regions read of the nodes around them is built first, wherever it stands. */
static void ensure_captures(Strip *s, RegionId inside, RegionId region);

static void
ensure(Strip *s, uint32_t id, RegionId region)
{
    const Node *n = &s->f->node[id];

    if (n->region != region || s->r->map[id].id || s->r->many[id] || n->op == OP_arg)
        return;
    for (uint32_t i = 0; i < n->n_args; i++)
        ensure(s, n->arg[i].id, region);
    for (uint32_t i = 0; i < n->n_regions; i++)
        ensure_captures(s, n->own[i], region);
    rebuild_node(s->r, id);
}

static void
ensure_captures(Strip *s, RegionId inside, RegionId region)
{
    const Region *r = &s->f->region[inside];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &s->f->node[r->node[k]];
        for (uint32_t i = 0; i < n->n_args; i++) {
            const Node *x = node_of(s->f, n->arg[i]);
            if (!(x->op == OP_get && x->arg[0].id == s->c->producer))
                ensure(s, n->arg[i].id, region);
        }
        for (uint32_t i = 0; i < n->n_regions; i++)
            ensure_captures(s, n->own[i], region);
    }
}

/* Forgets the copies of a region's nodes, so that it can be copied again. */
static void
forget(Strip *s, RegionId region)
{
    const Region *r = &s->f->region[region];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &s->f->node[r->node[k]];
        s->r->map[r->node[k]] = NO_REF;
        s->r->many[r->node[k]] = NULL;
        for (uint32_t i = 0; i < n->n_regions; i++)
            forget(s, n->own[i]);
    }
}

/* Copies those nodes of a consumer's body that stand before (or after) its product. */
static void
copy_part(Strip *s, const Consumer *q, bool before)
{
    const Region *body = &s->f->region[s->f->node[q->loop].own[0]];

    for (size_t k = 0; k < body->n_nodes; k++) {
        uint32_t id = body->node[k];
        if (s->f->node[id].op != OP_arg && s->r->live.node[id] &&
            (before ? id < q->product : id > q->product))
            rebuild_node(s->r, id);
    }
}

static RegionId
open_body(Strip *s, uint32_t loop)
{
    const Region *body = &s->f->region[s->f->node[loop].own[0]];
    RegionId opened = region_begin(&s->r->b);

    for (uint32_t i = 0; i < body->n_params; i++)
        s->r->map[body->param[i].id] = ir_param(&s->r->b, type_scalar(DT_i32));
    return opened;
}

static void
extents_of(const Node *loop, uint32_t *ret)
{
    for (int64_t i = 0; i < loop->attr.ints[0]; i++)
        ret[i] = (uint32_t)loop->attr.ints[1 + i];
}

static void
current_index(Strip *s, uint32_t loop, Ref *ret)
{
    const Region *body = &s->f->region[s->f->node[loop].own[0]];

    for (uint32_t i = 0; i < body->n_params; i++)
        ret[i] = s->r->map[body->param[i].id];
}

/* The accumulators before the first row. */
static Ref
first_accumulators(Strip *s, const Consumer *q)
{
    const Node *loop = &s->f->node[q->loop];
    uint32_t extent[MAX_RANK];

    open_body(s, q->loop);
    copy_part(s, q, true);
    Ref init = s->r->map[s->f->node[q->product].arg[2].id];
    extents_of(loop, extent);
    Ref made = close_store_loop(&s->r->b, (unsigned)loop->attr.ints[0], extent, 1, &init);
    forget(s, loop->own[0]);
    return ir_get(&s->r->b, made, 0);
}

/* The accumulators after the rows [base, base + count). */
static Ref
add_rows(Strip *s, const Consumer *q, Ref accumulators, Ref base, uint32_t count)
{
    const Node *loop = &s->f->node[q->loop], *product = &s->f->node[q->product];
    const Region *inner = &s->f->region[product->own[0]];
    uint32_t extent[MAX_RANK];
    Ref index[MAX_RANK];

    open_body(s, q->loop);
    copy_part(s, q, true);
    current_index(s, q->loop, index);
    Ref from = number(s, 0), to = number(s, count);
    Ref acc = ir_at(&s->r->b, accumulators, (uint32_t)loop->attr.ints[0], index, true);
    RegionId turn = region_begin(&s->r->b);
    s->row = ir_param(&s->r->b, type_scalar(DT_i32));
    s->r->map[inner->param[0].id] = ir_add(&s->r->b, base, s->row);
    s->r->map[inner->param[1].id] = ir_param(&s->r->b, product->result[0]);
    rebuild_region(s->r, product->own[0]);
    ir_yield(&s->r->b, 1, &s->r->map[inner->yield[0].id]);
    region_end(&s->r->b);
    s->row = NO_REF;
    Ref next = ir_get(&s->r->b, ir_for(&s->r->b, from, to, 1, &acc, turn, count), 0);
    extents_of(loop, extent);
    Ref made = close_store_loop(&s->r->b, (unsigned)loop->attr.ints[0], extent, 1, &next);
    forget(s, loop->own[0]);
    return ir_get(&s->r->b, made, 0);
}

/* partial[p] with the strip's terms p, p + 16, ... added in order, in the dtype of partial. */
static Ref
add_terms(Strip *s, FoldKind kind, Ref partial, Ref terms, uint32_t count)
{
    Builder *b = &s->r->b;
    Type t = type_scalar(ir_type(b->function, partial).dtype);
    Ref from = number(s, 0);

    region_begin(b);
    Ref p = ir_param(b, type_scalar(DT_i32)), start = ir_at(b, partial, 1, &p, true);
    Ref turns = count % FOLD_PARTIALS == 0
                    ? number(s, count / FOLD_PARTIALS)
                    : ir_idiv(b, ir_sub(b, number(s, count + FOLD_PARTIALS - 1), p),
                              number(s, FOLD_PARTIALS));
    RegionId turn = region_begin(b);
    Ref q = ir_param(b, type_scalar(DT_i32)), acc = ir_param(b, t);
    Ref at = ir_add(b, ir_mul(b, q, number(s, FOLD_PARTIALS)), p);
    Ref term = ir_convert(b, ir_at(b, terms, 1, &at, true), t.dtype);
    Ref sum = fold_combine(&s->r->b, kind, acc, term);
    ir_yield(b, 1, &sum);
    region_end(b);
    Ref next = ir_get(
        b, ir_for(b, from, turns, 1, &start, turn, (count + FOLD_PARTIALS - 1) / FOLD_PARTIALS),
        0);
    return ir_get(b, close_store_loop(&s->r->b, 1, (uint32_t[]){FOLD_PARTIALS}, 1, &next), 0);
}

static bool
is_live(const Strip *s, uint32_t result)
{
    return s->r->live.result[s->c->producer][result];
}

/* The term of a fold as the strip keeps it: what is converted to be added takes less room
 * before. */
static Ref
narrow_term(const Strip *s, Ref term)
{
    const Node *n = ir_node(s->r->b.function, term);

    return n->op == OP_convert ? n->arg[0] : term;
}

/* The producer's loop over the rows [base, base + count): arrays of the strip, terms of folds
 * among them. */
static void
compute_strip(Strip *s, Ref base, uint32_t count, Ref *ret_array)
{
    const Node *n = &s->f->node[s->c->producer];
    const Region *body = &s->f->region[n->own[0]];
    Ref *value = arena_array(s->r->ctx->arena, Ref, n->n_results);
    uint32_t k = 0;

    region_begin(&s->r->b);
    s->r->map[body->param[0].id] =
        ir_add(&s->r->b, base, ir_param(&s->r->b, type_scalar(DT_i32)));
    rebuild_region(s->r, n->own[0]);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (is_live(s, i)) {
            Ref x = s->r->map[body->yield[i].id];
            value[k++] = kind_of(n, i) == FOLD_store ? x : narrow_term(s, x);
        }
    Ref loop = close_store_loop(&s->r->b, 1, &count, k, value);
    forget(s, n->own[0]);
    for (uint32_t i = 0, j = 0; i < n->n_results; i++)
        ret_array[i] = is_live(s, i) ? ir_get(&s->r->b, loop, j++) : NO_REF;
}

/* One strip: new partial results and accumulators from old ones. */
static void
run_strip(Strip *s, Ref base, uint32_t count)
{
    const Node *n = &s->f->node[s->c->producer];

    compute_strip(s, base, count, s->stored);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (is_live(s, i) && kind_of(n, i) != FOLD_store)
            s->partial[i] = add_terms(s, kind_of(n, i), s->partial[i], s->stored[i], count);
    for (size_t i = 0; i < s->c->n; i++)
        s->product[i] = add_rows(s, &s->c->consumer[i], s->product[i], base, count);
}

static Ref
new_partial(Strip *s, FoldKind kind, DType d)
{
    Type t = type_array(d, 1, (uint32_t[]){FOLD_PARTIALS});
    return filled_array(&s->r->b, t, fold_start(&s->r->b, kind, d, false));
}

/* Carried from strip to strip: partial results of live folds, then accumulators. */
static uint32_t
gather_carried(const Strip *s, Ref *ret)
{
    const Node *n = &s->f->node[s->c->producer];
    uint32_t k = 0;

    for (uint32_t i = 0; i < n->n_results; i++)
        if (s->partial[i].id)
            ret[k++] = s->partial[i];
    for (size_t i = 0; i < s->c->n; i++)
        ret[k++] = s->product[i];
    return k;
}

static void
scatter_carried(Strip *s, const Ref *from)
{
    const Node *n = &s->f->node[s->c->producer];

    for (uint32_t i = 0; i < n->n_results; i++)
        if (s->partial[i].id)
            s->partial[i] = *from++;
    for (size_t i = 0; i < s->c->n; i++)
        s->product[i] = *from++;
}

static void
run_whole_strips(Strip *s)
{
    Builder *b = &s->r->b;
    uint32_t most = s->f->node[s->c->producer].n_results + (uint32_t)s->c->n;
    Ref *carried = arena_array(s->r->ctx->arena, Ref, most),
        *init = arena_array(s->r->ctx->arena, Ref, most);
    uint32_t n = gather_carried(s, init), turns = s->c->rows / STRIP;
    Ref from = number(s, 0), to = number(s, turns);
    RegionId body = region_begin(b);
    Ref strip = ir_param(b, type_scalar(DT_i32));

    for (uint32_t i = 0; i < n; i++)
        carried[i] = ir_param(b, ir_type(b->function, init[i]));
    scatter_carried(s, carried);
    run_strip(s, ir_mul(b, strip, number(s, STRIP)), STRIP);
    gather_carried(s, carried);
    ir_yield(b, n, carried);
    region_end(b);
    Ref loop = ir_for(b, from, to, n, init, body, turns);
    for (uint32_t i = 0; i < n; i++)
        carried[i] = ir_get(b, loop, i);
    scatter_carried(s, carried);
}

static Ref
tree(Strip *s, FoldKind kind, Ref partial)
{
    Ref p[FOLD_PARTIALS];

    for (int64_t k = 0; k < FOLD_PARTIALS; k++) {
        Ref at = number(s, k);
        p[k] = ir_at(&s->r->b, partial, 1, &at, true);
    }
    return fold_tree(&s->r->b, kind, p);
}

/* The consumer's own results: its body with the product done. */
static void
finish_consumer(Strip *s, const Consumer *q, Ref accumulators)
{
    const Node *n = &s->f->node[q->loop];
    const Region *body = &s->f->region[n->own[0]];
    uint32_t extent[MAX_RANK], rank = (uint32_t)n->attr.ints[0], k = 0;
    FoldKind *kind = arena_array(s->r->ctx->arena, FoldKind, n->n_results);
    Ref index[MAX_RANK], *value = arena_array(s->r->ctx->arena, Ref, n->n_results);
    RegionId opened = open_body(s, q->loop);

    copy_part(s, q, true);
    current_index(s, q->loop, index);
    s->r->many[q->product] = arena_array(s->r->ctx->arena, Ref, 1);
    s->r->many[q->product][0] = ir_at(&s->r->b, accumulators, rank, index, true);
    copy_part(s, q, false);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (s->r->live.result[q->loop][i]) {
            kind[k] = kind_of(n, i);
            value[k++] = s->r->map[body->yield[i].id];
        }
    ir_yield(&s->r->b, k, value);
    region_end(&s->r->b);
    extents_of(n, extent);
    Ref loop = ir_loop(&s->r->b, rank, extent, kind, opened);
    s->r->many[q->loop] = arena_array(s->r->ctx->arena, Ref, n->n_results + 1);
    for (uint32_t i = 0, j = 0; i < n->n_results; i++)
        if (s->r->live.result[q->loop][i])
            s->r->many[q->loop][i] = ir_get(&s->r->b, loop, j++);
}

static void
write_strips(Strip *s)
{
    const Node *n = &s->f->node[s->c->producer];
    Arena *arena = s->r->ctx->arena;
    uint32_t rest = s->c->rows % STRIP;

    s->stored = arena_array(arena, Ref, n->n_results);
    s->partial = arena_array(arena, Ref, n->n_results);
    s->product = arena_array(arena, Ref, s->c->n);
    for (size_t i = 0; i < s->c->n; i++)
        ensure_captures(s, s->f->node[s->c->consumer[i].loop].own[0], n->region);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (is_live(s, i) && kind_of(n, i) != FOLD_store)
            s->partial[i] = new_partial(s, kind_of(n, i), n->result[i].dtype);
    for (size_t i = 0; i < s->c->n; i++)
        s->product[i] = first_accumulators(s, &s->c->consumer[i]);
    run_whole_strips(s);
    if (rest)
        run_strip(s, number(s, s->c->rows - rest), rest);
    s->r->many[s->c->producer] = arena_array(arena, Ref, n->n_results + 1);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (s->partial[i].id)
            s->r->many[s->c->producer][i] = tree(s, kind_of(n, i), s->partial[i]);
    for (size_t i = 0; i < s->c->n; i++)
        finish_consumer(s, &s->c->consumer[i], s->product[i]);
}

/* While a product is copied, the producer's arrays are those of the strip. */
static bool
read_strip(Rebuild *r, uint32_t id)
{
    const Strip *s = r->user;
    const Node *n = &r->from->node[id], *x;

    if (!s || !s->row.id || n->op != OP_at)
        return false;
    x = node_of(r->from, n->arg[0]);
    if (x->op != OP_get || x->arg[0].id != s->c->producer)
        return false;
    r->map[id] = ir_at(&r->b, s->stored[x->attr.i], 1, &s->row, true);
    return true;
}

static bool
strip(Rebuild *r, uint32_t id)
{
    Candidate c;

    if (r->map[id].id || r->many[id] || read_strip(r, id))
        return true;
    if (r->user || !find_candidate(r, id, &c))
        return false;
    Strip s = {.r = r, .f = r->from, .c = &c};
    r->user = &s;
    write_strips(&s);
    r->user = NULL;
    return true;
}

Module *
pass_strip(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, strip, NULL);
}
