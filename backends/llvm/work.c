/* SPDX-License-Identifier: Apache-2.0
 *
 * work.c -- what one step of one chain computes at least, by what it costs
 *
 * Counted in the loop form, where only machine operations are left: each as often as its loops
 * say.  Left out is what is the same for all chains, what moves numbers (memory, indices), and
 * control.  Where that depends on numbers that only a run has, the work is not known.
 */
#include "backends/llvm/emit.h"

typedef struct Counting {
    const Function *f;
    const uint8_t *vary;
    const Node **owner; /* one a region */
    EbmManifest *manifest;
    double *work; /* the manifest's, or what one turn of a loop adds to */
    bool *seen;   /* one a region of draws: its blocks are counted */
    bool known;
} Counting;

enum { DRAW_REGIONS = 4096 };

/* Of one block of four words: ten rounds of two products, each with a sum of three by xor. */
enum { BLOCK_WORDS = 4, BLOCK_PRODUCTS = 20, BLOCK_XORS = 20 };

static bool
is_wide(DType d)
{
    return d == DT_f64 || d == DT_i64;
}

static void
count_float(Counting *c, const Node *n, DType d, double times)
{
    bool wide = is_wide(d);

    switch (n->op) {
    case OP_div: c->work[wide ? EBM_WORK_divide64 : EBM_WORK_divide32] += times; break;
    case OP_sqrt: c->work[wide ? EBM_WORK_root64 : EBM_WORK_root32] += times; break;
    default: c->work[wide ? EBM_WORK_float64 : EBM_WORK_float32] += times; break;
    }
}

static void
count_int(Counting *c, const Node *n, DType d, double times)
{
    switch (n->op) {
    case OP_mul: c->work[EBM_WORK_multiply] += times; break;
    case OP_umulhi: c->work[EBM_WORK_wide] += times; break;
    default: c->work[EBM_WORK_int32] += is_wide(d) ? 2 * times : times; break;
    }
}

/* What decides the cost: comparisons cost what their operands do, conversions the wider side.
 */
static void
count_pointwise(Counting *c, const Node *n, double times)
{
    DType d = ir_type(c->f, n->arg[n->op == OP_select]).dtype;

    if (n->op == OP_bitcast || n->op == OP_stop_gradient)
        return;
    if (n->op == OP_convert && is_wide((DType)n->type.dtype))
        d = (DType)n->type.dtype;
    if (dtype_is_float(d))
        count_float(c, n, d, times);
    else if (dtype_is_int(d))
        count_int(c, n, d, times);
}

static void
count_blocks(Counting *c, double blocks)
{
    c->work[EBM_WORK_wide] += BLOCK_PRODUCTS * blocks;
    c->work[EBM_WORK_int32] += BLOCK_XORS * blocks;
}

/* Words share blocks.  Where the iteration is fixed, its draws say how many blocks it has. */
static void
count_word(Counting *c, const Node *n, double times)
{
    const DrawAttr *draw = &n->attr.draw;

    if (draw->shared)
        return;
    if (!ir_is(c->f, n->arg[0], OP_const)) {
        count_blocks(c, times / BLOCK_WORDS);
    } else if (!c->seen[draw->region % DRAW_REGIONS]) {
        c->seen[draw->region % DRAW_REGIONS] = true;
        count_blocks(c, draw->blocks);
    }
}

/* An index or hyperparameter that a loop's bounds depend on, and its value; none at first. */
typedef struct Turn {
    Ref param;
    int32_t value;
} Turn;

/* A uniform number made of constants and of one index. */
static bool
evaluate(const Counting *c, Ref r, Turn *index, Scalar *ret)
{
    const Node *n = ir_node(c->f, r);
    Scalar x[3] = {{.bits = 0}};

    if (ir_is_splat(c->f, r, ret))
        return true;
    if (n->op == OP_arg && n->type.dtype == DT_i32 &&
        (!index->param.id || ref_eq(index->param, r))) {
        index->param = r;
        *ret = (Scalar){.i32 = index->value};
        return true;
    }
    if (!op_is_pointwise(n->op) || n->type.rank)
        return false;
    for (uint32_t i = 0; i < n->n_args; i++)
        if (!evaluate(c, n->arg[i], index, &x[i]))
            return false;
    *ret = ir_eval(n->op, (DType)ir_type(c->f, n->arg[n->op == OP_select]).dtype,
                   (DType)n->type.dtype, x);
    return true;
}

static bool
turns_at(const Counting *c, const Node *n, Turn *index, int64_t *ret)
{
    Scalar from, to;

    if (!evaluate(c, n->arg[0], index, &from) || !evaluate(c, n->arg[1], index, &to))
        return false;
    *ret = to.i32 > from.i32 ? (int64_t)to.i32 - from.i32 : 0;
    return true;
}

/* Between which constants an index runs. */
static bool
index_range(const Counting *c, Ref param, int32_t *ret_from, int32_t *ret_to)
{
    const Node *n = ir_node(c->f, param), *loop = c->owner[n->region];
    Scalar from, to;

    if (loop->op == OP_loop) {
        *ret_from = 0;
        *ret_to = (int32_t)loop->attr.ints[1 + n->attr.i];
        return true;
    }
    if (loop->op != OP_for || n->attr.i != 0 || !ir_is_splat(c->f, loop->arg[0], &from) ||
        !ir_is_splat(c->f, loop->arg[1], &to))
        return false;
    *ret_from = from.i32;
    *ret_to = to.i32;
    return true;
}

/* On average over the index around the loop that its bounds depend on. */
static bool
mean_turns(const Counting *c, const Node *n, Turn *index, double *ret)
{
    int32_t from = 0, to = 0;
    int64_t turns, sum = 0;

    if (!index_range(c, index->param, &from, &to) || to <= from)
        return false;
    for (index->value = from; index->value < to; index->value++) {
        if (!turns_at(c, n, index, &turns))
            return false;
        sum += turns;
    }
    *ret = (double)sum / ((double)to - from);
    return true;
}

/* As a + b h, h being the hyperparameter that the bounds depend on. */
static bool
linear_turns(const Counting *c, const Node *n, Turn *index, double *ret_a, double *ret_b)
{
    static const int32_t at[3] = {1000, 1001, 3000};
    int64_t turns[3];

    for (int i = 0; i < 3; i++) {
        index->value = at[i];
        if (!turns_at(c, n, index, &turns[i]))
            return false;
    }
    *ret_b = (double)(turns[1] - turns[0]);
    *ret_a = (double)turns[0] - *ret_b * at[0];
    return *ret_a + *ret_b * at[2] == (double)turns[2];
}

/* The manifest's number of the hyperparameter, unless another one counts turns already. */
static bool
choose_hyper(const Counting *c, Ref param)
{
    EbmManifest *m = c->manifest;
    const Input *in = &c->f->input[ir_node(c->f, param)->attr.i];
    uint32_t hyper = in->kind == INPUT_hyper ? manifest_hyper(m, in->name) : EBM_NO_HYPER;

    if (c->work != m->work || hyper == EBM_NO_HYPER ||
        (m->work_hyper != EBM_NO_HYPER && m->work_hyper != hyper))
        return false;
    m->work_hyper = hyper;
    return true;
}

/* Folds add each turn's value to a partial result. */
static void
count_folds(Counting *c, uint32_t id, double turns)
{
    const Node *n = &c->f->node[id];
    const Region *body = &c->f->region[n->own[0]];

    for (uint32_t i = 0; i < body->n_yields; i++) {
        DType d = (DType)ir_type(c->f, body->yield[i]).dtype;
        bool stored = n->attr.ints[1 + n->attr.ints[0] + i] == FOLD_store;
        if (!stored && c->vary[body->yield[i].id] == VARY_chain && dtype_is_float(d))
            c->work[is_wide(d) ? EBM_WORK_float64 : EBM_WORK_float32] +=
                turns * (double)type_size(ir_type(c->f, body->yield[i]));
    }
}

static void count_region(Counting *c, RegionId r, double times);

static double
sum_of(const double work[EBM_WORK_COUNT])
{
    double sum = 0;

    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        sum += work[k];
    return sum;
}

/* How often what a condition decides runs is not known, unless nothing is computed there. */
static void
count_uncertain(Counting *c, const Node *n, double times)
{
    double before = sum_of(c->work);

    for (uint32_t i = 0; i < n->n_regions; i++)
        count_region(c, n->own[i], times);
    c->known &= sum_of(c->work) == before;
}

/* a + b h turns of a loop. */
static void
count_linear(Counting *c, const Node *n, double times, double a, double b)
{
    double turn[EBM_WORK_COUNT] = {0}, *work = c->work;

    c->work = turn;
    count_region(c, n->own[0], times);
    c->work = work;
    for (unsigned k = 0; k < EBM_WORK_COUNT; k++) {
        c->manifest->work[k] += a * turn[k];
        c->manifest->work_turn[k] += b * turn[k];
    }
}

static void
count_for(Counting *c, const Node *n, double times)
{
    Turn index = {.value = 0};
    int64_t turns;
    double mean, a, b;

    if (!turns_at(c, n, &index, &turns))
        count_uncertain(c, n, times);
    else if (!index.param.id)
        count_region(c, n->own[0], times * (double)turns);
    else if (ir_node(c->f, index.param)->region && mean_turns(c, n, &index, &mean))
        count_region(c, n->own[0], times * mean);
    else if (!ir_node(c->f, index.param)->region && linear_turns(c, n, &index, &a, &b) &&
             choose_hyper(c, index.param))
        count_linear(c, n, times, a, b);
    else
        count_uncertain(c, n, times);
}

static void
count_node(Counting *c, uint32_t id, double times)
{
    const Node *n = &c->f->node[id];

    if (op_is_pointwise(n->op)) {
        if (c->vary[id] == VARY_chain)
            count_pointwise(c, n, times * (double)type_size(n->type));
    } else if (n->op == OP_word) {
        count_word(c, n, times);
    } else if (n->op == OP_loop) {
        times *= (double)ir_loop_turns(n);
        count_folds(c, id, times);
        count_region(c, n->own[0], times);
    } else if (n->op == OP_for) {
        count_for(c, n, times);
    } else if (n->n_regions > 0) {
        count_uncertain(c, n, times);
    }
}

static void
count_region(Counting *c, RegionId r, double times)
{
    const Region *region = &c->f->region[r];

    for (size_t i = 0; i < region->n_nodes; i++)
        count_node(c, region->node[i], times);
}

void
manifest_count_work(Arena *arena, const Function *step, EbmManifest *m)
{
    Counting c = {.f = step, .manifest = m, .work = m->work, .known = step != NULL};

    m->work_hyper = EBM_NO_HYPER;
    if (step) {
        c.vary = ir_variance(step, arena);
        c.seen = arena_array(arena, bool, DRAW_REGIONS);
        c.owner = arena_array(arena, const Node *, step->n_regions);
        for (uint32_t id = 1; id < step->n; id++)
            for (uint32_t k = 0; k < step->node[id].n_regions; k++)
                c.owner[step->node[id].own[k]] = &step->node[id];
        count_region(&c, 0, 1);
    }
    m->work_known = c.known;
}
