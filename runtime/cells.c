/* SPDX-License-Identifier: Apache-2.0
 *
 * cells.c -- between a caller's memory and records of 16 chains
 *
 * Elements of one type are copied as bytes; all others go through double, which holds every
 * number of the types that kernels compute with, i64 apart.
 */
#include "runtime/cells.h"

#include <stdlib.h>
#include <string.h>

RtType
rt_type_of(EbmDType dtype)
{
    switch (dtype) {
    case EBM_DT_bool: return RT_bool;
    case EBM_DT_i32: return RT_i32;
    case EBM_DT_i64: return RT_i64;
    case EBM_DT_f32: return RT_f32;
    case EBM_DT_f64: return RT_f64;
    }
    return RT_TYPE_COUNT;
}

static double
load(RtType type, const void *at)
{
    switch (type) {
#define TYPE(name, c, size, real) \
    case RT_##name: { \
        c v; \
        memcpy(&v, at, size); \
        return (double)v; \
    }
        RT_TYPES(TYPE)
#undef TYPE
    default: return 0.0;
    }
}

static void
store(RtType type, void *at, double value)
{
    switch (type) {
#define TYPE(name, c, size, real) \
    case RT_##name: { \
        c v = (c)value; \
        memcpy(at, &v, size); \
        break; \
    }
        RT_TYPES(TYPE)
#undef TYPE
    default: break;
    }
}

/* Offsets in row-major order, by adding the last axis' stride and carrying. */
static void
number_cells(const RtView *view, unsigned leading, RtCells *cells)
{
    uint64_t index[RT_MAX_RANK] = {0};
    ptrdiff_t at = 0;

    for (size_t e = 0; e < cells->count; e++) {
        cells->cell[e] = at;
        for (unsigned i = view->rank; i-- > leading;) {
            at += view->stride[i];
            if (++index[i] < view->shape[i])
                break;
            at -= view->stride[i] * (ptrdiff_t)view->shape[i];
            index[i] = 0;
        }
    }
}

bool
rt_cells_create(const RtView *view, unsigned leading, RtCells *ret, RtError *error)
{
    size_t bytes;
    RtCells cells = {.type = view->type, .data = view->data, .rows = 1, .turns = 1, .count = 1};

    if (!rt_shape_bytes(RT_i64, view->rank - leading, view->shape + leading, &bytes))
        return rt_fail(error, RT_SHAPE, "an array has too many elements");
    cells.count = bytes / sizeof(int64_t);
    if (leading > 0) {
        cells.rows = view->shape[0];
        cells.row = view->stride[0];
    }
    if (leading > 1) {
        cells.turns = view->shape[1];
        cells.turn = view->stride[1];
    }
    cells.cell = malloc(cells.count * sizeof *cells.cell + 1);
    if (!cells.cell)
        return rt_fail_memory(error, "array", cells.count * sizeof *cells.cell);
    number_cells(view, leading, &cells);
    *ret = cells;
    return true;
}

void
rt_cells_clear(RtCells *cells)
{
    free(cells->cell);
    *cells = (RtCells){0};
}

/* Where lane 0 of a turn goes, and comes from. */
typedef struct Turn {
    char *to;
    const char *from;
} Turn;

/* One record is read lane after lane while it is in the first-level cache.  Copies of a known
 * width are single moves. */
#define PUT_SAME(width) \
    for (unsigned l = 0; l < lanes; l++) { \
        char *to = t.to + (ptrdiff_t)l * cells->row; \
        const char *from = t.from + l * (width); \
        for (size_t e = 0; e < cells->count; e++) \
            memcpy(to + cells->cell[e], from + e * EBM_BLOCK * (width), width); \
    }

static void
put_converted(const RtCells *cells, unsigned lanes, Turn t, RtType type)
{
    size_t size = rt_type_size(type);

    for (unsigned l = 0; l < lanes; l++)
        for (size_t e = 0; e < cells->count; e++)
            store(cells->type, t.to + (ptrdiff_t)l * cells->row + cells->cell[e],
                  load(type, t.from + (e * EBM_BLOCK + l) * size));
}

static void
put_turn(const RtCells *cells, unsigned lanes, Turn t, RtType type)
{
    if (type != cells->type) {
        put_converted(cells, lanes, t, type);
        return;
    }
    switch (rt_type_size(type)) {
    case 1: PUT_SAME(1); break;
    case 4: PUT_SAME(4); break;
    default: PUT_SAME(8); break;
    }
}

void
rt_cells_put(const RtCells *cells, uint64_t row, unsigned lanes, uint64_t turn, uint64_t turns,
             RtType from, const void *record, size_t pitch)
{
    Turn t = {cells->data + (ptrdiff_t)row * cells->row + (ptrdiff_t)turn * cells->turn,
              record};

    for (uint64_t i = 0; i < turns; i++) {
        put_turn(cells, lanes, t, from);
        t.to += cells->turn;
        t.from += pitch;
    }
}

void
rt_cells_fill(const RtCells *cells, RtType from, const void *data)
{
    size_t size = rt_type_size(from);

    for (size_t e = 0; e < cells->count; e++) {
        const char *at = (const char *)data + e * size;
        if (from == cells->type)
            memcpy(cells->data + cells->cell[e], at, size);
        else
            store(cells->type, cells->data + cells->cell[e], load(from, at));
    }
}

/* Elements of one width, a row of lanes after the other: reads are 16 streams, writes one. */
#define MOVE_SAME(width, to, from) \
    for (size_t e = 0; e < cells->count; e++) \
        for (unsigned l = 0; l < lanes; l++) \
            memcpy(to, from, width);

#define CELL(l) (row[l] + cells->cell[e])
#define LANE(width) ((char *)record + (e * EBM_BLOCK + (l)) * (width))

static void
gather(const RtCells *cells, char *const row[EBM_BLOCK], RtType to, void *record)
{
    const unsigned lanes = EBM_BLOCK;

    if (to != cells->type) {
        size_t size = rt_type_size(to);
        for (size_t e = 0; e < cells->count; e++)
            for (unsigned l = 0; l < lanes; l++)
                store(to, LANE(size), load(cells->type, CELL(l)));
        return;
    }
    switch (rt_type_size(to)) {
    case 1: MOVE_SAME(1, LANE(1), CELL(l)) break;
    case 4: MOVE_SAME(4, LANE(4), CELL(l)) break;
    default: MOVE_SAME(8, LANE(8), CELL(l)) break;
    }
}

static void
scatter(const RtCells *cells, char *const row[EBM_BLOCK], unsigned lanes, const void *record)
{
    switch (rt_type_size(cells->type)) {
    case 1: MOVE_SAME(1, CELL(l), LANE(1)) break;
    case 4: MOVE_SAME(4, CELL(l), LANE(4)) break;
    default: MOVE_SAME(8, CELL(l), LANE(8)) break;
    }
}

/* Where the rows of the lanes are; lanes after the last repeat it. */
static void
find_rows(const RtCells *cells, const uint64_t *row, unsigned lanes, char *ret[EBM_BLOCK])
{
    for (unsigned l = 0; l < EBM_BLOCK; l++)
        ret[l] = cells->data + (ptrdiff_t)row[l < lanes ? l : lanes - 1] * cells->row;
}

void
rt_cells_gather(const RtCells *cells, const uint64_t *row, unsigned lanes, RtType to,
                void *record)
{
    char *at[EBM_BLOCK];

    find_rows(cells, row, lanes, at);
    gather(cells, at, to, record);
}

void
rt_cells_scatter(const RtCells *cells, const uint64_t *row, unsigned lanes, const void *record)
{
    char *at[EBM_BLOCK];

    find_rows(cells, row, lanes, at);
    scatter(cells, at, lanes, record);
}

void
rt_cells_get(const RtCells *cells, uint64_t row, unsigned lanes, RtType to, void *record)
{
    uint64_t rows[EBM_BLOCK];

    for (unsigned l = 0; l < lanes; l++)
        rows[l] = row + l;
    rt_cells_gather(cells, rows, lanes, to, record);
}
