/* SPDX-License-Identifier: Apache-2.0
 *
 * simplify.c -- exact identities, branches on constants, and what loops do not change
 *
 * needs   nothing; marks of stop_gradient stay while there are derivatives to take
 * gives   fewer nodes
 * keeps   every bit, NaN, infinities and -0 included: x + 0 is x only where x cannot be -0
 * not     identities of sums, whose order is fixed; what the constructor folds on its own
 */
#include "passes/rebuild.h"

#include <string.h>

static const Node *
to_node(const Rebuild *r, Ref x)
{
    return ir_node(r->b.function, x);
}

static bool
is_op(const Rebuild *r, Ref x, Op op)
{
    return ir_is(r->b.function, x, op);
}

/* ---- arithmetic */

enum { LOOK = 6 }; /* nodes that a question about a value goes back */

/* Can no evaluation of x give -0?  |x|, x x, e^x and integers cannot, nor a sum with such a
 * term. (An fma can: its product may be negative and too small.) */
static bool
never_minus_zero(const Rebuild *r, Ref x, unsigned look)
{
    const Node *n = to_node(r, x);
    Scalar s;

    if (look == 0)
        return false;
    if (ir_is_splat(r->b.function, x, &s)) {
        double value = scalar_to_double(s, (DType)n->type.dtype);
        return value != 0 || !__builtin_signbit(value);
    }
    switch (n->op) {
    case OP_abs:
    case OP_exp:
    case OP_exp_flush:
    case OP_iota: return true;
    case OP_mul: return ref_eq(n->arg[0], n->arg[1]);
    case OP_add:
        return never_minus_zero(r, n->arg[0], look - 1) ||
               never_minus_zero(r, n->arg[1], look - 1);
    case OP_max:
    case OP_select:
    case OP_min:
        return never_minus_zero(r, n->arg[n->n_args - 1], look - 1) &&
               never_minus_zero(r, n->arg[n->n_args - 2], look - 1);
    case OP_convert: return !dtype_is_float((DType)ir_type(r->b.function, n->arg[0]).dtype);
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice: return never_minus_zero(r, n->arg[0], look - 1);
    default: return false;
    }
}

static Ref
simplify_add(Rebuild *r, Ref x, Ref y)
{
    const Function *f = r->b.function;

    if (ir_is_number(f, y, 0) && never_minus_zero(r, x, LOOK))
        return x;
    if (ir_is_number(f, x, 0) && never_minus_zero(r, y, LOOK))
        return y;
    if (is_op(r, y, OP_neg))
        return ir_sub(&r->b, x, to_node(r, y)->arg[0]);
    if (is_op(r, x, OP_neg))
        return ir_sub(&r->b, y, to_node(r, x)->arg[0]);
    return NO_REF;
}

static Ref
simplify_pointwise(Rebuild *r, const Node *n)
{
    Ref x = rebuild_arg(r, n, 0), y = n->n_args > 1 ? rebuild_arg(r, n, 1) : NO_REF;
    bool both_neg = y.id && is_op(r, x, OP_neg) && is_op(r, y, OP_neg);

    switch (n->op) {
    case OP_add: return simplify_add(r, x, y);
    case OP_sub: return is_op(r, y, OP_neg) ? ir_add(&r->b, x, to_node(r, y)->arg[0]) : NO_REF;
    case OP_mul:
    case OP_div:
        return both_neg ? ir_pointwise(&r->b, n->op, to_node(r, x)->arg[0],
                                       to_node(r, y)->arg[0], NO_REF)
                        : NO_REF;
    case OP_abs:
        return is_op(r, x, OP_neg)   ? ir_abs(&r->b, to_node(r, x)->arg[0])
               : is_op(r, x, OP_abs) ? x
                                     : NO_REF;
    case OP_select:
        return is_op(r, x, OP_not)
                   ? ir_select(&r->b, to_node(r, x)->arg[0], rebuild_arg(r, n, 2), y)
                   : NO_REF;
    default: return NO_REF;
    }
}

/* ---- shapes */

static Ref
compose_transpose(Rebuild *r, const Node *n, Ref x)
{
    const Node *inner = to_node(r, x);
    int64_t perm[MAX_RANK];

    for (uint32_t i = 0; i < n->attr.n_ints; i++)
        perm[i] = inner->attr.ints[n->attr.ints[i]];
    return ir_transpose(&r->b, inner->arg[0], perm);
}

static Ref
compose_slice(Rebuild *r, const Node *n, Ref x)
{
    const Node *inner = to_node(r, x);
    int64_t at[2 * MAX_RANK];

    for (uint32_t i = 0; i < n->type.rank; i++) {
        const int64_t *in = inner->attr.ints + 2 * i, *out = n->attr.ints + 2 * i;
        at[2 * i] = in[0] + out[0] * in[1];
        at[2 * i + 1] = in[1] * out[1];
        if (at[2 * i + 1] > UINT32_MAX)
            return NO_REF;
    }
    return ir_slice(&r->b, inner->arg[0], n->type, at);
}

/* The slice that a pad was made of. */
static bool
undoes_pad(const Rebuild *r, const Node *n, Ref x)
{
    const Node *inner = to_node(r, x);

    return inner->op == OP_pad && type_eq(ir_type(r->b.function, inner->arg[0]), n->type) &&
           memcmp(inner->attr.ints, n->attr.ints, n->attr.n_ints * sizeof *n->attr.ints) == 0;
}

static Ref
simplify_shape(Rebuild *r, const Node *n)
{
    Ref x = rebuild_arg(r, n, 0);

    if (n->op == OP_transpose && is_op(r, x, OP_transpose))
        return compose_transpose(r, n, x);
    if (n->op == OP_slice && is_op(r, x, OP_slice))
        return compose_slice(r, n, x);
    if (n->op == OP_slice && undoes_pad(r, n, x))
        return to_node(r, x)->arg[0];
    return NO_REF;
}

/* ---- control flow */

static bool
known_branch(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    Scalar condition;

    if (!ir_is_splat(r->b.function, rebuild_arg(r, n, 0), &condition))
        return false;
    const Region *taken = &r->from->region[n->own[!condition.b]];
    rebuild_region(r, n->own[!condition.b]);
    r->many[id] = arena_array(r->ctx->arena, Ref, n->n_results + 1);
    for (uint32_t i = 0; i < n->n_results; i++)
        if (r->live.result[id][i])
            r->many[id][i] = r->map[taken->yield[i].id];
    return true;
}

/* ---- the pass */

static bool
has_derivatives(const Module *m)
{
    for (size_t i = 0; i < m->n; i++)
        for (uint32_t id = 1; id < m->function[i]->n; id++) {
            uint16_t op = m->function[i]->node[id].op;
            if (op == OP_vjp || op == OP_jvp || op == OP_laplacian)
                return true;
        }
    return false;
}

static bool
simplify(Rebuild *r, uint32_t id)
{
    const bool *keep_stops = r->user;
    const Node *n = &r->from->node[id];
    Ref known = NO_REF;

    if (n->op == OP_if)
        return known_branch(r, id);
    if (n->op == OP_for || n->op == OP_while)
        return rebuild_turns(r, id);
    if (n->op == OP_stop_gradient && !*keep_stops)
        known = rebuild_arg(r, n, 0);
    else if (op_is_pointwise(n->op))
        known = simplify_pointwise(r, n);
    else if (n->op == OP_transpose || n->op == OP_slice)
        known = simplify_shape(r, n);
    if (!known.id)
        return rebuild_hoisted(r, id);
    r->map[id] = known;
    return true;
}

Module *
pass_simplify(const Module *in, PassContext *ctx)
{
    bool keep_stops = has_derivatives(in);

    return rebuild_module(in, ctx, simplify, &keep_stops);
}

Module *
pass_compact(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, NULL, NULL);
}
