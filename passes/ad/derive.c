/* SPDX-License-Identifier: Apache-2.0
 *
 * derive.c -- vjp, jvp and laplacian become functions and calls
 *
 * needs   nothing
 * gives   no vjp, jvp, laplacian; a function for each callee, mode and set of active arguments
 * that is asked for, called "f.vjp[0]" keeps   the results of functions; their order of
 * evaluation is the source's
 *
 * From the inside out: a callee's own derivatives are expanded first.  Then its calls are
 * inlined (so that what a derivative shares with its function is computed once), what its loops
 * do not change is moved out of them and not carried (so that x[i] in a loop over j is seen to
 * be read once an i), and folds other than sums become reductions of stored arrays, which have
 * rules of their own.
 */
#include "passes/ad/ad.h"

#include <string.h>

typedef struct Derived {
    uint32_t callee;
    Op mode;
    const int64_t *active;
    uint32_t n_active;
    uint32_t index; /* of the derivative */
} Derived;

typedef struct Derive {
    const Module *in;
    Module *out;  /* the same functions under the same numbers, then derivatives */
    Module *flat; /* sources of derivatives */
    Function **flat_of;
    bool *done;
    Derived *derived;
    size_t n_derived, cap_derived;
    PassContext *ctx;
    bool failed;
} Derive;

/* ---- the source of a derivative */

static bool
is_real_fold(const Node *n, uint32_t i)
{
    FoldKind kind = (FoldKind)n->attr.ints[1 + n->attr.ints[0] + i];

    return dtype_is_float((DType)n->result[i].dtype) &&
           (kind == FOLD_prod || kind == FOLD_max || kind == FOLD_min);
}

static bool
is_storable(const Node *n, uint32_t i)
{
    uint64_t size = type_size(n->result[i]);

    for (int64_t k = 0; k < n->attr.ints[0] && size <= IR_MAX_ELEMENTS; k++)
        size *= (uint64_t)n->attr.ints[1 + k];
    return size <= IR_MAX_ELEMENTS && n->attr.ints[0] + n->result[i].rank <= MAX_RANK;
}

/* Stores what a loop folds by product or extreme, and reduces it then, in the same order. */
static bool
store_folds(Rebuild *r, uint32_t id)
{
    static const int64_t axes[MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const Op reduction[FOLD_COUNT] = {
        [FOLD_prod] = OP_prod, [FOLD_max] = OP_amax, [FOLD_min] = OP_amin};
    const Node *n = &r->from->node[id];
    Attr attr = n->attr;
    int64_t *ints = arena_array(r->ctx->arena, int64_t, attr.n_ints);
    uint32_t rank = (uint32_t)attr.ints[0], stored = 0;

    memcpy(ints, attr.ints, attr.n_ints * sizeof *ints);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (is_real_fold(n, i) && is_storable(n, i)) {
            ints[1 + rank + i] = FOLD_store;
            stored++;
        }
    if (!stored)
        return false;
    attr.ints = ints;
    rebuild_copy_with(r, id, attr);
    for (uint32_t i = 0; i < n->n_results; i++) {
        Ref *result = &r->many[id][i];
        if (result->id && is_real_fold(n, i) && is_storable(n, i))
            *result =
                ir_reduce(&r->b, reduction[n->attr.ints[1 + rank + i]], *result, rank, axes);
    }
    return true;
}

static bool
flatten(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];

    if (n->op == OP_call) {
        rebuild_inline(r, id, r->in->function[n->attr.callee]);
        return true;
    }
    if (n->op == OP_for || n->op == OP_while)
        return rebuild_turns(r, id);
    return n->op == OP_loop ? store_folds(r, id) : rebuild_hoisted(r, id);
}

static uint64_t
flat_size(const Module *m, uint32_t i)
{
    const Function *f = m->function[i];
    uint64_t size = f->n;

    for (uint32_t id = 1; id < f->n && size <= IR_MAX_NODES; id++)
        if (f->node[id].op == OP_call)
            size += flat_size(m, f->node[id].attr.callee);
    return size;
}

static const Function *
flat_function(Derive *d, uint32_t i)
{
    if (!d->flat_of[i]) {
        Builder b = builder_at(d->flat, function_new(d->flat, d->out->function[i]->name));
        Rebuild r = rebuild_of(d->out, d->out->function[i], b, d->ctx);
        r.rule = flatten;
        rebuild_function(&r);
        d->flat_of[i] = b.function;
    }
    return d->flat_of[i];
}

/* ---- derivatives, each once */

static const char *
derivative_name(const Derive *d, const Node *n)
{
    const char *name = arena_printf(d->ctx->arena, "%s.%s[",
                                    d->in->function[n->attr.callee]->name, op_info[n->op].name);

    for (uint32_t i = 0; i < n->attr.n_ints; i++)
        name = arena_printf(d->ctx->arena, "%s%s%lld", name, i ? "," : "",
                            (long long)n->attr.ints[i]);
    name = arena_printf(d->ctx->arena, "%s]", name);
    while (module_find(d->out, name))
        name = arena_printf(d->ctx->arena, "%s'", name);
    return name;
}

static bool
is_derivative(const Derived *e, const Node *n)
{
    return e->callee == n->attr.callee && e->mode == (Op)n->op &&
           e->n_active == n->attr.n_ints &&
           memcmp(e->active, n->attr.ints, e->n_active * sizeof *e->active) == 0;
}

static Function *
make_derivative(Derive *d, const Node *n)
{
    const char *name = derivative_name(d, n);
    const Function *f = flat_function(d, n->attr.callee);
    uint32_t count = n->attr.n_ints;

    switch (n->op) {
    case OP_vjp: return ad_vjp(d->ctx, d->out, f, name, count, n->attr.ints);
    case OP_jvp: return ad_jvp(d->ctx, d->out, f, name, count, n->attr.ints);
    default: return ad_laplacian(d->ctx, d->out, f, name, n->attr.ints[0]);
    }
}

/* The number of the derivative that node n asks for; false after a diagnostic. */
static bool
find_derivative(Derive *d, const Node *n, uint32_t *ret)
{
    for (size_t i = 0; i < d->n_derived; i++)
        if (is_derivative(&d->derived[i], n)) {
            *ret = d->derived[i].index;
            return true;
        }
    if (d->out->n_nodes + flat_size(d->out, n->attr.callee) > IR_MAX_NODES) {
        diag_add(d->ctx->diags, DIAG_grown_program, n->span, IR_MAX_NODES);
        return false;
    }
    Function *f = make_derivative(d, n);
    if (!f)
        return false;
    d->derived = arena_grow(d->ctx->arena, d->derived, d->n_derived, &d->cap_derived,
                            d->n_derived + 1, sizeof *d->derived);
    d->derived[d->n_derived++] =
        (Derived){n->attr.callee, (Op)n->op, n->attr.ints, n->attr.n_ints, f->index};
    *ret = f->index;
    return true;
}

/* ---- the walk */

static bool
expand_derivative(Rebuild *r, uint32_t id)
{
    Derive *d = r->user;
    const Node *n = &r->from->node[id];
    Ref *arg = arena_array(r->ctx->arena, Ref, n->n_args + 1);
    uint32_t index;

    if (n->op != OP_vjp && n->op != OP_jvp && n->op != OP_laplacian)
        return false;
    r->many[id] = arena_array(r->ctx->arena, Ref, n->n_results + 1);
    if (d->failed || !find_derivative(d, n, &index)) {
        d->failed = true;
        for (uint32_t i = 0; i < n->n_results; i++)
            r->many[id][i] = ad_zero(&r->b, n->result[i]);
        return true;
    }
    for (uint32_t i = 0; i < n->n_args; i++)
        arg[i] = rebuild_arg(r, n, i);
    r->b.span = n->span;
    Ref call = ir_call(&r->b, OP_call, index, n->n_args, arg, 0, NULL);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (r->live.result[id][i])
            r->many[id][i] = ir_get(&r->b, call, i);
    return true;
}

static void
derive_function(Derive *d, uint32_t i)
{
    const Function *f = d->in->function[i];

    if (d->done[i])
        return;
    d->done[i] = true;
    for (uint32_t id = 1; id < f->n; id++)
        if (op_info[f->node[id].op].attr == ATTR_CALLEE)
            derive_function(d, f->node[id].attr.callee);
    Rebuild r = rebuild_of(d->in, f, builder_at(d->out, d->out->function[i]), d->ctx);
    r.rule = expand_derivative;
    r.user = d;
    rebuild_function(&r);
}

Module *
pass_derive(const Module *in, PassContext *ctx)
{
    Derive d = {
        .in = in, .out = module_new(ctx->arena), .flat = module_new(ctx->arena), .ctx = ctx};

    d.flat_of = arena_array(ctx->arena, Function *, in->n + 1);
    d.done = arena_array(ctx->arena, bool, in->n + 1);
    for (size_t i = 0; i < in->n; i++)
        function_new(d.out, in->function[i]->name);
    for (uint32_t i = 0; i < in->n; i++)
        derive_function(&d, i);
    return d.failed ? NULL : d.out;
}
