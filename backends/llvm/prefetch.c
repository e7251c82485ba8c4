/* SPDX-License-Identifier: Apache-2.0
 *
 * prefetch.c -- rows of large inputs, asked for before they are needed
 *
 * A loop over a strip of rows runs again for the next strip.  While it does arithmetic on a
 * group of rows, the rows as far on as the strip is long can come from memory: a few lines a
 * turn of the product inside, as memory answers only so many questions at a time.
 */
#include "backends/llvm/emit.h"

enum {
    LINE = 64,
    SECOND_LEVEL = 2 /* llvm.prefetch's locality: the cache that holds more than a strip */
};

/* Is `at` an element of a large input whose first index, one of the loop's body, moves on with
 * the jam's axis and an outer loop? */
static bool
is_streamed(Emit *e, const Node *at, RegionId body, const Jam *jam)
{
    if (at->op != OP_at || at->n_args < 2 || e->f->node[at->arg[0].id].region != 0)
        return false;
    const Node *first = &e->f->node[at->arg[1].id];
    Type t = ir_type(e->f, at->arg[0]);
    const Value *array = e->value[at->arg[0].id];
    return first->region == body && first->op == OP_add &&
           (first->arg[0].id == jam->axis || first->arg[1].id == jam->axis) && array &&
           array->place.kind == PLACE_input &&
           type_size(t) * dtype_size((DType)t.dtype) > CACHED_BYTES;
}

/* Asks for the lines of `bytes` from `start` on. */
static void
prefetch_lines(Emit *e, LLVMValueRef start, int64_t bytes)
{
    for (int64_t byte = 0; byte < bytes; byte += LINE) {
        LLVMValueRef arg[4] = {byte_offset(e, start, int64_of(e, byte)), int32_of(e, 0),
                               int32_of(e, SECOND_LEVEL), int32_of(e, 1)};
        intrinsic(e, "llvm.prefetch", e->ptr, 4, arg);
    }
}

/* The rows that the turns of a jam of the current frame read, as far ahead as its axis goes:
 * part `part` of `parts`. */
static void
prefetch_rows(Emit *e, const Node *at, const Jam *jam, Index part, int64_t parts)
{
    const Value *array = &e->value[at->arg[0].id][0], *row = value_at(e, at->arg[1], 0);
    Type t = ir_type(e->f, at->arg[0]);
    int64_t width = (int64_t)(type_size(t) / t.dim[0]);
    int64_t count = (jam->turns * width + parts - 1) / parts;

    if (!row->known)
        return;
    Index ahead = index_add(e, row->index, index_constant(jam->extent));
    Index first = index_add(e, index_scale(e, ahead, width), index_scale(e, part, count));
    prefetch_lines(e, element_address(e, array, (DType)t.dtype, first),
                   count * dtype_size((DType)t.dtype));
}

/* Does every turn of a `for` ask for a part of what its body reads? */
static bool
asks_by_turn(const Emit *e, const Node *n)
{
    return n->op == OP_for && n->attr.i > 0 && ir_is_number(e->f, n->arg[0], 0) &&
           ir_is_number(e->f, n->arg[1], n->attr.i);
}

static void
prefetch_region(Emit *e, RegionId body, RegionId inside, const Jam *jam)
{
    const Region *r = &e->f->region[inside];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &e->f->node[r->node[k]];
        if (is_streamed(e, n, body, jam))
            prefetch_rows(e, n, jam, index_constant(0), 1);
        for (uint32_t i = 0; i < n->n_regions && !asks_by_turn(e, n); i++)
            prefetch_region(e, body, n->own[i], jam);
    }
}

void
prefetch_streamed(Emit *e, const Frame *frame)
{
    for (unsigned i = 0; i < MAX_JAMS && frame->jam[i].axis; i++)
        prefetch_region(e, frame->region, frame->region, &frame->jam[i]);
}

void
prefetch_turn(Emit *e, const Node *loop, Index turn)
{
    const Frame *around = e->frame->parent;
    const Region *body = &e->f->region[loop->own[0]];

    if (e->preparing || !asks_by_turn(e, loop))
        return;
    for (unsigned i = 0; i < MAX_JAMS && around->jam[i].axis; i++)
        for (size_t k = 0; k < body->n_nodes; k++) {
            const Node *n = &e->f->node[body->node[k]];
            if (is_streamed(e, n, around->region, &around->jam[i]))
                prefetch_rows(e, n, &around->jam[i], turn, loop->attr.i);
        }
}
