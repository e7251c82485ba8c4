/* SPDX-License-Identifier: Apache-2.0
 *
 * expand.c -- mathematical functions become machine operations
 *
 * needs   derivatives taken: they stop at the bit operations of an expansion
 * gives   no op that is a row of ir/math/functions.def
 * keeps   every bit: the interpreter evaluates the same expansions
 */
#include "ir/math/expand.h"
#include "passes/rebuild.h"

#include "passes/sign.h"

static bool
expand(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];
    MathFn fn;

    if (!math_of_op(n->op, &fn))
        return false;
    Ref x = rebuild_arg(r, n, 0), y = n->n_args > 1 ? rebuild_arg(r, n, 1) : NO_REF;
    Ref below = sign_never_above(r->from, n->arg[0]) ? math_expand_below(&r->b, fn, x) : NO_REF;
    r->map[id] = below.id ? below : math_expand(&r->b, fn, x, y);
    return true;
}

Module *
pass_expand(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, expand, NULL);
}
