/* SPDX-License-Identifier: Apache-2.0
 *
 * element.h -- numbers as files store them, and how they become ours.
 *
 * Files know more widths and both byte orders.  Every element kind maps to the smallest of
 * our types that holds all its numbers; unsigned 64-bit numbers that i64 cannot hold are an
 * error.
 */
#ifndef EBM_RUNTIME_ELEMENT_H
#define EBM_RUNTIME_ELEMENT_H

#include "runtime/array.h"
#include "runtime/source.h"

/* file kind and width, C type in the file, our type, its C type, element x as that */
#define RT_ELEMENTS(ELEMENT) \
    ELEMENT('f', 2, uint16_t, f32, float, half_to_float(x)) \
    ELEMENT('f', 4, float, f32, float, x) \
    ELEMENT('f', 8, double, f64, double, x) \
    ELEMENT('g', 2, uint16_t, f32, float, bfloat_to_float(x)) \
    ELEMENT('i', 1, int8_t, i32, int32_t, x) \
    ELEMENT('i', 2, int16_t, i32, int32_t, x) \
    ELEMENT('i', 4, int32_t, i32, int32_t, x) \
    ELEMENT('i', 8, int64_t, i64, int64_t, x) \
    ELEMENT('u', 1, uint8_t, u8, uint8_t, x) \
    ELEMENT('u', 2, uint16_t, i32, int32_t, x) \
    ELEMENT('u', 4, uint32_t, i64, int64_t, x) \
    ELEMENT('u', 8, uint64_t, i64, int64_t, x) \
    ELEMENT('b', 1, uint8_t, bool, uint8_t, x != 0)

typedef struct RtElement {
    char kind; /* 'f', 'i', 'u', 'b'; 'g' for bfloat16, the upper half of an f32 */
    unsigned width;
    bool swap; /* the file's byte order is not the machine's */
} RtElement;

/* Our type for the kind and width, or false when there is none. */
bool rt_element_type(RtElement element, RtType *ret);

/* Creates an array of `shape` and fills it with elements from `source`, which must hold them
 * all.  `fortran`: the first axis is fastest in the file. */
bool rt_element_read(RtSource *source, RtElement element, bool fortran, unsigned rank,
                     const uint64_t *shape, RtArray *ret, RtError *error);

#endif
