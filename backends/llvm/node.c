/* SPDX-License-Identifier: Apache-2.0
 *
 * node.c -- the nodes of a region, in what order they are emitted for its instances
 *
 * Nodes go one after the other, each for all instances.  A group that shares products has more
 * instances than the work around these asks for: many nodes that follow one another, of which
 * an instance needs nothing of the others, go a few instances at a time, and their results are
 * taken before the next.  What lives at a time then fits into registers.
 */
#include <assert.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { RUN = 8, LANE_BYTES = 4 };

typedef void RangeFn(Emit *e, uint32_t id, unsigned from, unsigned to);

static void
emit_scalar_const(Emit *e, uint32_t id, unsigned from, unsigned to)
{
    const Node *n = &e->f->node[id];
    DType d = (DType)n->type.dtype;
    Scalar s = {.bits = 0};

    memcpy(&s, n->attr.data, dtype_size(d));
    for (unsigned i = from; i < to; i++)
        e->value[id][i] = d == DT_i32 ? index_value(index_constant(s.i32))
                                      : uniform_value(scalar_constant(e, d, s));
}

static void
emit_get(Emit *e, uint32_t id, unsigned from, unsigned to)
{
    const Node *n = &e->f->node[id];

    for (unsigned i = from; i < to; i++)
        e->value[id][i] = value_at(e, n->arg[0], i)[n->attr.i];
}

static void
emit_all_pointwise(Emit *e, uint32_t id, unsigned from, unsigned to)
{
    const Node *n = &e->f->node[id];
    Value *ret = e->value[id];

    assert(n->type.rank == 0 && "loop form has pointwise ops on scalars");
    for (unsigned i = from; i < to; i++) {
        const Value *arg[3] = {NULL, NULL, NULL};
        if (pack_pointwise(e, n, i, &ret[i])) {
            i += pack_size(e) - 1;
            continue;
        }
        for (uint32_t k = 0; k < n->n_args; k++)
            arg[k] = value_at(e, n->arg[k], i);
        ret[i] = emit_pointwise(e, n, arg);
    }
}

/* How a node is emitted that makes one value of each instance's operands alone; NULL: another.
 */
static RangeFn *
range_function(const Node *n)
{
    if (op_is_pointwise((Op)n->op))
        return emit_all_pointwise;
    switch ((Op)n->op) {
    case OP_const: return n->type.rank ? NULL : emit_scalar_const;
    case OP_get: return emit_get;
    case OP_at: return emit_at;
    default: return NULL;
    }
}

static void
emit_node(Emit *e, uint32_t id)
{
    switch ((Op)e->f->node[id].op) {
    case OP_arg: break;
    case OP_const: constant_array(e, id); break;
    case OP_update: emit_update(e, id); break;
    case OP_word: emit_word(e, id); break;
    case OP_chain_index: emit_chain_index(e, id); break;
    case OP_if: emit_if(e, id); break;
    case OP_for: emit_for(e, id); break;
    case OP_while: emit_while(e, id); break;
    case OP_loop: emit_loop(e, id); break;
    default: assert(!"loop form");
    }
}

static bool
is_emitted(const Emit *e, RegionId region, uint32_t id)
{
    bool constant = e->f->node[id].op == OP_const;

    return region != 0 || constant || (bool)e->prepared[id] == e->preparing;
}

/* Instruction selection takes more than linear time in the length of a block. */
static void
limit_block(Emit *e, size_t values)
{
    enum { MOST = 2048 };
    LLVMBasicBlockRef block = LLVMGetInsertBlock(e->b);

    e->straight = (block == e->straight_block ? e->straight : 0) + values;
    e->straight_block = block;
    if (e->straight < MOST)
        return;
    LLVMBasicBlockRef next = new_block(e, "further");
    LLVMBuildBr(e->b, next);
    LLVMPositionBuilderAtEnd(e->b, next);
}

/* As many as one value of takes a quarter of the registers: enough to hide what an operation
 * takes, and few enough for what an expansion keeps at a time. */
static unsigned
instances_at_once(const Emit *e)
{
    unsigned bytes = e->registers / 4 * e->register_bytes, n = bytes / (e->lanes * LANE_BYTES);

    return n ? n : 1;
}

/* The nodes from `first` on that make values of each instance alone, a few instances at a time
 * where the nodes are many.  Returns the first node after them. */
static size_t
emit_run(Emit *e, RegionId region, size_t first, TakeFn *take, void *user)
{
    const Region *r = &e->f->region[region];
    unsigned size = instances_at_once(e);
    size_t end = first;

    for (; end < r->n_nodes && range_function(&e->f->node[r->node[end]]); end++)
        if (is_emitted(e, region, r->node[end]))
            value_room(e, r->node[end], 1);
    if (end - first < RUN || size > e->frame->n || !e->frame->jam[0].axis)
        size = e->frame->n;
    for (unsigned from = 0; from < e->frame->n; from += size) {
        unsigned to = from + size < e->frame->n ? from + size : e->frame->n;
        for (size_t i = first; i < end; i++)
            if (is_emitted(e, region, r->node[i])) {
                range_function (&e->f->node[r->node[i]])(e, r->node[i], from, to);
                limit_block(e, to - from);
            }
        if (end == r->n_nodes && take)
            take(e, from, to, user);
    }
    return end;
}

void
emit_region_for(Emit *e, RegionId region, TakeFn *take, void *user)
{
    const Region *r = &e->f->region[region];
    size_t i = 0, end = 0;

    while (i < r->n_nodes) {
        end = emit_run(e, region, i, take, user);
        if (end == i && is_emitted(e, region, r->node[i]))
            emit_node(e, r->node[i]);
        i = end + (end == i);
    }
    if (take && end != r->n_nodes)
        take(e, 0, e->frame->n, user);
}

void
emit_region(Emit *e, RegionId region)
{
    emit_region_for(e, region, NULL, NULL);
}
