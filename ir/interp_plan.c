/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_plan.c -- where the arrays of a function lie while it is interpreted
 *
 * An array lives from the node that makes it to the last that reads it; a loop's reads count
 * for its whole duration.  Places are given out by walking the program once, first fit.  What
 * an update writes over, and what a loop's carried value starts as, keeps its place if nothing
 * reads it afterwards.
 */
#include "ir/interp_state.h"

#include <assert.h>
#include <stdlib.h>

#include "ir/text.h"

/* Free memory between places in use. */
typedef struct Hole {
    size_t offset, size;
} Hole;

/* How a node's value is read: numbers of the last two places, and how often at the last. */
typedef struct Reads {
    uint32_t last, before, at_last;
} Reads;

typedef struct Planner {
    Interp *s;
    Plan *p;
    const Function *f;
    uint32_t *number; /* one a node: its place in the order of execution */
    uint32_t *begin;  /* one a node: number before the first of its regions' nodes */
    uint32_t *owner;  /* one a region */
    bool *live;       /* one a node */
    Reads *reads;     /* one a node */
    uint32_t *gets;   /* one a result: how many nodes read it */
    size_t cap_storages;
    uint32_t *ends; /* one a number: the first storage that ends there */
    Hole *hole;
    size_t n_holes, cap_holes;
    size_t top; /* bytes */
    Arena *arena;
} Planner;

/* ---- what is needed, in which order */

static void
mark_yields(Planner *q, RegionId r)
{
    for (uint32_t i = 0; i < q->f->region[r].n_yields; i++)
        q->live[q->f->region[r].yield[i].id] = true;
}

/* Operands stand before their uses, and yields before the node that owns the region. */
static void
mark_live(Planner *q)
{
    mark_yields(q, 0);
    for (uint32_t id = (uint32_t)q->f->n; id-- > 1;) {
        const Node *n = &q->f->node[id];
        if (!q->live[id])
            continue;
        for (uint32_t i = 0; i < n->n_args; i++)
            q->live[n->arg[i].id] = true;
        for (uint32_t k = 0; k < n->n_regions; k++)
            mark_yields(q, n->own[k]);
    }
}

static void
number_region(Planner *q, RegionId r, uint32_t *last)
{
    const Region *region = &q->f->region[r];
    Order *order = &q->p->order[r];

    order->node = arena_array(&q->s->arena, uint32_t, region->n_nodes + 1);
    for (size_t i = 0; i < region->n_nodes; i++) {
        uint32_t id = region->node[i];
        const Node *n = &q->f->node[id];
        if (!q->live[id])
            continue;
        q->begin[id] = *last;
        for (uint32_t k = 0; k < n->n_regions; k++) {
            q->owner[n->own[k]] = id;
            number_region(q, n->own[k], last);
        }
        q->number[id] = ++*last;
        if (n->op != OP_arg)
            order->node[order->n++] = id;
    }
}

static void
number_results(Planner *q)
{
    uint32_t n = 0;

    for (uint32_t id = 1; id < q->f->n; id++)
        if (q->live[id]) {
            q->p->first_result[id] = n;
            n += q->f->node[id].n_results;
        }
    q->p->n_results = n;
    q->p->result = arena_array(&q->s->arena, Value, n + 1);
    q->p->result_home = arena_array(&q->s->arena, uint32_t, n + 1);
    q->gets = arena_array(q->arena, uint32_t, n + 1);
}

/* ---- reads */

static void
note_read(Planner *q, Ref r, uint32_t at)
{
    Reads *reads = &q->reads[r.id];

    if (at == reads->last) {
        reads->at_last++;
    } else if (at > reads->last) {
        *reads = (Reads){.last = at, .before = reads->last, .at_last = 1};
    } else if (at > reads->before) {
        reads->before = at;
    }
}

/* Calls `visit` for every read in the function: by a node, or (node 0) at a region's end. */
typedef void Visit(Planner *q, Ref r, uint32_t node, RegionId region);

static void
visit_region(Planner *q, RegionId r, Visit *visit)
{
    const Order *order = &q->p->order[r];
    const Region *region = &q->f->region[r];

    for (uint32_t k = 0; k < order->n; k++) {
        const Node *n = &q->f->node[order->node[k]];
        for (uint32_t i = 0; i < n->n_args; i++)
            visit(q, n->arg[i], order->node[k], r);
        for (uint32_t i = 0; i < n->n_regions; i++)
            visit_region(q, n->own[i], visit);
    }
    for (uint32_t i = 0; i < region->n_yields; i++)
        visit(q, region->yield[i], 0, r);
}

static void
count_read(Planner *q, Ref r, uint32_t node, RegionId region)
{
    const Node *n = &q->f->node[node];

    note_read(q, r,
              node          ? q->number[node]
              : region == 0 ? UINT32_MAX
                            : q->number[q->owner[region]]);
    if (node && n->op == OP_get)
        q->gets[q->p->first_result[r.id] + (uint32_t)n->attr.i]++;
}

/* ---- storage */

static uint32_t
new_storage(Planner *q, RegionId region, size_t bytes)
{
    Plan *p = q->p;

    p->storage = arena_grow(&q->s->arena, p->storage, p->n_storages, &q->cap_storages,
                            p->n_storages + 1, sizeof *p->storage);
    p->storage[p->n_storages] = (Storage){.region = region, .needed = bytes};
    return p->n_storages++;
}

static bool
is_body_of_loop(const Planner *q, RegionId r)
{
    const Node *n = &q->f->node[q->owner[r]];

    return r != 0 && r == n->own[n->n_regions - 1] && n->op != OP_if;
}

/* Is the value's place its own, so that it may be overwritten once it is dead? */
static bool
is_owned(const Planner *q, Ref r)
{
    const Node *n = &q->f->node[r.id];

    switch (n->op) {
    case OP_const: return false;
    case OP_arg: return is_body_of_loop(q, n->region);
    case OP_get: return q->gets[q->p->first_result[n->arg[0].id] + (uint32_t)n->attr.i] == 1;
    default: return true;
    }
}

static bool
runs_as_often(const Planner *q, RegionId inner, RegionId outer)
{
    for (; inner != outer; inner = q->f->region[inner].parent)
        if (q->f->node[q->owner[inner]].op != OP_if)
            return false;
    return true;
}

/* May `user` write over its operand r? */
static bool
may_take(const Planner *q, Ref r, uint32_t user)
{
    const Reads *reads = &q->reads[r.id];

    return is_owned(q, r) && reads->last == q->number[user] && reads->at_last == 1 &&
           reads->before <= q->begin[user] &&
           runs_as_often(q, q->f->node[user].region, q->f->node[r.id].region);
}

static uint32_t
give_home(Planner *q, uint32_t id, Type t, const Ref *from)
{
    if (t.rank == 0)
        return 0;
    if (from && may_take(q, *from, id))
        return q->p->home[from->id];
    return new_storage(q, q->f->node[id].region, interp_bytes(q->s, t));
}

/* Operand that result i of a loop starts as; NULL of other nodes. */
static const Ref *
initial(const Node *n, uint32_t i)
{
    return n->op == OP_for ? &n->arg[2 + i] : n->op == OP_while ? &n->arg[1 + i] : NULL;
}

static bool
crosses(const Planner *q, uint32_t id)
{
    const Node *n = &q->f->node[id];
    const Region *body = &q->f->region[n->own[n->n_regions - 1]];
    const uint32_t *home = q->p->result_home + q->p->first_result[id];

    for (uint32_t i = 0; i < body->n_yields; i++)
        for (uint32_t k = 0, h = q->p->home[body->yield[i].id]; h && k < n->n_results; k++)
            if (k != i && home[k] == h)
                return true;
    return false;
}

/* Working memory: a loop's partial results, or what it yields when that is what it carries in
 * another place. */
static size_t
scratch_bytes(const Planner *q, uint32_t id)
{
    const Node *n = &q->f->node[id];
    size_t bytes = 0;

    if (n->op == OP_for || n->op == OP_while) {
        bytes = n->n_results * sizeof(Scalar);
        for (uint32_t i = 0; crosses(q, id) && i < n->n_results; i++)
            bytes += interp_bytes(q->s, n->result[i]);
    } else if (n->op == OP_loop) {
        for (uint32_t i = 0; i < n->n_results; i++)
            if (n->attr.ints[1 + n->attr.ints[0] + i] != FOLD_store)
                bytes += FOLD_PARTIALS * interp_bytes(q->s, n->result[i]);
    }
    return bytes;
}

static void
set_param_homes(Planner *q, uint32_t id)
{
    const Node *n = &q->f->node[id];

    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *r = &q->f->region[n->own[k]];
        uint32_t skip = n->op == OP_for;
        if (n->op != OP_for && n->op != OP_while)
            continue;
        for (uint32_t i = skip; i < r->n_params; i++)
            q->p->home[r->param[i].id] = q->p->result_home[q->p->first_result[id] + i - skip];
    }
}

/* Homes of a region's nodes, in the order of execution: a loop's before those of its body. */
static void
give_homes(Planner *q, RegionId r)
{
    const Order *order = &q->p->order[r];

    for (uint32_t k = 0; k < order->n; k++) {
        uint32_t id = order->node[k];
        const Node *n = &q->f->node[id];
        Plan *p = q->p;
        for (uint32_t i = 0; i < n->n_results; i++)
            p->result_home[p->first_result[id] + i] =
                give_home(q, id, n->result[i], initial(n, i));
        set_param_homes(q, id);
        for (uint32_t i = 0; i < n->n_regions; i++)
            give_homes(q, n->own[i]);
        if (n->op == OP_get)
            p->home[id] = p->result_home[p->first_result[n->arg[0].id] + (uint32_t)n->attr.i];
        else if (n->op != OP_const)
            p->home[id] = give_home(q, id, n->type, n->op == OP_update ? &n->arg[0] : NULL);
        size_t bytes = scratch_bytes(q, id);
        if (bytes)
            p->scratch[id] = new_storage(q, r, bytes);
    }
}

static void
extend(Planner *q, uint32_t home, RegionId from, uint32_t number)
{
    Storage *s = &q->p->storage[home];

    for (; from != s->region; from = q->f->region[from].parent)
        number = q->number[q->owner[from]];
    s->last = number > s->last ? number : s->last;
}

static void
extend_read(Planner *q, Ref r, uint32_t node, RegionId region)
{
    uint32_t home = q->p->home[r.id];

    if (home)
        extend(q, home, region, node ? q->number[node] : UINT32_MAX);
}

static void
extend_made(Planner *q)
{
    const Function *f = q->f;
    Plan *p = q->p;

    for (uint32_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        if (!q->live[id])
            continue;
        if (p->home[id] && n->op != OP_arg)
            extend(q, p->home[id], n->region, q->number[id]);
        if (p->scratch[id])
            extend(q, p->scratch[id], n->region, q->number[id]);
        for (uint32_t i = 0; i < n->n_results; i++)
            if (p->result_home[p->first_result[id] + i])
                extend(q, p->result_home[p->first_result[id] + i], n->region, q->number[id]);
    }
}

/* ---- places */

enum { PLACE_ALIGN = 64 };

static void
take_place(Planner *q, uint32_t id)
{
    Storage *s = &q->p->storage[id];
    size_t size = (s->needed + PLACE_ALIGN - 1) / PLACE_ALIGN * PLACE_ALIGN;
    size_t k = 0;

    s->bytes = size;
    s->offset = SIZE_MAX;
    for (; k < q->n_holes && q->hole[k].size < size; k++)
        ;
    if (k == q->n_holes) {
        s->offset = q->top;
        q->top += size;
        return;
    }
    s->offset = q->hole[k].offset;
    q->hole[k].offset += size;
    q->hole[k].size -= size;
    if (q->hole[k].size == 0)
        memmove(q->hole + k, q->hole + k + 1, (--q->n_holes - k) * sizeof *q->hole);
}

/* Holes are sorted, and none touches another. */
static void
leave_place(Planner *q, const Storage *s)
{
    size_t k = 0;

    if (s->bytes == 0)
        return;
    q->hole = arena_grow(q->arena, q->hole, q->n_holes, &q->cap_holes, q->n_holes + 1,
                         sizeof *q->hole);
    while (k < q->n_holes && q->hole[k].offset < s->offset)
        k++;
    memmove(q->hole + k + 1, q->hole + k, (q->n_holes++ - k) * sizeof *q->hole);
    q->hole[k] = (Hole){s->offset, s->bytes};
    if (k + 1 < q->n_holes && s->offset + s->bytes == q->hole[k + 1].offset) {
        q->hole[k].size += q->hole[k + 1].size;
        memmove(q->hole + k + 1, q->hole + k + 2, (--q->n_holes - k - 1) * sizeof *q->hole);
    }
    if (k > 0 && q->hole[k - 1].offset + q->hole[k - 1].size == s->offset) {
        q->hole[k - 1].size += q->hole[k].size;
        memmove(q->hole + k, q->hole + k + 1, (--q->n_holes - k) * sizeof *q->hole);
    }
}

/* A storage is placed when the first node with this home comes. */
static void
place(Planner *q, uint32_t home, bool *placed, uint32_t *region_end)
{
    Storage *s = &q->p->storage[home];
    uint32_t *list = s->last == UINT32_MAX ? region_end : &q->ends[s->last];

    if (home == 0 || placed[home])
        return;
    placed[home] = true;
    take_place(q, home);
    s->next = *list;
    *list = home;
}

static void
leave_all(Planner *q, uint32_t list)
{
    for (; list; list = q->p->storage[list].next)
        leave_place(q, &q->p->storage[list]);
}

static void
place_region(Planner *q, RegionId r, bool *placed)
{
    const Order *order = &q->p->order[r];
    uint32_t region_end = 0;

    for (uint32_t k = 0; k < order->n; k++) {
        uint32_t id = order->node[k];
        const Node *n = &q->f->node[id];
        for (uint32_t i = 0; i < n->n_results; i++)
            place(q, q->p->result_home[q->p->first_result[id] + i], placed, &region_end);
        place(q, q->p->home[id], placed, &region_end);
        place(q, q->p->scratch[id], placed, &region_end);
        for (uint32_t i = 0; i < n->n_regions; i++)
            place_region(q, n->own[i], placed);
        leave_all(q, q->ends[q->number[id]]);
    }
    leave_all(q, region_end);
}

/* ---- functions */

/* A constant's elements; a wider copy when f32 is evaluated as f64. */
static const void *
constant_data(Interp *s, const Node *n)
{
    uint64_t size = type_size(n->type);

    if (interp_dtype(s, n->type.dtype) == n->type.dtype)
        return n->attr.data;
    double *wide = arena_array(&s->arena, double, size + !size);
    for (uint64_t i = 0; i < size; i++)
        wide[i] = (double)((const float *)n->attr.data)[i];
    return wide;
}

static void
bind(Planner *q)
{
    Plan *p = q->p;

    for (uint32_t id = 1; id < q->f->n; id++) {
        const Node *n = &q->f->node[id];
        if (!q->live[id])
            continue;
        if (p->home[id])
            p->value[id].data = p->memory + p->storage[p->home[id]].offset;
        for (uint32_t i = p->first_result[id]; i < p->first_result[id] + n->n_results; i++)
            if (p->result_home[i])
                p->result[i].data = p->memory + p->storage[p->result_home[i]].offset;
        if (n->op != OP_const)
            continue;
        const void *data = constant_data(q->s, n);
        if (n->type.rank)
            p->value[id].data = (void *)(uintptr_t)data;
        else
            p->value[id].scalar = interp_load(data, interp_dtype(q->s, n->type.dtype), 0);
    }
    for (RegionId r = 1; r < q->f->n_regions; r++)
        for (uint32_t i = 0; q->owner[r] && i < q->f->region[r].n_params; i++) {
            uint32_t param = q->f->region[r].param[i].id;
            if (p->home[param])
                p->value[param].data = p->memory + p->storage[p->home[param]].offset;
        }
}

static bool
stop(Interp *s, InterpStatus status)
{
    s->status = status;
    return false;
}

static Plan *plan_function(Interp *s, const Function *f, unsigned above);

/* Plans the callees; how deep the function goes. */
static bool
plan_callees(Planner *q, unsigned above)
{
    uint32_t *depth = arena_array(q->arena, uint32_t, q->f->n_regions);

    for (RegionId r = 1; r < q->f->n_regions; r++)
        depth[r] = depth[q->f->region[r].parent] + 1;
    for (uint32_t id = 1; id < q->f->n; id++) {
        const Node *n = &q->f->node[id];
        unsigned below = q->live[id] ? depth[n->region] + 1 : 0;
        if (!q->live[id])
            continue;
        if (n->op == OP_vjp || n->op == OP_jvp || n->op == OP_laplacian)
            return stop(q->s, INTERP_DERIVATIVE);
        if (n->op == OP_batch || n->op == OP_batch_sum)
            return stop(q->s, INTERP_BATCH);
        if (n->op == OP_call) {
            const Plan *callee =
                plan_function(q->s, q->s->module->function[n->attr.callee], above + 1);
            if (!callee)
                return false;
            below += callee->depth;
        }
        q->p->depth = below > q->p->depth ? below : q->p->depth;
    }
    return q->p->depth <= INTERP_MAX_DEPTH || stop(q->s, INTERP_DEPTH);
}

static void
prepare(Planner *q)
{
    Interp *s = q->s;
    const Function *f = q->f;
    Plan *p = arena_new(&s->arena, Plan);

    p->f = f;
    p->n_storages = 1; /* 0 is none */
    p->value = arena_array(&s->arena, Value, f->n);
    p->first_result = arena_array(&s->arena, uint32_t, f->n);
    p->home = arena_array(&s->arena, uint32_t, f->n);
    p->scratch = arena_array(&s->arena, uint32_t, f->n);
    p->order = arena_array(&s->arena, Order, f->n_regions);
    p->storage = arena_grow(&s->arena, NULL, 0, &q->cap_storages, 1, sizeof *p->storage);
    q->p = p;
    q->number = arena_array(q->arena, uint32_t, f->n);
    q->begin = arena_array(q->arena, uint32_t, f->n);
    q->owner = arena_array(q->arena, uint32_t, f->n_regions);
    q->live = arena_array(q->arena, bool, f->n);
    q->reads = arena_array(q->arena, Reads, f->n);
    q->ends = arena_array(q->arena, uint32_t, f->n + 1);
}

static bool
take_memory(Planner *q)
{
    Interp *s = q->s;

    if (q->top > s->budget)
        return stop(s, INTERP_MEMORY);
    s->budget -= q->top;
    q->p->bytes = q->top;
    q->p->memory = malloc(q->top + 1);
    return q->p->memory || stop(s, INTERP_MEMORY);
}

static Plan *
plan_function(Interp *s, const Function *f, unsigned above)
{
    Planner q = {.s = s, .f = f, .arena = &s->arena};
    uint32_t last = 0;

    if (s->plan[f->index])
        return s->plan[f->index];
    if (above > INTERP_MAX_DEPTH) {
        s->status = INTERP_DEPTH;
        return NULL;
    }
    prepare(&q);
    mark_live(&q);
    if (!plan_callees(&q, above))
        return NULL;
    number_region(&q, 0, &last);
    number_results(&q);
    visit_region(&q, 0, count_read);
    give_homes(&q, 0);
    extend_made(&q);
    visit_region(&q, 0, extend_read);
    place_region(&q, 0, arena_array(q.arena, bool, q.p->n_storages));
    if (!take_memory(&q))
        return NULL;
    s->plan[f->index] = q.p;
    bind(&q);
    return q.p;
}

Plan *
interp_plan(Interp *s, const Function *f)
{
    return plan_function(s, f, 0);
}
