/* SPDX-License-Identifier: Apache-2.0
 *
 * rows.c -- values of data points as rows of one dense array
 *
 * As many elements of all lanes as there are lanes are a square, which is transposed in
 * registers: each of log2(n) rounds interleaves vector i with vector i + n/2.
 */
#include "backends/llvm/emit.h"

/* The lower or upper halves of x and y, element by element in turn. */
static LLVMValueRef
interleave(Emit *e, LLVMValueRef x, LLVMValueRef y, unsigned n, bool upper)
{
    LLVMValueRef lane[EBM_BLOCK];

    for (unsigned i = 0; i < n; i++)
        lane[i] = int32_of(e, i / 2 + (upper ? n / 2 : 0) + (i % 2 ? n : 0));
    return LLVMBuildShuffleVector(e->b, x, y, LLVMConstVector(lane, n), "");
}

/* v[i] lane j becomes v[j] lane i. */
static void
transpose(Emit *e, LLVMValueRef v[EBM_BLOCK], unsigned n)
{
    LLVMValueRef next[EBM_BLOCK];

    for (unsigned round = 1; round < n; round *= 2) {
        for (unsigned i = 0; i < n / 2; i++) {
            next[2 * i] = interleave(e, v[i], v[i + n / 2], n, false);
            next[2 * i + 1] = interleave(e, v[i], v[i + n / 2], n, true);
        }
        for (unsigned i = 0; i < n; i++)
            v[i] = next[i];
    }
}

typedef struct Rows {
    const Value *x;
    DType d;
    LLVMValueRef to; /* row 0 */
    int64_t row_bytes;
    unsigned square; /* lanes that are transposed together */
} Rows;

/* Lanes [lane, lane + square) of `live` elements from `first` on. */
static void
store_square(Emit *e, const Rows *r, LLVMValueRef const *element, Index first, unsigned lane,
             unsigned live)
{
    LLVMValueRef v[EBM_BLOCK], at = r->to;
    Value row = {.row = 1};

    for (unsigned i = 0; i < r->square; i++)
        v[i] = i >= live               ? LLVMGetPoison(LLVMTypeOf(v[0]))
               : r->square == e->lanes ? element[i]
                                       : some_lanes(e, element[i], lane, r->square);
    transpose(e, v, r->square);
    row.v = byte_offset(e, at, int64_of(e, (int64_t)lane * r->row_bytes));
    at = element_address(e, &row, r->d, first);
    for (unsigned i = 0; i < r->square; i++)
        store_run(e, r->d, byte_offset(e, at, int64_of(e, (int64_t)i * r->row_bytes)), v[i],
                  live);
}

static void
store_elements(Emit *e, const Rows *r, Index first, unsigned live)
{
    LLVMValueRef element[EBM_BLOCK];

    for (unsigned i = 0; i < live; i++) {
        Value x = load_element(e, r->x, r->d, index_add(e, first, index_constant(i)));
        element[i] = vector_of(e, &x);
    }
    for (unsigned lane = 0; lane < e->lanes; lane += r->square)
        store_square(e, r, element, first, lane, live);
}

/* Rows of one number follow one another. */
static void
store_column(Emit *e, LLVMValueRef to, const Value *x, Type type)
{
    DType d = (DType)type.dtype;
    Value v = type.rank ? load_element(e, x, d, index_constant(0)) : *x;

    store_run(e, d, to, vector_of(e, &v), e->lanes);
}

void
store_rows(Emit *e, LLVMValueRef to, const Value *x, Type type)
{
    DType d = (DType)type.dtype;
    int64_t count = (int64_t)type_size(type);
    Rows r = {.x = x, .d = d, .to = to, .row_bytes = count * dtype_size(d)};

    r.square = e->lanes < EBM_BLOCK ? e->lanes : EBM_BLOCK;
    if (count <= 1) {
        if (count)
            store_column(e, to, x, type);
        return;
    }
    int64_t groups = count / r.square;
    if (groups) {
        Turns t = turns_open(e, int64_of(e, 0), int64_of(e, groups), 1, true);
        store_elements(e, &r, index_scale(e, (Index){t.i, 1, 0, 0, groups - 1}, r.square),
                       r.square);
        turns_close(e, &t);
    }
    if (count % r.square)
        store_elements(e, &r, index_constant(groups * r.square), (unsigned)(count % r.square));
}
