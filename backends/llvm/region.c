/* SPDX-License-Identifier: Apache-2.0
 *
 * region.c -- nodes in their order, with all instances of their region
 */
#include <assert.h>
#include <string.h>

#include "backends/llvm/emit.h"

/* ---- frames */

static Frame *
frame_push(Emit *e, RegionId region, unsigned n, const unsigned *up)
{
    Frame *f = arena_new(e->arena, Frame);

    *f = (Frame){.parent = e->frame, .region = region, .n = n, .up = up};
    e->frame = f;
    return f;
}

Frame *
frame_open(Emit *e, RegionId region, unsigned n, const unsigned *up)
{
    return e->frame_of[region] = frame_push(e, region, n, up);
}

void
frame_close(Emit *e, Frame *frame)
{
    e->frame = frame->parent;
}

Frame *
frame_same(Emit *e, RegionId region)
{
    unsigned n = e->frame->n, *up = arena_array(e->arena, unsigned, n);

    for (unsigned i = 0; i < n; i++)
        up[i] = i;
    return frame_open(e, region, n, up);
}

/* Instance i alone. */
static Frame *
frame_single(Emit *e, unsigned i)
{
    unsigned *up = arena_new(e->arena, unsigned);

    *up = i;
    return frame_push(e, e->frame->region, 1, up);
}

/* ---- instances */

bool
is_common(Emit *e, const Node *n, uint32_t k)
{
    for (unsigned i = 1; i < e->frame->n; i++)
        if (!same_value(value_at(e, n->arg[k], 0), value_at(e, n->arg[k], i)))
            return false;
    return true;
}

void
emit_each(Emit *e, const Node *n, Value *ret, InstanceFn *fn)
{
    unsigned all = e->frame->n;

    for (unsigned i = 0; i < all; i++) {
        Frame *frame = frame_single(e, i);
        fn(e, n, ret + i * n->n_results);
        frame_close(e, frame);
    }
}

/* ---- nodes */

static void
emit_scalar_const(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Value *ret = value_room(e, id, 1);
    DType d = (DType)n->type.dtype;
    Scalar s = {.bits = 0};

    memcpy(&s, n->attr.data, dtype_size(d));
    for (unsigned i = 0; i < e->frame->n; i++)
        ret[i] = d == DT_i32 ? index_value(index_constant(s.i32))
                             : uniform_value(scalar_constant(e, d, s));
}

static void
emit_get(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Value *ret = value_room(e, id, 1);

    for (unsigned i = 0; i < e->frame->n; i++)
        ret[i] = value_at(e, n->arg[0], i)[n->attr.i];
}

static void
emit_all_pointwise(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];
    Value *ret = value_room(e, id, 1);

    assert(n->type.rank == 0 && "loop form has pointwise ops on scalars");
    for (unsigned i = 0; i < e->frame->n; i++) {
        const Value *arg[3] = {NULL, NULL, NULL};
        if (pack_pointwise(e, n, i, &ret[i])) {
            i += pack_size(e) - 1;
            continue;
        }
        for (uint32_t k = 0; k < n->n_args; k++)
            arg[k] = value_at(e, n->arg[k], i);
        ret[i] = emit_pointwise(e, n, arg);
    }
}

static void
emit_node(Emit *e, uint32_t id)
{
    const Node *n = &e->f->node[id];

    if (op_is_pointwise((Op)n->op)) {
        emit_all_pointwise(e, id);
        return;
    }
    switch ((Op)n->op) {
    case OP_arg: break;
    case OP_const:
        if (n->type.rank)
            constant_array(e, id);
        else
            emit_scalar_const(e, id);
        break;
    case OP_get: emit_get(e, id); break;
    case OP_at: emit_at(e, id); break;
    case OP_update: emit_update(e, id); break;
    case OP_word: emit_word(e, id); break;
    case OP_chain_index: emit_chain_index(e, id); break;
    case OP_if: emit_if(e, id); break;
    case OP_for: emit_for(e, id); break;
    case OP_while: emit_while(e, id); break;
    case OP_loop: emit_loop(e, id); break;
    default: assert(!"loop form");
    }
}

void
emit_region(Emit *e, RegionId region)
{
    const Region *r = &e->f->region[region];

    for (size_t i = 0; i < r->n_nodes; i++) {
        uint32_t id = r->node[i];
        bool constant = e->f->node[id].op == OP_const;
        if (region != 0 || constant || (bool)e->prepared[id] == e->preparing)
            emit_node(e, id);
    }
}
