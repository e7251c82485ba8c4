/* SPDX-License-Identifier: Apache-2.0
 *
 * array.h -- between the arrays of the C API and the runtime's
 */
#ifndef EBM_API_ARRAY_H
#define EBM_API_ARRAY_H

#include "api/report.h"
#include "ir/ir.h"
#include "runtime/array.h"
#include "runtime/cells.h"

EbmType array_ebm_type(RtType type);
DType array_dtype(EbmType type); /* u8 becomes i32 */
EbmType array_from_dtype(DType type);

/* Checks rank, type and data; `what` is the name that messages use. */
bool array_view(const EbmArray *array, const char *what, RtView *ret, RtError *error);

/* A dense copy, which rt_array_clear frees. */
bool array_copy(const EbmArray *array, const char *what, RtArray *ret, RtError *error);

/* The same with elements of that type. */
bool array_convert(const EbmArray *array, const char *what, RtType type, RtArray *ret,
                   RtError *error);

/* Writes a dense array of elements of type `from`, and of the same shape, into the array. */
EbmStatus array_fill(const EbmArray *array, const char *what, RtType from, const void *data,
                     EbmReport **ret_report);

/* A dense array where it lies. */
RtView array_dense_view(RtType type, unsigned rank, const uint64_t *shape, void *data);
RtView array_rows(const RtArray *array);

/* ---- shapes */

/* Text as "[3, 4]"; "a number" for rank 0; an impossible rank is shown as a possible one. */
typedef struct ShapeText {
    char text[256];
} ShapeText;
ShapeText array_shape_text(uint32_t rank, const uint64_t *shape);
/* What is expected: "the shape [3, 4]", or "a number". */
ShapeText array_wanted_text(uint32_t rank, const uint64_t *shape);

bool array_has_shape(const EbmArray *array, uint32_t rank, const uint64_t *shape);

/* Is that its shape?  Else reported. */
EbmStatus array_expect_shape(const EbmArray *array, const char *what, uint32_t rank,
                             const uint64_t *shape, EbmReport **ret_report);

#endif
