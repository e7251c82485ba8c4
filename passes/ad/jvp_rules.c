/* SPDX-License-Identifier: Apache-2.0
 *
 * jvp_rules.c -- forward mode of the linear structural ops
 *
 * The tangent of a linear op is the op of the tangents.  The axis that several tangents share
 * is last, so that indices and axes of the op are those of the tangent.
 */
#include "passes/ad/ad.h"

#include <assert.h>
#include <string.h>

/* Ops whose results are never active, and ops that are expanded before. */
#define NEVER_ACTIVE(name) \
    Ref jvp_##name(Ad *a, const Node *n) \
    { \
        (void)a; \
        (void)n; \
        assert(!"an active " #name); \
        return NO_REF; \
    }
NEVER_ACTIVE(arg) /* a parameter's tangent is given */
NEVER_ACTIVE(const)
NEVER_ACTIVE(iota)
NEVER_ACTIVE(chain_index)
NEVER_ACTIVE(all)
NEVER_ACTIVE(any)
NEVER_ACTIVE(argmax)
NEVER_ACTIVE(draw)
NEVER_ACTIVE(word)
NEVER_ACTIVE(call)
NEVER_ACTIVE(vjp)
NEVER_ACTIVE(jvp)
NEVER_ACTIVE(laplacian)

/* The op of the tangent, whose attribute gets `n` further ints for the further axis. */
static Ref
linear(Ad *a, const Node *n, uint32_t extra, int64_t first, int64_t second)
{
    int64_t ints[2 * MAX_RANK + 2];
    Attr attr = n->attr;
    Ref t = ad_tan(a, n, 0);

    if (!t.id)
        return NO_REF;
    if (ad_is_wide(a) && extra) {
        if (attr.n_ints)
            memcpy(ints, attr.ints, attr.n_ints * sizeof *ints);
        ints[attr.n_ints] = first;
        ints[attr.n_ints + 1] = second;
        attr.ints = ints;
        attr.n_ints += extra;
    }
    return ir_build(&a->copy.b, n->op, ad_tan_type(a, n->type), 1, &t, attr, 0, NULL);
}

Ref
jvp_get(Ad *a, const Node *n)
{
    return a->tans[a->part][n->arg[0].id][n->attr.i];
}

Ref
jvp_broadcast(Ad *a, const Node *n)
{
    return linear(a, n, 1, n->type.rank, 0);
}

Ref
jvp_reshape(Ad *a, const Node *n)
{
    return linear(a, n, 0, 0, 0);
}

Ref
jvp_transpose(Ad *a, const Node *n)
{
    return linear(a, n, 1, n->type.rank, 0);
}

Ref
jvp_slice(Ad *a, const Node *n)
{
    return linear(a, n, 2, 0, 1);
}

Ref
jvp_pad(Ad *a, const Node *n)
{
    return linear(a, n, 2, 0, 1);
}

Ref
jvp_window(Ad *a, const Node *n)
{
    return linear(a, n, 0, 0, 0);
}

Ref
jvp_sum(Ad *a, const Node *n)
{
    return linear(a, n, 0, 0, 0);
}

Ref
jvp_batch(Ad *a, const Node *n)
{
    return linear(a, n, 0, 0, 0);
}

Ref
jvp_batch_sum(Ad *a, const Node *n)
{
    return linear(a, n, 0, 0, 0);
}

Ref
jvp_concat(Ad *a, const Node *n)
{
    Ref *x = arena_array(a->ctx->arena, Ref, n->n_args);
    bool any = false;

    for (uint32_t k = 0; k < n->n_args; k++)
        any |= ad_tan(a, n, k).id != 0;
    for (uint32_t k = 0; any && k < n->n_args; k++)
        x[k] = ad_tan_full(a, n, k);
    return any ? ir_concat(&a->copy.b, n->n_args, x, (unsigned)n->attr.i) : NO_REF;
}

/* The op with its first `n_values` operands replaced by their tangents; the rest are indices.
 */
static Ref
indexed(Ad *a, const Node *n, uint32_t values)
{
    Ref arg[2 + MAX_RANK] = {{0}};
    bool any = false;

    for (uint32_t k = 0; k < n->n_args; k++) {
        bool value = values >> k & 1;
        any |= value && ad_tan(a, n, k).id;
        arg[k] = value ? NO_REF : ad_arg(a, n, k);
    }
    if (!any)
        return NO_REF;
    for (uint32_t k = 0; k < n->n_args; k++)
        if (!arg[k].id)
            arg[k] = ad_tan_full(a, n, k);
    return ir_build(&a->copy.b, n->op, n->type, n->n_args, arg, n->attr, 0, NULL);
}

Ref
jvp_at(Ad *a, const Node *n)
{
    return indexed(a, n, 1u << 0);
}

Ref
jvp_update(Ad *a, const Node *n)
{
    return indexed(a, n, 1u << 0 | 1u << 1);
}

Ref
jvp_take(Ad *a, const Node *n)
{
    return indexed(a, n, 1u << 0);
}

Ref
jvp_put_add(Ad *a, const Node *n)
{
    return indexed(a, n, 1u << 0 | 1u << 2);
}
