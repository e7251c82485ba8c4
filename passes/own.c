/* SPDX-License-Identifier: Apache-2.0
 *
 * own.c -- copies arrays whose update would be seen elsewhere
 *
 * needs   nothing
 * gives   the verifier's rule: what an update writes over is dead
 * keeps   the meaning that updates have without that rule: x with one element changed, x as it
 * was
 *
 * Passes build updates as if they were pure (differentiation reads old values, sharing finds
 * that two arrays are equal); the driver runs this where the rule is then broken.
 */
#include "ir/verify.h"
#include "passes/rebuild.h"

typedef struct Broken {
    const Module *m;
    bool **update; /* by function and id */
    bool any;
} Broken;

static void
note(void *user, const Function *f, uint32_t node, const char *message)
{
    Broken *broken = user;

    (void)message;
    if (!f || f->node[node].op != OP_update)
        return;
    broken->update[f->index][node] = true;
    broken->any = true;
}

static bool
has_updates(const Module *m)
{
    for (size_t i = 0; i < m->n; i++)
        for (uint32_t id = 1; id < m->function[i]->n; id++)
            if (m->function[i]->node[id].op == OP_update)
                return true;
    return false;
}

/* A comprehension of x's elements: a new array. */
static Ref
copy_array(Builder *b, Ref x)
{
    Type t = ir_type(b->function, x);
    RegionId own = region_begin(b);
    Ref index[MAX_RANK];

    for (unsigned i = 0; i < t.rank; i++)
        index[i] = ir_param(b, type_scalar(DT_i32));
    Ref element = ir_at(b, x, t.rank, index, true);
    ir_yield(b, 1, &element);
    region_end(b);
    return ir_get(b, ir_loop(b, t.rank, t.dim, (FoldKind[]){FOLD_store}, own), 0);
}

static bool
copy_broken(Rebuild *r, uint32_t id)
{
    const Broken *broken = r->user;
    const Node *n = &r->from->node[id];
    Ref *arg = arena_array(r->ctx->arena, Ref, n->n_args + 1);

    if (n->op != OP_update || !broken->update[r->from->index][id])
        return false;
    for (uint32_t i = 0; i < n->n_args; i++)
        arg[i] = rebuild_arg(r, n, i);
    arg[0] = copy_array(&r->b, arg[0]);
    r->map[id] = ir_build(&r->b, n->op, n->type, n->n_args, arg, n->attr, 0, NULL);
    return true;
}

Module *
pass_own(const Module *in, PassContext *ctx)
{
    Broken broken = {.m = in, .update = arena_array(ctx->arena, bool *, in->n + 1)};

    for (size_t i = 0; i < in->n; i++)
        broken.update[i] = arena_array(ctx->arena, bool, in->function[i]->n);
    if (has_updates(in))
        ir_check(in, ctx->arena, note, &broken);
    return rebuild_module(in, ctx, broken.any ? copy_broken : NULL, &broken);
}
