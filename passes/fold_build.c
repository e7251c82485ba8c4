/* SPDX-License-Identifier: Apache-2.0
 *
 * fold_build.c -- folds kept as partial results, arrays filled with one number
 */
#include "passes/fold_build.h"

Ref
fold_start(Builder *b, FoldKind kind, DType d, bool empty)
{
    Scalar s = empty ? fold_empty(kind, d) : fold_neutral(kind, d);
    return ir_const(b, type_scalar(d), &s);
}

Ref
fold_combine(Builder *b, FoldKind kind, Ref x, Ref y)
{
    return ir_pointwise(b, (Op)fold_op[kind], x, y, NO_REF);
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
