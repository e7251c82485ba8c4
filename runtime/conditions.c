/* SPDX-License-Identifier: Apache-2.0
 *
 * conditions.c -- what each chain, or each point that is evaluated, is given of its own
 */
#include "runtime/run.h"

#include <stdlib.h>

/* Bytes of a block's records of value i of the exchange. */
static uint64_t
record_bytes(const RtRun *run, uint32_t i)
{
    const EbmSlot *s = &run->manifest->exchange[i].slot;
    uint64_t bytes = multiply_size(s->count, EBM_BLOCK * rt_type_size(rt_type_of(s->dtype)));

    return add_size(bytes, 63) & ~UINT64_C(63);
}

uint64_t
run_condition_bytes(const RtRun *run)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < run->manifest->n_exchange; i++)
        bytes = add_size(bytes, record_bytes(run, i));
    return bytes;
}

/* One row for all is a view whose first stride is 0. */
static bool
stretch(const RtView *view, uint64_t rows, const EbmSlot *slot, const char *what, RtView *ret,
        RtError *error)
{
    if (!rt_view_fits(view, 1, slot))
        return rt_fail(error, RT_SHAPE, "'%s' has another shape than the array given for it",
                       slot->name);
    *ret = *view;
    if (view->shape[0] == rows)
        return true;
    if (view->shape[0] != 1)
        return rt_fail(
            error, RT_SHAPE, "'%s': expected one value, or %llu for so many %s, found %llu",
            slot->name, (unsigned long long)rows, what, (unsigned long long)view->shape[0]);
    ret->shape[0] = rows;
    ret->stride[0] = 0;
    return true;
}

bool
run_condition_cells(const RtRun *run, uint32_t i, const RtView *view, uint64_t rows,
                    const char *what, RtCells *ret, RtError *error)
{
    RtView all;

    return stretch(view, rows, &run->manifest->exchange[i].slot, what, &all, error) &&
           rt_cells_create(&all, 1, ret, error);
}

void
run_condition_records(const RtRun *run, uint32_t i, const RtCells *cells, uint64_t first,
                      uint64_t last, unsigned char *record)
{
    RtType type = rt_type_of(run->manifest->exchange[i].slot.dtype);

    for (uint64_t b = first; b < last; b++)
        rt_cells_get(cells, b * EBM_BLOCK, run_lanes(cells->rows, b), type,
                     record + (b - first) * record_bytes(run, i));
}

bool
rt_run_set_condition(RtRun *run, uint32_t index, const RtView *view, RtError *error)
{
    uint64_t bytes = multiply_size(run->blocks, record_bytes(run, index));
    RtCells cells;

    if (!run_condition_cells(run, index, view, run->plan.chains, "chains", &cells, error))
        return false;
    if (!run->condition[index])
        run->condition[index] = run_allocate(bytes);
    if (run->condition[index])
        run_condition_records(run, index, &cells, 0, run->blocks, run->condition[index]);
    else
        rt_fail_memory(error, "conditions", bytes);
    rt_cells_clear(&cells);
    return run->condition[index] != NULL;
}

void
run_condition_places(const RtRun *run, uint64_t blocks, unsigned char *at, unsigned char **ret)
{
    for (uint32_t i = 0; i < run->manifest->n_exchange; i++) {
        ret[i] = at;
        at += blocks * record_bytes(run, i);
    }
}
