/* SPDX-License-Identifier: Apache-2.0
 *
 * spread.c -- loops over uniform arrays, with an axis as the lanes
 *
 * Where nothing varies by chain, 16 turns of one axis of a loop are the lanes of vectors: what
 * depends on that axis is one, an array is read and written in runs.  The loop is walked in
 * tiles of a few rows and a few vectors, so that a product (a `for` inside) reads each number
 * for several multiply-adds.  A fold has partial results by the linear index modulo 16: these
 * are the lanes where rows are whole vectors; elsewhere the values are written out, and folded
 * as one long row.
 */
#include <assert.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { LANES = EBM_BLOCK, FEW = 8 };

typedef struct Spread {
    uint32_t id;
    const Node *n;
    RegionId body;
    unsigned rank, lane_axis, row_axis; /* row_axis: rank if there is none */
    int64_t extent[MAX_RANK], stride[MAX_RANK], total;
    const int64_t *kind;
    unsigned joined; /* axes that are one: the last of them; 0: none */
    TilePlan plan;
    bool direct;  /* folds take values as they come */
    bool by_rows; /* folds take the values of a few rows at a time */
    Value *ret;
    Value *values;        /* by result: the values that are folded later */
    LLVMValueRef *sum;    /* by result: partial results, allocas */
    Index from[MAX_RANK]; /* the part of the loop that is walked: so many turns from here on */
    int64_t count[MAX_RANK];
    Index at[MAX_RANK];
} Spread;

/* ---- which loops */

uint32_t *
find_owners(const Function *f, Arena *arena)
{
    uint32_t *owner = arena_array(arena, uint32_t, f->n_regions);

    for (uint32_t id = 1; id < f->n; id++)
        for (uint32_t k = 0; k < f->node[id].n_regions; k++)
            owner[f->node[id].own[k]] = id;
    return owner;
}

static bool
stands_in_loop(const Function *f, const uint32_t *owner, uint32_t id)
{
    for (RegionId r = f->node[id].region; r; r = f->node[owner[r]].region)
        if (f->node[owner[r]].op == OP_loop)
            return true;
    return false;
}

static bool linear_region(const Function *f, RegionId r, const Region *body,
                          const int64_t *extent);

static bool
is_param(const Region *body, Ref x)
{
    for (uint32_t i = 0; i < body->n_params; i++)
        if (ref_eq(body->param[i], x))
            return true;
    return false;
}

/* Does n use the indices of the loop, if at all, as the last ones of an array that has the
 * loop's extents? */
static bool
is_linear(const Function *f, const Node *n, const Region *body, const int64_t *extent)
{
    uint32_t rank = body->n_params, used = 0;
    bool in_place = n->op == OP_at && n->n_args > rank;

    for (uint32_t i = 0; i < n->n_args; i++)
        used += is_param(body, n->arg[i]);
    if (used) {
        Type type = ir_type(f, n->arg[0]);
        in_place = in_place && type.rank + 1u == n->n_args && used == rank;
        for (uint32_t i = 0; in_place && i < rank; i++)
            in_place = ref_eq(n->arg[n->n_args - rank + i], body->param[i]) &&
                       type.dim[type.rank - rank + i] == (uint64_t)extent[i];
    }
    for (uint32_t k = 0; k < n->n_regions; k++)
        if (!linear_region(f, n->own[k], body, extent))
            return false;
    return !used || in_place;
}

static bool
linear_region(const Function *f, RegionId r, const Region *body, const int64_t *extent)
{
    const Region *region = &f->region[r];

    for (uint32_t i = 0; i < region->n_yields; i++)
        if (is_param(body, region->yield[i]))
            return false;
    for (size_t i = 0; i < region->n_nodes; i++)
        if (!is_linear(f, &f->node[region->node[i]], body, extent))
            return false;
    return true;
}

/* A loop that goes through arrays element by element: one long axis will do. */
static bool
is_one_axis(const Function *f, const Node *n)
{
    return linear_region(f, n->own[0], &f->region[n->own[0]], n->attr.ints + 1);
}

/* The last axis, in which arrays are read in runs; the one before where the last is too short
 * to fill vectors. */
static unsigned
choose_axis(const Function *f, const Node *n)
{
    unsigned rank = (unsigned)n->attr.ints[0];
    const int64_t *extent = n->attr.ints + 1;

    bool few = rank > 1 && extent[rank - 1] < FEW && extent[rank - 2] > extent[rank - 1];
    return few && !is_one_axis(f, n) ? rank - 2 : rank - 1;
}

uint8_t *
find_spread(const Function *f, Arena *arena)
{
    uint8_t *spread = arena_array(arena, uint8_t, f->n);
    const uint32_t *owner = find_owners(f, arena);

    for (uint32_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        if (n->op == OP_loop && n->attr.ints[0] && ir_loop_turns(n) > 1 &&
            !stands_in_loop(f, owner, id))
            spread[id] = (uint8_t)(1 + choose_axis(f, n));
    }
    return spread;
}

/* ---- runs of memory */

static bool
within(const Value *x, uint32_t extent)
{
    return !x->chain && x->known && x->index.low >= 0 && x->index.high < extent;
}

/* Elements that the last index may lead to. */
static int64_t
reach(const Emit *e, Type type)
{
    int64_t n = 1;

    for (unsigned axis = type.rank - (e->joined ? e->joined : 1); axis < type.rank; axis++)
        n *= type.dim[axis];
    return n;
}

static bool
is_run(Emit *e, const Node *n, unsigned i, const Value *array)
{
    Type type = ir_type(e->f, n->arg[0]);
    const Value *last = value_at(e, n->arg[n->n_args - 1], i);

    if (!last->ramp || array->chain || array->row != 1 || last->index.low < 0 ||
        last->index.high + last->ramp > reach(e, type))
        return false;
    for (uint32_t k = 1; k + 1 < n->n_args; k++) {
        const Value *x = value_at(e, n->arg[k], i);
        if (x->chain || (!(n->attr.i & 1) && !within(x, type.dim[k - 1])))
            return false;
    }
    return true;
}

bool
ramp_load(Emit *e, const Node *n, unsigned i, const Value *array, Value *ret)
{
    Type type = ir_type(e->f, n->arg[0]);
    DType d = (DType)type.dtype;

    if (n->n_args < 2 || !is_run(e, n, i, array))
        return false;
    const Value *last = value_at(e, n->arg[n->n_args - 1], i);
    Index at = last->index;
    int64_t stride = 1;
    for (uint32_t k = n->n_args - 2; k >= 1; k--) {
        stride *= type.dim[k];
        at = index_add(e, at, index_scale(e, index_of(e, value_at(e, n->arg[k], i)), stride));
    }
    MemoKey key = {TAG_run | (uint32_t)last->ramp << 8, array->version, array->v, at.base,
                   (const void *)(intptr_t)at.offset};
    LLVMValueRef v = memo_find(e, key);
    if (!v) {
        v = load_run(e, d, element_address(e, array, d, at), e->lanes, last->ramp);
        if (array->place.kind != PLACE_none)
            mark_invariant(e, v);
        if (d == DT_bool)
            v = LLVMBuildICmp(e->b, LLVMIntNE, v, LLVMConstNull(LLVMTypeOf(v)), "");
        memo_keep(e, key, v);
    }
    *ret = chain_value(v);
    return true;
}

static void
copy_run(Emit *e, const Value *to, const Value *from, DType d, Index at, unsigned n)
{
    LLVMValueRef v = load_run(e, d, element_address(e, from, d, at), LANES, n);

    if (d == DT_bool)
        v = LLVMBuildTrunc(e->b, v, LLVMVectorType(e->i1, LANES), "");
    store_run(e, d, element_address(e, to, d, at), v, n);
}

void
copy_dense(Emit *e, const Value *to, const Value *from, DType d, Index first, uint64_t n)
{
    int64_t whole = (int64_t)(n / LANES);

    if (whole) {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, whole), 1, true);
        Index at = index_scale(e, (Index){t.i, 1, 0, 0, whole - 1}, LANES);
        copy_run(e, to, from, d, index_add(e, first, at), LANES);
        turns_close(e, &t);
    }
    if (n % LANES)
        copy_run(e, to, from, d, index_add(e, first, index_constant(whole * LANES)), n % LANES);
}

/* ---- folds */

static LLVMValueRef
partials(Emit *e, DType d, FoldKind kind)
{
    LLVMValueRef sum = entry_alloca(e, lane_type(e, d, true), 1);

    LLVMBuildStore(e->b, splat(e, scalar_constant(e, d, fold_neutral(kind, d)), LANES), sum);
    return sum;
}

/* Takes the first `live` lanes of x into the partial results. */
static void
fold_lanes(Emit *e, LLVMValueRef sum, FoldKind kind, DType d, LLVMValueRef x, unsigned live)
{
    LLVMValueRef lane[LANES], mask,
        none = splat(e, scalar_constant(e, d, fold_neutral(kind, d)), LANES);

    for (unsigned i = 0; i < LANES; i++)
        lane[i] = LLVMConstInt(e->i1, i < live, false);
    mask = LLVMConstVector(lane, LANES);
    if (live < LANES)
        x = LLVMBuildSelect(e->b, mask, x, none, "");
    LLVMValueRef old = LLVMBuildLoad2(e->b, lane_type(e, d, true), sum, "");
    LLVMBuildStore(e->b, combine_folds(e, kind, d, old, x), sum);
}

/* The tree over all 16: what is not there leaves the others as they are. */
static LLVMValueRef
fold_tree(Emit *e, LLVMValueRef sum, FoldKind kind, DType d)
{
    LLVMValueRef x = LLVMBuildLoad2(e->b, lane_type(e, d, true), sum, "");

    for (unsigned s = LANES / 2; s > 1; s /= 2)
        x = combine_folds(e, kind, d, some_lanes(e, x, 0, s), some_lanes(e, x, s, s));
    return combine_folds(e, kind, d, LLVMBuildExtractElement(e->b, x, int32_of(e, 0), ""),
                         LLVMBuildExtractElement(e->b, x, int32_of(e, 1), ""));
}

static void
fold_run(Emit *e, const Spread *s, uint32_t k, Index at, unsigned live)
{
    DType d = (DType)s->n->result[k].dtype;
    LLVMValueRef v = load_run(e, d, element_address(e, &s->values[k], d, at), LANES, live);

    if (d == DT_bool)
        v = LLVMBuildTrunc(e->b, v, LLVMVectorType(e->i1, LANES), "");
    fold_lanes(e, s->sum[k], (FoldKind)s->kind[k], d, v, live);
}

/* The first n of the values that stand ready. */
static void
fold_values(Emit *e, const Spread *s, uint32_t k, int64_t n)
{
    int64_t whole = n / LANES;

    if (whole) {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, whole), 1, true);
        fold_run(e, s, k, index_scale(e, (Index){t.i, 1, 0, 0, whole - 1}, LANES), LANES);
        turns_close(e, &t);
    }
    if (n % LANES)
        fold_run(e, s, k, index_constant(whole * LANES), (unsigned)(n % LANES));
}

static void
fold_rows(Emit *e, const Spread *s, unsigned rows)
{
    for (uint32_t k = 0; s->by_rows && k < s->n->n_results; k++)
        if (s->kind[k] != FOLD_store)
            fold_values(e, s, k, rows * s->stride[s->row_axis]);
}

/* ---- tiles */

/* The linear index of row r, lane 0 of vector c of the tile, in the loop or within its rows. */
static Index
linear_index(Emit *e, const Spread *s, unsigned r, unsigned c, bool within_rows)
{
    Index x = index_constant(0);

    for (unsigned axis = 0; axis < s->rank; axis++)
        if (!within_rows || axis != s->row_axis)
            x = index_add(e, x, index_scale(e, s->at[axis], s->stride[axis]));
    x = index_add(e, x, index_constant((int64_t)c * LANES * s->stride[s->lane_axis]));
    return s->row_axis < s->rank ? index_add(e, x, index_constant(r * s->stride[s->row_axis]))
                                 : x;
}

/* A vector whose lanes count up from `first`. */
static Value
ramp_value(Emit *e, Index first, unsigned live)
{
    Value base = index_value(first), v;
    LLVMValueRef lane[LANES];

    for (unsigned i = 0; i < LANES; i++)
        lane[i] = int32_of(e, i);
    v = chain_value(LLVMBuildAdd(e->b, splat(e, scalar_of(e, &base), LANES),
                                 LLVMConstVector(lane, LANES), ""));
    v.ramp = (uint8_t)live;
    v.index = first;
    return v;
}

static void
bind_tile(Emit *e, const Spread *s, unsigned columns, unsigned live)
{
    const Region *body = &e->f->region[s->body];

    for (unsigned axis = 0; axis < s->rank; axis++) {
        Value *p = value_room(e, body->param[axis].id, 1);
        for (unsigned i = 0; i < e->frame->n; i++) {
            unsigned r = i / columns, c = i % columns;
            if (axis == s->lane_axis)
                p[i] = r ? p[c]
                         : ramp_value(
                               e, index_add(e, s->at[axis], index_constant((int64_t)c * LANES)),
                               live);
            else
                p[i] = index_value(axis == s->row_axis
                                       ? index_add(e, s->at[axis], index_constant(r))
                                       : s->at[axis]);
        }
    }
}

static void
store_lanes(Emit *e, const Spread *s, const Value *to, DType d, Index linear, LLVMValueRef x,
            unsigned live)
{
    LLVMValueRef at = element_address(e, to, d, linear), lane[LANES], on[LANES];
    int64_t stride = s->stride[s->lane_axis];

    if (stride == 1) {
        store_run(e, d, at, x, live);
        return;
    }
    for (int64_t i = 0; i < LANES; i++) {
        lane[i] = int64_of(e, i * stride);
        on[i] = LLVMConstInt(e->i1, i < live, false);
    }
    LLVMValueRef each = LLVMConstVector(lane, LANES);
    at = LLVMBuildGEP2(e->b, memory_type(e, d, false), at, &each, 1, "");
    scatter(e, d, at, LLVMConstVector(on, LANES), x);
}

static void
take_result(Emit *e, const Spread *s, uint32_t k, unsigned r, unsigned c, LLVMValueRef x,
            unsigned live)
{
    DType d = (DType)s->n->result[k].dtype;
    bool fold = s->kind[k] != FOLD_store;

    if (fold && s->direct)
        fold_lanes(e, s->sum[k], (FoldKind)s->kind[k], d, x, live);
    else
        store_lanes(e, s, fold ? &s->values[k] : &s->ret[k], d,
                    linear_index(e, s, r, c, fold && s->by_rows), x, live);
}

static void
take_results(Emit *e, const Spread *s, unsigned columns, unsigned live)
{
    const Region *body = &e->f->region[s->body];

    for (unsigned i = 0; i < e->frame->n; i++)
        for (uint32_t k = 0; k < s->n->n_results; k++)
            take_result(e, s, k, i / columns, i % columns,
                        vector_of(e, value_at(e, body->yield[k], i)), live);
}

static void
emit_tile(Emit *e, const Spread *s, unsigned rows, unsigned columns, unsigned live)
{
    unsigned *up = arena_array(e->arena, unsigned, (size_t)rows *columns);
    uint64_t mark = e->scratch_used;
    Frame *frame = frame_open(e, s->body, rows * columns, up);

    bind_tile(e, s, columns, live);
    emit_region(e, s->body);
    take_results(e, s, columns, live);
    frame_close(e, frame);
    e->scratch_used = mark;
}

/* ---- the walk */

/* Stands at turn `index` of the part of an axis that is walked. */
static void
stand_at(Emit *e, Spread *s, unsigned axis, Index index)
{
    s->at[axis] = index_add(e, s->from[axis], index);
}

/* All vectors of the rows that stand at s->at. */
static void
emit_rows(Emit *e, Spread *s, unsigned rows)
{
    unsigned axis = s->lane_axis, columns = s->plan.columns;
    int64_t vectors = s->count[axis] / LANES, tiles = vectors / columns;
    unsigned rest = (unsigned)(vectors % columns), tail = (unsigned)(s->count[axis] % LANES);

    if (tiles) {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, tiles), 1, true);
        stand_at(e, s, axis,
                 index_scale(e, (Index){t.i, 1, 0, 0, tiles - 1}, (int64_t)LANES * columns));
        emit_tile(e, s, rows, columns, LANES);
        turns_close(e, &t);
    }
    stand_at(e, s, axis, index_constant(tiles * columns * LANES));
    if (rest)
        emit_tile(e, s, rows, rest, LANES);
    stand_at(e, s, axis, index_constant(vectors * LANES));
    if (tail)
        emit_tile(e, s, rows, 1, tail);
}

static void
emit_row_groups(Emit *e, Spread *s)
{
    unsigned axis = s->row_axis, rows = s->plan.rows;

    if (axis == s->rank || s->extent[axis] == 1) {
        emit_rows(e, s, 1);
        return;
    }
    int64_t groups = s->count[axis] / rows;
    unsigned tail = (unsigned)(s->count[axis] % rows);
    if (groups) {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, groups), 1, true);
        stand_at(e, s, axis, index_scale(e, (Index){t.i, 1, 0, 0, groups - 1}, rows));
        emit_rows(e, s, rows);
        fold_rows(e, s, rows);
        turns_close(e, &t);
    }
    stand_at(e, s, axis, index_constant(groups * rows));
    if (tail) {
        emit_rows(e, s, tail);
        fold_rows(e, s, tail);
    }
}

static void
emit_outer(Emit *e, Spread *s, unsigned axis)
{
    if (axis == s->rank) {
        emit_row_groups(e, s);
        return;
    }
    if (axis == s->lane_axis || axis == s->row_axis || s->extent[axis] == 1) {
        emit_outer(e, s, axis + 1);
        return;
    }
    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, s->count[axis]), 1, true);
    stand_at(e, s, axis, (Index){t.i, 1, 0, 0, s->count[axis] - 1});
    emit_outer(e, s, axis + 1);
    turns_close(e, &t);
}

/* Rows [first, first + rows) of the first axis; where axes are one, what they hold of it. */
static void
emit_part(Emit *e, Index first, int64_t rows, void *user)
{
    Spread *s = user;
    int64_t each = s->joined ? s->total / s->n->attr.ints[1] : 1;
    unsigned axis = s->joined ? s->rank - 1 : 0;

    s->from[axis] = index_scale(e, first, each);
    s->count[axis] = rows * each;
    emit_outer(e, s, 0);
}

/* ---- the whole */

/* Where all axes can be one, the last is as long as the loop and the others have one turn. */
static void
join_axes(const Emit *e, Spread *s)
{
    bool one = s->rank > 1 && is_one_axis(e->f, s->n);

    s->joined = one ? s->rank : 0;
    for (unsigned axis = 0; axis < s->rank; axis++)
        s->extent[axis] = !one ? s->n->attr.ints[1 + axis] : axis + 1 < s->rank ? 1 : s->total;
    memcpy(s->count, s->extent, sizeof s->count);
}

/* Turns of an axis that are walked at a time. */
static int64_t
turns_at_once(const Emit *e, const Spread *s, unsigned axis)
{
    int64_t extent = axis < s->rank ? s->extent[axis] : 1;

    return axis == 0 && !s->joined && extent > PIECE && e->pieces.n > 1 ? PIECE : extent;
}

static Spread
spread_open(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Spread s = {.id = id, .n = n, .body = n->own[0], .rank = (unsigned)n->attr.ints[0]};

    s.lane_axis = e->spread[id] - 1u;
    s.row_axis = s.rank == 1 ? s.rank : s.lane_axis == s.rank - 1 ? s.rank - 2 : s.rank - 1;
    s.kind = n->attr.ints + 1 + s.rank;
    s.total = (int64_t)ir_loop_turns(n);
    join_axes(e, &s);
    for (int64_t axis = (int64_t)s.rank - 1, stride = 1; axis >= 0; axis--) {
        s.stride[axis] = stride;
        stride *= s.extent[axis];
    }
    s.plan =
        plan_spread(e, n, turns_at_once(e, &s, s.lane_axis), turns_at_once(e, &s, s.row_axis));
    s.direct = s.lane_axis == s.rank - 1 && s.plan.rows == 1 &&
               (s.extent[s.lane_axis] == s.total || s.extent[s.lane_axis] % LANES == 0);
    s.by_rows = !s.direct && s.rank == 2 && s.lane_axis == 1 && s.extent[0] > 1 &&
                s.plan.rows * s.extent[1] % LANES == 0;
    return s;
}

static void
open_results(Emit *e, Spread *s)
{
    uint32_t n = s->n->n_results;

    s->ret = value_room(e, s->id, n);
    s->values = arena_array(e->arena, Value, n + 1);
    s->sum = arena_array(e->arena, LLVMValueRef, n + 1);
    for (uint32_t k = 0; k < n; k++)
        if (s->kind[k] == FOLD_store)
            s->ret[k] = result_array(e, s->id, k, 0, false);
    for (uint32_t k = 0; k < n; k++) {
        if (s->kind[k] == FOLD_store)
            continue;
        uint32_t total = (uint32_t)(s->by_rows ? s->plan.rows * s->extent[1] : s->total);
        DType d = (DType)s->n->result[k].dtype;
        s->sum[k] = partials(e, d, (FoldKind)s->kind[k]);
        if (!s->direct)
            s->values[k] = array_new(e, type_array(d, 1, &total), false);
    }
}

void
emit_spread(Emit *e, uint32_t id)
{
    Spread s = spread_open(e, id);
    assert(e->frame->n == 1 && e->lanes == LANES && "one loop at a time");

    open_results(e, &s);
    e->joined = s.joined;
    if (e->pieces.n > 1)
        each_piece(e, s.n->attr.ints[1], emit_part, &s);
    else
        emit_outer(e, &s, 0);
    e->joined = 0;
    for (uint32_t k = 0; k < s.n->n_results; k++) {
        if (s.kind[k] == FOLD_store)
            continue;
        DType d = (DType)s.n->result[k].dtype;
        if (!s.direct && !s.by_rows)
            fold_values(e, &s, k, s.total);
        s.ret[k] = uniform_value(fold_tree(e, s.sum[k], (FoldKind)s.kind[k], d));
    }
}
