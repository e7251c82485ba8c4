/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.h -- between memory as a caller lays it out and records of 16 chains.
 *
 * A kernel's record holds [element][16]; a caller's array holds [chain, ...] or
 * [chain, draw, ...] with strides of its own.
 */
#ifndef EBM_RUNTIME_CELLS_H
#define EBM_RUNTIME_CELLS_H

#include <stddef.h>

#include "runtime/array.h"
#include "runtime/kernel.h"

/* Memory of someone else: element [i, j] is at data + i * stride[0] + j * stride[1] bytes. */
typedef struct RtView {
    RtType type;
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    ptrdiff_t stride[RT_MAX_RANK];
    void *data;
} RtView;

/* A view whose trailing axes are numbered through. */
typedef struct RtCells {
    RtType type;
    char *data;
    uint64_t rows, turns;
    ptrdiff_t row, turn; /* strides in bytes */
    size_t count;        /* elements of the trailing axes */
    ptrdiff_t *cell;     /* where each of them is */
} RtCells;

/* `leading` axes (0 to 2) come before the elements: rows, then turns.  Needs clearing. */
bool rt_cells_create(const RtView *view, unsigned leading, RtCells *ret, RtError *error);
void rt_cells_clear(RtCells *cells);

RtType rt_type_of(EbmDType dtype);

/* Writes rows [row, row + lanes) and turns [turn, turn + turns) from `turns` records, `pitch`
 * bytes apart, of elements of type `from`. */
void rt_cells_put(const RtCells *cells, uint64_t row, unsigned lanes, uint64_t turn,
                  uint64_t turns, RtType from, const void *record, size_t pitch);

/* Writes all elements of row 0 from a dense array. */
void rt_cells_fill(const RtCells *cells, RtType from, const void *data);

/* Reads turn 0 of rows [row, row + lanes) into a record of elements of type `to`; the lanes
 * after them repeat the last. */
void rt_cells_get(const RtCells *cells, uint64_t row, unsigned lanes, RtType to, void *record);

/* The same for any `lanes` rows. */
void rt_cells_gather(const RtCells *cells, const uint64_t *row, unsigned lanes, RtType to,
                     void *record);

/* Writes lane l of a record, whose elements have the type of the cells, into turn 0 of row[l],
 * for `lanes` lanes. */
void rt_cells_scatter(const RtCells *cells, const uint64_t *row, unsigned lanes,
                      const void *record);

#endif
