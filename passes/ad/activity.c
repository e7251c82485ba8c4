/* SPDX-License-Identifier: Apache-2.0
 *
 * activity.c -- which values depend on the active arguments
 *
 * Only real values can: an integer or a comparison is constant nearly everywhere.  What a loop
 * carries is active if it ever becomes so.  What comes to the results through `stop_gradient`
 * alone is not: a sampler that a loss runs keeps no tape.
 */
#include "passes/ad/ad.h"

#include <string.h>

typedef struct Analysis {
    const Function *f;
    Activity a;
    bool changed;
} Analysis;

static void
set_active(Analysis *s, bool *flag, bool value)
{
    s->changed |= value && !*flag;
    *flag |= value;
}

static bool
yield_active(const Analysis *s, RegionId region, uint32_t i)
{
    return s->a.node[s->f->region[region].yield[i].id];
}

static void
analyse_carried(Analysis *s, uint32_t id, uint32_t first, uint32_t skip)
{
    const Node *n = &s->f->node[id];
    RegionId body = n->own[n->n_regions - 1];

    for (uint32_t i = 0; i < n->n_results; i++) {
        bool *result = &s->a.result[id][i];
        set_active(s, result, s->a.node[n->arg[first + i].id] || yield_active(s, body, i));
        for (uint32_t k = 0; k < n->n_regions; k++) {
            uint32_t p = s->f->region[n->own[k]].param[(n->own[k] == body ? skip : 0) + i].id;
            set_active(s, &s->a.node[p], *result);
        }
    }
}

static bool
depends(const Analysis *s, const Node *n, unsigned mask)
{
    for (uint32_t i = 0; i < n->n_args; i++)
        if ((mask >> (i < 31 ? i : 31) & 1) && s->a.node[n->arg[i].id])
            return true;
    return false;
}

static void
analyse_node(Analysis *s, uint32_t id)
{
    const Node *n = &s->f->node[id];

    switch (n->op) {
    case OP_arg: break;
    case OP_get: set_active(s, &s->a.node[id], s->a.result[n->arg[0].id][n->attr.i]); break;
    case OP_for: analyse_carried(s, id, 2, 1); break;
    case OP_while: analyse_carried(s, id, 1, 0); break;
    case OP_if:
    case OP_loop:
        for (uint32_t k = 0; k < n->n_regions; k++)
            for (uint32_t i = 0; i < n->n_results; i++)
                set_active(s, &s->a.result[id][i], yield_active(s, n->own[k], i));
        break;
    default:
        if (dtype_is_float((DType)n->type.dtype))
            set_active(s, &s->a.node[id],
                       depends(s, n, op_is_pointwise(n->op) ? ad_smooth(n->op) : ~0u));
    }
}

/* ---- what a derivative can go through */

/* What the regions of a node carry and yield goes with the node. */
static void
want_regions(const Function *f, const Node *n, bool *wanted)
{
    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *r = &f->region[n->own[k]];
        for (uint32_t i = 0; i < r->n_yields; i++)
            wanted[r->yield[i].id] = true;
        for (uint32_t i = 0; i < r->n_params; i++)
            wanted[r->param[i].id] = true;
    }
}

/* One entry a node.  A node stands before the one that owns its region, and before its users.
 */
static bool *
find_wanted(PassContext *ctx, const Function *f)
{
    bool *wanted = arena_array(ctx->arena, bool, f->n);

    for (uint32_t i = 0; i < f->region[0].n_yields; i++)
        wanted[f->region[0].yield[i].id] = true;
    for (size_t id = f->n; id-- > 1;) {
        const Node *n = &f->node[id];
        if (!wanted[id] || n->op == OP_stop_gradient)
            continue;
        for (uint32_t i = 0; i < n->n_args; i++)
            wanted[n->arg[i].id] = true;
        want_regions(f, n, wanted);
    }
    return wanted;
}

static void
drop_unwanted(Analysis *s, const bool *wanted)
{
    for (uint32_t id = 1; id < s->f->n; id++) {
        const Node *n = &s->f->node[id];
        if (wanted[id])
            continue;
        s->a.node[id] = false;
        for (uint32_t i = 0; s->a.result[id] && i < n->n_results; i++)
            s->a.result[id][i] = false;
    }
}

static bool
check_derivatives(PassContext *ctx, const Analysis *s, const bool *wanted)
{
    Live live = live_find(s->f, ctx->arena);
    bool right = true;

    for (uint32_t id = 1; id < s->f->n; id++) {
        const Node *n = &s->f->node[id];
        if (!live.node[id] || !wanted[id] || !op_is_pointwise(n->op) ||
            !depends(s, n, ad_nondiff(n->op)))
            continue;
        diag_add(ctx->diags, DIAG_not_differentiable, n->span, op_info[n->op].name);
        right = false;
    }
    return right;
}

bool
ad_activity(PassContext *ctx, const Function *f, const bool *active_param, Activity *ret)
{
    Analysis s = {.f = f, .changed = true};

    s.a.node = arena_array(ctx->arena, bool, f->n);
    s.a.result = arena_array(ctx->arena, bool *, f->n);
    for (uint32_t id = 1; id < f->n; id++)
        if (f->node[id].type.dtype == DT_none)
            s.a.result[id] = arena_array(ctx->arena, bool, f->node[id].n_results + 1);
    for (uint32_t i = 0; i < f->region[0].n_params; i++)
        s.a.node[f->region[0].param[i].id] = active_param[i];
    while (s.changed) {
        s.changed = false;
        for (uint32_t id = 1; id < f->n; id++)
            analyse_node(&s, id);
    }
    const bool *wanted = find_wanted(ctx, f);
    drop_unwanted(&s, wanted);
    *ret = s.a;
    return check_derivatives(ctx, &s, wanted);
}

bool
ad_is_active(const Ad *a, uint32_t id)
{
    const Node *n = &a->f->node[id];

    if (n->type.dtype != DT_none)
        return a->active.node[id];
    for (uint32_t i = 0; i < n->n_results; i++)
        if (a->active.result[id][i])
            return true;
    return false;
}

/* ---- captures */

typedef struct Capture {
    const Ad *a;
    RegionId region;
    bool only_active;
    bool *seen;
    uint32_t n;
} Capture;

static void
capture(Capture *c, Ref r)
{
    const Function *f = c->a->f;

    if (c->seen[r.id] || region_within(f, f->node[r.id].region, c->region))
        return;
    if (f->node[r.id].type.dtype == DT_none || (c->only_active && !c->a->active.node[r.id]))
        return;
    c->seen[r.id] = true;
    c->n++;
}

static void
capture_region(Capture *c, RegionId region)
{
    const Function *f = c->a->f;
    const Region *r = &f->region[region];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &f->node[r->node[k]];
        for (uint32_t i = 0; i < n->n_args; i++)
            capture(c, n->arg[i]);
        for (uint32_t i = 0; i < n->n_regions; i++)
            capture_region(c, n->own[i]);
    }
    for (uint32_t i = 0; i < r->n_yields; i++)
        capture(c, r->yield[i]);
}

uint32_t
ad_captures(const Ad *a, RegionId region, bool only_active, uint32_t **ret)
{
    Capture c = {a, region, only_active, arena_array(a->ctx->arena, bool, a->f->n), 0};
    uint32_t n = 0;

    capture_region(&c, region);
    *ret = arena_array(a->ctx->arena, uint32_t, c.n + 1);
    for (uint32_t id = 1; id < a->f->n && n < c.n; id++)
        if (c.seen[id])
            (*ret)[n++] = id;
    return c.n;
}
