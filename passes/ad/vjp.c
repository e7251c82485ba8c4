/* SPDX-License-Identifier: Apache-2.0
 *
 * vjp.c -- reverse mode: the walk
 *
 * The source is copied, with tapes for its loops; then its nodes are run through backwards,
 * each giving to the cotangents of its operands.  The walk knows no op: pointwise ops are the
 * table's columns, structural ops the rules that the table names.
 */
#include "passes/ad/ad.h"

#include <assert.h>

void
ad_give(Ad *a, Ref to, Ref term)
{
    Ref *cot = &a->cot[to.id];

    if (!term.id || !a->active.node[to.id])
        return;
    assert(type_eq(ir_type(a->copy.b.function, term), ir_type(a->f, to)));
    *cot = ad_add(&a->copy.b, *cot, term);
}

Ref
ad_cot_full(Ad *a, uint32_t id)
{
    return a->cot[id].id ? a->cot[id] : ad_zero(&a->copy.b, a->f->node[id].type);
}

void
ad_clear_cot(Ad *a, RegionId region)
{
    const Region *r = &a->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        a->cot[r->node[i]] = NO_REF;
        a->cots[r->node[i]] = NULL;
        a->leaf[r->node[i]] = false;
    }
}

void
ad_copy_taped(Ad *a, RegionId region)
{
    const Region *r = &a->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        uint32_t id = r->node[i];
        const Node *n = &a->f->node[id];
        if (!a->copy.live.node[id] || n->op == OP_arg)
            continue;
        a->copy.b.span = n->span;
        if ((n->op == OP_for || n->op == OP_while) && ad_is_active(a, id))
            ad_copy_turns(a, id);
        else
            rebuild_node(&a->copy, id);
    }
}

static void
reverse_pointwise(Ad *a, const Node *n, uint32_t id, Ref g)
{
    Ref x[3] = {{0}}, out[3], cot[3] = {g, g, g};
    unsigned mask = 0;

    for (uint32_t k = 0; k < n->n_args; k++) {
        x[k] = ad_arg(a, n, k);
        mask |= (unsigned)a->active.node[n->arg[k].id] << k;
    }
    ad_partials(&a->copy.b, n->op, mask & ad_smooth(n->op), x, a->copy.map[id], cot, out);
    for (uint32_t k = 0; k < n->n_args; k++)
        ad_give(a, n->arg[k], out[k]);
}

static VjpRule *const rule[OP_COUNT] = {
#define STRUCTURAL(name, ...) [OP_##name] = vjp_##name,
#include "ir/ops.def"
};

static bool
has_cot(const Ad *a, const Node *n, const Ref *g)
{
    uint32_t count = n->type.dtype == DT_none ? n->n_results : 1;

    for (uint32_t i = 0; g && i < count; i++)
        if (g[i].id)
            return true;
    (void)a;
    return false;
}

static void
reverse_node(Ad *a, uint32_t id)
{
    const Node *n = &a->f->node[id];
    const Ref *g = n->type.dtype == DT_none ? a->cots[id] : &a->cot[id];

    if (n->op == OP_arg || a->leaf[id] || !ad_is_active(a, id) || !has_cot(a, n, g))
        return;
    a->copy.b.span = n->span;
    if (op_is_pointwise(n->op))
        reverse_pointwise(a, n, id, g[0]);
    else
        rule[n->op](a, n, g);
}

void
ad_reverse_region(Ad *a, RegionId region)
{
    const Region *r = &a->f->region[region];

    for (size_t i = r->n_nodes; i-- > 0;)
        reverse_node(a, r->node[i]);
}

static Ad
start(PassContext *ctx, Builder *b, const Function *f)
{
    Arena *arena = ctx->arena;

    return (Ad){
        .copy = rebuild_of(NULL, f, *b, ctx),
        .f = f,
        .ctx = ctx,
        .cot = arena_array(arena, Ref, f->n),
        .cots = arena_array(arena, Ref *, f->n),
        .tape = arena_array(arena, Tape, f->n),
        .leaf = arena_array(arena, bool, f->n),
        .need = arena_array(arena, Needs *, f->n),
    };
}

bool
ad_reverse(PassContext *ctx, Builder *b, const Function *f, const Ref *arg, const bool *active,
           const Ref *cot, Ref *ret_value, Ref *ret_cot)
{
    Ad a = start(ctx, b, f);
    const Region *body = &f->region[0];
    unsigned errors = ctx->diags->errors;

    a.copy.live = live_all(f, ctx->arena);
    for (uint32_t i = 0; i < body->n_params; i++)
        a.copy.map[body->param[i].id] = arg[i];
    if (!ad_activity(ctx, f, active, &a.active))
        return false;
    ad_copy_taped(&a, 0);
    for (uint32_t i = 0; i < body->n_yields; i++) {
        ret_value[i] = a.copy.map[body->yield[i].id];
        ad_give(&a, body->yield[i], cot[i]);
    }
    ad_reverse_region(&a, 0);
    for (uint32_t i = 0; i < body->n_params; i++)
        ret_cot[i] = a.cot[body->param[i].id];
    *b = a.copy.b;
    return ctx->diags->errors == errors;
}

Function *
ad_vjp(PassContext *ctx, Module *out, const Function *f, const char *name, uint32_t n,
       const int64_t *active)
{
    Function *to = function_new(out, name);
    Builder b = builder_at(out, to);
    const Region *body = &f->region[0];
    Ref *arg = arena_array(ctx->arena, Ref, body->n_params + 1);
    Ref *grad = arena_array(ctx->arena, Ref, body->n_params + 1);
    Ref *cot = arena_array(ctx->arena, Ref, body->n_yields + 1);
    Ref *result = arena_array(ctx->arena, Ref, body->n_yields + n + 1);
    bool *is_active = arena_array(ctx->arena, bool, body->n_params + 1);

    for (uint32_t i = 0; i < body->n_params; i++)
        arg[i] = ir_param(&b, ir_type(f, body->param[i]));
    for (uint32_t i = 0; i < body->n_yields; i++)
        cot[i] = ir_param(&b, ir_type(f, body->yield[i]));
    for (uint32_t i = 0; i < n; i++)
        is_active[active[i]] = true;
    if (!ad_reverse(ctx, &b, f, arg, is_active, cot, result, grad))
        return NULL;
    for (uint32_t i = 0; i < n; i++) {
        Ref g = grad[active[i]];
        result[body->n_yields + i] = g.id ? g : ad_zero(&b, ir_type(f, body->param[active[i]]));
    }
    ir_yield(&b, body->n_yields + n, result);
    return to;
}
