/* SPDX-License-Identifier: Apache-2.0
 *
 * prefetch.c -- rows of large inputs, asked for before they are needed
 *
 * A loop over a strip of rows runs again for the next strip.  While it does arithmetic on a
 * group of rows, the rows as far on as the strip is long can come from memory: a few lines a
 * turn of the product inside, as memory answers only so many questions at a time.  Where a
 * second product over the strip follows, it asks for half of them.
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

static int64_t
row_elements(Type t)
{
    return (int64_t)(type_size(t) / t.dim[0]);
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

/* What a row's index is added to: the first row of the strip, if `at` reads row start + `row`.
 */
static uint32_t
strip_start(const Emit *e, const Node *at, uint32_t row)
{
    const Node *first = at->n_args > 1 ? &e->f->node[at->arg[1].id] : NULL;

    if (at->op != OP_at || !first || first->op != OP_add)
        return 0;
    return first->arg[0].id == row   ? first->arg[1].id
           : first->arg[1].id == row ? first->arg[0].id
                                     : 0;
}

/* `count` elements from `first` on of what follows the strip in the array of `at`. */
static void
prefetch_elements(Emit *e, const Node *at, Index row, Index first, int64_t count)
{
    const Value *array = &e->value[at->arg[0].id][0];
    Type t = ir_type(e->f, at->arg[0]);
    Index start = index_add(e, index_scale(e, row, row_elements(t)), first);

    prefetch_lines(e, element_address(e, array, (DType)t.dtype, start),
                   count * dtype_size((DType)t.dtype));
}

/* The rows that the turns of a jam of the current frame read, as far ahead as its axis goes:
 * part `part` of `parts`, or of their first halves. */
static void
prefetch_rows(Emit *e, const Node *at, const Jam *jam, Index part, int64_t parts, bool half)
{
    uint32_t start = strip_start(e, at, jam->axis);
    const Value *strip = start ? value_at(e, (Ref){start}, 0) : NULL;

    if (!strip || !strip->known)
        return;
    int64_t width = row_elements(ir_type(e->f, at->arg[0])), by = half ? 2 : 1;
    int64_t count = (jam->turns * width + by * parts - 1) / (by * parts);
    Index row = index_add(e, strip->index, index_constant(jam->extent));
    Index first = index_scale(e, jam->group, jam->width * width / by);
    prefetch_elements(e, at, row, index_add(e, first, index_scale(e, part, count)), count);
}

/* The second half of the strip that follows: turn `turn` of a `for` over all its rows. */
static void
prefetch_rest(Emit *e, const Node *loop, const Node *at, Index turn)
{
    uint32_t index = e->f->region[loop->own[0]].param[0].id;
    uint32_t start = strip_start(e, at, index);

    if (!start || at->arg[0].id != e->shared.array || start != e->shared.start)
        return;
    int64_t count = (row_elements(ir_type(e->f, at->arg[0])) + 1) / 2;
    const Value *strip = value_at(e, (Ref){start}, 0);
    Index row = index_add(e, strip->index, index_constant(loop->attr.i + loop->attr.i / 2));
    prefetch_elements(e, at, row, index_scale(e, turn, count), count);
}

/* Does every turn of a `for` ask for a part of what its body reads? */
static bool
asks_by_turn(const Emit *e, const Node *n)
{
    return n->op == OP_for && n->attr.i > 0 && ir_is_number(e->f, n->arg[0], 0) &&
           ir_is_number(e->f, n->arg[1], n->attr.i);
}

/* Does loop `id` go once through all rows of the strip at `start`, as many as `rows`? */
static bool
reads_strip(const Emit *e, uint32_t id, uint32_t array, uint32_t start, int64_t rows)
{
    const Node *loop = &e->f->node[id];

    if (loop->op != OP_loop || loop->attr.ints[0] != 1)
        return false;
    const Region *body = &e->f->region[loop->own[0]];
    for (size_t k = 0; k < body->n_nodes; k++) {
        const Node *product = &e->f->node[body->node[k]];
        if (!asks_by_turn(e, product) || product->attr.i != rows)
            continue;
        const Region *terms = &e->f->region[product->own[0]];
        for (size_t i = 0; i < terms->n_nodes; i++) {
            const Node *at = &e->f->node[terms->node[i]];
            if (at->op == OP_at && at->arg[0].id == array &&
                strip_start(e, at, terms->param[0].id) == start)
                return plan_loop(e, loop).factor == loop->attr.ints[1];
        }
    }
    return false;
}

/* Notes whether a later loop, which reads the strip of a jam once more, is to ask for half of
 * the next one. */
static bool
share_strip(Emit *e, const Node *at, const Frame *around, const Jam *jam)
{
    const Region *beside = &e->f->region[around->parent->region];
    uint32_t array = at->arg[0].id, start = strip_start(e, at, jam->axis);

    e->shared = (SharedStrip){0, 0};
    for (size_t k = 0; k < beside->n_nodes && jam->width % 2 == 0; k++)
        if (reads_strip(e, beside->node[k], array, start, jam->extent))
            e->shared = (SharedStrip){array, start};
    return e->shared.array;
}

static void
prefetch_region(Emit *e, RegionId body, RegionId inside, const Jam *jam)
{
    const Region *r = &e->f->region[inside];

    for (size_t k = 0; k < r->n_nodes; k++) {
        const Node *n = &e->f->node[r->node[k]];
        if (is_streamed(e, n, body, jam))
            prefetch_rows(e, n, jam, index_constant(0), 1, false);
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
            if (!is_streamed(e, n, around->region, &around->jam[i]))
                continue;
            bool half = share_strip(e, n, around, &around->jam[i]);
            prefetch_rows(e, n, &around->jam[i], turn, loop->attr.i, half);
        }
    for (size_t k = 0; e->shared.array && k < body->n_nodes; k++)
        prefetch_rest(e, loop, &e->f->node[body->node[k]], turn);
}
