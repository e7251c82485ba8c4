/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.c -- the meaning of the pointwise ops
 *
 * The evaluation column of ops.def, expanded for each dtype.  Constants are folded by it and
 * the interpreter runs on it, hence floating-point contraction is off in this file
 * (ir/meson.build) and a fused product is written FMA.
 */
#include "ir/ir.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "ir/math/math.h"

/* Float to int: truncates, saturates, NaN gives 0. */
static int64_t
saturate(double x, double low, double high, int64_t min, int64_t max)
{
    if (x != x)
        return 0;
    return x <= low ? min : x >= high ? max : (int64_t)x;
}

static Scalar
eval_convert(DType d, DType to, Scalar x)
{
    bool narrow = to == DT_i32;

    if (to == DT_i32 || to == DT_i64) {
        Scalar r = {.bits = 0};
        int64_t i =
            d == DT_bool  ? x.b
            : d == DT_i32 ? x.i32
            : d == DT_i64 ? x.i64
            : narrow
                ? saturate(scalar_to_double(x, d), -0x1p31, 0x1p31 - 1, INT32_MIN, INT32_MAX)
                : saturate(scalar_to_double(x, d), -0x1p63, 0x1p63, INT64_MIN, INT64_MAX);
        if (narrow)
            r.i32 = (int32_t)(uint32_t)(uint64_t)i;
        else
            r.i64 = i;
        return r;
    }
    if (d == DT_i64 && to == DT_f32) /* rounded once */
        return (Scalar){.f32 = (float)x.i64};
    return scalar_from_double(scalar_to_double(x, d), to);
}

static Scalar
eval_bitcast(DType d, DType to, Scalar x)
{
    (void)d, (void)to;
    return x;
}

/* C's integer division rounds towards zero; these round down, and are total. */
#define DEFINE_INT(T, S, U) \
    static T floor_div_##S(T x, T y) \
    { \
        if (y == 0) \
            return 0; \
        if (y == -1) \
            return (T)(0 - (U)x); \
        return x / y - (x % y != 0 && (x < 0) != (y < 0)); \
    } \
    static T floor_mod_##S(T x, T y) \
    { \
        if (y == 0 || y == -1) \
            return 0; \
        T r = x % y; \
        return r != 0 && (r < 0) != (y < 0) ? r + y : r; \
    }
DEFINE_INT(int32_t, i32, uint32_t)
DEFINE_INT(int64_t, i64, uint64_t)

static int32_t
upper_half_i32(int32_t x, int32_t y)
{
    return (int32_t)((uint64_t)(uint32_t)x * (uint32_t)y >> 32);
}

static int64_t
upper_half_i64(int64_t x, int64_t y)
{
    uint64_t a = (uint64_t)x, b = (uint64_t)y;
    uint64_t al = a & 0xFFFFFFFF, ah = a >> 32, bl = b & 0xFFFFFFFF, bh = b >> 32;
    uint64_t low = al * bl, mid = ah * bl + (low >> 32), mid2 = al * bh + (mid & 0xFFFFFFFF);
    return (int64_t)(ah * bh + (mid >> 32) + (mid2 >> 32));
}

/* Expanded for one dtype at a time: T its C type, FIELD its member of Scalar.  Columns that
 * make no sense for the dtype are never compiled, because the class says so. */
#define MIN(x, y) ((x) != (x) ? (x) : (x) < (y) ? (x) : (y))
#define MAX(x, y) ((x) != (x) ? (x) : (x) > (y) ? (x) : (y))
#define SIGN(x) ((x) > 0 ? 1 : (x) < 0 ? -1 : (x))

static Scalar
eval_f32(Op op, const Scalar a[3])
{
    const float x = a[0].f32, y = a[1].f32, z = a[2].f32;
    Scalar r = {.bits = 0};

    switch (op) {
#define WRAP(x, op, y) ((x)op(y))
#define FMA(x, y, z) fmaf(x, y, z)
#define NEG(x) (-(x))
#define ABS(x) fabsf(x)
#define SQRT(x) sqrtf(x)
#define SCALE(x, y) (isnan(y) ? (y) : ldexpf(x, (int)fmax(fmin(y, INT16_MAX), INT16_MIN)))
#define FLOOR(x) floorf(x)
#define CEIL(x) ceilf(x)
#define RINT(x) rintf(x)
#define TRUNC(x) truncf(x)
#define ISFINITE(x) isfinite(x)
#define MATH(fn) math_f32(MATH_##fn, x, y)
#define OUT_F(e) r.f32 = (e)
#define OUT_N(e) r.f32 = (e)
#define OUT_Y(e) r.f32 = (e)
#define OUT_C(e) r.b = (e)
#define OUT_P(e) r.b = (e)
#define OUT_I(e) (void)0
#define OUT_L(e) (void)0
#define OUT_B(e) (void)0
#define OUT_S(e) (void)0
#define OUT_X(e) (void)0
#define POINTWISE(name, arity, class, eval, ...) \
    case OP_##name: \
        OUT_##class(eval); \
        break;
#include "ir/ops.def"
#undef FMA
#undef ABS
#undef SQRT
#undef SCALE
#undef FLOOR
#undef CEIL
#undef RINT
#undef TRUNC
#undef MATH
#undef OUT_F
#undef OUT_N
#undef OUT_Y
    default: assert(!"a pointwise op on f32");
    }
    (void)z;
    return r;
}

static Scalar
eval_f64(Op op, const Scalar a[3])
{
    const double x = a[0].f64, y = a[1].f64, z = a[2].f64;
    Scalar r = {.bits = 0};

    switch (op) {
#define FMA(x, y, z) fma(x, y, z)
#define ABS(x) fabs(x)
#define SQRT(x) sqrt(x)
#define SCALE(x, y) (isnan(y) ? (y) : ldexp(x, (int)fmax(fmin(y, INT16_MAX), INT16_MIN)))
#define FLOOR(x) floor(x)
#define CEIL(x) ceil(x)
#define RINT(x) rint(x)
#define TRUNC(x) trunc(x)
#define MATH(fn) math_f64(MATH_##fn, x, y)
#define OUT_F(e) r.f64 = (e)
#define OUT_N(e) r.f64 = (e)
#define OUT_Y(e) r.f64 = (e)
#define POINTWISE(name, arity, class, eval, ...) \
    case OP_##name: \
        OUT_##class(eval); \
        break;
#include "ir/ops.def"
#undef WRAP
#undef NEG
#undef ABS
#undef OUT_F
#undef OUT_N
#undef OUT_Y
#undef OUT_I
#undef OUT_L
#undef OUT_P
    default: assert(!"a pointwise op on f64");
    }
    (void)z;
    return r;
}

/* Integers wrap modulo 2^n: arithmetic is done unsigned. */
#define OUT_F(e) (void)0
#define OUT_P(e) (void)0
#define WRAP(x, op, y) ((U)(x)op(U)(y))
#define NEG(x) (0 - (U)(x))
#define ABS(x) ((x) < 0 ? 0 - (U)(x) : (U)(x))
#define SHL(x, y) ((U)(x) << ((y) & (WIDTH - 1)))
#define LSHR(x, y) ((U)(x) >> ((y) & (WIDTH - 1)))
#define ASHR(x, y) ((x) >> ((y) & (WIDTH - 1)))

static Scalar
eval_i32(Op op, const Scalar a[3])
{
    const int32_t x = a[0].i32, y = a[1].i32;
    Scalar r = {.bits = 0};

    switch (op) {
#define U uint32_t
#define WIDTH 32
#define IDIV(x, y) floor_div_i32(x, y)
#define IMOD(x, y) floor_mod_i32(x, y)
#define UMULHI(x, y) upper_half_i32(x, y)
#define OUT_N(e) r.i32 = (int32_t)(e)
#define OUT_I(e) r.i32 = (int32_t)(e)
#define OUT_L(e) r.i32 = (int32_t)(e)
#define OUT_Y(e) r.i32 = (e)
#define POINTWISE(name, arity, class, eval, ...) \
    case OP_##name: \
        OUT_##class(eval); \
        break;
#include "ir/ops.def"
#undef U
#undef WIDTH
#undef IDIV
#undef IMOD
#undef UMULHI
#undef OUT_N
#undef OUT_I
#undef OUT_L
#undef OUT_Y
    default: assert(!"a pointwise op on i32");
    }
    return r;
}

static Scalar
eval_i64(Op op, const Scalar a[3])
{
    const int64_t x = a[0].i64, y = a[1].i64;
    Scalar r = {.bits = 0};

    switch (op) {
#define U uint64_t
#define WIDTH 64
#define IDIV(x, y) floor_div_i64(x, y)
#define IMOD(x, y) floor_mod_i64(x, y)
#define UMULHI(x, y) upper_half_i64(x, y)
#define OUT_N(e) r.i64 = (int64_t)(e)
#define OUT_I(e) r.i64 = (int64_t)(e)
#define OUT_L(e) r.i64 = (int64_t)(e)
#define OUT_Y(e) r.i64 = (e)
#define POINTWISE(name, arity, class, eval, ...) \
    case OP_##name: \
        OUT_##class(eval); \
        break;
#include "ir/ops.def"
#undef OUT_N
#undef OUT_I
#undef OUT_L
#undef OUT_Y
#undef OUT_B
    default: assert(!"a pointwise op on i64");
    }
    return r;
}

static Scalar
eval_bool(Op op, const Scalar a[3])
{
    const bool x = a[0].b, y = a[1].b;
    Scalar r = {.bits = 0};

    switch (op) {
#define OUT_N(e) (void)0
#define OUT_I(e) (void)0
#define OUT_L(e) r.b = (e)
#define OUT_B(e) r.b = (e)
#define OUT_Y(e) r.b = (e)
#define POINTWISE(name, arity, class, eval, ...) \
    case OP_##name: \
        OUT_##class(eval); \
        break;
#include "ir/ops.def"
    default: assert(!"a pointwise op on bool");
    }
    return r;
}

Scalar
ir_eval(Op op, DType d, DType to, const Scalar arg[3])
{
    switch (op) {
    case OP_select: return arg[0].b ? arg[1] : arg[2];
    case OP_convert: return eval_convert(d, to, arg[0]);
    case OP_bitcast: return eval_bitcast(d, to, arg[0]);
    default: break;
    }
    switch (d) {
    case DT_f32: return eval_f32(op, arg);
    case DT_f64: return eval_f64(op, arg);
    case DT_i32: return eval_i32(op, arg);
    case DT_i64: return eval_i64(op, arg);
    case DT_bool: return eval_bool(op, arg);
    default: assert(!"a pointwise op has operands"); return arg[0];
    }
}
