/* SPDX-License-Identifier: Apache-2.0
 *
 * uniform.c -- what is the same for all chains and all steps is computed once
 *
 * Nodes of a function's body that depend only on hyperparameters and inputs are done by
 * `prepare`; those that others read are kept in the launch's uniform area.  A phase over the
 * whole batch does everything itself: it is run once.
 */
#include <assert.h>

#include "backends/llvm/emit.h"

/* ---- analysis */

/* The lanes of a loop are its own: they end with it. */
static void
raise_lanes(const Function *f, const uint8_t *spread, uint8_t *vary)
{
    for (uint32_t id = 1; spread && id < f->n; id++)
        if (spread[id])
            vary[f->region[f->node[id].own[0]].param[spread[id] - 1].id] = VARY_chain;
}

uint8_t *
lane_variance(const Function *f, Arena *arena, const uint8_t *spread)
{
    uint8_t *vary = ir_variance(f, arena);

    raise_lanes(f, spread, vary);
    ir_vary(f, vary, spread);
    return vary;
}

bool
is_launch_input(InputKind kind)
{
    return kind == INPUT_data || kind == INPUT_param || kind == INPUT_given ||
           kind == INPUT_memory || kind == INPUT_handed;
}

static bool
arg_differs(const Function *f, const Node *n)
{
    uint8_t kind;

    if (n->region != 0)
        return false;
    kind = f->input[n->attr.i].kind;
    return kind != INPUT_hyper && !is_launch_input((InputKind)kind);
}

/* By node: whether it may differ between chains, steps or purposes. */
static uint8_t *
find_differing(const Function *f, Arena *arena, const uint8_t *vary)
{
    uint8_t *differs = arena_array(arena, uint8_t, f->n);
    uint8_t *region = arena_array(arena, uint8_t, f->n_regions);

    for (uint32_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        bool d = vary[id] == VARY_chain || n->op == OP_word ||
                 (n->op == OP_arg && arg_differs(f, n));
        for (uint32_t i = 0; i < n->n_args; i++)
            d |= differs[n->arg[i].id];
        for (uint32_t k = 0; k < n->n_regions; k++) {
            const Region *r = &f->region[n->own[k]];
            d |= region[n->own[k]];
            for (uint32_t i = 0; i < r->n_yields; i++)
                d |= differs[r->yield[i].id];
        }
        differs[id] = d;
        region[n->region] |= d;
    }
    return differs;
}

static bool
is_prepared(const Function *f, uint32_t id, const uint8_t *differs)
{
    const Node *n = &f->node[id];

    if (n->region != 0 || differs[id] || n->op == OP_const)
        return false;
    return n->op != OP_arg || f->input[n->attr.i].kind == INPUT_hyper;
}

/* By region: whether it is part of a prepared node. */
static uint8_t *
prepared_regions(const Function *f, Arena *arena, const uint8_t *prepared)
{
    uint8_t *r = arena_array(arena, uint8_t, f->n_regions);

    for (uint32_t id = (uint32_t)f->n; id-- > 1;) { /* owners come after what they own */
        const Node *n = &f->node[id];
        for (uint32_t k = 0; k < n->n_regions; k++)
            r[n->own[k]] = prepared[id] || (n->region != 0 && r[n->region]);
    }
    return r;
}

static void
keep(const Function *f, Ref r, const Analysis *a, uint64_t *bytes)
{
    Type type = ir_type(f, r);

    if (!a->prepared[r.id] || a->kept_at[r.id] != NOT_KEPT)
        return;
    uint64_t align = type.rank ? 64 : 8;
    *bytes = (*bytes + align - 1) & ~(align - 1);
    a->kept_at[r.id] = *bytes;
    *bytes += type.rank ? type_size(type) * dtype_size((DType)type.dtype) : 8;
}

static uint64_t *
kept_nowhere(const Function *f, Arena *arena)
{
    uint64_t *at = arena_array(arena, uint64_t, f->n);

    for (uint32_t id = 0; id < f->n; id++)
        at[id] = NOT_KEPT;
    return at;
}

static void
find_kept(const Function *f, Arena *arena, Analysis *a, uint64_t *bytes)
{
    const uint8_t *within = prepared_regions(f, arena, a->prepared);

    a->kept_at = kept_nowhere(f, arena);
    for (uint32_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        if (!a->prepared[id] && !within[n->region])
            for (uint32_t i = 0; i < n->n_args; i++)
                keep(f, n->arg[i], a, bytes);
    }
    for (RegionId r = 0; r < f->n_regions; r++)
        for (uint32_t i = 0; !within[r] && i < f->region[r].n_yields; i++)
            keep(f, f->region[r].yield[i], a, bytes);
}

Analysis
analyse_function(const Function *f, Arena *arena, uint64_t *uniform_bytes)
{
    Analysis a = {.variance = lane_variance(f, arena, NULL)};
    const uint8_t *differs = find_differing(f, arena, a.variance);

    a.prepared = arena_array(arena, uint8_t, f->n);
    for (uint32_t id = 1; id < f->n; id++)
        a.prepared[id] = is_prepared(f, id, differs);
    a.home = find_homes(f, arena, false);
    find_kept(f, arena, &a, uniform_bytes);
    return a;
}

Analysis
analyse_whole(const Function *f, Arena *arena)
{
    Analysis a = {.spread = find_spread(f, arena)};

    a.variance = lane_variance(f, arena, a.spread);
    a.prepared = arena_array(arena, uint8_t, f->n);
    a.home = find_homes(f, arena, true);
    a.kept_at = kept_nowhere(f, arena);
    return a;
}

/* ---- the uniform area */

LLVMValueRef
place_pointer(Emit *e, Place p)
{
    if (p.kind == PLACE_constant)
        return p.global;
    MemoKey key = {TAG_place, (uint32_t)p.kind, e->uniform, (void *)(uintptr_t)p.at, NULL};
    LLVMValueRef v = memo_find(e, key);
    if (v)
        return v;
    if (p.kind == PLACE_uniform)
        return memo_keep(e, key, byte_offset(e, e->uniform, int64_of(e, (int64_t)p.at)));
    LLVMValueRef inputs = load_field(e, offsetof(EbmLaunch, input), e->ptr);
    LLVMValueRef at = byte_offset(e, inputs, int64_of(e, (int64_t)p.at * 8));
    return memo_keep(e, key, LLVMBuildLoad2(e->b, e->ptr, at, ""));
}

static Value
kept_slot(Emit *e, uint32_t id)
{
    Place place = {PLACE_uniform, e->kept_at[id], NULL};

    return (Value){.v = place_pointer(e, place),
                   .root = e->uniform,
                   .row = 1,
                   .version = ++e->versions,
                   .place = place};
}

void
load_kept(Emit *e)
{
    for (uint32_t id = 1; id < e->f->n; id++) {
        Type type = e->f->node[id].type;
        if (e->kept_at[id] == NOT_KEPT)
            continue;
        Value slot = kept_slot(e, id), *ret = value_room(e, id, 1);
        *ret = type.rank ? slot : load_element(e, &slot, (DType)type.dtype, index_constant(0));
    }
}

void
store_kept(Emit *e)
{
    for (uint32_t id = 1; id < e->f->n; id++) {
        Type type = e->f->node[id].type;
        if (e->kept_at[id] == NOT_KEPT)
            continue;
        Value slot = kept_slot(e, id);
        const Value *x = value_at(e, (Ref){id}, 0);
        if (type.rank)
            copy_array(e, &slot, x, type);
        else
            store_element(e, &slot, (DType)type.dtype, index_constant(0), x);
    }
}
