/* SPDX-License-Identifier: Apache-2.0
 *
 * merge.c -- loops over the same turns that compute the same things become one
 *
 * needs   derivatives taken, calls inlined: a loop and its reverse are such loops
 * gives   one `for` or `loop` in place of two of one region, neither of which needs the other,
 *         where their turns have something costly in common; it is made where the second
 *         stood, and what needs the first after it
 * keeps   every bit: each value comes of the same operations in the same order
 * not     loops that only run through the same indices: a larger body, and no work less
 */
#include "passes/twins.h"

/* Loops are many only in programs that were unrolled; there some stay as they are. */
enum {
    MOST_ROUNDS = 64,
    MOST_WORK = 64, /* times the nodes of a function that are looked at in a round */
};

/* What is merged in a function: pairs of loops that do not overlap. */
typedef struct Plan {
    Twins twins;
    uint64_t work;
    Ref *first;     /* by id of a pair's second loop: the first, or NO_REF */
    int64_t **same; /* by id of it: what twins_find says */
    bool *late;     /* by id: a first loop, or between the two and in need of it */
    bool any;
} Plan;

/* ---- finding pairs */

static bool
is_spent(const Plan *p)
{
    return p->work > MOST_WORK * (uint64_t)p->twins.f->n;
}

/* Does the node, or what stands in it, use a late one? */
static bool
needs_late(Plan *p, uint32_t id)
{
    const Function *f = p->twins.f;
    const Node *n = &f->node[id];

    p->work++;
    for (uint32_t i = 0; i < n->n_args; i++)
        if (p->late[n->arg[i].id])
            return true;
    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *own = &f->region[n->own[k]];
        for (size_t i = 0; i < own->n_nodes; i++)
            if (needs_late(p, own->node[i]))
                return true;
        for (uint32_t i = 0; i < own->n_yields; i++)
            if (p->late[own->yield[i].id])
                return true;
    }
    return false;
}

/* The number in the region of the loop that the one of number `at` is merged with, or `at`. */
static size_t
find_second(Plan *p, const Region *r, size_t at)
{
    const Function *f = p->twins.f;
    uint32_t first = r->node[at];

    p->late[first] = true;
    for (size_t i = at + 1; i < r->n_nodes && !is_spent(p); i++) {
        uint32_t id = r->node[i];
        p->late[id] = needs_late(p, id);
        if (p->late[id] || !p->twins.live.node[id] || !twins_is_loop(f, id) ||
            !twins_same_turns(f, first, id))
            continue;
        p->work += f->region[f->node[id].own[0]].n_nodes;
        p->same[id] = twins_find(&p->twins, first, id);
        if (!p->same[id])
            continue;
        p->first[id] = (Ref){first};
        p->any = true;
        return i;
    }
    for (size_t i = at; i < r->n_nodes; i++)
        p->late[r->node[i]] = false;
    return at;
}

static bool
has_partner(Plan *p, const Region *r, size_t at)
{
    const Function *f = p->twins.f;

    for (size_t i = at + 1; i < r->n_nodes && !is_spent(p); i++, p->work++)
        if (twins_is_loop(f, r->node[i]) && twins_same_turns(f, r->node[at], r->node[i]))
            return true;
    return false;
}

/* Bodies of loops that are merged are left for the next round. */
static void
find_pairs(Plan *p, RegionId region)
{
    const Function *f = p->twins.f;
    const Region *r = &f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        uint32_t id = r->node[i];
        size_t second = i;
        if (!p->twins.live.node[id])
            continue;
        if (twins_is_loop(f, id) && has_partner(p, r, i))
            second = find_second(p, r, i);
        for (uint32_t k = 0; second == i && k < f->node[id].n_regions; k++)
            find_pairs(p, f->node[id].own[k]);
        i = second;
    }
}

static Plan *
plan_of(const Function *f, Arena *arena)
{
    Plan *p = arena_new(arena, Plan);

    *p = (Plan){.twins = twins_new(f, arena),
                .first = arena_array(arena, Ref, f->n),
                .same = arena_array(arena, int64_t *, f->n),
                .late = arena_array(arena, bool, f->n)};
    find_pairs(p, 0);
    return p;
}

/* ---- the loop of both */

typedef struct Pair {
    Rebuild *r;
    const Plan *plan;
    uint32_t id[2];
    uint32_t indices;
    Ref *init, *yield;
    FoldKind *kind;
    uint32_t n;
} Pair;

static const Node *
part(const Pair *p, unsigned which)
{
    return &p->r->from->node[p->id[which]];
}

static const Region *
body_of(const Pair *p, unsigned which)
{
    return &p->r->from->region[part(p, which)->own[0]];
}

/* Is result i of a loop one of the new loop, and not the twin of another? */
static bool
is_own(const Pair *p, unsigned which, uint32_t i)
{
    return p->r->live.result[p->id[which]][i] &&
           (which == 0 || p->plan->same[p->id[1]][i] == NO_TWIN);
}

static void
open_carried(Pair *p, unsigned which)
{
    const Region *body = body_of(p, which);
    Rebuild *r = p->r;

    for (uint32_t i = 0; i < part(p, which)->n_results; i++) {
        Ref param = body->param[1 + i], twin = p->plan->twins.of[param.id];
        if (twin.id)
            r->map[param.id] = r->map[twin.id];
        if (!is_own(p, which, i))
            continue;
        r->map[param.id] = ir_param(&r->b, ir_type(r->from, param));
        p->init[p->n++] = rebuild_arg(r, part(p, which), 2 + i);
    }
}

static void
take_yields(Pair *p, unsigned which)
{
    const Node *n = part(p, which);

    for (uint32_t i = 0; i < n->n_results; i++) {
        if (!is_own(p, which, i))
            continue;
        if (n->op == OP_loop)
            p->kind[p->n] = (FoldKind)n->attr.ints[1 + p->indices + i];
        p->yield[p->n++] = p->r->map[body_of(p, which)->yield[i].id];
    }
}

static RegionId
build_body(Pair *p)
{
    Rebuild *r = p->r;
    RegionId body = region_begin(&r->b);

    for (uint32_t i = 0; i < p->indices; i++)
        r->map[body_of(p, 0)->param[i].id] = r->map[body_of(p, 1)->param[i].id] =
            ir_param(&r->b, type_scalar(DT_i32));
    for (unsigned which = 0; which < 2 && part(p, 0)->op == OP_for; which++)
        open_carried(p, which);
    p->n = 0;
    for (unsigned which = 0; which < 2; which++) {
        rebuild_region(r, part(p, which)->own[0]);
        take_yields(p, which);
    }
    ir_yield(&r->b, p->n, p->yield);
    region_end(&r->b);
    return body;
}

static Ref
build_loop(Pair *p, RegionId body)
{
    Rebuild *r = p->r;
    const Node *n = part(p, 0);
    uint32_t extent[MAX_RANK];

    if (n->op == OP_for)
        return ir_for(&r->b, rebuild_arg(r, n, 0), rebuild_arg(r, n, 1), p->n, p->init, body,
                      n->attr.i);
    for (uint32_t i = 0; i < p->indices; i++)
        extent[i] = (uint32_t)n->attr.ints[1 + i];
    return ir_loop(&r->b, p->indices, extent, p->kind, body);
}

static void
take_results(Pair *p, Ref loop)
{
    Rebuild *r = p->r;
    const int64_t *same = p->plan->same[p->id[1]];
    uint32_t next = 0;

    for (unsigned which = 0; which < 2; which++) {
        uint32_t id = p->id[which], n = part(p, which)->n_results;
        r->many[id] = arena_array(r->ctx->arena, Ref, n + 1);
        for (uint32_t i = 0; i < n; i++)
            if (is_own(p, which, i))
                r->many[id][i] = ir_get(&r->b, loop, next++);
            else if (which == 1 && same[i] != NO_TWIN)
                r->many[id][i] = r->many[p->id[0]][same[i]];
    }
}

/* What stands between the two and needs the first. */
static void
build_late(Pair *p)
{
    Rebuild *r = p->r;
    const Region *region = &r->from->region[part(p, 0)->region];

    for (size_t i = 0; i < region->n_nodes; i++) {
        uint32_t id = region->node[i];
        if (id > p->id[0] && id < p->id[1] && p->plan->late[id] && r->live.node[id])
            rebuild_copy(r, id);
    }
}

static void
build_pair(Rebuild *r, const Plan *plan, uint32_t second)
{
    Pair p = {.r = r, .plan = plan, .id = {plan->first[second].id, second}};
    uint32_t n = part(&p, 0)->n_results + part(&p, 1)->n_results + 1;

    p.indices = twins_indices(part(&p, 0));
    p.init = arena_array(r->ctx->arena, Ref, n);
    p.yield = arena_array(r->ctx->arena, Ref, n);
    p.kind = arena_array(r->ctx->arena, FoldKind, n);
    r->b.span = part(&p, 0)->span;
    RegionId body = build_body(&p);
    take_results(&p, build_loop(&p, body));
    build_late(&p);
}

/* ---- the pass */

static bool
merge(Rebuild *r, uint32_t id)
{
    Plan *const *plans = r->user;
    const Plan *p = plans[r->from->index];
    Ref twin = p->twins.of[id];
    if (twin.id) {
        r->map[id] = r->map[twin.id];
        r->many[id] = r->many[twin.id];
        return true;
    }
    if (p->first[id].id)
        build_pair(r, p, id);
    return p->late[id] || p->first[id].id;
}

Module *
pass_merge(const Module *in, PassContext *ctx)
{
    Plan **plan = arena_array(ctx->arena, Plan *, in->n + 1);
    Module *out = NULL;
    bool any = true;

    for (unsigned round = 0; any && round < MOST_ROUNDS; round++) {
        any = false;
        for (size_t i = 0; i < in->n; i++) {
            plan[i] = plan_of(in->function[i], ctx->arena);
            any |= plan[i]->any;
        }
        in = out = rebuild_module(in, ctx, any ? merge : NULL, plan);
    }
    return out;
}
