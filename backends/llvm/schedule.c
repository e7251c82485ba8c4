/* SPDX-License-Identifier: Apache-2.0
 *
 * schedule.c -- how loops are unrolled
 *
 * The turns of a group are emitted together.  A group is large enough to share random blocks
 * and to hide the latency of chains of operations, and small enough for the registers.  No
 * choice made here changes a result.
 */
#include "backends/llvm/emit.h"

enum {
    WHOLE_COST = 640, /* nodes of a loop that is emitted turn by turn */
    WHOLE_TURNS = 32,
    SMALL_TURNS = 4,
    SMALL_COST = 2048,
    BLOCK_TURNS =
        32, /* of a `for` that are emitted together, as remainders of its index repeat */
    BLOCK_COST = 8192,
    WORD_COST = 12,
    PRODUCT_COST = 32, /* nodes of a product's `for` that is tiled, and of all around it */
    TILE_COST = 80,
    MOST_COLUMNS = 8,
    PAIR_TURNS = 8,
    APART = 4,       /* chains that get registers of their own */
    PAIR_STATE = 512 /* numbers of a chain: 64 kB for 32 chains */
};

typedef struct Content {
    uint32_t cost;
    bool word, inner_loop, inner_for, inner_while;
    bool deep_loop;         /* an inner loop that is not a plain fold of scalars */
    unsigned carried_bytes; /* of the widest scalar that an inner `for` carries */
    uint32_t for_cost;      /* of the largest inner `for` */
} Content;

static uint32_t
turns_of(const Node *loop)
{
    uint64_t total = ir_loop_turns(loop);

    return total > 8 ? 8 : (uint32_t)total;
}

static void look(const Emit *e, RegionId r, Content *c);

static bool
gives_arrays(const Node *n)
{
    for (uint32_t k = 0; k < n->n_results; k++)
        if (n->result[k].rank)
            return true;
    return false;
}

static void
look_inside(const Emit *e, const Node *n, Content *c)
{
    Content in = {.cost = 0};

    for (unsigned k = 0; k < n->n_regions; k++)
        look(e, n->own[k], &in);
    c->word |= in.word;
    c->inner_while |= in.inner_while || n->op == OP_while;
    c->inner_loop |= in.inner_loop || n->op == OP_loop;
    c->inner_for |= in.inner_for || n->op == OP_for;
    c->deep_loop |= in.inner_loop || (n->op == OP_loop && (in.inner_for || gives_arrays(n)));
    c->cost += in.cost * (n->op == OP_loop ? turns_of(n) : 1);
    if (n->op == OP_for && in.cost > c->for_cost)
        c->for_cost = in.cost;
    if (in.for_cost > c->for_cost)
        c->for_cost = in.for_cost;
    for (uint32_t i = 0; n->op == OP_for && i < n->n_results; i++) {
        unsigned bytes = dtype_size((DType)n->result[i].dtype);
        if (n->result[i].rank == 0 && bytes > c->carried_bytes)
            c->carried_bytes = bytes;
    }
}

static void
look(const Emit *e, RegionId r, Content *c)
{
    const Region *region = &e->f->region[r];

    for (size_t i = 0; i < region->n_nodes; i++) {
        const Node *n = &e->f->node[region->node[i]];
        c->cost += n->op == OP_word ? WORD_COST : n->op != OP_arg && n->op != OP_const;
        c->word |= n->op == OP_word;
        if (n->n_regions)
            look_inside(e, n, c);
    }
}

uint32_t
region_cost(const Emit *e, RegionId r)
{
    Content c = {.cost = 0};

    look(e, r, &c);
    return c.cost;
}

/* Registers that an accumulator takes. */
static unsigned
vectors_of(const Emit *e, const Content *c)
{
    unsigned bytes = c->carried_bytes ? c->carried_bytes : 4;

    return (e->lanes * bytes + e->register_bytes - 1) / e->register_bytes;
}

/* Accumulators that fit beside the operands: eight hide the latency of fma; where a value takes
 * two of 16 registers, six. */
static unsigned
jam_most(const Emit *e, const Content *c)
{
    unsigned vectors = vectors_of(e, c);

    if (e->registers == 32)
        return vectors > 2 ? 4 : 8;
    return vectors > 2 ? 3 : vectors > 1 ? 6 : 8;
}

/* As many, or up to twelve where that leaves none over. */
static unsigned
jam_width(const Emit *e, const Content *c, uint32_t extent)
{
    unsigned vectors = vectors_of(e, c), width = jam_most(e, c);

    if (e->registers == 32 && vectors == 1 && extent <= 12)
        return extent;
    if (extent <= width)
        return extent;
    for (unsigned w = width / 2 * 3; vectors <= 2 && e->registers == 32 && w > width; w--)
        if (extent % width && extent % w == 0)
            return w;
    unsigned groups = (extent + width - 1) / width, even = (extent + groups - 1) / groups;
    return extent % even == 0 ? even : width;
}

/* The same in instances, of several rows where rows are short. */
static unsigned
jam_size(const Emit *e, const Content *c, uint32_t extent)
{
    unsigned most = jam_most(e, c);

    return 2 * extent <= most ? most : jam_width(e, c, extent);
}

/* Turns of another axis, of `extent`, that go with each of `width` jammed ones: accumulators in
 * three quarters of the registers, and the last group as large as the others where one less
 * makes it so. */
static unsigned
tile_width(const Emit *e, const Content *c, unsigned width, int64_t extent)
{
    unsigned most = (e->registers == 32 ? 24 : 12) / (width * vectors_of(e, c));

    if (most > 2 && extent % most && extent % (most - 1) == 0)
        most--;
    return most > extent ? (unsigned)extent : most ? most : 1;
}

static unsigned
group_size(const Content *c, bool folds)
{
    if (c->inner_loop || c->inner_while)
        return 1;
    if (c->word)
        return 4;
    if (c->cost <= 8)
        return folds ? 16 : 8;
    return c->cost <= 24 ? 8 : c->cost <= 160 ? 4 : c->cost <= 320 ? 2 : 1;
}

static bool
has_fold(const Node *n)
{
    for (uint32_t i = 1 + (uint32_t)n->attr.ints[0]; i < n->attr.n_ints; i++)
        if (n->attr.ints[i] != FOLD_store)
            return true;
    return false;
}

/* A `for` of region r that adds up products with a uniform array, in one vector of 32 bits a
 * sum. */
static bool
is_product(const Emit *e, const Node *n)
{
    if (n->op != OP_for || n->n_results != 1 || n->result[0].rank ||
        n->result[0].dtype != DT_f32)
        return false;
    const Region *body = &e->f->region[n->own[0]];
    bool uniform = false, chain = false;
    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *at = &e->f->node[body->node[i]];
        if (at->n_regions)
            return false;
        if (at->op == OP_at)
            *(e->variance[at->arg[0].id] == VARY_chain ? &chain : &uniform) = true;
    }
    return uniform && chain;
}

static bool
has_product(const Emit *e, const Node *loop)
{
    const Region *body = &e->f->region[loop->own[0]];

    if (loop->attr.ints[loop->attr.ints[0]] < PAIR_TURNS)
        return false;
    for (size_t i = 0; i < body->n_nodes; i++)
        if (is_product(e, &e->f->node[body->node[i]]))
            return true;
    return false;
}

/* ---- tiles */

enum { BY_COLUMN = 1, BY_ROW = 2 };

/* On which of the last two axes of a loop an index depends. */
static unsigned
axes_of(const Emit *e, const Node *loop, Ref index)
{
    const Region *body = &e->f->region[loop->own[0]];
    const Node *n = ir_node(e->f, index);
    unsigned axes = 0;

    if (ref_eq(index, body->param[body->n_params - 1]))
        return BY_COLUMN;
    if (ref_eq(index, body->param[body->n_params - 2]))
        return BY_ROW;
    if (n->region == 0 || !op_is_pointwise((Op)n->op))
        return 0;
    for (uint32_t k = 0; k < n->n_args; k++)
        axes |= axes_of(e, loop, n->arg[k]);
    return axes;
}

/* The axes on which the uniform arrays of a product depend, if chain values depend on the other
 * one alone: a turn of either axis shares what it reads with all turns of the other.  Else 0.
 */
static unsigned
uniform_axis(const Emit *e, const Node *loop, const Node *product)
{
    const Region *body = &e->f->region[product->own[0]];
    unsigned uniform = 0, chain = 0;

    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *at = &e->f->node[body->node[i]];
        if (at->op != OP_at)
            continue;
        unsigned *axes = e->variance[at->arg[0].id] == VARY_chain ? &chain : &uniform;
        for (uint32_t k = 1; k < at->n_args; k++)
            *axes |= axes_of(e, loop, at->arg[k]);
    }
    return (uniform ^ chain) == (BY_ROW | BY_COLUMN) && uniform && chain ? uniform : 0;
}

/* The same of the first product in a loop that may be emitted in tiles: one without folds,
 * whose partial results would be added to in another order. */
static unsigned
tiled_axis(const Emit *e, const Node *loop)
{
    const Region *body = &e->f->region[loop->own[0]];

    if (loop->attr.ints[0] < 2 || has_fold(loop))
        return 0;
    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *n = &e->f->node[body->node[i]];
        unsigned axis = n->op == OP_for ? uniform_axis(e, loop, n) : 0;
        if (axis)
            return axis;
    }
    return 0;
}

/* Most turns along the uniform arrays: the chain values come from further away. */
static void
plan_tile(const Emit *e, const Content *c, unsigned uniform, const int64_t last[2], LoopPlan *p)
{
    bool by_row = uniform == BY_ROW;
    unsigned width = jam_width(e, c, (uint32_t)last[!by_row]);
    unsigned other = tile_width(e, c, width, last[by_row]);

    p->rows = by_row ? width : other;
    p->factor = by_row ? other : width;
}

/* A group of `size` turns: of the last axis, or with whole axes inside. */
static void
plan_group(unsigned size, const int64_t *extent, LoopPlan *p)
{
    unsigned inner = 1;

    while (p->axis && size >= 2 * inner * (uint64_t)extent[p->axis])
        inner *= (unsigned)extent[p->axis--];
    uint64_t most = (uint64_t)extent[p->axis];
    p->factor = size / inner > most ? (unsigned)most : size / inner;
    p->factor += !p->factor;
}

/* Is a `for` of so many turns emitted turn by turn, in a group of so many instances? */
static bool
is_whole_for(const Emit *e, const Node *n, int64_t turns, unsigned instances)
{
    uint64_t cost = (region_cost(e, n->own[0]) + 1) * (uint64_t)turns * instances;

    return turns >= 0 && (turns <= 1 || (turns <= SMALL_TURNS && cost <= WHOLE_COST) ||
                          cost <= WHOLE_COST / 8);
}

/* What n, a quotient or a remainder, divides by, if that is a number; else 0. */
static int64_t
divisor_of(const Function *f, const Node *n)
{
    Scalar by;

    return (n->op == OP_idiv || n->op == OP_imod) && ir_is_splat(f, n->arg[1], &by)
               ? (int64_t)scalar_to_double(by, DT_i32)
               : 0;
}

/* How many turns of the region x counts as one; 0 if it counts something else. */
static int64_t
turns_for_one(const Function *f, const Region *body, Ref x)
{
    const Node *n = ir_node(f, x);

    if (ref_eq(x, body->param[0]))
        return 1;
    return n->op == OP_idiv ? divisor_of(f, n) * turns_for_one(f, body, n->arg[0]) : 0;
}

/* Turns after which all remainders of a `for`'s index repeat; 1 if it takes none. */
static int64_t
period_of(const Function *f, const Node *n)
{
    const Region *body = &f->region[n->own[0]];
    int64_t period = 1;

    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *x = &f->node[body->node[i]];
        int64_t by = divisor_of(f, x);
        int64_t turns = by > 0 ? by * turns_for_one(f, body, x->arg[0]) : 0;
        period = turns > period ? turns : period;
    }
    return period;
}

unsigned
plan_for_block(const Emit *e, const Node *n, int64_t turns)
{
    int64_t period = period_of(e->f, n);
    uint64_t cost = (region_cost(e, n->own[0]) + 1) * (uint64_t)period * e->frame->n;

    return period <= turns && period <= BLOCK_TURNS && cost <= BLOCK_COST && !gives_arrays(n)
               ? (unsigned)period
               : 1;
}

/* ---- pairs of blocks */

/* Are there more turns of loops of many turns with products than of loops in tiles?  A tile
 * shares what it loads without a second block, and keeps less of it in the caches. */
static bool
has_products(const Emit *e)
{
    uint64_t tiled = 0, others = 0;

    for (uint32_t id = 1; id < e->f->n; id++) {
        const Node *n = &e->f->node[id];
        if (n->op == OP_loop && tiled_axis(e, n))
            tiled += ir_loop_turns(n);
        else if (n->op == OP_loop && has_product(e, n))
            others += ir_loop_turns(n);
    }
    return others > tiled;
}

/* Are random words much of the work, as where every draw takes one gradient?  Their rounds wait
 * for one another, and those of two blocks overlap. */
static bool
waits_for_words(const Emit *e)
{
    bool word = false;

    if (e->manifest->n_state == 0 || e->manifest->state[0].dtype != DT_f32 ||
        e->manifest->state[0].count > PAIR_STATE)
        return false;
    for (uint32_t id = 1; id < e->f->n; id++) {
        const Node *n = &e->f->node[id];
        if (n->op == OP_while || (n->op == OP_for && !is_whole_for(e, n, n->attr.i, 1)))
            return false;
        word |= n->op == OP_word;
    }
    return word;
}

bool
plan_pairs(const Emit *e)
{
    bool pays = e->pairing == PAIR_if_it_pays && (has_products(e) || waits_for_words(e));

    return pays || e->pairing == PAIR_always;
}

/* What the first product of a loop reads of an array that is the same for all chains. */
static const Node *
find_factor(const Emit *e, const Node *loop)
{
    const Region *body = &e->f->region[loop->own[0]];

    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *n = &e->f->node[body->node[i]];
        if (!is_product(e, n))
            continue;
        const Region *terms = &e->f->region[n->own[0]];
        for (size_t k = 0; k < terms->n_nodes; k++) {
            const Node *at = &e->f->node[terms->node[k]];
            if (at->op == OP_at && e->variance[at->arg[0].id] != VARY_chain)
                return at;
        }
    }
    return NULL;
}

/* How the turns of a loop that multiplies by large data make packs, of how many turns, and how
 * many of these go together. */
typedef struct PackPlan {
    PackOrder order;
    unsigned turns, most;
} PackPlan;

/* Most packs where each turn of the innermost axis takes one element of a row; fewer where each
 * takes a row, and the blocks of rows need registers; none elsewhere, as panels are in another
 * order. */
static PackPlan
find_packs(const Emit *e, const Node *loop, unsigned extent)
{
    const Region *body = &e->f->region[loop->own[0]];
    const Node *at = find_factor(e, loop);
    unsigned few = e->registers / 4;
    PackPlan apart = {PACK_apart, pack_lanes(e), few / APART};

    if (at && pack_reads_along(e, at))
        return e->lanes == APART && extent >= apart.turns * apart.most
                   ? apart
                   : (PackPlan){PACK_in_row, pack_size(e), few / 2};
    if (at && pack_reads_across(e, at, body->param[body->n_params - 1]))
        return (PackPlan){PACK_by_turns, pack_size(e), few + few / 2};
    return (PackPlan){PACK_none, 1, 0};
}

/* Plans for packs, if the loop has any; what is left over, less than a pack, goes along. */
static bool
plan_packs(const Emit *e, const Node *loop, LoopPlan *p)
{
    const int64_t *axes = loop->attr.ints + 1;
    unsigned extent = (unsigned)axes[p->axis];

    if (pack_size(e) < 2 || extent < 2 * pack_size(e))
        return false;
    PackPlan packs = find_packs(e, loop, extent);
    bool all = extent / packs.turns <= packs.most;
    p->pack = packs.order;
    if (packs.order != PACK_none)
        plan_group(all ? extent : packs.turns * packs.most, axes, p);
    return packs.order != PACK_none;
}

LoopPlan
plan_loop(const Emit *e, const Node *n)
{
    unsigned rank = (unsigned)n->attr.ints[0], tiled = 0;
    const int64_t *extent = n->attr.ints + 1;
    LoopPlan p = {.axis = rank - 1, .rows = 1};
    Content c = {.cost = 0};
    uint64_t total = ir_loop_turns(n);

    look(e, n->own[0], &c);
    p.jam = c.inner_for && !c.deep_loop && !c.inner_while;
    bool packs = p.jam && !c.inner_loop && plan_packs(e, n, &p);
    if (p.jam && !c.inner_loop && !packs)
        tiled = tiled_axis(e, n);
    if (tiled)
        plan_tile(e, &c, tiled, extent + rank - 2, &p);
    else if (p.jam && !packs)
        plan_group(jam_size(e, &c, (uint32_t)extent[p.axis]), extent, &p);
    else if (!packs)
        plan_group(group_size(&c, has_fold(n)), extent, &p);
    uint64_t emitted = total * (c.cost + 1);
    p.whole = (total <= WHOLE_TURNS && emitted <= WHOLE_COST) ||
              (total <= SMALL_TURNS && emitted <= SMALL_COST) || total <= 1 ||
              (p.jam && total <= (uint64_t)p.rows * p.factor);
    return p;
}

/* Products have accumulators in most of the registers; others overlap a few vectors. */
TilePlan
plan_spread(const Emit *e, const Node *n, int64_t lanes, int64_t rows)
{
    int64_t vectors = (lanes + e->lanes - 1) / e->lanes;
    Content c = {.cost = 0};
    TilePlan p = {1, 1};

    look(e, n->own[0], &c);
    if (c.inner_for && !c.inner_loop && !c.inner_while && c.for_cost <= PRODUCT_COST &&
        c.cost <= TILE_COST) {
        p.rows = jam_width(e, &c, (uint32_t)rows);
        p.columns = tile_width(e, &c, p.rows, vectors);
    } else if (!c.inner_loop && !c.inner_while && !c.inner_for) {
        p.columns = c.cost <= 8 ? 4 : c.cost <= 24 ? 2 : 1;
    }
    if (p.columns > vectors)
        p.columns = (unsigned)vectors;
    if (p.columns > MOST_COLUMNS)
        p.columns = MOST_COLUMNS;
    p.columns += !p.columns;
    return p;
}

bool
plan_for_whole(const Emit *e, const Node *n, int64_t turns)
{
    return is_whole_for(e, n, turns, e->frame->n);
}
