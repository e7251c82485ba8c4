/* SPDX-License-Identifier: Apache-2.0
 *
 * fold_build.c -- folds kept as partial results, arrays filled with one number
 */
#include "passes/fold_build.h"

#include <math.h>

static Scalar
largest(DType d)
{
    Scalar s = {.bits = 0};

    switch (d) {
    case DT_i32: s.i32 = INT32_MAX; break;
    case DT_i64: s.i64 = INT64_MAX; break;
    default: s = scalar_from_double(INFINITY, d); break;
    }
    return s;
}

static Scalar
smallest(DType d)
{
    Scalar s = {.bits = 0};

    switch (d) {
    case DT_i32: s.i32 = INT32_MIN; break;
    case DT_i64: s.i64 = INT64_MIN; break;
    default: s = scalar_from_double(-INFINITY, d); break;
    }
    return s;
}

static Scalar
identity(FoldKind kind, DType d)
{
    switch (kind) {
    case FOLD_sum: return scalar_from_double(-0.0, d); /* -0 + x is x, also for -0 */
    case FOLD_prod:
    case FOLD_all: return scalar_from_double(1, d);
    case FOLD_max: return smallest(d);
    case FOLD_min: return largest(d);
    default: return scalar_from_double(0, d);
    }
}

Ref
fold_identity(Builder *b, FoldKind kind, DType d)
{
    Scalar s = identity(kind, d);
    return ir_const(b, type_scalar(d), &s);
}

Ref
fold_of_nothing(Builder *b, FoldKind kind, DType d)
{
    return kind == FOLD_sum ? ir_number(b, d, 0) : fold_identity(b, kind, d);
}

Ref
fold_combine(Builder *b, FoldKind kind, Ref x, Ref y)
{
    static const Op op[FOLD_COUNT] = {
        [FOLD_sum] = OP_add, [FOLD_prod] = OP_mul, [FOLD_max] = OP_max,
        [FOLD_min] = OP_min, [FOLD_all] = OP_and,  [FOLD_any] = OP_or};
    return ir_pointwise(b, op[kind], x, y, NO_REF);
}

Ref
fold_tree(Builder *b, FoldKind kind, Ref partial[FOLD_PARTIALS])
{
    for (unsigned half = FOLD_PARTIALS / 2; half > 0; half /= 2)
        for (unsigned k = 0; k < half; k++)
            partial[k] = fold_combine(b, kind, partial[k], partial[k + half]);
    return partial[0];
}

Ref
close_store_loop(Builder *b, unsigned rank, const uint32_t *extent, uint32_t n,
                 const Ref *value)
{
    FoldKind *kind = arena_array(b->module->arena, FoldKind, n + 1);
    RegionId body = b->region;

    ir_yield(b, n, value);
    region_end(b);
    for (uint32_t i = 0; i < n; i++)
        kind[i] = FOLD_store;
    return ir_loop(b, rank, extent, kind, body);
}

Ref
filled_array(Builder *b, Type shape, Ref value)
{
    region_begin(b);
    for (unsigned i = 0; i < shape.rank; i++)
        ir_param(b, type_scalar(DT_i32));
    return ir_get(b, close_store_loop(b, shape.rank, shape.dim, 1, &value), 0);
}
