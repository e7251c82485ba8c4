/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.c -- `loop`: independent iterations, in groups
 *
 * A group is a few turns of one axis with everything inside that axis, or a tile of the last
 * two axes of a product.  Folds have 16 partial results, by the linear index modulo 16.  Where
 * a loop has one axis, an outer loop goes over groups of partial results, so that they stay in
 * registers; elsewhere they are in memory.
 */
#include <assert.h>

#include "backends/llvm/emit.h"

typedef struct Loop {
    const Node *n;
    RegionId body;
    unsigned rank;
    const int64_t *extent, *kind;
    LoopPlan plan;
    uint64_t total;
    Value *ret;         /* by result */
    Value *memory;      /* by result: partial results in memory */
    LLVMValueRef *part; /* [result][FOLD_PARTIALS]: in registers, NULL before the first */
    bool in_registers;
} Loop;

static bool
is_fold(const Loop *l, uint32_t k)
{
    return l->kind[k] != FOLD_store;
}

static bool
has_folds(const Loop *l)
{
    for (uint32_t k = 0; k < l->n->n_results; k++)
        if (is_fold(l, k))
            return true;
    return false;
}

static bool
yield_chain(const Emit *e, const Loop *l, uint32_t k)
{
    return e->variance[e->f->region[l->body].yield[k].id] == VARY_chain;
}

static LLVMValueRef
constant_lanes(Emit *e, DType d, Scalar s, bool chain)
{
    LLVMValueRef v = scalar_constant(e, d, s);

    return chain ? splat(e, v, e->lanes) : v;
}

/* ---- one group */

/* A box of turns, by axis. */
typedef struct Group {
    Index first[MAX_RANK];
    Index number[MAX_RANK]; /* of the group among those along the axis */
    unsigned turns[MAX_RANK];
} Group;

/* The instances of a group from one turn of `axis` to the next. */
static unsigned
instances_below(const Loop *l, const Group *g, unsigned axis)
{
    unsigned n = 1;

    for (unsigned a = axis + 1; a < l->rank; a++)
        n *= g->turns[a];
    return n;
}

/* The index of instance r on an axis. */
static Index
index_on(Emit *e, const Loop *l, const Group *g, unsigned r, unsigned axis)
{
    unsigned turn = r / instances_below(l, g, axis) % g->turns[axis];

    return index_add(e, g->first[axis], index_constant(turn));
}

/* The indices of the group's instances, on each axis. */
static void
bind_indices(Emit *e, const Loop *l, const Group *g)
{
    const Region *body = &e->f->region[l->body];

    for (unsigned axis = 0; axis < l->rank; axis++) {
        Value *p = value_room(e, body->param[axis].id, 1);
        for (unsigned i = 0; i < e->frame->n; i++)
            p[i] = index_value(index_on(e, l, g, i, axis));
    }
}

/* The linear index of instance r. */
static Index
linear_index(Emit *e, const Loop *l, const Group *g, unsigned r)
{
    Index x = index_constant(0);

    for (unsigned axis = 0; axis < l->rank; axis++)
        x = index_add(e, index_scale(e, x, l->extent[axis]), index_on(e, l, g, r, axis));
    return x;
}

static void
fold_memory(Emit *e, const Value *memory, FoldKind kind, DType d, Index linear, const Value *x)
{
    Value r = {.chain = memory->chain}, slot;
    int64_t residue;
    Index at;

    if (index_residue(linear, FOLD_PARTIALS, &residue)) {
        at = index_constant(residue);
    } else {
        Index sixteen = index_constant(FOLD_PARTIALS);
        index_pointwise(e, OP_imod, linear, sixteen, &slot);
        at = slot.index;
    }
    LLVMValueRef old = read_fresh(e, memory, d, at).v;
    r.v = combine_folds(e, kind, d, old, r.chain ? vector_of(e, x) : scalar_of(e, x));
    store_element(e, memory, d, at, &r);
}

static void
fold_register(Emit *e, Loop *l, uint32_t k, DType d, Index linear, const Value *x)
{
    int64_t residue = 0;
    bool known = index_residue(linear, FOLD_PARTIALS, &residue);
    bool chain = l->ret[k].chain;
    LLVMValueRef v = chain ? vector_of(e, x) : scalar_of(e, x);
    LLVMValueRef *part =
        &l->part[k * FOLD_PARTIALS + (known ? residue : linear.offset % FOLD_PARTIALS)];

    *part = *part ? combine_folds(e, (FoldKind)l->kind[k], d, *part, v) : v;
}

typedef struct Taker {
    Loop *l;
    const Group *g;
} Taker;

static void
take_results(Emit *e, unsigned from, unsigned to, void *user)
{
    const Taker *t = user;
    Loop *l = t->l;
    const Group *g = t->g;
    const Region *body = &e->f->region[l->body];

    for (unsigned i = from; i < to; i++) {
        Index linear = linear_index(e, l, g, i);
        for (uint32_t k = 0; k < l->n->n_results; k++) {
            const Value *x = value_at(e, body->yield[k], i);
            DType d = (DType)ir_type(e->f, body->yield[k]).dtype;
            if (!is_fold(l, k))
                store_element(e, &l->ret[k], d, linear, x);
            else if (l->in_registers)
                fold_register(e, l, k, d, linear, x);
            else
                fold_memory(e, &l->memory[k], (FoldKind)l->kind[k], d, linear, x);
        }
    }
}

/* How many turns of an axis go together. */
static unsigned
step_of(const Loop *l, unsigned axis)
{
    if (axis > l->plan.axis)
        return (unsigned)l->extent[axis];
    return axis == l->plan.axis ? l->plan.factor : axis + 1 == l->plan.axis ? l->plan.rows : 1;
}

/* What panels and the prefetch of rows want to know of the axes that share inner loops. */
static void
set_jams(Emit *e, const Loop *l, const Group *g, Frame *frame)
{
    unsigned axis = l->plan.axis, n = 0;

    if (!l->plan.jam || axis != l->rank - 1)
        return;
    for (unsigned a = axis ? axis - 1 : 0; a <= axis; a++)
        if (step_of(l, a) > 1)
            frame->jam[n++] = (Jam){.axis = e->f->region[l->body].param[a].id,
                                    .width = step_of(l, a),
                                    .turns = g->turns[a],
                                    .apart = instances_below(l, g, a),
                                    .extent = l->extent[a],
                                    .group = g->number[a]};
}

static void
emit_group(Emit *e, Loop *l, const Group *g)
{
    unsigned n = g->turns[0] * instances_below(l, g, 0);
    unsigned *up = arena_array(e->arena, unsigned, n);
    uint64_t mark = e->scratch_used;

    Frame *frame = frame_open(e, l->body, n, up);
    set_jams(e, l, g, frame);
    frame->packs = l->plan.pack;
    bind_indices(e, l, g);
    emit_region_for(e, l->body, take_results, &(Taker){l, g});
    if (!e->preparing)
        prefetch_streamed(e, frame);
    frame_close(e, frame);
    e->scratch_used = mark;
}

/* ---- nests */

static void emit_nest(Emit *e, Loop *l, Group *g, unsigned axis);

static void
emit_turns(Emit *e, Loop *l, Group *g, unsigned axis, Index number, unsigned turns)
{
    g->number[axis] = number;
    g->first[axis] = index_scale(e, number, step_of(l, axis));
    g->turns[axis] = turns;
    emit_nest(e, l, g, axis + 1);
}

/* Groups along `axis` and the axes after it. */
static void
emit_nest(Emit *e, Loop *l, Group *g, unsigned axis)
{
    if (axis == l->rank) {
        emit_group(e, l, g);
        return;
    }
    unsigned step = step_of(l, axis), tail = (unsigned)(l->extent[axis] % step);
    int64_t groups = l->extent[axis] / step;
    if (l->plan.whole || groups == 1) {
        for (int64_t q = 0; q < groups; q++)
            emit_turns(e, l, g, axis, index_constant(q), step);
    } else {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, groups), 1, true);
        emit_turns(e, l, g, axis, (Index){t.i, 1, 0, 0, groups - 1}, step);
        turns_close(e, &t);
    }
    if (tail)
        emit_turns(e, l, g, axis, index_constant(groups), tail);
}

/* ---- folds */

static Value
new_partials(Emit *e, const Loop *l, uint32_t k)
{
    uint32_t n = FOLD_PARTIALS;

    return array_new(e, type_array((DType)l->n->result[k].dtype, 1, &n), l->ret[k].chain);
}

static LLVMValueRef
first_partial(Emit *e, const Loop *l, uint32_t k)
{
    DType d = (DType)l->n->result[k].dtype;

    return constant_lanes(e, d, fold_neutral((FoldKind)l->kind[k], d), l->ret[k].chain);
}

static void
open_memory(Emit *e, Loop *l)
{
    l->memory = arena_array(e->arena, Value, l->n->n_results);
    for (uint32_t k = 0; k < l->n->n_results; k++) {
        if (!is_fold(l, k))
            continue;
        Value first = {.v = first_partial(e, l, k), .chain = l->ret[k].chain};
        l->memory[k] = new_partials(e, l, k);
        for (int i = 0; i < FOLD_PARTIALS; i++)
            store_element(e, &l->memory[k], (DType)l->n->result[k].dtype, index_constant(i),
                          &first);
    }
}

static void
load_partials(Emit *e, const Value *memory, DType d, LLVMValueRef p[FOLD_PARTIALS])
{
    for (int i = 0; i < FOLD_PARTIALS; i++)
        p[i] = read_fresh(e, memory, d, index_constant(i)).v;
}

static void
close_fold(Emit *e, Loop *l, uint32_t k)
{
    DType d = (DType)l->n->result[k].dtype;
    LLVMValueRef p[FOLD_PARTIALS], *part = p;

    if (l->in_registers)
        part = &l->part[k * FOLD_PARTIALS];
    else
        load_partials(e, &l->memory[k], d, p);
    l->ret[k].v = fold_partials(e, (FoldKind)l->kind[k], d, part, l->total);
}

/* ---- folds over one axis: partial results in registers */

static void
open_registers(Emit *e, Loop *l)
{
    l->part = arena_array(e->arena, LLVMValueRef, l->n->n_results * FOLD_PARTIALS);
}

typedef struct Strip {
    LLVMValueRef *phi;
    Value *saved; /* by result: all partial results of the strips before */
} Strip;

static void
start_strip(Emit *e, Loop *l, Strip *s, const Turns *t, unsigned width)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);

    LLVMPositionBuilderBefore(e->b, t->i);
    for (uint32_t k = 0; k < l->n->n_results; k++)
        for (unsigned r = 0; is_fold(l, k) && r < width; r++) {
            LLVMValueRef first = first_partial(e, l, k);
            LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(first), "");
            LLVMAddIncoming(phi, &first, (LLVMBasicBlockRef[]){t->before}, 1);
            s->phi[k * FOLD_PARTIALS + r] = l->part[k * FOLD_PARTIALS + r] = phi;
        }
    LLVMPositionBuilderAtEnd(e->b, here);
}

static void
end_strip(Emit *e, Loop *l, Strip *s, LLVMBasicBlockRef end, unsigned width, Index first)
{
    for (uint32_t k = 0; k < l->n->n_results; k++) {
        DType d = (DType)l->n->result[k].dtype;
        for (unsigned r = 0; is_fold(l, k) && r < width; r++) {
            LLVMValueRef *part = &l->part[k * FOLD_PARTIALS + r];
            LLVMAddIncoming(s->phi[k * FOLD_PARTIALS + r], part, &end, 1);
            Value x = {.v = *part, .chain = l->ret[k].chain};
            store_element(e, &s->saved[k], d, index_add(e, first, index_constant(r)), &x);
        }
    }
}

/* Elements 16 q + first + 0 .. width - 1 of all whole rounds q. */
static void
emit_strip(Emit *e, Loop *l, Strip *s, Index first, unsigned width)
{
    int64_t rounds = (int64_t)(l->total / FOLD_PARTIALS);
    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, rounds), 1, true);
    Index q = {t.i, 1, 0, 0, rounds - 1};
    Group g = {.turns = {width}, .number = {q}};

    start_strip(e, l, s, &t, width);
    g.first[0] = index_add(e, index_scale(e, q, FOLD_PARTIALS), first);
    emit_group(e, l, &g);
    LLVMBasicBlockRef end = turns_close(e, &t);
    end_strip(e, l, s, end, width, first);
}

/* The last total % 16 elements, onto what the strips left. */
static void
emit_rest(Emit *e, Loop *l, const Strip *s, unsigned width)
{
    int64_t done = (int64_t)(l->total - l->total % FOLD_PARTIALS);

    for (uint32_t k = 0; k < l->n->n_results; k++)
        if (is_fold(l, k))
            load_partials(e, &s->saved[k], (DType)l->n->result[k].dtype,
                          &l->part[k * FOLD_PARTIALS]);
    for (int64_t i = done; i < (int64_t)l->total; i += width) {
        Group g = {.first = {index_constant(i)}, .number = {index_constant(i / width)}};
        g.turns[0] = (int64_t)l->total - i < width ? (unsigned)((int64_t)l->total - i) : width;
        emit_group(e, l, &g);
    }
}

static void
emit_strips(Emit *e, Loop *l)
{
    unsigned width = l->plan.factor;
    Strip s = {arena_array(e->arena, LLVMValueRef, l->n->n_results * FOLD_PARTIALS),
               arena_array(e->arena, Value, l->n->n_results)};

    for (uint32_t k = 0; k < l->n->n_results; k++)
        if (is_fold(l, k))
            s.saved[k] = new_partials(e, l, k);
    if (width == FOLD_PARTIALS) {
        emit_strip(e, l, &s, index_constant(0), width);
    } else {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, FOLD_PARTIALS / width), 1, true);
        Index number = {t.i, 1, 0, 0, FOLD_PARTIALS / width - 1};
        emit_strip(e, l, &s, index_scale(e, number, width), width);
        turns_close(e, &t);
    }
    emit_rest(e, l, &s, width);
}

/* ---- the whole */

static bool
by_strips(const Loop *l)
{
    unsigned w = l->plan.factor;

    return has_folds(l) && !l->plan.whole && l->rank == 1 && l->total >= FOLD_PARTIALS &&
           (w & (w - 1)) == 0 && w <= FOLD_PARTIALS;
}

static void
open_results(Emit *e, Loop *l)
{
    uint32_t id = (uint32_t)(l->n - e->f->node);

    for (uint32_t k = 0; k < l->n->n_results; k++) {
        bool chain = yield_chain(e, l, k);
        assert(!ir_type(e->f, e->f->region[l->body].yield[k]).rank &&
               "loop form yields numbers");
        if (!is_fold(l, k))
            l->ret[k] = result_array(e, id, k, 0, chain);
        l->ret[k].chain = chain;
    }
}

static void
empty_results(Emit *e, Loop *l)
{
    for (uint32_t k = 0; k < l->n->n_results; k++) {
        DType d = (DType)l->n->result[k].dtype;
        Scalar s = fold_empty((FoldKind)l->kind[k], d);
        if (is_fold(l, k))
            l->ret[k].v = constant_lanes(e, d, s, l->ret[k].chain);
    }
}

/* A frame of several instances has loops one by one. */
static void
emit_one_loop(Emit *e, const Node *n, Value *ret)
{
    Loop l = {.n = n,
              .body = n->own[0],
              .rank = (unsigned)n->attr.ints[0],
              .total = ir_loop_turns(n)};

    assert(e->frame->n == 1);
    l.extent = n->attr.ints + 1;
    l.kind = l.extent + l.rank;
    l.ret = ret;
    open_results(e, &l);
    if (l.total == 0) {
        empty_results(e, &l);
        return;
    }
    l.plan = plan_loop(e, n);
    uint64_t mark = e->scratch_used;
    bool strips = by_strips(&l);
    l.plan.jam = l.plan.jam && !strips;
    l.in_registers = has_folds(&l) && (l.plan.whole || strips);
    if (l.in_registers)
        open_registers(e, &l);
    else
        open_memory(e, &l);
    if (strips)
        emit_strips(e, &l);
    else
        emit_nest(e, &l, &(Group){.turns = {0}}, 0);
    for (uint32_t k = 0; k < n->n_results; k++)
        if (is_fold(&l, k))
            close_fold(e, &l, k);
    e->scratch_used = mark;
}

void
emit_loop(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];

    if (e->spread && e->spread[id])
        emit_spread(e, id);
    else if (e->frame->n == 1)
        emit_one_loop(e, n, value_room(e, id, n->n_results));
    else
        emit_each(e, n, value_room(e, id, n->n_results), emit_one_loop);
}
