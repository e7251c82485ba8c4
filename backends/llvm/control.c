/* SPDX-License-Identifier: Apache-2.0
 *
 * control.c -- `for`, `while`
 *
 * Bounds that all chains share make a loop; where they vary, or the condition does, it goes on
 * while any chain is in it, and the others keep their values.
 */
#include "backends/llvm/emit.h"

/* ---- for with bounds that all chains share */

static void
bind_turn(Emit *e, const Node *n, Index i)
{
    Value *p = value_room(e, e->f->region[n->own[0]].param[0].id, 1);

    for (unsigned k = 0; k < e->frame->n; k++)
        p[k] = index_value(i);
}

static LLVMBasicBlockRef
emit_turn(Emit *e, Carried *c, Index i)
{
    uint64_t mark = e->scratch_used;
    Frame *frame = frame_same(e, c->body);

    bind_turn(e, c->n, i);
    carry_bind(e, c, c->body);
    prefetch_turn(e, c->n, i);
    emit_region(e, c->body);
    LLVMBasicBlockRef end = carry_on(e, c, NULL);
    frame_close(e, frame);
    e->scratch_used = mark;
    return end;
}

/* Turns [0, count) of a `for`, `block` of them at a time, then the rest. */
static void
emit_blocks(Emit *e, Carried *c, int64_t count, unsigned block)
{
    LLVMBasicBlockRef end = NULL;
    int64_t whole = count / block;

    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, whole), 1, true);
    carry_phis(e, c, t.head, t.before);
    Index first = index_scale(e, (Index){t.i, 1, 0, 0, whole - 1}, block);
    for (unsigned k = 0; k < block; k++)
        end = emit_turn(e, c, index_add(e, first, index_constant(k)));
    turns_close(e, &t);
    carry_close(e, c, end, true);
    for (int64_t i = whole * block; i < count; i++)
        emit_turn(e, c, index_constant(i));
}

static void
emit_turns(Emit *e, Carried *c, Index from, Index to)
{
    Turns t = turns_open(e, index_wide(e, from), index_wide(e, to), 1, from.high < to.low);

    carry_phis(e, c, t.head, t.before);
    LLVMBasicBlockRef end = emit_turn(e, c, (Index){t.i, 1, 0, from.low, to.high - 1});
    turns_close(e, &t);
    carry_close(e, c, end, t.at_least_once);
}

static void
emit_uniform_for(Emit *e, const Node *n, Value *ret)
{
    Index from = index_of(e, value_at(e, n->arg[0], 0));
    Index to = index_of(e, value_at(e, n->arg[1], 0));
    Carried c = carry_open(e, n, false);
    bool known = !from.base && !to.base;

    if (known && plan_for_whole(e, n, to.offset - from.offset)) {
        for (int64_t i = from.offset; i < to.offset; i++)
            emit_turn(e, &c, index_constant(i));
    } else {
        carry_settle(e, &c);
        carry_in_packs(e, &c);
        unsigned block = !known || from.offset ? 1
                         : c.packed            ? pack_turns(e, n)
                                               : plan_for_block(e, n, to.offset);
        if (block > 1 && to.offset >= block)
            emit_blocks(e, &c, to.offset, block);
        else
            emit_turns(e, &c, from, to);
    }
    carry_results(e, &c, ret);
}

/* ---- loops with a condition */

/* A `while`, or a `for` whose bounds vary by chain. */
typedef struct Wait {
    const Node *n;
    bool masked;
    LLVMBasicBlockRef before, head, done;
    LLVMValueRef count, active; /* phis */
} Wait;

static LLVMValueRef
within_bound(Emit *e, const Wait *w)
{
    const Node *n = w->n;
    LLVMValueRef i = w->count;
    LLVMValueRef limit =
        value_as(e, value_at(e, n->arg[n->n_args - n->n_results - 1], 0), w->masked);

    if (w->masked && LLVMTypeOf(i) == e->i32)
        i = splat(e, i, e->lanes);
    return LLVMBuildICmp(e->b, LLVMIntSLT, i, limit, "");
}

/* Whether the condition of a `while` holds. */
static LLVMValueRef
condition_of(Emit *e, const Wait *w, const Carried *c)
{
    RegionId region = w->n->own[0];
    Frame *frame = frame_same(e, region);

    carry_bind(e, c, region);
    emit_region(e, region);
    LLVMValueRef v = value_as(e, value_at(e, e->f->region[region].yield[0], 0), w->masked);
    frame_close(e, frame);
    return v;
}

static void
wait_open(Emit *e, Wait *w, Carried *c, LLVMValueRef first)
{
    LLVMValueRef all = LLVMConstAllOnes(LLVMVectorType(e->i1, e->lanes));

    w->before = LLVMGetInsertBlock(e->b);
    w->head = new_block(e, "while");
    w->done = new_block(e, "done");
    LLVMBuildBr(e->b, w->head);
    LLVMPositionBuilderAtEnd(e->b, w->head);
    w->count = phi_at(e, w->head, first, w->before);
    if (w->masked)
        w->active = phi_at(e, w->head, all, w->before);
    carry_phis(e, c, w->head, w->before);
    LLVMPositionBuilderAtEnd(e->b, w->head);
}

static void
wait_close(Emit *e, Wait *w, Carried *c, LLVMValueRef active)
{
    LLVMBasicBlockRef end = LLVMGetInsertBlock(e->b);
    LLVMValueRef one = int32_of(e, 1);

    if (LLVMTypeOf(w->count) != e->i32)
        one = splat(e, one, e->lanes);
    LLVMValueRef next = LLVMBuildAdd(e->b, w->count, one, "");
    LLVMAddIncoming(w->count, &next, &end, 1);
    if (w->active)
        LLVMAddIncoming(w->active, &active, &end, 1);
    carry_close(e, c, end, false);
    LLVMBuildBr(e->b, w->head);
    LLVMPositionBuilderAtEnd(e->b, w->done);
}

static void
bind_count(Emit *e, const Wait *w)
{
    if (w->n->op == OP_for)
        value_room(e, e->f->region[w->n->own[0]].param[0].id, 1)[0] =
            w->masked ? chain_value(w->count) : uniform_value(w->count);
}

/* Are there lanes that leave the loop before others? */
static bool
is_masked(Emit *e, const Node *n)
{
    return n->op == OP_for || e->variance[e->f->region[n->own[0]].yield[0].id] == VARY_chain ||
           value_at(e, n->arg[0], 0)->chain;
}

static LLVMValueRef
goes_on(Emit *e, const Wait *w, const Carried *c)
{
    LLVMValueRef go = within_bound(e, w);

    if (w->n->op == OP_while)
        go = LLVMBuildAnd(e->b, go, condition_of(e, w, c), "");
    return w->active ? LLVMBuildAnd(e->b, go, w->active, "") : go;
}

/* Instances come one by one. */
static void
emit_wait(Emit *e, const Node *n, Value *ret)
{
    Wait w = {.n = n, .masked = is_masked(e, n)};
    Carried c = carry_open(e, n, w.masked);
    LLVMValueRef first =
        n->op == OP_for ? vector_of(e, value_at(e, n->arg[0], 0)) : int32_of(e, 0);
    carry_settle(e, &c);
    size_t mark = memo_open(e);
    uint64_t scratch = e->scratch_used;
    wait_open(e, &w, &c, first);
    LLVMValueRef go = goes_on(e, &w, &c);
    LLVMBasicBlockRef body = new_block(e, "body");
    LLVMBuildCondBr(e->b, any_lane(e, go), body, w.done);
    LLVMPositionBuilderAtEnd(e->b, body);
    Frame *frame = frame_same(e, c.body);
    bind_count(e, &w);
    carry_bind(e, &c, c.body);
    emit_region(e, c.body);
    carry_on(e, &c, w.masked ? go : NULL);
    frame_close(e, frame);
    wait_close(e, &w, &c, go);
    e->scratch_used = scratch;
    memo_close(e, mark);
    carry_results(e, &c, ret);
}

static void
emit_for_group(Emit *e, const Node *n, Value *ret)
{
    bool chain = false;

    for (uint32_t k = 0; k < 2; k++)
        for (unsigned i = 0; i < e->frame->n; i++)
            chain |= value_at(e, n->arg[k], i)->chain;
    if (e->frame->n > 1 && (chain || !is_common(e, n, 0) || !is_common(e, n, 1)))
        emit_each(e, n, ret, emit_for_group);
    else if (chain)
        emit_wait(e, n, ret);
    else
        emit_uniform_for(e, n, ret);
}

void
emit_for(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];

    emit_for_group(e, n, value_room(e, id, n->n_results));
}

void
emit_while(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];

    emit_each(e, n, value_room(e, id, n->n_results), emit_wait);
}
