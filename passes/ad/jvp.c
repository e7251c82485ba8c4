/* SPDX-License-Identifier: Apache-2.0
 *
 * jvp.c -- forward mode: the walk, and control flow
 *
 * Every node is copied; where it is active its tangent follows.  Regions carry tangents next to
 * the values they carry and yield.
 */
#include "passes/ad/ad.h"

#include <assert.h>
#include <string.h>

#include "passes/ad/vocabulary.h"

/* ---- operands and tangents */

Ref
ad_zero(Builder *b, Type t)
{
    return ir_full(b, t, 0);
}

Ref
ad_index(Builder *b, int64_t i)
{
    return ir_number(b, DT_i32, (double)i);
}

bool
ad_is_wide(const Ad *a)
{
    return a->columns && a->part == 0;
}

Type
ad_tan_type(const Ad *a, Type t)
{
    if (ad_is_wide(a))
        t.dim[t.rank++] = a->columns;
    return t;
}

Ref
ad_arg(const Ad *a, const Node *n, uint32_t k)
{
    return a->copy.map[n->arg[k].id];
}

Ref
ad_tan(const Ad *a, const Node *n, uint32_t k)
{
    return a->tan[a->part][n->arg[k].id];
}

static Ref
tan_or_zero(Ad *a, Ref source)
{
    Ref t = a->tan[a->part][source.id];

    return t.id ? t : ad_zero(&a->copy.b, ad_tan_type(a, ir_type(a->f, source)));
}

Ref
ad_tan_full(Ad *a, const Node *n, uint32_t k)
{
    return tan_or_zero(a, n->arg[k]);
}

/* ---- pointwise ops */

static Ref
forward_pointwise(Ad *a, const Node *n, Ref r)
{
    Ref x[3] = {{0}}, g[3] = {{0}}, out[3], sum = NO_REF;
    unsigned mask = 0;

    for (uint32_t k = 0; k < n->n_args; k++) {
        x[k] = ad_arg(a, n, k);
        g[k] = ad_tan(a, n, k);
        mask |= (unsigned)(g[k].id != 0) << k;
    }
    ad_partials(&a->copy.b, n->op, mask & ad_smooth(n->op), x, r, g, out);
    for (uint32_t k = 0; k < n->n_args; k++)
        if (out[k].id)
            sum = ad_add(&a->copy.b, sum, ir_convert(&a->copy.b, out[k], (DType)n->type.dtype));
    return sum;
}

/* ---- control flow */

/* Tangents of the active results stand after the results, part by part. */
static uint32_t
count_active(const Ad *a, uint32_t id)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < a->f->node[id].n_results; i++)
        n += a->active.result[id][i];
    return n;
}

static void
read_tangents(Ad *a, uint32_t id, Ref node)
{
    const Node *n = &a->f->node[id];
    uint32_t k = n->n_results;

    a->copy.many[id] = arena_array(a->ctx->arena, Ref, n->n_results + 1);
    for (uint32_t i = 0; i < n->n_results; i++)
        a->copy.many[id][i] = ir_get(&a->copy.b, node, i);
    for (unsigned p = 0; p < a->parts; p++) {
        a->tans[p][id] = arena_array(a->ctx->arena, Ref, n->n_results + 1);
        for (uint32_t i = 0; i < n->n_results; i++)
            if (a->active.result[id][i])
                a->tans[p][id][i] = ir_get(&a->copy.b, node, k++);
    }
}

/* Yields the region's values, then tangents of those that are active as results of node `id`.
 */
static void
yield_tangents(Ad *a, uint32_t id, RegionId region)
{
    const Region *r = &a->f->region[region];
    Ref *yield = arena_array(a->ctx->arena, Ref, (1 + MAX_PARTS) * (r->n_yields + 1));
    uint32_t n = 0;

    for (uint32_t i = 0; i < r->n_yields; i++)
        yield[n++] = a->copy.map[r->yield[i].id];
    for (a->part = 0; a->part < a->parts; a->part++)
        for (uint32_t i = 0; i < r->n_yields; i++)
            if (a->active.result[id][i])
                yield[n++] = tan_or_zero(a, r->yield[i]);
    a->part = 0;
    ir_yield(&a->copy.b, n, yield);
}

Ref
jvp_if(Ad *a, const Node *n)
{
    uint32_t id = (uint32_t)(n - a->f->node);
    RegionId own[2];

    for (int k = 0; k < 2; k++) {
        own[k] = region_begin(&a->copy.b);
        ad_forward_nodes(a, n->own[k]);
        yield_tangents(a, id, n->own[k]);
        region_end(&a->copy.b);
    }
    read_tangents(a, id, ir_if(&a->copy.b, ad_arg(a, n, 0), own[0], own[1]));
    return NO_REF;
}

static uint32_t
carry_initial(Ad *a, uint32_t id, uint32_t first, Ref *init)
{
    const Node *n = &a->f->node[id];
    uint32_t k = 0;

    for (uint32_t i = 0; i < n->n_results; i++)
        init[k++] = ad_arg(a, n, first + i);
    for (a->part = 0; a->part < a->parts; a->part++)
        for (uint32_t i = 0; i < n->n_results; i++)
            if (a->active.result[id][i])
                init[k++] = ad_tan_full(a, n, first + i);
    a->part = 0;
    return k;
}

/* Makes a region's parameters for carried values and their tangents. */
static void
carry_params(Ad *a, uint32_t id, RegionId region, uint32_t skip)
{
    const Node *n = &a->f->node[id];
    const Ref *param = a->f->region[region].param + skip;

    for (uint32_t i = 0; i < n->n_results; i++)
        a->copy.map[param[i].id] = ir_param(&a->copy.b, n->result[i]);
    for (a->part = 0; a->part < a->parts; a->part++)
        for (uint32_t i = 0; i < n->n_results; i++)
            if (a->active.result[id][i])
                a->tan[a->part][param[i].id] =
                    ir_param(&a->copy.b, ad_tan_type(a, n->result[i]));
    a->part = 0;
}

static RegionId
carry_body(Ad *a, uint32_t id, RegionId region, uint32_t skip)
{
    RegionId own = region_begin(&a->copy.b);

    if (skip)
        a->copy.map[a->f->region[region].param[0].id] =
            ir_param(&a->copy.b, type_scalar(DT_i32));
    carry_params(a, id, region, skip);
    ad_forward_nodes(a, region);
    yield_tangents(a, id, region);
    region_end(&a->copy.b);
    return own;
}

static Ref *
carry_buffer(const Ad *a, const Node *n)
{
    return arena_array(a->ctx->arena, Ref, (1 + MAX_PARTS) * (n->n_results + 1));
}

Ref
jvp_for(Ad *a, const Node *n)
{
    uint32_t id = (uint32_t)(n - a->f->node);
    Ref *init = carry_buffer(a, n);
    uint32_t count = carry_initial(a, id, 2, init);
    RegionId body = carry_body(a, id, n->own[0], 1);

    read_tangents(
        a, id,
        ir_for(&a->copy.b, ad_arg(a, n, 0), ad_arg(a, n, 1), count, init, body, n->attr.i));
    return NO_REF;
}

Ref
jvp_while(Ad *a, const Node *n)
{
    uint32_t id = (uint32_t)(n - a->f->node);
    Ref *init = carry_buffer(a, n);
    uint32_t count = carry_initial(a, id, 1, init);
    RegionId condition = region_begin(&a->copy.b);

    carry_params(a, id, n->own[0], 0);
    rebuild_region(&a->copy, n->own[0]);
    ir_yield(&a->copy.b, 1, &a->copy.map[a->f->region[n->own[0]].yield[0].id]);
    region_end(&a->copy.b);
    RegionId body = carry_body(a, id, n->own[1], 0);
    read_tangents(a, id, ir_while(&a->copy.b, ad_arg(a, n, 0), count, init, condition, body));
    return NO_REF;
}

/* Folds of real values other than sums are reductions of stored arrays by now (derive.c), so
 * that tangents of a loop fold as its values do. */
Ref
jvp_loop(Ad *a, const Node *n)
{
    uint32_t id = (uint32_t)(n - a->f->node), rank = (uint32_t)n->attr.ints[0];
    uint32_t extent[MAX_RANK], k = n->n_results;
    const int64_t *source = n->attr.ints + 1 + rank;
    FoldKind *kind = arena_array(a->ctx->arena, FoldKind, k + a->parts * count_active(a, id));
    RegionId own = region_begin(&a->copy.b);

    for (uint32_t i = 0; i < rank; i++) {
        extent[i] = (uint32_t)n->attr.ints[1 + i];
        a->copy.map[a->f->region[n->own[0]].param[i].id] =
            ir_param(&a->copy.b, type_scalar(DT_i32));
    }
    ad_forward_nodes(a, n->own[0]);
    yield_tangents(a, id, n->own[0]);
    region_end(&a->copy.b);
    for (uint32_t i = 0; i < n->n_results; i++)
        kind[i] = (FoldKind)source[i];
    for (unsigned p = 0; p < a->parts; p++)
        for (uint32_t i = 0; i < n->n_results; i++)
            if (a->active.result[id][i])
                kind[k++] = (FoldKind)source[i];
    read_tangents(a, id, ir_loop(&a->copy.b, rank, extent, kind, own));
    return NO_REF;
}

/* ---- the walk */

static JvpRule *const rule[OP_COUNT] = {
#define STRUCTURAL(name, ...) [OP_##name] = jvp_##name,
#include "ir/ops.def"
};

static void
forward_node(Ad *a, uint32_t id)
{
    const Node *n = &a->f->node[id];
    Builder *b = &a->copy.b;

    b->span = n->span;
    if (!ad_is_active(a, id)) {
        rebuild_node(&a->copy, id);
        return;
    }
    if (n->n_regions) {
        rule[n->op](a, n);
        return;
    }
    rebuild_node(&a->copy, id);
    for (a->part = 0; a->part < a->parts; a->part++)
        a->tan[a->part][id] = op_is_pointwise(n->op) ? forward_pointwise(a, n, a->copy.map[id])
                                                     : rule[n->op](a, n);
    a->part = 0;
    if (a->parts > 1 && n->op != OP_get)
        a->tan[1][id] = ad_add(b, a->tan[1][id], ad_second(a, n));
}

void
ad_forward_nodes(Ad *a, RegionId region)
{
    const Region *r = &a->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++)
        if (a->copy.live.node[r->node[i]] && a->f->node[r->node[i]].op != OP_arg)
            forward_node(a, r->node[i]);
}

bool
ad_forward(PassContext *ctx, Builder *b, const Function *f, const Ref *arg, const Ref *tan,
           Ref *ret_value, Ref *ret_tan)
{
    Ad a = {.copy = rebuild_of(NULL, f, *b, ctx), .f = f, .ctx = ctx, .parts = 1};
    const Region *body = &f->region[0];
    bool *active = arena_array(ctx->arena, bool, body->n_params + 1);

    a.copy.live = live_all(f, ctx->arena);
    a.tan[0] = arena_array(ctx->arena, Ref, f->n);
    a.tans[0] = arena_array(ctx->arena, Ref *, f->n);
    for (uint32_t i = 0; i < body->n_params; i++) {
        active[i] = tan[i].id != 0;
        a.copy.map[body->param[i].id] = arg[i];
        a.tan[0][body->param[i].id] = tan[i];
    }
    if (!ad_activity(ctx, f, active, &a.active))
        return false;
    ad_forward_nodes(&a, 0);
    for (uint32_t i = 0; i < body->n_yields; i++) {
        ret_value[i] = a.copy.map[body->yield[i].id];
        ret_tan[i] = a.tan[0][body->yield[i].id];
    }
    return true;
}

Function *
ad_jvp(PassContext *ctx, Module *out, const Function *f, const char *name, uint32_t n,
       const int64_t *active)
{
    Function *to = function_new(out, name);
    Builder b = builder_at(out, to);
    const Region *body = &f->region[0];
    Ref *arg = arena_array(ctx->arena, Ref, body->n_params + 1);
    Ref *tan = arena_array(ctx->arena, Ref, body->n_params + 1);
    Ref *value = arena_array(ctx->arena, Ref, 2 * body->n_yields + 1);

    for (uint32_t i = 0; i < body->n_params; i++)
        arg[i] = ir_param(&b, ir_type(f, body->param[i]));
    for (uint32_t i = 0; i < n; i++)
        tan[active[i]] = ir_param(&b, ir_type(f, body->param[active[i]]));
    if (!ad_forward(ctx, &b, f, arg, tan, value, value + body->n_yields))
        return NULL;
    for (uint32_t i = 0; i < body->n_yields; i++)
        if (!value[body->n_yields + i].id)
            value[body->n_yields + i] = ad_zero(&b, ir_type(to, value[i]));
    ir_yield(&b, 2 * body->n_yields, value);
    return to;
}
