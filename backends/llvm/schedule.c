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
    WORD_COST = 12,
    PRODUCT_COST = 32, /* nodes of a product's `for` that is tiled, and of all around it */
    TILE_COST = 80,
    MOST_COLUMNS = 8,
    PAIR_TURNS = 8,
    PAIR_STATE = 512 /* numbers of a chain: 64 kB for 32 chains */
};

typedef struct Content {
    uint32_t cost;
    bool word, inner_loop, inner_for, inner_while;
    unsigned carried_bytes; /* of the widest scalar that an inner `for` carries */
    uint32_t for_cost;      /* of the largest inner `for` */
} Content;

static uint32_t
turns_of(const Node *n)
{
    uint64_t total = 1;

    for (int64_t i = 0; i < n->attr.ints[0]; i++)
        total *= (uint64_t)n->attr.ints[1 + i];
    return total > 8 ? 8 : (uint32_t)total;
}

static void look(const Emit *e, RegionId r, Content *c);

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

/* Accumulators that fit beside the operands: eight hide the latency of fma, up to twelve are
 * taken where that leaves none over; where a value takes two of 16 registers, six. */
static unsigned
jam_width(const Emit *e, const Content *c, uint32_t extent)
{
    unsigned bytes = c->carried_bytes ? c->carried_bytes : 4;
    unsigned vectors = (e->lanes * bytes + e->register_bytes - 1) / e->register_bytes;
    unsigned width = e->registers == 32 ? (vectors > 2 ? 4 : 8) : vectors > 1 ? 6 : 8;

    if (vectors > 2 && e->registers == 16)
        width = 3;
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

/* Does some loop of many turns hold a product? */
static bool
has_products(const Emit *e)
{
    for (uint32_t id = 1; id < e->f->n; id++)
        if (e->f->node[id].op == OP_loop && has_product(e, &e->f->node[id]))
            return true;
    return false;
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
        Op op = e->f->node[id].op;
        if (op == OP_for || op == OP_while)
            return false;
        word |= op == OP_word;
    }
    return word;
}

bool
plan_pairs(const Emit *e)
{
    bool pays = e->pairing == PAIR_if_it_pays && (has_products(e) || waits_for_words(e));

    return pays || e->pairing == PAIR_always;
}

/* How many packs of turns a product of the loop with large data keeps going: most where each
 * turn of the innermost axis takes one element of a row; fewer where each takes a row, and the
 * blocks of rows need registers; none elsewhere, as panels are in another order. */
static unsigned
most_packs(const Emit *e, const Node *loop)
{
    const Region *body = &e->f->region[loop->own[0]];
    Ref turn = body->param[body->n_params - 1];
    unsigned few = e->registers / 4;

    for (size_t i = 0; i < body->n_nodes; i++) {
        const Node *n = &e->f->node[body->node[i]];
        if (!is_product(e, n))
            continue;
        const Region *terms = &e->f->region[n->own[0]];
        for (size_t k = 0; k < terms->n_nodes; k++) {
            const Node *at = &e->f->node[terms->node[k]];
            if (at->op == OP_at && e->variance[at->arg[0].id] != VARY_chain)
                return pack_reads_along(e, at)          ? few / 2
                       : pack_reads_across(e, at, turn) ? few + few / 2
                                                        : 0;
        }
    }
    return 0;
}

/* The turns of so many packs; what is left over, less than a pack, goes along.  0: no packs. */
static unsigned
pack_width(const Emit *e, const Node *loop, uint32_t extent)
{
    unsigned size = pack_size(e), packs = extent / size, most;

    if (size < 2 || packs < 2)
        return 0;
    most = most_packs(e, loop);
    return most && packs <= most ? extent : size * most;
}

LoopPlan
plan_loop(const Emit *e, const Node *n)
{
    unsigned rank = (unsigned)n->attr.ints[0];
    const int64_t *extent = n->attr.ints + 1;
    LoopPlan p = {.axis = rank - 1, .inner = 1};
    Content c = {.cost = 0};
    uint64_t total = 1;

    look(e, n->own[0], &c);
    for (unsigned i = 0; i < rank; i++)
        total *= (uint64_t)extent[i];
    p.jam = c.inner_for && !c.inner_loop && !c.inner_while;
    unsigned size =
        p.jam ? jam_width(e, &c, (uint32_t)extent[p.axis]) : group_size(&c, has_fold(n));
    if (p.jam && pack_width(e, n, (uint32_t)extent[p.axis])) {
        p.pack = true;
        size = pack_width(e, n, (uint32_t)extent[p.axis]);
    }
    if (e->frame->n > 1 && !p.jam)
        size = 1;
    while (p.axis && size >= 2 * p.inner * (uint64_t)extent[p.axis]) {
        p.inner *= (unsigned)extent[p.axis];
        p.axis--;
    }
    uint64_t most = (uint64_t)extent[p.axis];
    p.factor = size / p.inner > most ? (unsigned)most : size / p.inner;
    p.factor += !p.factor;
    p.tail = (unsigned)(most % p.factor);
    uint64_t emitted = total * (c.cost + 1) * e->frame->n;
    p.whole = (total <= WHOLE_TURNS && emitted <= WHOLE_COST) ||
              (total <= SMALL_TURNS && emitted <= SMALL_COST) || total <= 1 ||
              (p.jam && total <= p.factor);
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
        unsigned bytes = c.carried_bytes ? c.carried_bytes : 4;
        unsigned each = (e->lanes * bytes + e->register_bytes - 1) / e->register_bytes;
        p.rows = jam_width(e, &c, (uint32_t)rows);
        p.columns = (e->registers == 32 ? 24 : 12) / (p.rows * each);
        if (p.columns > 2 && vectors % p.columns && vectors % (p.columns - 1) == 0)
            p.columns--;
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
    uint64_t cost = (region_cost(e, n->own[0]) + 1) * (uint64_t)turns * e->frame->n;

    return turns <= 1 || (turns <= SMALL_TURNS && cost <= WHOLE_COST) || cost <= WHOLE_COST / 8;
}
