/* SPDX-License-Identifier: Apache-2.0
 *
 * inline.c -- the bodies of functions in place of calls
 *
 * needs   derivatives expanded: functions are called by `call` alone
 * gives   no calls; of a module with entry functions, only those
 * keeps   every bit
 * not     modules that would grow beyond IR_MAX_NODES: they are refused before they are built
 */
#include "passes/rebuild.h"

static bool
inline_call(Rebuild *r, uint32_t id)
{
    const Node *n = &r->from->node[id];

    if (n->op != OP_call)
        return false;
    rebuild_inline(r, id, r->in->function[n->attr.callee]);
    return true;
}

/* ---- sizes */

static uint64_t
grown_size(const Module *m, uint32_t i, uint64_t *size)
{
    const Function *f = m->function[i];

    if (size[i])
        return size[i];
    size[i] = f->n;
    for (uint32_t id = 1; id < f->n; id++)
        if (f->node[id].op == OP_call && size[i] <= IR_MAX_NODES)
            size[i] += grown_size(m, f->node[id].attr.callee, size);
    return size[i];
}

static bool
is_entry(const Function *f)
{
    return f->output != NULL;
}

static bool
has_entries(const Module *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (is_entry(m->function[i]))
            return true;
    return false;
}

/* Which functions stay; false when they would be too large. */
static bool
choose(const Module *in, PassContext *ctx, bool *stays)
{
    uint64_t *size = arena_array(ctx->arena, uint64_t, in->n + 1), total = 0;
    bool entries = has_entries(in);

    for (uint32_t i = 0; i < in->n; i++) {
        stays[i] = !entries || is_entry(in->function[i]);
        if (!stays[i])
            continue;
        total += grown_size(in, i, size);
        if (total > IR_MAX_NODES) {
            diag_add(ctx->diags, DIAG_grown_program, (Span){0, 0, 0}, IR_MAX_NODES);
            return false;
        }
    }
    return true;
}

Module *
pass_inline(const Module *in, PassContext *ctx)
{
    Module *out = module_new(ctx->arena);
    bool *stays = arena_array(ctx->arena, bool, in->n + 1);

    if (!choose(in, ctx, stays))
        return NULL;
    for (size_t i = 0; i < in->n; i++) {
        if (!stays[i])
            continue;
        Builder b = builder_at(out, function_new(out, in->function[i]->name));
        Rebuild r = rebuild_of(in, in->function[i], b, ctx);
        r.rule = inline_call;
        rebuild_function(&r);
    }
    return out;
}
