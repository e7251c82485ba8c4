/* SPDX-License-Identifier: Apache-2.0
 *
 * build.h -- binds the expansions to construction of IR for f32 (WIDTH 32) or f64 (WIDTH 64).
 *
 * Included by one source file a width.  A value is a node, or a constant that becomes a node
 * when an operation takes it: so nodes are numbered in the order of the operations, whatever
 * order the C compiler evaluates arguments in.
 */
#ifndef EBM_IR_MATH_BUILD_H
#define EBM_IR_MATH_BUILD_H

#include <math.h>

#include "ir/math/expand.h"
#include "ir/math/format.h"

typedef struct F {
    Ref node; /* NO_REF: the constant */
    double constant;
} F;
typedef struct I {
    Ref node;
    int64_t constant;
} I;
typedef Ref B;
typedef struct PAIR {
    F h, l;
} PAIR;

#define FLOAT BY_WIDTH(DT_f32, DT_f64)
#define INT BY_WIDTH(DT_i32, DT_i64)

#define ARGS(...) Builder *b, __VA_ARGS__
#define CALL(name, ...) name(b, __VA_ARGS__)
#define K(c) ((F){.constant = (c)})
#define KI(c) ((I){.constant = (c)})
#define ADD(x, y) float_op(b, OP_add, x, y, K(0))
#define SUB(x, y) float_op(b, OP_sub, x, y, K(0))
#define MUL(x, y) float_op(b, OP_mul, x, y, K(0))
#define DIV(x, y) float_op(b, OP_div, x, y, K(0))
#define FMA(x, y, z) float_op(b, OP_fma, x, y, z)
#define NEG(x) float_op(b, OP_neg, x, K(0), K(0))
#define ABS(x) float_op(b, OP_abs, x, K(0), K(0))
#define SQRT(x) float_op(b, OP_sqrt, x, K(0), K(0))
#define SCALE(x, y) float_op(b, OP_scale, x, y, K(0))
#define RINT(x) float_op(b, OP_round, x, K(0), K(0))
#define LT(x, y) float_op(b, OP_lt, x, y, K(0)).node
#define LE(x, y) float_op(b, OP_le, x, y, K(0)).node
#define GE(x, y) float_op(b, OP_ge, x, y, K(0)).node
#define GT(x, y) float_op(b, OP_gt, x, y, K(0)).node
#define EQ(x, y) float_op(b, OP_eq, x, y, K(0)).node
#define NE(x, y) float_op(b, OP_ne, x, y, K(0)).node
#define INE(x, y) int_op(b, OP_ne, x, y).node
#define AND(x, y) ir_and(b, x, y)
#define OR(x, y) ir_or(b, x, y)
#define SEL(c, x, y) float_select(b, c, x, y)
#define ISEL(c, x, y) int_select(b, c, x, y)
#define BITS(x) ((I){.node = ir_bitcast(b, float_node(b, x), INT)})
#define FROMBITS(i) ((F){.node = ir_bitcast(b, int_node(b, i), FLOAT)})
#define TOF(i) ((F){.node = ir_convert(b, int_node(b, i), FLOAT)})
#define IADD(x, y) int_op(b, OP_add, x, y)
#define ISUB(x, y) int_op(b, OP_sub, x, y)
#define IAND(x, y) int_op(b, OP_and, x, y)
#define IOR(x, y) int_op(b, OP_or, x, y)
#define IXOR(x, y) int_op(b, OP_xor, x, y)
#define SHL(x, n) int_op(b, OP_shl, x, KI(n))
#define LSHR(x, n) int_op(b, OP_lshr, x, KI(n))
#define ASHR(x, n) int_op(b, OP_ashr, x, KI(n))

static inline Ref
float_node(Builder *b, F x)
{
    return ref_eq(x.node, NO_REF) ? ir_number(b, FLOAT, x.constant) : x.node;
}

static inline Ref
int_node(Builder *b, I x)
{
    if (!ref_eq(x.node, NO_REF))
        return x.node;
    Scalar s = {.bits = WIDTH == 32 ? (uint32_t)x.constant : (uint64_t)x.constant};
    return ir_const(b, type_scalar(INT), &s);
}

/* op on as many of the operands as it has. */
static inline F
float_op(Builder *b, Op op, F x, F y, F z)
{
    unsigned n = op_info[op].arity;
    Ref r0 = float_node(b, x);
    Ref r1 = n > 1 ? float_node(b, y) : NO_REF;
    Ref r2 = n > 2 ? float_node(b, z) : NO_REF;
    return (F){.node = ir_pointwise(b, op, r0, r1, r2)};
}

static inline I
int_op(Builder *b, Op op, I x, I y)
{
    Ref r0 = int_node(b, x);
    Ref r1 = int_node(b, y);
    return (I){.node = ir_pointwise(b, op, r0, r1, NO_REF)};
}

static inline F
float_select(Builder *b, B c, F x, F y)
{
    Ref r0 = float_node(b, x);
    Ref r1 = float_node(b, y);
    return (F){.node = ir_select(b, c, r0, r1)};
}

static inline I
int_select(Builder *b, B c, I x, I y)
{
    Ref r0 = int_node(b, x);
    Ref r1 = int_node(b, y);
    return (I){.node = ir_select(b, c, r0, r1)};
}

static inline F
horner(Builder *b, F x, const double *c, size_t n)
{
    F y = K(c[n - 1]);
    for (size_t i = n - 1; i-- > 0;)
        y = FMA(y, x, K(c[i]));
    return y;
}

#include "ir/math/tables.def"
#include "ir/math/elementary.inc"
#include "ir/math/special.inc"
#include "ir/math/random.inc"

static inline Ref
build_function(Builder *b, MathFn fn, Ref rx, Ref ry)
{
    F x = {.node = rx}, y = {.node = ry};
    switch (fn) {
// clang-format off
#define CALL_1(name) expand_##name(b, x)
#define CALL_2(name) expand_##name(b, x, y)
#define FUNCTION(name, arity, ...) case MATH_##name: return CALL_##arity(name).node;
#include "ir/math/functions.def"
        // clang-format on
    case MATH_COUNT: break;
    }
    return NO_REF;
}

#endif
