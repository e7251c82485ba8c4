/* SPDX-License-Identifier: Apache-2.0
 *
 * carry.c -- what a `for` or `while` carries from turn to turn
 *
 * Numbers are phis of LLVM's loop, some of them joined to packs; arrays stay where they stand,
 * and what is to follow is written or copied there.
 */
#include "backends/llvm/emit.h"

static bool
carries_chain(const Emit *e, const Carried *c, uint32_t k)
{
    const Region *r = &e->f->region[c->body];
    Ref p = r->param[r->n_params - c->n_values + k];

    return c->masked || e->variance[p.id] == VARY_chain;
}

Carried
carry_open(Emit *e, const Node *n, bool masked)
{
    uint32_t id = (uint32_t)(n - e->f->node), first = n->n_args - n->n_results;
    Carried c = {.n = n,
                 .body = n->own[n->n_regions - 1],
                 .n_values = n->n_results,
                 .all = e->frame->n * n->n_results,
                 .masked = masked};

    c.now = arena_array(e->arena, Value, c.all + 1);
    c.phi = arena_array(e->arena, LLVMValueRef, c.all + 1);
    for (unsigned at = 0; at < c.all; at++) {
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
phis_of_packs(Emit *e, Carried *c, LLVMBasicBlockRef head, LLVMBasicBlockRef before)
{
    unsigned size = pack_size(e);

    for (unsigned at = 0; at < c->packed; at += size) {
        c->pack[at / size] = phi_at(e, head, c->next_pack[at / size], before);
        pack_split(e, c->pack[at / size], &c->now[at]);
        for (unsigned i = at; i < at + size; i++)
            c->phi[i] = c->now[i].v;
    }
}

void
carry_phis(Emit *e, Carried *c, LLVMBasicBlockRef head, LLVMBasicBlockRef before)
{
    phis_of_packs(e, c, head, before);
    for (unsigned at = c->packed; at < c->all; at++) {
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

void
carry_in_packs(Emit *e, Carried *c)
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

void
carry_settle(Emit *e, Carried *c)
{
    for (unsigned at = 0; at < c->all; at++) {
        Value *x = &c->now[at];
        if (!c->n->result[at % c->n_values].rank && !x->chain)
            *x = uniform_value(scalar_of(e, x));
    }
}

void
carry_bind(Emit *e, const Carried *c, RegionId region)
{
    const Region *r = &e->f->region[region];

    for (uint32_t k = 0; k < c->n_values; k++) {
        Value *p = value_room(e, r->param[r->n_params - c->n_values + k].id, 1);
        for (unsigned i = 0; i < e->frame->n; i++) {
            p[i] = c->now[i * c->n_values + k];
            p[i].version = ++e->versions;
            p[i].owner = c->masked || region != c->body ? NULL : e->frame;
        }
    }
}

static bool
reads_carried(const Carried *c, const Value *x, const Value *own)
{
    for (unsigned at = 0; at < c->all; at++)
        if (c->n->result[at % c->n_values].rank && c->now[at].root == x->root &&
            (&c->now[at] != own || x->v != own->v))
            return true;
    return false;
}

/* The new content of a carried array, out of the way of the other copies. */
static Value
aside(Emit *e, const Carried *c, const Value *y, const Value *own, Type type)
{
    if (!reads_carried(c, y, own))
        return *y;
    Value t = array_new(e, type, y->chain);
    copy_array(e, &t, y, type);
    return t;
}

LLVMBasicBlockRef
carry_on(Emit *e, Carried *c, LLVMValueRef mask)
{
    const Region *r = &e->f->region[c->body];
    Value *next = arena_array(e->arena, Value, c->all + 1);

    for (unsigned at = 0; at < c->all; at++) {
        uint32_t k = at % c->n_values;
        next[at] = *value_at(e, r->yield[k], at / c->n_values);
        if (c->n->result[k].rank)
            next[at] = aside(e, c, &next[at], &c->now[at], c->n->result[k]);
    }
    for (unsigned at = 0; at < c->all; at++) {
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
    for (unsigned at = 0; at < c->all; at++)
        if (!c->n->result[at % c->n_values].rank)
            c->now[at] = next[at];
    return LLVMGetInsertBlock(e->b);
}

void
carry_close(Emit *e, Carried *c, LLVMBasicBlockRef end, bool at_least_once)
{
    for (unsigned at = 0; at < c->packed; at += pack_size(e))
        LLVMAddIncoming(c->pack[at / pack_size(e)], &c->next_pack[at / pack_size(e)], &end, 1);
    for (unsigned at = c->packed; at < c->all; at++)
        if (c->phi[at])
            LLVMAddIncoming(c->phi[at], &c->now[at].v, &end, 1);
    if (at_least_once)
        keep_packs(e, c);
    for (unsigned at = 0; !at_least_once && at < c->all; at++)
        if (c->phi[at])
            c->now[at].v = c->phi[at];
}

void
carry_results(Emit *e, const Carried *c, Value *ret)
{
    for (unsigned at = 0; at < c->all; at++) {
        ret[at] = c->now[at];
        ret[at].version = ++e->versions;
    }
}
