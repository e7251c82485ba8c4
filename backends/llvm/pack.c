/* SPDX-License-Identifier: Apache-2.0
 *
 * pack.c -- several instances in one register, where a few chains fill but a part of it
 *
 * The lanes of a pack are those of its instances, one after another, or by turns: then all
 * instances of a chain are side by side, and a run of elements, one an instance, comes from
 * memory once a chain.  Four chains may also lie apart: so many instances make a pack that each
 * chain fills a register, and what the chains share is one register.  A value whose instances
 * are parts of a pack stays one as long as what it meets is a pack too, or the same for all
 * instances.  Packs are made within the groups of products, where instances are many.
 */
#include "backends/llvm/emit.h"

enum { LANE_BYTES = 4, QUAD = 4 };

unsigned
pack_lanes(const Emit *e)
{
    return e->register_bytes / LANE_BYTES;
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

unsigned
pack_size(const Emit *e)
{
    unsigned all = pack_lanes(e), n = pack_order(e) == PACK_apart ? all : all / e->lanes;

    return n ? n : 1;
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

/* n vectors of `lanes` lanes each, as one. */
static LLVMValueRef
join_all(Emit *e, LLVMValueRef x[], unsigned n, unsigned lanes)
{
    for (; n > 1; n /= 2, lanes *= 2)
        for (unsigned p = 0; p < n / 2; p++)
            x[p] = join_lanes(e, x[2 * p], x[2 * p + 1], lanes);
    return x[0];
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
    bool side_by_side = by_chain == (pack_order(e) != PACK_in_row);

    return spread_lanes(e, x, n, side_by_side ? others : 1, side_by_side ? 1 : others);
}

/* The number of each chain in a register of its own; straight from memory where x was loaded.
 */
static LLVMValueRef
splat_chains(Emit *e, LLVMValueRef x)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
    LLVMValueRef each[QUAD], load = LLVMIsALoadInst(x);

    if (load)
        LLVMPositionBuilderBefore(e->b, load);
    for (unsigned c = 0; c < QUAD; c++)
        each[c] =
            load ? LLVMBuildLoad2(
                       e->b, LLVMGetElementType(LLVMTypeOf(x)),
                       byte_offset(e, LLVMGetOperand(load, 0), int64_of(e, c * LANE_BYTES)), "")
                 : LLVMBuildExtractElement(e->b, x, int32_of(e, c), "");
    LLVMPositionBuilderAtEnd(e->b, here);
    for (unsigned c = 0; c < QUAD; c++)
        each[c] = splat(e, each[c], pack_lanes(e));
    return join_all(e, each, QUAD, pack_lanes(e));
}

static LLVMValueRef
repeat(Emit *e, const Value *x)
{
    if (!x->chain)
        return splat(e, scalar_of(e, x), e->lanes * pack_size(e));
    MemoKey key = {TAG_repeat, pack_order(e), x->v, NULL, NULL};
    LLVMValueRef v = memo_find(e, key);
    if (!v)
        v = pack_order(e) == PACK_apart ? splat_chains(e, x->v)
                                        : spread(e, x->v, e->lanes, true);
    return memo_keep(e, key, v);
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

/* Two of each four lanes of x and the same two of y, by turns (`step` 1) or in pairs (2). */
static LLVMValueRef
interleave(Emit *e, LLVMValueRef x, LLVMValueRef y, unsigned step, bool upper)
{
    LLVMValueRef lane[MAX_LANES];
    unsigned n = pack_lanes(e);

    for (unsigned i = 0; i < n; i++) {
        unsigned of = i % QUAD, from = step == 1 ? of / 2 : of % 2;
        bool second = step == 1 ? of % 2 : of / 2;
        lane[i] = int32_of(e, i - of + from + (upper ? 2 : 0) + (second ? n : 0));
    }
    return LLVMBuildShuffleVector(e->b, x, y, LLVMConstVector(lane, n), "");
}

/* Lane j of each four in register i becomes lane i in register j. */
static void
transpose_quads(Emit *e, LLVMValueRef v[QUAD])
{
    LLVMValueRef u[QUAD];

    for (unsigned i = 0; i < QUAD; i++)
        u[i] = interleave(e, v[i / 2 * 2], v[i / 2 * 2 + 1], 1, i % 2);
    for (unsigned j = 0; j < QUAD; j++)
        v[j] = interleave(e, u[j / 2], u[j / 2 + 2], 2, j % 2);
}

/* Of as many vectors of four as a register has lanes: element j of all of them in register j.
 */
static void
gather_quads(Emit *e, LLVMValueRef const x[], LLVMValueRef ret[QUAD])
{
    unsigned n = pack_lanes(e) / QUAD;

    for (unsigned i = 0; i < QUAD; i++) {
        LLVMValueRef part[MAX_PACK];
        for (unsigned p = 0; p < n; p++)
            part[p] = x[QUAD * p + i];
        ret[i] = join_all(e, part, n, QUAD);
    }
    transpose_quads(e, ret);
}

/* The other way. */
static void
scatter_quads(Emit *e, LLVMValueRef v[QUAD], LLVMValueRef ret[])
{
    transpose_quads(e, v);
    for (unsigned p = 0; p < pack_lanes(e); p++)
        ret[p] = some_lanes(e, v[p % QUAD], p / QUAD * QUAD, QUAD);
}

LLVMValueRef
pack_join(Emit *e, const Value *const part[])
{
    LLVMValueRef v = find_pack(e, part), x[MAX_PACK], chain[QUAD];

    if (v || all_same(e, part))
        return v ? v : repeat(e, part[0]);
    for (unsigned p = 0; p < pack_size(e); p++) {
        if (!part[p]->chain)
            return NULL;
        x[p] = part[p]->v;
    }
    if (pack_order(e) == PACK_apart) {
        gather_quads(e, x, chain);
        v = join_all(e, chain, QUAD, pack_lanes(e));
    } else {
        v = join_all(e, x, pack_size(e), e->lanes);
    }
    if (pack_order(e) == PACK_by_turns)
        v = turn_lanes(e, v, pack_size(e), e->lanes);
    pack_keep(e, v, part);
    return v;
}

/* The lanes of each instance of a pack. */
static void
split_lanes(Emit *e, LLVMValueRef pack, LLVMValueRef ret[])
{
    LLVMValueRef chain[QUAD];

    if (pack_order(e) == PACK_apart) {
        for (unsigned c = 0; c < QUAD; c++)
            chain[c] = some_lanes(e, pack, c * pack_lanes(e), pack_lanes(e));
        scatter_quads(e, chain, ret);
        return;
    }
    if (pack_order(e) == PACK_by_turns)
        pack = turn_lanes(e, pack, e->lanes, pack_size(e));
    for (unsigned p = 0; p < pack_size(e); p++)
        ret[p] = some_lanes(e, pack, p * e->lanes, e->lanes);
}

void
pack_split(Emit *e, LLVMValueRef pack, Value *ret)
{
    const Value *part[MAX_PACK];
    LLVMValueRef each[MAX_PACK];

    split_lanes(e, pack, each);
    for (unsigned p = 0; p < pack_size(e); p++) {
        ret[p] = chain_value(each[p]);
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

    if (!(n->attr.i & 1) || array->chain || array->constant || !dtype_is_float((DType)t.dtype))
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
           last->region == at->region && (at->attr.i & 1) && is_large(e, at->arg[0]);
}

/* A block is as many columns of the rows of a pack's instances. */
static unsigned
block_columns(const Emit *e)
{
    return pack_order(e) == PACK_apart ? QUAD : pack_size(e);
}

/* Columns start, start + 1, ... of the rows: one register with row after row, or a register a
 * column, for packs that lie apart. */
static void
load_block(Emit *e, const Node *n, unsigned first, Index *const start, LLVMValueRef ret[])
{
    unsigned size = pack_size(e), columns = block_columns(e);
    DType d = (DType)ir_type(e->f, n->arg[0]).dtype;
    LLVMValueRef x[MAX_PACK];

    for (unsigned p = 0; p < size; p++)
        x[p] = load_elements(e, value_at(e, n->arg[0], first + p), d, start[p], columns);
    if (pack_order(e) == PACK_apart)
        gather_quads(e, x, ret);
    else
        ret[0] = join_all(e, x, size, columns);
}

/* Register `number` of the block that starts there, loaded once. */
static LLVMValueRef
find_block(Emit *e, const Node *n, unsigned first, Index *const start, unsigned number)
{
    unsigned size = pack_size(e), registers = pack_order(e) == PACK_apart ? QUAD : 1;
    LLVMValueRef all[QUAD];
    MemoKey key = {TAG_block + (number << 8), (uint32_t)start[0].offset,
                   value_at(e, n->arg[0], first)->v, start[0].base, start[size - 1].base};
    LLVMValueRef block = memo_find(e, key);

    if (block)
        return block;
    load_block(e, n, first, start, all);
    for (unsigned i = 0; i < registers; i++) {
        key.tag = TAG_block + (i << 8);
        memo_keep(e, key, all[i]);
    }
    return all[number];
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

/* Which column of its block a turn reads: blocks begin at multiples of their width, but the
 * last one ends with its row. */
static bool
find_column(Emit *e, const Node *n, Index turn, int64_t *ret)
{
    Type t = ir_type(e->f, n->arg[0]);
    int64_t columns = block_columns(e), width = t.dim[t.rank - 1];

    if (turn.base)
        return index_residue(turn, columns, ret);
    *ret = turn.offset % columns;
    if (turn.offset - *ret + columns > width)
        *ret = turn.offset - (width - columns);
    return width >= columns;
}

bool
pack_column(Emit *e, const Node *n, unsigned first, Value *ret)
{
    unsigned size = pack_size(e);
    Index start[MAX_PACK];
    int64_t column;

    if (!is_packed(e) || first + size > e->frame->n || !pack_reads_along(e, n) ||
        !find_column(e, n, value_at(e, n->arg[n->n_args - 1], first)->index, &column))
        return false;
    for (unsigned p = 0; p < size; p++) {
        if (!find_element(e, n, first + p, &start[p]))
            return false;
        start[p] = index_add(e, start[p], index_constant(-column));
    }
    if (pack_order(e) == PACK_apart) {
        LLVMValueRef run = find_block(e, n, first, start, (unsigned)column);
        split_run(e, spread(e, run, size, false), run, 0, 1, ret);
        return true;
    }
    LLVMValueRef block = find_block(e, n, first, start, 0);
    split_run(e, pick_column(e, block, (unsigned)column), block, (unsigned)column, size, ret);
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
    return is_packed(e) && every_read(e, loop, true) ? block_columns(e) : 1;
}

bool
pack_carried(Emit *e, const Node *loop)
{
    return is_packed(e) && loop->n_results == 1 && loop->result[0].rank == 0 &&
           (every_read(e, loop, false) || pack_turns(e, loop) > 1);
}
