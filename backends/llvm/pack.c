/* SPDX-License-Identifier: Apache-2.0
 *
 * pack.c -- several instances in one register, where a few chains fill but a part of it
 *
 * The lanes of a pack are those of its instances, one after another, or by turns: then all
 * instances of a chain are side by side, and a run of elements, one an instance, comes from
 * memory once a chain.  A value whose instances are parts of a pack stays one as long as what
 * it meets is a pack too, or the same for all instances.  Packs are made within the groups of
 * products, where instances are many.
 */
#include "backends/llvm/emit.h"

enum { LANE_BYTES = 4 };

unsigned
pack_size(const Emit *e)
{
    unsigned n = e->register_bytes / (e->lanes * LANE_BYTES);

    return n < 1 ? 1 : n > MAX_PACK ? MAX_PACK : n;
}

/* How the lanes of packs in the current frame are ordered. */
static PackOrder
pack_order(const Emit *e)
{
    const Frame *f = e->frame;

    while (f && f->packs == PACK_none)
        f = f->parent;
    return f ? f->packs : PACK_none;
}

static bool
is_packed(const Emit *e)
{
    return pack_order(e) != PACK_none && e->frame->n >= pack_size(e);
}

static MemoKey
part_key(const Emit *e, unsigned p, const Value *part)
{
    return (MemoKey){TAG_pack, p, part->v, NULL, (const void *)(intptr_t)pack_order(e)};
}

void
pack_keep(Emit *e, LLVMValueRef pack, const Value *const part[])
{
    for (unsigned p = 0; p < pack_size(e); p++)
        memo_keep(e, part_key(e, p, part[p]), pack);
}

/* The pack that these are the parts of, or NULL. */
static LLVMValueRef
find_pack(Emit *e, const Value *const part[])
{
    LLVMValueRef pack = NULL;

    for (unsigned p = 0; p < pack_size(e); p++) {
        LLVMValueRef v = part[p]->known ? NULL : memo_find(e, part_key(e, p, part[p]));
        if (!v || (pack && v != pack))
            return NULL;
        pack = v;
    }
    return pack;
}

static bool
all_same(Emit *e, const Value *const part[])
{
    for (unsigned p = 1; p < pack_size(e); p++)
        if (!same_value(part[0], part[p]))
            return false;
    return true;
}

/* Each of the n lanes of x `times` times in a row, and that `rounds` times. */
static LLVMValueRef
spread_lanes(Emit *e, LLVMValueRef x, unsigned n, unsigned times, unsigned rounds)
{
    LLVMValueRef lane[MAX_LANES];

    for (unsigned i = 0; i < n * times * rounds; i++)
        lane[i] = int32_of(e, i / times % n);
    return LLVMBuildShuffleVector(e->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(lane, n * times * rounds), "");
}

/* A pack of n numbers, the same for all chains, one an instance; or of a number for each of n
 * chains, the same for all instances. */
static LLVMValueRef
spread(Emit *e, LLVMValueRef x, unsigned n, bool by_chain)
{
    unsigned others = e->lanes * pack_size(e) / n;
    bool side_by_side = by_chain == (pack_order(e) == PACK_by_turns);

    return spread_lanes(e, x, n, side_by_side ? others : 1, side_by_side ? 1 : others);
}

static LLVMValueRef
repeat(Emit *e, const Value *x)
{
    if (!x->chain)
        return splat(e, scalar_of(e, x), e->lanes * pack_size(e));
    MemoKey key = {TAG_repeat, pack_order(e), x->v, NULL, NULL};
    LLVMValueRef v = memo_find(e, key);
    return v ? v : memo_keep(e, key, spread(e, x->v, e->lanes, true));
}

/* Element (i, k) of rows of n to where element (k, i) stands. */
static LLVMValueRef
turn_lanes(Emit *e, LLVMValueRef x, unsigned rows, unsigned n)
{
    LLVMValueRef lane[MAX_LANES];

    for (unsigned i = 0; i < rows * n; i++)
        lane[i] = int32_of(e, i % rows * n + i / rows);
    return LLVMBuildShuffleVector(e->b, x, LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(lane, rows * n), "");
}

/* The vectors of a pack, of `lanes` lanes each, as one. */
static LLVMValueRef
join_all(Emit *e, LLVMValueRef x[], unsigned lanes)
{
    for (unsigned n = pack_size(e); n > 1; n /= 2, lanes *= 2)
        for (unsigned p = 0; p < n / 2; p++)
            x[p] = join_lanes(e, x[2 * p], x[2 * p + 1], lanes);
    return x[0];
}

LLVMValueRef
pack_join(Emit *e, const Value *const part[])
{
    LLVMValueRef v = find_pack(e, part), x[MAX_PACK];

    if (v || all_same(e, part))
        return v ? v : repeat(e, part[0]);
    for (unsigned p = 0; p < pack_size(e); p++) {
        if (!part[p]->chain)
            return NULL;
        x[p] = part[p]->v;
    }
    v = join_all(e, x, e->lanes);
    if (pack_order(e) == PACK_by_turns)
        v = turn_lanes(e, v, pack_size(e), e->lanes);
    pack_keep(e, v, part);
    return v;
}

void
pack_split(Emit *e, LLVMValueRef pack, Value *ret)
{
    const Value *part[MAX_PACK];
    LLVMValueRef all = pack;

    if (pack_order(e) == PACK_by_turns)
        all = turn_lanes(e, pack, e->lanes, pack_size(e));
    for (unsigned p = 0; p < pack_size(e); p++) {
        ret[p] = chain_value(some_lanes(e, all, p * e->lanes, e->lanes));
        part[p] = &ret[p];
    }
    pack_keep(e, pack, part);
}

/* The operands k of instances first, first + 1, ... */
static void
gather_parts(Emit *e, const Node *n, uint32_t k, unsigned first, const Value *part[])
{
    for (unsigned p = 0; p < pack_size(e); p++)
        part[p] = value_at(e, n->arg[k], first + p);
}

bool
pack_pointwise(Emit *e, const Node *n, unsigned first, Value *ret)
{
    const Value *part[MAX_PACK], *arg[3] = {NULL, NULL, NULL};
    Value wide[3];
    bool differ = false;

    if (!is_packed(e) || first + pack_size(e) > e->frame->n)
        return false;
    for (uint32_t k = 0; k < n->n_args; k++) {
        gather_parts(e, n, k, first, part);
        differ |= part[0]->chain && !all_same(e, part);
    }
    for (uint32_t k = 0; k < n->n_args && differ; k++) {
        gather_parts(e, n, k, first, part);
        wide[k] = chain_value(pack_join(e, part));
        arg[k] = &wide[k];
        differ = wide[k].v != NULL;
    }
    if (!differ)
        return false;
    unsigned lanes = e->lanes;
    e->lanes *= pack_size(e);
    Value r = emit_pointwise(e, n, arg);
    e->lanes = lanes;
    pack_split(e, r.v, ret);
    return true;
}

/* Where instance i of an `at` reads an element of a uniform array, or false. */
static bool
find_element(Emit *e, const Node *n, unsigned i, Index *ret)
{
    Type t = ir_type(e->f, n->arg[0]);
    const Value *array = value_at(e, n->arg[0], i);

    if (n->type.rank || !(n->attr.i & 1) || array->chain || array->constant ||
        !dtype_is_float((DType)t.dtype))
        return false;
    *ret = index_constant(0);
    for (uint32_t k = 1; k < n->n_args; k++) {
        const Value *x = value_at(e, n->arg[k], i);
        if (!x->known)
            return false;
        *ret = index_add(e, index_scale(e, *ret, t.dim[k - 1]), x->index);
    }
    return true;
}

/* The parts of `pack`: elements first, first + stride, ... of `run`. */
static void
split_run(Emit *e, LLVMValueRef pack, LLVMValueRef run, unsigned first, unsigned stride,
          Value *ret)
{
    const Value *part[MAX_PACK];

    for (unsigned p = 0; p < pack_size(e); p++) {
        LLVMValueRef at = int32_of(e, first + p * stride);
        ret[p] = uniform_value(LLVMBuildExtractElement(e->b, run, at, ""));
        part[p] = &ret[p];
    }
    pack_keep(e, pack, part);
}

bool
pack_row(Emit *e, const Node *n, unsigned first, Value *ret)
{
    unsigned size = pack_size(e);
    const Value *array = value_at(e, n->arg[0], first);
    Index start, next;

    if (!is_packed(e) || first + size > e->frame->n || !find_element(e, n, first, &start))
        return false;
    for (unsigned p = 1; p < size; p++)
        if (value_at(e, n->arg[0], first + p)->v != array->v ||
            !find_element(e, n, first + p, &next) || next.base != start.base ||
            next.offset != start.offset + p)
            return false;
    DType d = (DType)ir_type(e->f, n->arg[0]).dtype;
    LLVMValueRef run = load_elements(e, array, d, start, size);
    split_run(e, spread(e, run, size, false), run, 0, 1, ret);
    return true;
}

static bool
is_large(const Emit *e, Ref array)
{
    Type t = ir_type(e->f, array);

    return type_size(t) * dtype_size((DType)t.dtype) > CACHED_BYTES;
}

bool
pack_reads_across(const Emit *e, const Node *at, Ref turn)
{
    return at->n_args > 1 && ref_eq(at->arg[at->n_args - 1], turn) && is_large(e, at->arg[0]);
}

bool
pack_reads_along(const Emit *e, const Node *at)
{
    const Node *last = &e->f->node[at->arg[at->n_args - 1].id];

    return at->n_args > 1 && last->op == OP_arg && last->attr.i == 0 &&
           last->region == at->region && at->type.rank == 0 && (at->attr.i & 1) &&
           is_large(e, at->arg[0]);
}

/* Elements k, k + 1, ... of the rows of all instances, k at the start of the block. */
static LLVMValueRef
load_block(Emit *e, const Node *n, unsigned first, Index *const start)
{
    unsigned size = pack_size(e);
    Type t = ir_type(e->f, n->arg[0]);
    DType d = (DType)t.dtype;
    LLVMValueRef x[MAX_PACK];

    for (unsigned p = 0; p < size; p++)
        x[p] = load_elements(e, value_at(e, n->arg[0], first + p), d, start[p], size);
    return join_all(e, x, size);
}

/* Lane `column` of each row of a block, once a lane of a chain. */
static LLVMValueRef
pick_column(Emit *e, LLVMValueRef block, unsigned column)
{
    LLVMValueRef lane[MAX_LANES];
    unsigned size = pack_size(e), all = size * e->lanes;
    bool by_turns = pack_order(e) == PACK_by_turns;

    for (unsigned i = 0; i < all; i++)
        lane[i] = int32_of(e, (by_turns ? i % size : i / e->lanes) * size + column);
    return LLVMBuildShuffleVector(e->b, block, LLVMGetPoison(LLVMTypeOf(block)),
                                  LLVMConstVector(lane, all), "");
}

bool
pack_column(Emit *e, const Node *n, unsigned first, Value *ret)
{
    unsigned size = pack_size(e);
    Index start[MAX_PACK];
    int64_t column;

    if (!is_packed(e) || first + size > e->frame->n || !pack_reads_along(e, n))
        return false;
    Index turn = value_at(e, n->arg[n->n_args - 1], first)->index;
    if (!turn.base || !index_residue(turn, size, &column))
        return false;
    for (unsigned p = 0; p < size; p++) {
        if (!find_element(e, n, first + p, &start[p]))
            return false;
        start[p] = index_add(e, start[p], index_constant(-column));
    }
    MemoKey key = {TAG_block, (uint32_t)start[0].offset, value_at(e, n->arg[0], first)->v,
                   start[0].base, start[size - 1].base};
    LLVMValueRef block = memo_find(e, key);
    if (!block)
        block = memo_keep(e, key, load_block(e, n, first, start));
    LLVMValueRef pack = pick_column(e, block, (unsigned)column);
    split_run(e, pack, block, (unsigned)column, size, ret);
    return true;
}

/* The uniform arrays that the turns of `loop` read along, and in what way. */
static bool
every_read(Emit *e, const Node *loop, bool along)
{
    const Region *body = &e->f->region[loop->own[0]];
    unsigned found = 0;

    for (size_t k = 0; k < body->n_nodes; k++) {
        const Node *at = &e->f->node[body->node[k]];
        if (at->op != OP_at || e->variance[at->arg[0].id] == VARY_chain)
            continue;
        const Node *last = &e->f->node[at->arg[at->n_args - 1].id];
        if (along ? !pack_reads_along(e, at) : last->region == loop->own[0])
            return false;
        found++;
    }
    return found > 0;
}

unsigned
pack_turns(Emit *e, const Node *loop)
{
    return is_packed(e) && every_read(e, loop, true) ? pack_size(e) : 1;
}

bool
pack_carried(Emit *e, const Node *loop)
{
    return is_packed(e) && loop->n_results == 1 && loop->result[0].rank == 0 &&
           (every_read(e, loop, false) || pack_turns(e, loop) > 1);
}
