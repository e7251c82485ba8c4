/* SPDX-License-Identifier: Apache-2.0
 *
 * array.c -- between the arrays of the C API and the runtime's
 */
#include "api/array.h"

#include <stdio.h>
#include <string.h>

/* type, runtime's type, IR's dtype, name */
#define TYPES(TYPE) \
    TYPE(bool, RT_bool, DT_bool, "bool") \
    TYPE(i32, RT_i32, DT_i32, "i32") \
    TYPE(i64, RT_i64, DT_i64, "i64") \
    TYPE(f32, RT_f32, DT_f32, "f32") \
    TYPE(f64, RT_f64, DT_f64, "f64") \
    TYPE(u8, RT_u8, DT_i32, "u8")

/* RT_TYPE_COUNT for none. */
static RtType
rt_type(EbmType type)
{
    switch (type) {
#define TYPE(name, rt, dt, text) \
    case EBM_TYPE_##name: return rt;
        TYPES(TYPE)
#undef TYPE
    default: return RT_TYPE_COUNT;
    }
}

EbmType
array_ebm_type(RtType type)
{
    switch (type) {
#define TYPE(name, rt, dt, text) \
    case rt: return EBM_TYPE_##name;
        TYPES(TYPE)
#undef TYPE
    default: return EBM_TYPE_none;
    }
}

DType
array_dtype(EbmType type)
{
    switch (type) {
#define TYPE(name, rt, dt, text) \
    case EBM_TYPE_##name: return dt;
        TYPES(TYPE)
#undef TYPE
    default: return DT_none;
    }
}

EbmType
array_from_dtype(DType type)
{
    return type == DT_none ? EBM_TYPE_none : (EbmType)type;
}

_Static_assert((int)EBM_TYPE_bool == (int)DT_bool && (int)EBM_TYPE_i32 == (int)DT_i32 &&
                   (int)EBM_TYPE_i64 == (int)DT_i64 && (int)EBM_TYPE_f32 == (int)DT_f32 &&
                   (int)EBM_TYPE_f64 == (int)DT_f64,
               "the C API numbers dtypes as the IR does");

size_t
ebm_type_size(EbmType type)
{
    RtType rt = rt_type(type);
    return rt == RT_TYPE_COUNT ? 0 : rt_type_size(rt);
}

const char *
ebm_type_name(EbmType type)
{
    switch (type) {
#define TYPE(name, rt, dt, text) \
    case EBM_TYPE_##name: return text;
        TYPES(TYPE)
#undef TYPE
    default: return "none";
    }
}

EbmArray
ebm_array(EbmType type, uint32_t rank, const uint64_t *shape, void *data)
{
    EbmArray a = {.type = type, .rank = rank, .data = data};
    int64_t stride = (int64_t)ebm_type_size(type);

    for (uint32_t i = rank < EBM_MAX_RANK ? rank : EBM_MAX_RANK; i-- > 0;) {
        a.shape[i] = shape[i];
        a.stride[i] = stride;
        if (__builtin_mul_overflow(stride, (int64_t)shape[i], &stride))
            stride = 0; /* no memory is that large: every use is refused by its shape */
    }
    return a;
}

bool
array_view(const EbmArray *array, const char *what, RtView *ret, RtError *error)
{
    size_t bytes;
    RtView view = {.type = rt_type(array->type), .rank = array->rank, .data = array->data};

    if (view.type == RT_TYPE_COUNT || array->rank > EBM_MAX_RANK)
        return rt_fail(error, RT_ARGUMENT, "'%s': an array of no type, or of rank %u", what,
                       array->rank);
    if (!rt_shape_bytes(view.type, array->rank, array->shape, &bytes))
        return rt_fail(error, RT_SHAPE, "'%s': too many elements to be in memory", what);
    if (!array->data && bytes > 0)
        return rt_fail(error, RT_ARGUMENT, "'%s': an array without data", what);
    for (uint32_t i = 0; i < array->rank; i++) {
        view.shape[i] = array->shape[i];
        view.stride[i] = (ptrdiff_t)array->stride[i];
    }
    *ret = view;
    return true;
}

bool
array_copy(const EbmArray *array, const char *what, RtArray *ret, RtError *error)
{
    RtView view;
    RtCells cells;
    unsigned leading = array->rank > 0; /* rows are walked, not listed */

    if (!array_view(array, what, &view, error) ||
        !rt_cells_create(&view, leading, &cells, error))
        return false;
    if (!rt_array_create(ret, view.type, view.rank, view.shape, what, error)) {
        rt_cells_clear(&cells);
        return false;
    }
    size_t size = rt_type_size(view.type);
    char *to = ret->data;
    for (uint64_t r = 0; r < cells.rows; r++) {
        const char *row = cells.data + (ptrdiff_t)r * cells.row;
        for (size_t e = 0; e < cells.count; e++, to += size)
            memcpy(to, row + cells.cell[e], size);
    }
    rt_cells_clear(&cells);
    return true;
}

bool
array_convert(const EbmArray *array, const char *what, RtType type, RtArray *ret,
              RtError *error)
{
    RtArray copy = {0};

    if (!array_copy(array, what, &copy, error))
        return false;
    bool done = rt_array_convert(&copy, type, ret, what, error);
    rt_array_clear(&copy);
    return done;
}

EbmStatus
array_fill(const EbmArray *array, const char *what, RtType from, const void *data,
           EbmReport **ret_report)
{
    RtView view;
    RtCells cells;
    RtError error = {0};

    if (!array_view(array, what, &view, &error) || !rt_cells_create(&view, 0, &cells, &error))
        return report_error(ret_report, &error);
    rt_cells_fill(&cells, from, data);
    rt_cells_clear(&cells);
    return report_nothing(ret_report);
}

RtView
array_dense_view(RtType type, unsigned rank, const uint64_t *shape, void *data)
{
    RtView v = {.type = type, .rank = rank, .data = data};
    ptrdiff_t stride = (ptrdiff_t)rt_type_size(type);

    for (unsigned i = rank; i-- > 0;) {
        v.shape[i] = shape[i];
        v.stride[i] = stride;
        stride *= (ptrdiff_t)shape[i];
    }
    return v;
}

RtView
array_rows(const RtArray *array)
{
    return array_dense_view(array->type, array->rank, array->shape, array->data);
}

/* ---- shapes */

ShapeText
array_shape_text(uint32_t rank, const uint64_t *shape)
{
    ShapeText s = {"a number"};
    size_t used = 0;

    rank %= EBM_MAX_RANK + 1;
    for (uint32_t i = 0; i < rank; i++)
        used +=
            (size_t)snprintf(s.text + used, sizeof s.text - used, "%s%llu%s", i ? ", " : "[",
                             (unsigned long long)shape[i], i + 1 == rank ? "]" : "");
    return s;
}

ShapeText
array_wanted_text(uint32_t rank, const uint64_t *shape)
{
    ShapeText s = array_shape_text(rank, shape), wanted = s;

    if (rank % (EBM_MAX_RANK + 1) > 0)
        snprintf(wanted.text, sizeof wanted.text, "the shape %.240s", s.text);
    return wanted;
}

bool
array_has_shape(const EbmArray *array, uint32_t rank, const uint64_t *shape)
{
    return array->rank == rank && memcmp(array->shape, shape, rank * sizeof *shape) == 0;
}

EbmStatus
array_expect_shape(const EbmArray *array, const char *what, uint32_t rank,
                   const uint64_t *shape, EbmReport **ret_report)
{
    if (array_has_shape(array, rank, shape))
        return EBM_OK;
    return report_say(ret_report, EBM_SHAPE_ERROR, NULL, "'%s': expected %s, found %s", what,
                      array_wanted_text(rank, shape).text,
                      array_shape_text(array->rank, array->shape).text);
}
