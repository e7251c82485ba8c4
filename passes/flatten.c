/* SPDX-License-Identifier: Apache-2.0
 *
 * flatten.c -- small branches become selections
 *
 * needs   derivatives taken: a selection would differentiate to 0 * inf where the other branch
 *         is not finite
 * gives   no `if` whose branches are cheap enough to evaluate both: their results are selected,
 *         and fuse with what surrounds them
 * keeps   every bit
 */
#include "passes/rebuild.h"

enum { CHEAP_NODES = 48 };

/* Loops, draws and products are worth a branch. */
static bool
is_cheap_op(Op op)
{
    switch (op) {
    case OP_if:
    case OP_for:
    case OP_while:
    case OP_loop:
    case OP_update:
    case OP_put_add:
    case OP_cholesky:
    case OP_trisolve:
    case OP_contract:
    case OP_draw:
    case OP_call: return false;
    default: return true;
    }
}

static bool
is_cheap_region(const Function *f, RegionId r)
{
    const Region *region = &f->region[r];

    if (region->n_nodes > CHEAP_NODES)
        return false;
    for (size_t k = 0; k < region->n_nodes; k++)
        if (!is_cheap_op(f->node[region->node[k]].op))
            return false;
    return true;
}

static bool
flatten(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];

    if (n->op != OP_if || !is_cheap_region(r->from, n->own[0]) ||
        !is_cheap_region(r->from, n->own[1]))
        return false;
    const Region *then = &r->from->region[n->own[0]], *other = &r->from->region[n->own[1]];
    Ref *result = arena_array(r->ctx->arena, Ref, then->n_yields + 1);
    rebuild_region(r, n->own[0]);
    rebuild_region(r, n->own[1]);
    for (uint32_t i = 0; i < then->n_yields; i++)
        if (r->live.result[id][i])
            result[i] = ir_select(&r->b, rebuild_arg(r, n, 0), r->map[then->yield[i].id],
                                  r->map[other->yield[i].id]);
    r->many[id] = result;
    return true;
}

Module *
pass_flatten(const Module *in, PassContext *ctx)
{
    return rebuild_module(in, ctx, flatten, NULL);
}
