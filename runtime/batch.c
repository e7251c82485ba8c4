/* SPDX-License-Identifier: Apache-2.0
 *
 * batch.c -- which rows and slots the data points of a step are
 *
 * The data is an endless stream of epochs, each a permutation of its rows; batches are
 * consecutive pieces of it.  A buffer's slots are given out by a permutation of each step.
 */
#include "runtime/train.h"

/* The stream near some place: one epoch's permutation. */
typedef struct Stream {
    const RtTraining *t;
    uint64_t epoch;
    RtPermutation order;
} Stream;

static Stream
open_stream(const RtTraining *t, uint64_t epoch)
{
    return (Stream){t, epoch, rt_permutation(t->rows, t->plan.key[RT_PURPOSE_shuffle], epoch)};
}

static uint64_t
place_of(const RtTraining *t, uint64_t step, uint64_t point)
{
    return step * t->manifest->batch + point;
}

static uint64_t
row_at(Stream *s, uint64_t place)
{
    if (place / s->t->rows != s->epoch)
        *s = open_stream(s->t, place / s->t->rows);
    return rt_permute(&s->order, place % s->t->rows);
}

static RtPermutation
slot_order(const RtTraining *t, const Held *buffer, uint64_t step)
{
    return rt_permutation(buffer->rows, t->plan.key[RT_PURPOSE_buffer], step);
}

uint64_t
rt_training_row(const RtTraining *t, uint64_t step, uint64_t point)
{
    if (t->rows == 0)
        return UINT64_MAX;
    uint64_t place = place_of(t, step, point);
    Stream s = open_stream(t, place / t->rows);
    return row_at(&s, place);
}

uint64_t
rt_training_slot(const RtTraining *t, uint32_t i, uint64_t step, uint64_t point)
{
    RtPermutation order = slot_order(t, &t->held[i], step);

    return rt_permute(&order, point);
}

/* ---- gathering */

static unsigned char *
record_at(const RtTraining *t, const Space *space, uint32_t e, uint64_t block)
{
    return space->at[e] + block * train_record_bytes(&t->manifest->exchange[e].slot);
}

static void
gather_block(const RtTraining *t, const Space *space, const Origin *o, uint64_t block,
             const uint64_t row[EBM_BLOCK])
{
    const RtCells *cells = o->held == TRAIN_NONE ? &o->cells : &t->held[o->held].cells;
    EbmDType dtype = (EbmDType)t->manifest->exchange[o->exchange].slot.dtype;

    rt_cells_gather(cells, row, run_lanes(space->points, block), rt_type_of(dtype),
                    record_at(t, space, o->exchange, block));
}

static void
gather_data(const RtTraining *t, const Space *space, uint64_t step, uint64_t first,
            uint64_t last)
{
    uint64_t row[EBM_BLOCK];
    Stream s = open_stream(t, place_of(t, step, first * EBM_BLOCK) / t->rows);

    for (uint64_t b = first; b < last; b++) {
        for (unsigned l = 0; l < run_lanes(space->points, b); l++)
            row[l] = row_at(&s, place_of(t, step, b * EBM_BLOCK + l));
        for (uint32_t i = 0; i < t->n_origins; i++)
            if (t->origin[i].held == TRAIN_NONE)
                gather_block(t, space, &t->origin[i], b, row);
    }
}

/* Slots of the data points of a block. */
static void
find_slots(const RtPermutation *order, const Space *space, uint64_t block,
           uint64_t ret[EBM_BLOCK])
{
    for (unsigned l = 0; l < run_lanes(space->points, block); l++)
        ret[l] = rt_permute(order, block * EBM_BLOCK + l);
}

static void
gather_slots(const RtTraining *t, const Space *space, const Origin *o, uint64_t step,
             uint64_t first, uint64_t last)
{
    RtPermutation order = slot_order(t, &t->held[o->held], step);
    uint64_t slot[EBM_BLOCK];

    for (uint64_t b = first; b < last; b++) {
        find_slots(&order, space, b, slot);
        gather_block(t, space, o, b, slot);
    }
}

void
train_gather(const RtTraining *t, const Space *space, uint64_t step, uint64_t first,
             uint64_t last)
{
    if (first < last && t->rows > 0)
        gather_data(t, space, step, first, last);
    for (uint32_t i = 0; first < last && i < t->n_origins; i++)
        if (t->origin[i].held != TRAIN_NONE)
            gather_slots(t, space, &t->origin[i], step, first, last);
}

/* ---- putting slots back */

static void
scatter_slots(const RtTraining *t, const Space *space, const Held *h, uint64_t step,
              uint64_t first, uint64_t last)
{
    RtPermutation order = slot_order(t, h, step);
    uint64_t slot[EBM_BLOCK];

    for (uint64_t b = first; b < last; b++) {
        find_slots(&order, space, b, slot);
        rt_cells_scatter(&h->cells, slot, run_lanes(space->points, b),
                         record_at(t, space, h->exchange, b));
    }
}

/* Buffers that have fewer slots than others take the first ones. */
static void
fill_slots(const RtTraining *t, const Space *space, const Held *h, uint64_t first,
           uint64_t last)
{
    uint64_t slot[EBM_BLOCK];

    for (uint64_t b = first; b < last && b * EBM_BLOCK < h->rows; b++) {
        for (unsigned l = 0; l < EBM_BLOCK; l++)
            slot[l] = b * EBM_BLOCK + l;
        rt_cells_scatter(&h->cells, slot, run_lanes(h->rows, b),
                         record_at(t, space, h->exchange, b));
    }
}

void
train_scatter(const RtTraining *t, const Space *space, uint64_t step, bool initial,
              uint64_t first, uint64_t last)
{
    for (uint32_t i = 0; i < t->n_held; i++) {
        const Held *h = &t->held[i];
        if (h->role == EBM_ROLE_slot && initial)
            fill_slots(t, space, h, first, last);
        else if (h->role == EBM_ROLE_slot)
            scatter_slots(t, space, h, step, first, last);
    }
}
