/* SPDX-License-Identifier: Apache-2.0
 *
 * rebuild.c -- copying a function node by node, with a rule
 */
#include "passes/rebuild.h"

#include <string.h>

/* ---- liveness */

typedef struct Marker {
    const Function *f;
    Live live;
    bool changed;
} Marker;

static void
mark(Marker *m, Ref r)
{
    m->changed |= !m->live.node[r.id];
    m->live.node[r.id] = true;
}

static void
mark_result(Marker *m, uint32_t id, uint32_t i)
{
    m->changed |= !m->live.result[id][i];
    m->live.result[id][i] = true;
}

static void
mark_yield(Marker *m, RegionId region, uint32_t i)
{
    mark(m, m->f->region[region].yield[i]);
}

/* Carried value i is needed if its result is read, or its parameter within. */
static void
mark_carried(Marker *m, uint32_t id, uint32_t first, uint32_t skip)
{
    const Node *n = &m->f->node[id];
    RegionId body = n->own[n->n_regions - 1];

    for (uint32_t i = 0; i < n->n_results; i++) {
        for (uint32_t k = 0; k < n->n_regions; k++) {
            uint32_t p = m->f->region[n->own[k]].param[(n->own[k] == body ? skip : 0) + i].id;
            if (m->live.node[p])
                mark_result(m, id, i);
        }
        if (!m->live.result[id][i])
            continue;
        mark(m, n->arg[first + i]);
        mark_yield(m, body, i);
    }
}

static void
mark_yields(Marker *m, uint32_t id)
{
    const Node *n = &m->f->node[id];

    for (uint32_t k = 0; k < n->n_regions; k++)
        for (uint32_t i = 0; i < n->n_results; i++)
            if (m->live.result[id][i])
                mark_yield(m, n->own[k], i);
}

/* Marks what live node `id` needs. */
static void
mark_needs(Marker *m, uint32_t id)
{
    const Node *n = &m->f->node[id];
    uint32_t plain = n->op == OP_for ? 2 : n->op == OP_while ? 1 : n->n_args;

    for (uint32_t i = 0; i < plain; i++)
        mark(m, n->arg[i]);
    switch (n->op) {
    case OP_get: mark_result(m, n->arg[0].id, (uint32_t)n->attr.i); break;
    case OP_for: mark_carried(m, id, 2, 1); break;
    case OP_while:
        mark_yield(m, n->own[0], 0);
        mark_carried(m, id, 1, 0);
        break;
    default: mark_yields(m, id); break;
    }
}

Live
live_find(const Function *f, Arena *arena)
{
    Marker m = {.f = f, .changed = true};

    m.live.node = arena_array(arena, bool, f->n);
    m.live.result = arena_array(arena, bool *, f->n);
    for (uint32_t id = 1; id < f->n; id++)
        if (f->node[id].type.dtype == DT_none)
            m.live.result[id] = arena_array(arena, bool, f->node[id].n_results + 1);
    for (uint32_t i = 0; i < f->region[0].n_yields; i++)
        mark_yield(&m, 0, i);
    while (m.changed) {
        m.changed = false;
        for (uint32_t id = (uint32_t)f->n; id-- > 1;)
            if (m.live.node[id])
                mark_needs(&m, id);
    }
    return m.live;
}

Live
live_all(const Function *f, Arena *arena)
{
    Live live = {arena_array(arena, bool, f->n), arena_array(arena, bool *, f->n)};

    for (uint32_t id = 1; id < f->n; id++) {
        uint32_t n = f->node[id].n_results + 1;
        live.node[id] = true;
        if (f->node[id].type.dtype != DT_none)
            continue;
        live.result[id] = arena_array(arena, bool, n);
        memset(live.result[id], true, n * sizeof(bool));
    }
    return live;
}

/* ---- copying */

Rebuild
rebuild_of(const Module *in, const Function *from, Builder b, PassContext *ctx)
{
    return (Rebuild){
        .in = in,
        .from = from,
        .b = b,
        .map = arena_array(ctx->arena, Ref, from->n),
        .many = arena_array(ctx->arena, Ref *, from->n),
        .live = live_find(from, ctx->arena),
        .vary = ir_variance(from, ctx->arena),
        .ctx = ctx,
    };
}

void
rebuild_region(Rebuild *r, RegionId region)
{
    const Region *from = &r->from->region[region];

    for (size_t i = 0; i < from->n_nodes; i++)
        if (r->live.node[from->node[i]] && r->from->node[from->node[i]].op != OP_arg)
            rebuild_node(r, from->node[i]);
}

/* Is a loop known to make at least one turn? */
static bool
runs_once(const Rebuild *r, const Node *n)
{
    Scalar from, to;
    const Function *f = r->b.function;

    if (n->op == OP_loop)
        return ir_loop_turns(n) > 0;
    return n->op == OP_for && ir_is_splat(f, rebuild_arg(r, n, 0), &from) &&
           ir_is_splat(f, rebuild_arg(r, n, 1), &to) && from.i32 < to.i32;
}

/* A region of node `id` with those of its parameters from `skip` on, and of its yields, that
 * the live results keep. */
static RegionId
copy_region(Rebuild *r, uint32_t id, RegionId region, uint32_t skip, bool filter)
{
    const Region *from = &r->from->region[region];
    const bool *keep = r->live.result[id];
    Ref *yield = arena_array(r->ctx->arena, Ref, from->n_yields + 1);
    RegionId to = region_begin(&r->b);
    const Node *owner = &r->from->node[id];
    Scope scope = {to, (Op)owner->op, runs_once(r, owner), r->scope};
    uint32_t n = 0;

    r->scope = &scope;
    for (uint32_t i = 0; i < from->n_params; i++)
        if (i < skip || keep[i - skip])
            r->map[from->param[i].id] = ir_param(&r->b, r->from->node[from->param[i].id].type);
    rebuild_region(r, region);
    for (uint32_t i = 0; i < from->n_yields; i++)
        if (!filter || keep[i])
            yield[n++] = r->map[from->yield[i].id];
    ir_yield(&r->b, n, yield);
    region_end(&r->b);
    r->scope = scope.outer;
    return to;
}

static void
copy_regions(Rebuild *r, uint32_t id, RegionId own[2])
{
    const Node *n = &r->from->node[id];

    for (uint32_t k = 0; k < n->n_regions; k++) {
        uint32_t skip = n->op == OP_for ? 1 : n->op == OP_loop ? (uint32_t)n->attr.ints[0] : 0;
        own[k] = copy_region(r, id, n->own[k], skip, !(n->op == OP_while && k == 0));
    }
}

/* The operands that stay: initial values of dropped carried values do not. */
static uint32_t
copy_args(const Rebuild *r, uint32_t id, Ref *arg)
{
    const Node *n = &r->from->node[id];
    uint32_t first = n->op == OP_for ? 2 : n->op == OP_while ? 1 : n->n_args, count = 0;

    for (uint32_t i = 0; i < n->n_args; i++)
        if (i < first || r->live.result[id][i - first])
            arg[count++] = rebuild_arg(r, n, i);
    return count;
}

static Attr
copy_attr(const Rebuild *r, uint32_t id, Attr attr)
{
    const Node *n = &r->from->node[id];

    if (n->op != OP_loop)
        return attr;
    uint32_t rank = (uint32_t)attr.ints[0], count = 1 + rank;
    int64_t *ints = arena_array(r->ctx->arena, int64_t, attr.n_ints);
    memcpy(ints, attr.ints, count * sizeof *ints);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (r->live.result[id][i])
            ints[count++] = attr.ints[1 + rank + i];
    attr.ints = ints;
    attr.n_ints = count;
    return attr;
}

/* Calls keep all their results, control flow those that are live. */
static void
read_results(Rebuild *r, uint32_t id, Ref node)
{
    const Node *n = &r->from->node[id];
    uint32_t k = 0;

    r->many[id] = arena_array(r->ctx->arena, Ref, n->n_results + 1);
    for (uint32_t i = 0; i < n->n_results; i++) {
        if (n->n_regions == 0 && r->live.result[id][i])
            r->many[id][i] = ir_get(&r->b, node, i);
        else if (r->live.result[id][i])
            r->many[id][i] = ir_get(&r->b, node, k++);
    }
}

void
rebuild_copy_with(Rebuild *r, uint32_t id, Attr attr)
{
    const Node *n = &r->from->node[id];
    Ref *arg = arena_array(r->ctx->arena, Ref, n->n_args + 1);
    RegionId own[2] = {0, 0};

    r->b.span = n->span;
    if (n->op == OP_get) {
        r->map[id] = r->many[n->arg[0].id][n->attr.i];
        return;
    }
    copy_regions(r, id, own);
    r->b.span = n->span;
    uint32_t n_args = copy_args(r, id, arg);
    Ref to =
        ir_build(&r->b, n->op, n->type, n_args, arg, copy_attr(r, id, attr), n->n_regions, own);
    if (n->type.dtype == DT_none)
        read_results(r, id, to);
    else
        r->map[id] = to;
}

void
rebuild_copy(Rebuild *r, uint32_t id)
{
    rebuild_copy_with(r, id, r->from->node[id].attr);
}

/* ---- hoisting */

/* Views and scalars cost next to nothing. */
static bool
is_cheap(const Node *n)
{
    switch (n->op) {
    case OP_const:
    case OP_iota:
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_at: return true;
    default: return op_is_pointwise(n->op) && n->type.rank == 0;
    }
}

static bool
is_movable(const Node *n)
{
    if (n->op == OP_loop)
        return true;
    return n->n_regions == 0 && n->type.dtype != DT_none && n->op != OP_arg &&
           n->op != OP_get && n->op != OP_update && n->op != OP_put_add;
}

static bool
reads_from(const Rebuild *r, Ref arg, RegionId region)
{
    Ref to = r->map[arg.id];
    return to.id && ir_node(r->b.function, to)->region == region;
}

/* Does node n, or a region it owns, read a value of `region`?  What its regions define is not
 * copied yet, hence not mapped. */
static bool
stands_in(const Rebuild *r, const Node *n, RegionId region)
{
    for (uint32_t i = 0; i < n->n_args; i++)
        if (reads_from(r, n->arg[i], region))
            return true;
    for (uint32_t k = 0; k < n->n_regions; k++) {
        const Region *own = &r->from->region[n->own[k]];
        for (size_t i = 0; i < own->n_nodes; i++)
            if (stands_in(r, &r->from->node[own->node[i]], region))
                return true;
        for (uint32_t i = 0; i < own->n_yields; i++)
            if (reads_from(r, own->yield[i], region))
                return true;
    }
    return false;
}

/* What is the same for all chains is computed once, however often the loop around it turns. */
static bool
is_free_to_move(const Rebuild *r, uint32_t id, const Scope *s)
{
    bool uniform = r->vary[id] == VARY_uniform;
    return s->once || uniform ||
           (is_cheap(&r->from->node[id]) && r->from->node[id].n_regions == 0);
}

bool
rebuild_hoisted(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    RegionId here = r->b.region;

    if (!is_movable(n))
        return false;
    for (const Scope *s = r->scope; s && s->op != OP_if; s = s->outer) {
        if (!is_free_to_move(r, id, s) || stands_in(r, n, s->region))
            break;
        r->b.region = r->b.function->region[s->region].parent;
    }
    if (r->b.region == here)
        return false;
    rebuild_copy(r, id);
    r->b.region = here;
    return true;
}

/* ---- values that loops do not change */

static bool
makes_no_turn(const Rebuild *r, const Node *n)
{
    Scalar from, to;
    const Function *f = r->b.function;

    return n->op == OP_for && ir_is_splat(f, rebuild_arg(r, n, 0), &from) &&
           ir_is_splat(f, rebuild_arg(r, n, 1), &to) && from.i32 >= to.i32;
}

bool
rebuild_turns(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    uint32_t first = n->op == OP_for ? 2 : 1, skip = n->op == OP_for;
    const Region *body = &r->from->region[n->own[n->n_regions - 1]];
    bool never = makes_no_turn(r, n);
    Ref *outside = arena_array(r->ctx->arena, Ref, n->n_results + 1);

    for (uint32_t i = 0; i < n->n_results; i++) {
        Ref param = body->param[skip + i], init = n->arg[first + i];
        if (!r->live.result[id][i] || !(never || ref_eq(body->yield[i], param)))
            continue;
        outside[i] = r->map[init.id];
        r->live.result[id][i] = false;
        r->map[param.id] = outside[i];
        if (n->op == OP_while)
            r->map[r->from->region[n->own[0]].param[i].id] = outside[i];
    }
    if (never)
        r->many[id] = outside;
    else
        rebuild_copy(r, id);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (outside[i].id)
            r->many[id][i] = outside[i];
    return true;
}

/* ---- inlining */

void
rebuild_inline(Rebuild *r, uint32_t id, const Function *callee)
{
    const Node *n = &r->from->node[id];
    const Region *body = &callee->region[0];
    Rebuild inner = rebuild_of(r->in, callee, r->b, r->ctx);

    inner.rule = r->rule;
    inner.user = r->user;
    inner.scope = r->scope;
    for (uint32_t i = 0; i < body->n_params; i++)
        inner.map[body->param[i].id] = rebuild_arg(r, n, i);
    rebuild_region(&inner, 0);
    r->many[id] = arena_array(r->ctx->arena, Ref, body->n_yields + 1);
    for (uint32_t i = 0; i < body->n_yields; i++)
        r->many[id][i] = inner.map[body->yield[i].id];
}

void
rebuild_node(Rebuild *r, uint32_t id)
{
    r->b.span = r->from->node[id].span;
    if (r->rule && r->rule(r, id))
        return;
    rebuild_copy(r, id);
}

void
rebuild_params(Rebuild *r)
{
    const Region *body = &r->from->region[0];
    const Input *input = r->from->input;

    for (uint32_t i = 0; i < body->n_params; i++) {
        const Node *p = ir_node(r->from, body->param[i]);
        r->b.span = p->span;
        r->map[body->param[i].id] =
            input ? ir_input(&r->b, p->type, input[i].name, input[i].kind, input[i].variance)
                  : ir_param(&r->b, p->type);
    }
}

void
rebuild_results(Rebuild *r)
{
    const Region *body = &r->from->region[0];
    Ref *yield = arena_array(r->ctx->arena, Ref, body->n_yields + 1);

    for (uint32_t i = 0; i < body->n_yields; i++)
        yield[i] = r->map[body->yield[i].id];
    ir_yield(&r->b, body->n_yields, yield);
    if (r->from->output)
        ir_outputs(&r->b, r->from->output);
}

void
rebuild_function(Rebuild *r)
{
    rebuild_params(r);
    rebuild_region(r, 0);
    rebuild_results(r);
}

typedef struct ModuleCopy {
    const Module *in;
    Module *out;
    PassContext *ctx;
    Rule *rule;
    void *user;
    bool *done;
} ModuleCopy;

/* Callees first: a call takes its types from them. */
static void
copy_function(ModuleCopy *c, uint32_t i)
{
    const Function *f = c->in->function[i];

    if (c->done[i])
        return;
    c->done[i] = true;
    for (uint32_t id = 1; id < f->n; id++)
        if (op_info[f->node[id].op].attr == ATTR_CALLEE)
            copy_function(c, f->node[id].attr.callee);
    Rebuild r = rebuild_of(c->in, f, builder_at(c->out, c->out->function[i]), c->ctx);
    r.rule = c->rule;
    r.user = c->user;
    rebuild_function(&r);
}

Module *
rebuild_module(const Module *in, PassContext *ctx, Rule *rule, void *user)
{
    ModuleCopy c = {in, module_new(ctx->arena), ctx, rule, user, NULL};

    c.done = arena_array(ctx->arena, bool, in->n + 1);
    for (size_t i = 0; i < in->n; i++)
        function_new(c.out, in->function[i]->name);
    for (size_t i = 0; i < in->n; i++)
        copy_function(&c, (uint32_t)i);
    return c.out;
}
