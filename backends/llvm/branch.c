/* SPDX-License-Identifier: Apache-2.0
 *
 * branch.c -- `if`
 *
 * A condition that is the same for all chains is a branch.  One that varies leads to a branch
 * on whether any chain takes it, and to a select.
 */
#include "backends/llvm/emit.h"

enum { CHEAP = 16 };

static bool
is_cheap(const Emit *e, RegionId region)
{
    const Region *r = &e->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        const Node *n = &e->f->node[r->node[i]];
        if (!op_is_pointwise((Op)n->op) && n->op != OP_const)
            return false;
    }
    return r->n_nodes <= CHEAP;
}

/* One `if` for all instances of the frame. */
typedef struct Fork {
    const Node *n;
    LLVMValueRef *mask; /* one an instance; not used by a uniform `if` */
    bool *chain;        /* one a result */
    Value *ret;
    LLVMBasicBlockRef from[2], end[2];
    LLVMValueRef *v[2]; /* scalar results of the two regions */
} Fork;

/* Arrays of the second region are blended into those of the first where masks decide. */
static void
emit_side(Emit *e, Fork *f, int side)
{
    RegionId region = f->n->own[side];
    const Region *r = &e->f->region[region];
    size_t mark = memo_open(e);
    Frame *frame = frame_same(e, region);

    emit_region(e, region);
    for (unsigned i = 0; i < frame->n; i++)
        for (uint32_t k = 0; k < f->n->n_results; k++) {
            const Value *y = value_at(e, r->yield[k], i);
            Type type = f->n->result[k];
            uint32_t at = i * f->n->n_results + k;
            if (!type.rank)
                f->v[side][at] = value_as(e, y, f->chain[k]);
            else if (f->mask && side)
                blend_array(e, &f->ret[at], y, LLVMBuildNot(e->b, f->mask[i], ""), type);
            else
                copy_array(e, &f->ret[at], y, type);
        }
    frame_close(e, frame);
    memo_close(e, mark);
    f->end[side] = LLVMGetInsertBlock(e->b);
}

static Fork
fork_new(Emit *e, const Node *n, Value *ret, bool masked)
{
    Fork f = {.n = n, .ret = ret};
    unsigned all = e->frame->n * n->n_results;

    f.chain = arena_array(e->arena, bool, n->n_results);
    f.v[0] = arena_array(e->arena, LLVMValueRef, all);
    f.v[1] = arena_array(e->arena, LLVMValueRef, all);
    for (uint32_t k = 0; k < n->n_results; k++) {
        f.chain[k] = masked;
        for (int s = 0; s < 2; s++)
            f.chain[k] |= e->variance[e->f->region[n->own[s]].yield[k].id] == VARY_chain;
        for (unsigned i = 0; n->result[k].rank && i < e->frame->n; i++)
            ret[i * n->n_results + k] = array_new(e, n->result[k], f.chain[k]);
    }
    return f;
}

static void
set_results(Fork *f, unsigned at, uint32_t k, LLVMValueRef v)
{
    f->ret[at] = f->chain[k] ? chain_value(v) : uniform_value(v);
}

static void
emit_branch(Emit *e, const Node *n, LLVMValueRef condition, Value *ret)
{
    Fork f = fork_new(e, n, ret, false);
    LLVMBasicBlockRef side[2] = {new_block(e, "then"), new_block(e, "else")};
    LLVMBasicBlockRef join = new_block(e, "join");

    LLVMBuildCondBr(e->b, condition, side[0], side[1]);
    for (int s = 0; s < 2; s++) {
        LLVMPositionBuilderAtEnd(e->b, side[s]);
        emit_side(e, &f, s);
        LLVMBuildBr(e->b, join);
    }
    LLVMPositionBuilderAtEnd(e->b, join);
    for (unsigned at = 0; at < e->frame->n * n->n_results; at++) {
        uint32_t k = at % n->n_results;
        if (n->result[k].rank)
            continue;
        LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(f.v[0][at]), "");
        for (int s = 0; s < 2; s++)
            LLVMAddIncoming(phi, &f.v[s][at], &f.end[s], 1);
        set_results(&f, at, k, phi);
    }
}

/* One side, skipped when no chain takes it. */
static void
emit_guarded(Emit *e, Fork *f, int side)
{
    LLVMValueRef any = NULL;

    for (unsigned i = 0; i < e->frame->n; i++) {
        LLVMValueRef m = side ? LLVMBuildNot(e->b, f->mask[i], "") : f->mask[i];
        any = any ? LLVMBuildOr(e->b, any, m, "") : m;
    }
    LLVMBasicBlockRef before = LLVMGetInsertBlock(e->b);
    LLVMBasicBlockRef inside = new_block(e, "some"), after = new_block(e, "after");
    LLVMBuildCondBr(e->b, any_lane(e, any), inside, after);
    LLVMPositionBuilderAtEnd(e->b, inside);
    emit_side(e, f, side);
    LLVMBuildBr(e->b, after);
    LLVMPositionBuilderAtEnd(e->b, after);
    for (unsigned at = 0; at < e->frame->n * f->n->n_results; at++) {
        if (f->n->result[at % f->n->n_results].rank)
            continue;
        LLVMValueRef none = LLVMConstNull(LLVMTypeOf(f->v[side][at]));
        LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(none), "");
        LLVMAddIncoming(phi, &none, &before, 1);
        LLVMAddIncoming(phi, &f->v[side][at], &f->end[side], 1);
        f->v[side][at] = phi;
    }
}

static void
emit_masked_if(Emit *e, const Node *n, Value *ret)
{
    Fork f = fork_new(e, n, ret, true);

    f.mask = arena_array(e->arena, LLVMValueRef, e->frame->n);
    for (unsigned i = 0; i < e->frame->n; i++)
        f.mask[i] = vector_of(e, value_at(e, n->arg[0], i));
    for (int s = 0; s < 2; s++) {
        if (is_cheap(e, n->own[s]))
            emit_side(e, &f, s);
        else
            emit_guarded(e, &f, s);
    }
    for (unsigned at = 0; at < e->frame->n * n->n_results; at++) {
        uint32_t k = at % n->n_results;
        if (!n->result[k].rank)
            set_results(&f, at, k,
                        select_lanes(e, f.mask[at / n->n_results], f.v[0][at], f.v[1][at]));
    }
}

/* The region that is known to be taken, in place. */
static void
emit_taken(Emit *e, const Node *n, int side, Value *ret)
{
    Frame *frame = frame_same(e, n->own[side]);

    emit_region(e, n->own[side]);
    for (unsigned i = 0; i < frame->n; i++)
        for (uint32_t k = 0; k < n->n_results; k++)
            ret[i * n->n_results + k] = *value_at(e, e->f->region[n->own[side]].yield[k], i);
    frame_close(e, frame);
}

static void
emit_if_group(Emit *e, const Node *n, Value *ret)
{
    const Value *condition = value_at(e, n->arg[0], 0);

    if (condition->chain)
        emit_masked_if(e, n, ret);
    else if (!is_common(e, n, 0))
        emit_each(e, n, ret, emit_if_group);
    else if (LLVMIsAConstantInt(condition->v))
        emit_taken(e, n, !LLVMConstIntGetZExtValue(condition->v), ret);
    else
        emit_branch(e, n, condition->v, ret);
}

void
emit_if(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];

    emit_if_group(e, n, value_room(e, id, n->n_results));
}
