/* SPDX-License-Identifier: Apache-2.0
 *
 * control.c -- `for`, `while`
 *
 * Bounds that all chains share make a loop; where they vary, or the condition does, it goes on
 * while any chain is in it, and the others keep their values.
 */
#include "backends/llvm/emit.h"

/* ---- carried values */

/* A phi at the start of `head`, whose value on entry is known. */
static LLVMValueRef
phi_at(Emit *e, LLVMBasicBlockRef head, LLVMValueRef first, LLVMBasicBlockRef from)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
    LLVMValueRef at = LLVMGetFirstInstruction(head);

    if (at)
        LLVMPositionBuilderBefore(e->b, at);
    else
        LLVMPositionBuilderAtEnd(e->b, head);
    LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(first), "");
    LLVMAddIncoming(phi, &first, &from, 1);
    LLVMPositionBuilderAtEnd(e->b, here);
    return phi;
}

typedef struct Carried {
    const Node *n;
    RegionId body;
    uint32_t n_values, first, skip; /* first operand, first parameter that is carried */
    bool masked;
    Value *now;                     /* [instance][value]: arrays are this loop's own */
    LLVMValueRef *phi;              /* NULL for arrays */
    unsigned packed;                /* instances whose values make packs */
    LLVMValueRef *pack, *next_pack; /* by pack: its phi, and what it becomes */
} Carried;

static bool
carries_chain(const Emit *e, const Carried *c, uint32_t k)
{
    Ref p = e->f->region[c->body].param[c->skip + k];

    return c->masked || e->variance[p.id] == VARY_chain;
}

static Carried
carry(Emit *e, const Node *n, uint32_t first, uint32_t skip, bool masked)
{
    Carried c = {.n = n,
                 .body = n->own[n->n_regions - 1],
                 .n_values = n->n_results,
                 .first = first,
                 .skip = skip,
                 .masked = masked};
    uint32_t id = (uint32_t)(n - e->f->node);

    c.now = arena_array(e->arena, Value, (size_t)e->frame->n * c.n_values + 1);
    c.phi = arena_array(e->arena, LLVMValueRef, (size_t)e->frame->n * c.n_values + 1);
    for (unsigned at = 0; at < e->frame->n * c.n_values; at++) {
        uint32_t k = at % c.n_values;
        const Value *init = value_at(e, n->arg[first + k], at / c.n_values);
        bool chain = carries_chain(e, &c, k);
        if (n->result[k].rank) {
            c.now[at] = result_array(e, id, k, at / c.n_values, chain);
            if (masked || !e->home[id][k].written)
                copy_array(e, &c.now[at], init, n->result[k]);
        } else {
            c.now[at] = chain && !init->chain ? chain_value(vector_of(e, init)) : *init;
        }
    }
    return c;
}

/* Of one value each, by packs as far as instances fill them. */
static void
carry_packs(Emit *e, Carried *c, LLVMBasicBlockRef head, LLVMBasicBlockRef before)
{
    unsigned size = pack_size(e);

    for (unsigned at = 0; at < c->packed; at += size) {
        c->pack[at / size] = phi_at(e, head, c->next_pack[at / size], before);
        pack_split(e, c->pack[at / size], &c->now[at]);
        for (unsigned i = at; i < at + size; i++)
            c->phi[i] = c->now[i].v;
    }
}

static void
carry_phis(Emit *e, Carried *c, LLVMBasicBlockRef head, LLVMBasicBlockRef before)
{
    carry_packs(e, c, head, before);
    for (unsigned at = c->packed; at < e->frame->n * c->n_values; at++) {
        Value *x = &c->now[at];
        if (c->n->result[at % c->n_values].rank)
            continue;
        c->phi[at] = phi_at(e, head, value_as(e, x, x->chain), before);
        *x = x->chain ? chain_value(c->phi[at]) : uniform_value(c->phi[at]);
    }
}

static LLVMValueRef
join_carried(Emit *e, const Value *now)
{
    const Value *part[MAX_PACK];

    for (unsigned p = 0; p < pack_size(e); p++)
        part[p] = &now[p];
    return pack_join(e, part);
}

/* What was carried, after the loop. */
static void
keep_packs(Emit *e, Carried *c)
{
    const Value *part[MAX_PACK];

    for (unsigned at = 0; at < c->packed; at += pack_size(e)) {
        for (unsigned p = 0; p < pack_size(e); p++)
            part[p] = &c->now[at + p];
        pack_keep(e, c->next_pack[at / pack_size(e)], part);
    }
}

/* Joins what is carried, where packs pay. */
static void
settle_packs(Emit *e, Carried *c)
{
    unsigned size = pack_size(e);

    if (!c->now[0].chain || !pack_carried(e, c->n))
        return;
    c->packed = e->frame->n - e->frame->n % size;
    c->pack = arena_array(e->arena, LLVMValueRef, c->packed / size);
    c->next_pack = arena_array(e->arena, LLVMValueRef, c->packed / size);
    for (unsigned at = 0; at < c->packed; at += size)
        c->next_pack[at / size] = join_carried(e, &c->now[at]);
}

/* Phis take values made before the loop: what needs an instruction is made there. */
static void
settle(Emit *e, Carried *c)
{
    for (unsigned at = 0; at < e->frame->n * c->n_values; at++) {
        Value *x = &c->now[at];
        if (!c->n->result[at % c->n_values].rank && !x->chain)
            *x = uniform_value(scalar_of(e, x));
    }
}

static void
bind_carried(Emit *e, Carried *c, RegionId region, uint32_t skip)
{
    const Region *r = &e->f->region[region];

    for (uint32_t k = 0; k < c->n_values; k++) {
        Value *p = value_room(e, r->param[skip + k].id, 1);
        for (unsigned i = 0; i < e->frame->n; i++) {
            p[i] = c->now[i * c->n_values + k];
            p[i].version = ++e->versions;
            p[i].owner = c->masked || region != c->body ? NULL : e->frame;
        }
    }
}

static bool
reads_carried(const Carried *c, unsigned n, const Value *x, const Value *own)
{
    for (unsigned at = 0; at < n * c->n_values; at++)
        if (c->n->result[at % c->n_values].rank && c->now[at].root == x->root &&
            (&c->now[at] != own || x->v != own->v))
            return true;
    return false;
}

/* The new content of a carried array, out of the way of the other copies. */
static Value
aside(Emit *e, const Carried *c, const Value *y, const Value *own, Type type)
{
    if (!reads_carried(c, e->frame->n, y, own))
        return *y;
    Value t = array_new(e, type, y->chain);
    copy_array(e, &t, y, type);
    return t;
}

/* What the body yields becomes what is carried; `mask` (or NULL): lanes that go on. */
static void
advance(Emit *e, Carried *c, LLVMValueRef mask, LLVMBasicBlockRef *ret_end)
{
    const Region *r = &e->f->region[c->body];
    unsigned all = e->frame->n * c->n_values;
    Value *next = arena_array(e->arena, Value, all + 1);

    for (unsigned at = 0; at < all; at++) {
        uint32_t k = at % c->n_values;
        next[at] = *value_at(e, r->yield[k], at / c->n_values);
        if (c->n->result[k].rank)
            next[at] = aside(e, c, &next[at], &c->now[at], c->n->result[k]);
    }
    for (unsigned at = 0; at < all; at++) {
        Type type = c->n->result[at % c->n_values];
        bool chain = c->now[at].chain;
        if (type.rank && mask)
            blend_array(e, &c->now[at], &next[at], mask, type);
        else if (type.rank)
            copy_array(e, &c->now[at], &next[at], type);
        else if (mask)
            next[at] = chain_value(
                select_lanes(e, mask, vector_of(e, &next[at]), vector_of(e, &c->now[at])));
        else if (c->phi[at])
            next[at] = chain ? chain_value(vector_of(e, &next[at]))
                             : uniform_value(scalar_of(e, &next[at]));
    }
    for (unsigned at = 0; at < c->packed; at += pack_size(e))
        c->next_pack[at / pack_size(e)] = join_carried(e, &next[at]);
    *ret_end = LLVMGetInsertBlock(e->b);
    for (unsigned at = 0; at < all; at++)
        if (!c->n->result[at % c->n_values].rank)
            c->now[at] = next[at];
}

static void
close_phis(Emit *e, Carried *c, LLVMBasicBlockRef end)
{
    for (unsigned at = 0; at < c->packed; at += pack_size(e))
        LLVMAddIncoming(c->pack[at / pack_size(e)], &c->next_pack[at / pack_size(e)], &end, 1);
    for (unsigned at = c->packed; at < e->frame->n * c->n_values; at++)
        if (c->phi[at])
            LLVMAddIncoming(c->phi[at], &c->now[at].v, &end, 1);
}

static void
results_are_phis(Emit *e, Carried *c)
{
    for (unsigned at = 0; at < e->frame->n * c->n_values; at++)
        if (c->phi[at])
            c->now[at].v = c->phi[at];
}

static void
give_results(Emit *e, Carried *c, Value *ret)
{
    for (unsigned at = 0; at < e->frame->n * c->n_values; at++) {
        ret[at] = c->now[at];
        ret[at].version = ++e->versions;
    }
}

/* ---- for with bounds that all chains share */

static void
bind_turn(Emit *e, const Node *n, Index i)
{
    Value *p = value_room(e, e->f->region[n->own[0]].param[0].id, 1);

    for (unsigned k = 0; k < e->frame->n; k++)
        p[k] = index_value(i);
}

static void
emit_turn(Emit *e, Carried *c, Index i, LLVMBasicBlockRef *ret_end)
{
    uint64_t mark = e->scratch_used;
    Frame *frame = frame_same(e, c->body);

    bind_turn(e, c->n, i);
    bind_carried(e, c, c->body, 1);
    prefetch_turn(e, c->n, i);
    emit_region(e, c->body);
    advance(e, c, NULL, ret_end);
    frame_close(e, frame);
    e->scratch_used = mark;
}

/* Turns [0, count) of a `for`, `block` of them at a time, then the rest. */
static void
emit_blocks(Emit *e, Carried *c, int64_t count, unsigned block)
{
    LLVMBasicBlockRef end;
    int64_t whole = count / block;

    Turns t = turns_open(e, int64_of(e, 0), int64_of(e, whole), 1, true);
    carry_phis(e, c, t.head, t.before);
    Index first = index_scale(e, (Index){t.i, 1, 0, 0, whole - 1}, block);
    for (unsigned k = 0; k < block; k++)
        emit_turn(e, c, index_add(e, first, index_constant(k)), &end);
    turns_close(e, &t);
    close_phis(e, c, end);
    keep_packs(e, c);
    for (int64_t i = whole * block; i < count; i++)
        emit_turn(e, c, index_constant(i), &end);
}

static void
emit_uniform_for(Emit *e, const Node *n, Value *ret)
{
    Index from = index_of(e, value_at(e, n->arg[0], 0));
    Index to = index_of(e, value_at(e, n->arg[1], 0));
    Carried c = carry(e, n, 2, 1, false);
    LLVMBasicBlockRef end;

    if (!from.base && !to.base && plan_for_whole(e, n, to.offset - from.offset)) {
        for (int64_t i = from.offset; i < to.offset; i++)
            emit_turn(e, &c, index_constant(i), &end);
        give_results(e, &c, ret);
        return;
    }
    settle(e, &c);
    settle_packs(e, &c);
    unsigned block = pack_turns(e, n);
    if (c.packed && block > 1 && !from.base && !from.offset && !to.base && to.offset >= block) {
        emit_blocks(e, &c, to.offset, block);
        give_results(e, &c, ret);
        return;
    }
    Turns t = turns_open(e, index_wide(e, from), index_wide(e, to), 1, from.high < to.low);
    carry_phis(e, &c, t.head, t.before);
    emit_turn(e, &c, (Index){t.i, 1, 0, from.low, to.high - 1}, &end);
    turns_close(e, &t);
    close_phis(e, &c, end);
    if (t.at_least_once)
        keep_packs(e, &c);
    else
        results_are_phis(e, &c);
    give_results(e, &c, ret);
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
within_bound(Emit *e, const Wait *w, uint32_t operand)
{
    const Value *to = value_at(e, w->n->arg[operand], 0);
    LLVMValueRef limit = w->masked ? vector_of(e, to) : scalar_of(e, to);
    LLVMValueRef i = w->count;

    if (w->masked && LLVMTypeOf(i) == e->i32)
        i = splat(e, i, e->lanes);
    return LLVMBuildICmp(e->b, LLVMIntSLT, i, limit, "");
}

/* Whether the condition of a `while` holds. */
static LLVMValueRef
condition_of(Emit *e, Wait *w, Carried *c)
{
    RegionId region = w->n->own[0];
    Frame *frame = frame_same(e, region);

    bind_carried(e, c, region, 0);
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
    close_phis(e, c, end);
    LLVMBuildBr(e->b, w->head);
    LLVMPositionBuilderAtEnd(e->b, w->done);
    results_are_phis(e, c);
}

static void
bind_count(Emit *e, const Wait *w)
{
    if (w->n->op == OP_for)
        value_room(e, e->f->region[w->n->own[0]].param[0].id, 1)[0] =
            w->masked ? chain_value(w->count) : uniform_value(w->count);
}

/* Instances come one by one. */
static void
emit_wait(Emit *e, const Node *n, Value *ret)
{
    bool is_for = n->op == OP_for;
    Wait w = {.n = n, .masked = is_for};
    uint32_t bound = is_for ? 1 : 0, skip = is_for ? 1 : 0;

    if (!is_for)
        w.masked = e->variance[e->f->region[n->own[0]].yield[0].id] == VARY_chain ||
                   value_at(e, n->arg[0], 0)->chain;
    Carried c = carry(e, n, bound + 1, skip, w.masked);
    LLVMValueRef first = is_for ? vector_of(e, value_at(e, n->arg[0], 0)) : int32_of(e, 0);
    settle(e, &c);
    size_t mark = memo_open(e);
    uint64_t scratch = e->scratch_used;
    wait_open(e, &w, &c, first);
    LLVMValueRef go = within_bound(e, &w, bound);
    if (!is_for)
        go = LLVMBuildAnd(e->b, go, condition_of(e, &w, &c), "");
    if (w.active)
        go = LLVMBuildAnd(e->b, go, w.active, "");
    LLVMBasicBlockRef body = new_block(e, "body"), end;
    LLVMBuildCondBr(e->b, any_lane(e, go), body, w.done);
    LLVMPositionBuilderAtEnd(e->b, body);
    Frame *frame = frame_same(e, c.body);
    bind_count(e, &w);
    bind_carried(e, &c, c.body, skip);
    emit_region(e, c.body);
    advance(e, &c, w.masked ? go : NULL, &end);
    frame_close(e, frame);
    wait_close(e, &w, &c, go);
    e->scratch_used = scratch;
    memo_close(e, mark);
    give_results(e, &c, ret);
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
