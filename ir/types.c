/* SPDX-License-Identifier: Apache-2.0
 *
 * types.c -- dtypes, shapes and numbers of any dtype
 */
#include "ir/ir.h"

#include <assert.h>
#include <math.h>
#include <string.h>

const char *const dtype_name[DT_COUNT] = {"none", "bool", "i32", "i64", "f32", "f64"};
const char *const fold_name[FOLD_COUNT] = {"store", "sum", "prod", "max", "min", "all", "any"};
const uint8_t fold_op[FOLD_COUNT] = {
    [FOLD_sum] = OP_add, [FOLD_prod] = OP_mul, [FOLD_max] = OP_max,
    [FOLD_min] = OP_min, [FOLD_all] = OP_and,  [FOLD_any] = OP_or};
const char *const draw_name[DRAW_COUNT] = {"uniform", "normal", "bits"};
const char *const input_name[INPUT_COUNT] = {"value",  "x",     "state", "hyper",   "data",
                                             "param",  "given", "step",  "n_steps", "n_warmup",
                                             "memory", "point", "handed"};
const char *const output_name[OUTPUT_COUNT] = {"value", "report", "param", "memory",
                                               "slot",  "points", "rows",  "whole"};

const OpInfo op_info[OP_COUNT] = {
    [OP_none] = {"none", 0, CLASS_STRUCTURAL, ATTR_NONE, "no node"},
#define POINTWISE(name, arity, class, eval, llvm, dx, dy, dz, domain, words) \
    [OP_##name] = {#name, arity, CLASS_##class, ATTR_NONE, words},
#define STRUCTURAL(name, attribute, words) \
    [OP_##name] = {#name, 0, CLASS_STRUCTURAL, ATTR_##attribute, words},
#include "ir/ops.def"
};

unsigned
dtype_size(DType d)
{
    static const uint8_t size[DT_COUNT] = {0, 1, 4, 8, 4, 8};
    return size[d];
}

bool
dtype_is_float(DType d)
{
    return d == DT_f32 || d == DT_f64;
}

bool
dtype_is_int(DType d)
{
    return d == DT_i32 || d == DT_i64;
}

Type
type_scalar(DType d)
{
    return (Type){.dtype = (uint8_t)d};
}

Type
type_array(DType d, unsigned rank, const uint32_t *dim)
{
    Type t = {.dtype = (uint8_t)d, .rank = (uint8_t)rank};

    assert(rank <= MAX_RANK);
    for (unsigned i = 0; i < rank; i++)
        t.dim[i] = dim[i];
    return t;
}

Type
type_with(Type shape, DType d)
{
    shape.dtype = (uint8_t)d;
    return shape;
}

Type
type_drop(Type t, unsigned leading)
{
    assert(leading <= t.rank);
    return type_array(t.dtype, t.rank - leading, t.dim + leading);
}

bool
type_same_shape(Type a, Type b)
{
    return a.rank == b.rank && memcmp(a.dim, b.dim, a.rank * sizeof a.dim[0]) == 0;
}

bool
type_eq(Type a, Type b)
{
    return a.dtype == b.dtype && type_same_shape(a, b);
}

uint64_t
type_size(Type t)
{
    uint64_t n = 1;

    for (unsigned i = 0; i < t.rank; i++)
        n = t.dim[i] && n > UINT64_MAX / t.dim[i] ? UINT64_MAX : n * t.dim[i];
    return n;
}

double
scalar_to_double(Scalar s, DType d)
{
    switch (d) {
    case DT_bool: return s.b;
    case DT_i32: return s.i32;
    case DT_i64: return (double)s.i64;
    case DT_f32: return (double)s.f32;
    case DT_f64: return s.f64;
    default: assert(!"a number has a dtype"); return 0;
    }
}

/* Truncates and saturates; NaN gives 0.  `limit` is the power of two past the largest. */
static int64_t
whole_of(double value, double limit, int64_t low, int64_t high)
{
    if (value != value)
        return 0;
    return value >= limit ? high : value < -limit ? low : (int64_t)value;
}

Scalar
scalar_from_double(double value, DType d)
{
    Scalar s = {.bits = 0};

    switch (d) {
    case DT_bool: s.b = value != 0; break;
    case DT_i32: s.i32 = (int32_t)whole_of(value, 0x1p31, INT32_MIN, INT32_MAX); break;
    case DT_i64: s.i64 = whole_of(value, 0x1p63, INT64_MIN, INT64_MAX); break;
    case DT_f32: s.f32 = (float)value; break;
    case DT_f64: s.f64 = value; break;
    default: assert(!"a number has a dtype");
    }
    return s;
}

static Scalar
extreme(DType d, bool largest)
{
    switch (d) {
    case DT_i32: return (Scalar){.i32 = largest ? INT32_MAX : INT32_MIN};
    case DT_i64: return (Scalar){.i64 = largest ? INT64_MAX : INT64_MIN};
    default: return scalar_from_double(largest ? HUGE_VAL : -HUGE_VAL, d);
    }
}

Scalar
fold_empty(FoldKind kind, DType d)
{
    switch (kind) {
    case FOLD_prod:
    case FOLD_all: return scalar_from_double(1, d);
    case FOLD_max: return extreme(d, false);
    case FOLD_min: return extreme(d, true);
    default: return (Scalar){.bits = 0};
    }
}

Scalar
fold_neutral(FoldKind kind, DType d)
{
    return kind == FOLD_sum ? scalar_from_double(-0.0, d) : fold_empty(kind, d);
}
