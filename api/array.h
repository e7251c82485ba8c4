/* SPDX-License-Identifier: Apache-2.0
 *
 * array.h -- between the arrays of the C API and the runtime's
 */
#ifndef EBM_API_ARRAY_H
#define EBM_API_ARRAY_H

#include "ebm/ebm.h"
#include "ir/ir.h"
#include "runtime/array.h"
#include "runtime/cells.h"

/* RT_TYPE_COUNT for none. */
RtType array_rt_type(EbmType type);
EbmType array_ebm_type(RtType type);
DType array_dtype(EbmType type); /* u8 becomes i32 */
EbmType array_from_dtype(DType type);

/* Checks rank, type and data; `what` is the name that messages use. */
bool array_view(const EbmArray *array, const char *what, RtView *ret, RtError *error);

/* A dense copy, which rt_array_clear frees. */
bool array_copy(const EbmArray *array, const char *what, RtArray *ret, RtError *error);

/* Text as "[3, 4]"; "a number" for rank 0. */
typedef struct ShapeText {
    char text[256];
} ShapeText;
ShapeText array_shape_text(uint32_t rank, const uint64_t *shape);

/* A dense array as it lies in memory. */
RtView array_rows(const RtArray *array);

#endif
