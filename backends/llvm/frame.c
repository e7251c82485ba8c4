/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.c -- the instances for which a region is emitted
 */
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
