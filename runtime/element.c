/* SPDX-License-Identifier: Apache-2.0
 *
 * element.c -- numbers as files store them, and how they become ours
 *
 * Elements come in pieces through a small buffer; a walk over the axes says where each goes.
 * The common case, our own type in our own order, is read in place.
 */
#include "runtime/element.h"

#include <string.h>

enum { PIECE = 1 << 14 };

/* Where the next element of a file goes: an odometer over the axes, first axis fastest. */
typedef struct Walk {
    unsigned rank;
    const uint64_t *shape;
    uint64_t stride[RT_MAX_RANK], index[RT_MAX_RANK];
    uint64_t place;
} Walk;

static void
start_walk(Walk *walk, unsigned rank, const uint64_t *shape)
{
    uint64_t stride = 1;

    *walk = (Walk){.rank = rank, .shape = shape};
    for (unsigned a = rank; a-- > 0; stride *= shape[a])
        walk->stride[a] = stride;
}

static void
step_walk(Walk *walk)
{
    for (unsigned a = 0; a < walk->rank; a++) {
        walk->place += walk->stride[a];
        if (++walk->index[a] < walk->shape[a])
            return;
        walk->place -= walk->stride[a] * walk->shape[a];
        walk->index[a] = 0;
    }
}

static void
swap_bytes(unsigned char *bytes, size_t count, unsigned width)
{
    for (size_t i = 0; i < count; i++, bytes += width) {
        for (unsigned low = 0, high = width - 1; low < high; low++, high--) {
            unsigned char byte = bytes[low];
            bytes[low] = bytes[high];
            bytes[high] = byte;
        }
    }
}

/* Kind and width in one number. */
static unsigned
code_of(RtElement element)
{
    return (unsigned char)element.kind << 8 | element.width;
}

static float
float_of(uint32_t bits)
{
    float x;

    memcpy(&x, &bits, sizeof x);
    return x;
}

static float
bfloat_to_float(uint16_t bits)
{
    return float_of((uint32_t)bits << 16);
}

/* IEEE 754 binary16: 5 bits of exponent, 10 of fraction.  Subnormals are a fraction times
 * 2^-24. */
static float
half_to_float(uint16_t bits)
{
    uint32_t sign = (uint32_t)(bits >> 15) << 31, exponent = bits >> 10 & 31;
    uint32_t fraction = bits & 1023;

    if (exponent == 31)
        return float_of(sign | UINT32_C(0x7f800000) | fraction << 13);
    if (exponent > 0)
        return float_of(sign | (exponent + 127 - 15) << 23 | fraction << 13);
    float x = (float)fraction * 0x1p-24f;
    return sign ? -x : x;
}

/* Widens element i of `bytes` into place `to` of `data`; false when it does not fit. */
static bool
place_element(RtElement element, const unsigned char *bytes, size_t i, void *data, uint64_t to)
{
    switch (code_of(element)) {
#define ELEMENT(kind, width, file_type, type, our_type, value) \
    case kind << 8 | width: { \
        file_type x; \
        memcpy(&x, bytes + i * width, width); \
        ((our_type *)data)[to] = (our_type)(value); \
        return kind != 'u' || width < 8 || ((our_type *)data)[to] >= 0; \
    }
        RT_ELEMENTS(ELEMENT)
#undef ELEMENT
    default: return false;
    }
}

static bool
read_pieces(RtSource *source, RtElement element, Walk *walk, RtArray *array, RtError *error)
{
    unsigned char buffer[PIECE];
    uint64_t count = rt_array_count(array), done = 0;

    while (done < count) {
        size_t piece = PIECE / element.width;
        if (piece > count - done)
            piece = (size_t)(count - done);
        if (!rt_source_read(source, buffer, piece * element.width, error))
            return false;
        if (element.swap)
            swap_bytes(buffer, piece, element.width);
        for (size_t i = 0; i < piece; i++) {
            uint64_t to = walk ? walk->place : done + i;
            if (!place_element(element, buffer, i, array->data, to))
                return rt_fail(error, RT_RANGE, "'%s'%s does not fit a signed 64-bit integer",
                               source->name, rt_array_place(array, to).text);
            if (walk)
                step_walk(walk);
        }
        done += piece;
    }
    return true;
}

/* Whether the bytes in the file are those of the array, whatever they are. */
static bool
is_plain(RtElement element, RtType type)
{
    bool may_not_fit = element.kind == 'u' && element.width == 8;

    return !element.swap && !may_not_fit && element.kind != 'b' &&
           element.width == rt_type_size(type);
}

bool
rt_element_type(RtElement element, RtType *ret)
{
    switch (code_of(element)) {
#define ELEMENT(kind, width, file_type, type, our_type, value) \
    case kind << 8 | width: *ret = RT_##type; return true;
        RT_ELEMENTS(ELEMENT)
#undef ELEMENT
    default: return false;
    }
}

bool
rt_element_read(RtSource *source, RtElement element, bool fortran, unsigned rank,
                const uint64_t *shape, RtArray *ret, RtError *error)
{
    RtArray array;
    RtType type;
    size_t bytes;
    Walk walk;

    if (!rt_element_type(element, &type))
        return rt_fail(error, RT_TYPE, "'%s': numbers of kind '%c%u' are not supported",
                       source->name, element.kind, element.width);
    if (!rt_shape_bytes(type, rank, shape, &bytes))
        return rt_fail(error, RT_SHAPE, "'%s': the array is too large for this machine",
                       source->name);
    uint64_t wanted = bytes / rt_type_size(type) * element.width;
    if (wanted > source->left)
        return rt_fail(
            error, RT_FORMAT,
            "'%s': truncated: the header announces %llu bytes of data, %llu are there",
            source->name, (unsigned long long)wanted, (unsigned long long)source->left);
    if (!rt_array_create(&array, type, rank, shape, source->name, error))
        return false;
    start_walk(&walk, rank, shape);
    bool walks = fortran && rank > 1;
    bool ok = !walks && is_plain(element, type)
                  ? rt_source_read(source, array.data, array.bytes, error)
                  : read_pieces(source, element, walks ? &walk : NULL, &array, error);
    if (!ok) {
        rt_array_clear(&array);
        return false;
    }
    *ret = array;
    return true;
}
