/* SPDX-License-Identifier: Apache-2.0
 *
 * emit.c -- a planned region as loops, scalars and control flow
 */
#include <assert.h>
#include <string.h>

#include "passes/lower/lower.h"
#include "passes/pass.h"

/* ---- scalars */

/* Does the node exist once its item is emitted, and not before? */
static bool
is_made_by_item(const Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];

    return l->info[id].place == PLACE_grouped ||
           (n->type.rank && n->op != OP_const && n->op != OP_get);
}

/* Rank-0 nodes that are elements of an array of rank 0: one rule serves both. */
static Ref
emit_scalar(Lower *l, Ref r)
{
    const Node *n = lower_node(l, r);

    if (n->op == OP_const)
        return ir_const(&l->b, n->type, n->attr.data);
    if (n->op == OP_get)
        return ir_get(&l->b, lower_value(l, n->arg[0]), (uint32_t)n->attr.i);
    return lower_scalar_element(l, n);
}

Ref
lower_value(Lower *l, Ref r)
{
    const Node *n = lower_node(l, r);

    if (l->value[r.id].id)
        return l->value[r.id];
    assert(!is_made_by_item(l, r.id) && "an item is emitted before it is read");
    (void)is_made_by_item;
    for (uint32_t i = 0; i < n->n_args; i++)
        lower_prefetch(l, n->arg[i]);
    Span outer = l->b.span;
    l->b.span = n->span;
    Ref v = emit_scalar(l, r);
    l->b.span = outer;
    l->value[r.id] = v;
    return v;
}

/* Reads of an open loop's own members need nothing; anything else that elements of r are made
 * of is a scalar or an array.  A draw is a member for later loops alone: one before them makes
 * its elements itself. */
void
lower_prefetch(Lower *l, Ref r)
{
    const Node *n = lower_node(l, r);

    if (l->value[r.id].id)
        return;
    if (n->op == OP_const || n->op == OP_get) {
        lower_value(l, r);
        return;
    }
    if (l->info[r.id].place == PLACE_grouped && n->op != OP_draw)
        return;
    for (uint32_t i = 0; i < n->n_args; i++)
        lower_prefetch(l, n->arg[i]);
    if (n->type.rank == 0)
        lower_value(l, r);
}

/* ---- loops of items */

static void
prefetch_member(Lower *l, uint32_t id)
{
    const Node *n = &l->in->node[id];

    for (uint32_t i = 0; i < n->n_args; i++)
        lower_prefetch(l, n->arg[i]);
}

static void
open_loop(Lower *l, uint32_t item, Type space)
{
    region_begin(&l->b);
    l->inside = true;
    l->item = item;
    l->rank = space.rank;
    for (unsigned i = 0; i < space.rank; i++)
        l->index[i] = ir_param(&l->b, type_scalar(DT_i32));
}

/* The values that leave the loop, their nodes and kinds. */
static uint32_t
emit_members(Lower *l, const Item *it, Ref *value, FoldKind *kind, uint32_t *node)
{
    uint32_t n = 0;

    for (size_t k = 0; k < it->n; k++) {
        uint32_t id = it->member[k];
        const Node *m = &l->in->node[id];
        bool fold = m->type.rank == 0;
        if (!fold && !l->info[id].stored) {
            lower_element(l, (Ref){id}, l->index); /* read by other members */
            continue;
        }
        value[n] = lower_element(l, fold ? m->arg[0] : (Ref){id}, l->index);
        kind[n] = fold ? lower_fold_kind(m->op) : FOLD_store;
        node[n++] = id;
    }
    return n;
}

static void
emit_item(Lower *l, uint32_t item)
{
    const Item *it = &l->plan->item[item];
    Ref *value = arena_array(l->arena, Ref, it->n);
    FoldKind *kind = arena_array(l->arena, FoldKind, it->n);
    uint32_t *node = arena_array(l->arena, uint32_t, it->n);

    for (size_t k = 0; k < it->n; k++)
        prefetch_member(l, it->member[k]);
    open_loop(l, item, it->space);
    uint32_t n = emit_members(l, it, value, kind, node);
    RegionId body = l->b.region;
    ir_yield(&l->b, n, value);
    region_end(&l->b);
    l->inside = false;
    if (n == 0)
        return;
    Ref loop = ir_loop(&l->b, it->space.rank, it->space.dim, kind, body);
    for (uint32_t i = 0; i < n; i++)
        l->value[node[i]] = ir_get(&l->b, loop, i);
}

Ref
lower_copy(Lower *l, Ref whole, Type type)
{
    FoldKind kind = FOLD_store;
    Ref index[MAX_RANK];
    RegionId body = region_begin(&l->b);

    for (unsigned i = 0; i < type.rank; i++)
        index[i] = ir_param(&l->b, type_scalar(DT_i32));
    Ref v = ir_at(&l->b, whole, type.rank, index, true);
    ir_yield(&l->b, 1, &v);
    region_end(&l->b);
    return ir_get(&l->b, ir_loop(&l->b, type.rank, type.dim, &kind, body), 0);
}

/* ---- regions */

/* What stands before a control node in program order may read what the node changes: it is
 * emitted first. Not what moves faster where items go by rate: its items are not there yet,
 * and it reads nothing that the node changes. */
static void
emit_scalars_before(Lower *l, RegionId r, uint32_t until)
{
    const Region *region = &l->in->region[r];

    for (size_t k = 0; k < region->n_nodes && region->node[k] < until; k++) {
        const Info *i = &l->info[region->node[k]];
        bool later = l->by_rate && i->rate > l->info[until].rate;
        if (i->live && i->place == PLACE_scalar && !later)
            lower_value(l, (Ref){region->node[k]});
    }
}

static void
emit_items(Lower *l, RegionId r)
{
    for (uint32_t k = 0; k < l->plan->n; k++) {
        const Item *it = &l->plan->item[k];
        if (!it->control) {
            emit_item(l, k);
            continue;
        }
        emit_scalars_before(l, r, it->member[0]);
        lower_control(l, it->member[0]);
    }
}

/* Is the scalar only read inside regions of this region's nodes?  Then it is made here, before
 * them. */
void
lower_region(Lower *l, RegionId r, Ref *ret_yield)
{
    const Region *region = &l->in->region[r];
    Plan plan = lower_plan(l, r), *outer_plan = l->plan;

    l->plan = &plan;
    emit_items(l, r);
    for (uint32_t i = 0; i < region->n_yields; i++) {
        Ref y = region->yield[i];
        ret_yield[i] = lower_value(l, y);
    }
    l->plan = outer_plan;
}

static void
lower_function(Lower *l)
{
    const Function *f = l->in;
    const Region *body = &f->region[0];
    Ref *yield = arena_array(l->arena, Ref, body->n_yields + 1);

    for (uint32_t i = 0; i < body->n_params; i++) {
        Type t = ir_type(f, body->param[i]);
        const Input *in = f->input ? &f->input[i] : NULL;
        l->value[body->param[i].id] =
            in ? ir_input(&l->b, t, in->name, in->kind, in->variance) : ir_param(&l->b, t);
    }
    lower_survey(l);
    lower_region(l, 0, yield);
    ir_yield(&l->b, body->n_yields, yield);
    if (f->output)
        ir_outputs(&l->b, f->output);
}

Module *
pass_lower(const Module *in, PassContext *ctx)
{
    Module *out = module_new(ctx->arena);

    for (size_t i = 0; i < in->n; i++) {
        const Function *f = in->function[i];
        Lower l = {.in = f, .arena = ctx->arena};
        l.b = builder_at(out, function_new(out, f->name));
        l.info = arena_array(l.arena, Info, f->n);
        l.value = arena_array(l.arena, Ref, f->n);
        l.element = arena_array(l.arena, Ref, f->n);
        lower_function(&l);
    }
    return out;
}
