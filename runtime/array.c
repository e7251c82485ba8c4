/* SPDX-License-Identifier: Apache-2.0
 *
 * array.c -- a rectangular array of numbers, as files give and take them
 */
#include "runtime/array.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, LARGE_PAGE = 2 << 20, LARGE = 2 * LARGE_PAGE };

static bool
is_real(RtType type)
{
    switch (type) {
#define TYPE(name, c, size, real) \
    case RT_##name: return real;
        RT_TYPES(TYPE)
#undef TYPE
    default: assert(!"a type"); return false;
    }
}

static int64_t
get_integer(const RtArray *array, uint64_t i)
{
    switch (array->type) {
    case RT_i32: return ((const int32_t *)array->data)[i];
    case RT_i64: return ((const int64_t *)array->data)[i];
    default: return ((const uint8_t *)array->data)[i];
    }
}

/* Whether x is an integer that `ret` can hold. */
static bool
real_to_integer(double x, int64_t *ret)
{
    if (!(x >= -0x1p63 && x < 0x1p63) || x != floor(x))
        return false;
    *ret = (int64_t)x;
    return true;
}

static bool
put_integer(RtArray *array, uint64_t i, int64_t x)
{
    switch (array->type) {
    case RT_i32:
        ((int32_t *)array->data)[i] = (int32_t)x;
        return x >= INT32_MIN && x <= INT32_MAX;
    case RT_i64: ((int64_t *)array->data)[i] = x; return true;
    case RT_u8: ((uint8_t *)array->data)[i] = (uint8_t)x; return x >= 0 && x <= UINT8_MAX;
    default: ((uint8_t *)array->data)[i] = (uint8_t)x; return x == 0 || x == 1;
    }
}

static bool
put_real(RtArray *array, uint64_t i, double x)
{
    if (array->type == RT_f64) {
        ((double *)array->data)[i] = x;
        return true;
    }
    /* Numbers up to half a step above FLT_MAX round to it. */
    if (isfinite(x) && fabs(x) >= 0x1.ffffffp127)
        return false;
    ((float *)array->data)[i] = (float)x;
    return true;
}

static bool
convert_element(const RtArray *from, RtArray *to, uint64_t i)
{
    int64_t integer;

    if (is_real(to->type)) {
        if (!is_real(from->type))
            return put_real(to, i, (double)get_integer(from, i));
        return put_real(to, i, rt_array_get(from, i));
    }
    if (!is_real(from->type))
        return put_integer(to, i, get_integer(from, i));
    return real_to_integer(rt_array_get(from, i), &integer) && put_integer(to, i, integer);
}

void
rt_array_place(const RtArray *array, uint64_t i, char *text, size_t size)
{
    uint64_t index[RT_MAX_RANK] = {0};
    size_t used = 0;

    text[0] = '\0';
    for (unsigned a = array->rank; a-- > 0; i /= array->shape[a])
        index[a] = i % array->shape[a];
    for (unsigned a = 0; a < array->rank && used < size; a++)
        used += (size_t)snprintf(text + used, size - used, "%s%llu%s", a ? ", " : "[",
                                 (unsigned long long)index[a], a + 1 == array->rank ? "]" : "");
}

/* As the language calls it, which has one type of whole numbers. */
static const char *
type_word(RtType type)
{
    return type == RT_i32 ? "int" : rt_type_name(type);
}

static bool
fail_element(const RtArray *from, RtType type, uint64_t i, const char *what, RtError *error)
{
    char place[RT_PLACE];

    rt_array_place(from, i, place, sizeof place);
    const char *element = *place ? "element " : "", *is = *place ? " is " : "";
    if (is_real(from->type))
        return rt_fail(error, RT_RANGE, "'%s': %s%s%s%.17g, which %s cannot hold", what,
                       element, place, is, rt_array_get(from, i), type_word(type));
    return rt_fail(error, RT_RANGE, "'%s': %s%s%s%lld, which %s cannot hold", what, element,
                   place, is, (long long)get_integer(from, i), type_word(type));
}

size_t
rt_type_size(RtType type)
{
    switch (type) {
#define TYPE(name, c, size, real) \
    case RT_##name: return size;
        RT_TYPES(TYPE)
#undef TYPE
    default: assert(!"a type"); return 1;
    }
}

const char *
rt_type_name(RtType type)
{
    switch (type) {
#define TYPE(name, c, size, real) \
    case RT_##name: return #name;
        RT_TYPES(TYPE)
#undef TYPE
    default: assert(!"a type"); return "?";
    }
}

bool
rt_shape_bytes(RtType type, unsigned rank, const uint64_t *shape, size_t *ret_bytes)
{
    uint64_t bytes = rt_type_size(type);
    bool empty = false;

    for (unsigned a = 0; a < rank; a++) {
        empty = empty || shape[a] == 0;
        if (__builtin_mul_overflow(bytes, shape[a] ? shape[a] : 1, &bytes))
            return false;
    }
    /* Room for rounding up to the alignment is kept. */
    if (bytes > PTRDIFF_MAX - LARGE_PAGE)
        return false;
    *ret_bytes = empty ? 0 : (size_t)bytes;
    return true;
}

/* Large arrays ask for large pages: a kernel that streams through them would wait for addresses
 * to be translated almost as long as for the data. */
static void *
allocate(size_t bytes)
{
    size_t alignment = bytes < LARGE ? ALIGNMENT : LARGE_PAGE;
    size_t room = (bytes / alignment + 1) * alignment;
    void *data = aligned_alloc(alignment, room);

    if (data && bytes >= LARGE)
        (void)madvise(data, room, MADV_HUGEPAGE); /* a wish: systems may not have any */
    return data;
}

bool
rt_array_create(RtArray *ret, RtType type, unsigned rank, const uint64_t *shape,
                const char *what, RtError *error)
{
    size_t bytes;

    if (rank > RT_MAX_RANK)
        return rt_fail(error, RT_SHAPE, "'%s': %u axes, at most %d are supported", what, rank,
                       RT_MAX_RANK);
    if (!rt_shape_bytes(type, rank, shape, &bytes))
        return rt_fail(error, RT_SHAPE, "'%s': the array is too large for this machine", what);
    void *data = allocate(bytes);
    if (!data)
        return rt_fail_memory(error, what, bytes);
    *ret = (RtArray){.type = type, .rank = rank, .data = data, .bytes = bytes};
    if (rank)
        memcpy(ret->shape, shape, rank * sizeof *shape);
    return true;
}

void
rt_array_clear(RtArray *array)
{
    free(array->data);
    *array = (RtArray){0};
}

uint64_t
rt_array_count(const RtArray *array)
{
    return array->bytes / rt_type_size(array->type);
}

double
rt_array_get(const RtArray *array, uint64_t i)
{
    switch (array->type) {
    case RT_f32: return (double)((const float *)array->data)[i];
    case RT_f64: return ((const double *)array->data)[i];
    default: return (double)get_integer(array, i);
    }
}

bool
rt_array_convert(const RtArray *from, RtType type, RtArray *ret, const char *what,
                 RtError *error)
{
    uint64_t count = rt_array_count(from);
    RtArray to;

    if (!rt_array_create(&to, type, from->rank, from->shape, what, error))
        return false;
    if (from->type == type) {
        memcpy(to.data, from->data, from->bytes);
        *ret = to;
        return true;
    }
    for (uint64_t i = 0; i < count; i++) {
        if (!convert_element(from, &to, i)) {
            rt_array_clear(&to);
            return fail_element(from, type, i, what, error);
        }
    }
    *ret = to;
    return true;
}

void
rt_named_free(RtNamed *named, size_t count)
{
    for (size_t i = 0; named && i < count; i++) {
        free(named[i].name);
        rt_array_clear(&named[i].array);
    }
    free(named);
}
