/* SPDX-License-Identifier: Apache-2.0
 *
 * array.h -- a rectangular array of numbers, as files give and take them.
 *
 * Data is contiguous with the last axis fastest (C order) and aligned to 64 bytes.  The
 * array owns it.
 */
#ifndef EBM_RUNTIME_ARRAY_H
#define EBM_RUNTIME_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/error.h"

/* name, C type, size in bytes, is it a floating-point type */
#define RT_TYPES(TYPE) \
    TYPE(f32, float, 4, true) \
    TYPE(f64, double, 8, true) \
    TYPE(i32, int32_t, 4, false) \
    TYPE(i64, int64_t, 8, false) \
    TYPE(u8, uint8_t, 1, false) \
    TYPE(bool, uint8_t, 1, false)

typedef enum RtType {
#define TYPE(name, c, size, real) RT_##name,
    RT_TYPES(TYPE)
#undef TYPE
        RT_TYPE_COUNT
} RtType;

enum { RT_MAX_RANK = 8 };

typedef struct RtArray {
    RtType type;
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    void *data;
    size_t bytes; /* of the data: product of shape times size of type */
} RtArray;

/* An array and its name in a file of several. */
typedef struct RtNamed {
    char *name;
    RtArray array;
} RtNamed;

size_t rt_type_size(RtType type);
const char *rt_type_name(RtType type);

/* "[2, 0, 1]" for the flat index i, in room for RT_PLACE characters; nothing of a number. */
enum { RT_PLACE = RT_MAX_RANK * 22 + 1 };
void rt_array_place(const RtArray *array, uint64_t i, char *text, size_t size);

/* The number of elements, or false when their bytes cannot be addressed.  An axis of size 0
 * makes an empty array whatever the others are, but the others must not overflow either. */
bool rt_shape_bytes(RtType type, unsigned rank, const uint64_t *shape, size_t *ret_bytes);

/* Sets up an array with undefined content.  `what` is the name that messages use. */
bool rt_array_create(RtArray *ret, RtType type, unsigned rank, const uint64_t *shape,
                     const char *what, RtError *error);

/* Releases the data and leaves an empty array. */
void rt_array_clear(RtArray *array);

uint64_t rt_array_count(const RtArray *array);

/* A copy with elements of type `type`.  Rounding to a floating-point type is allowed; a
 * fraction, a NaN or a number out of range for an integer type, and a finite number that
 * would become infinite, are RT_RANGE errors that name the element. */
bool rt_array_convert(const RtArray *from, RtType type, RtArray *ret, const char *what,
                      RtError *error);

/* Element i of the flat array as a double. */
double rt_array_get(const RtArray *array, uint64_t i);

/* The contents of `named` and the list itself. */
void rt_named_free(RtNamed *named, size_t count);

#endif
