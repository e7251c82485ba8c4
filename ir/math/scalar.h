/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar.h -- binds the expansions to C on float (WIDTH 32) or double (WIDTH 64).
 *
 * Included by one source file a width, which then has the functions expand_<name> as static C
 * functions.  Every operation is a function of its own, so that no compiler joins a product and
 * a sum.
 */
#ifndef EBM_IR_MATH_SCALAR_H
#define EBM_IR_MATH_SCALAR_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "ir/math/format.h"

#if WIDTH == 32
typedef float F;
typedef int32_t I;
typedef uint32_t U;
#define FMA(x, y, z) fmaf(x, y, z)
#define ABS(x) fabsf(x)
#define SQRT(x) sqrtf(x)
#define RINT(x) rintf(x)
#define LDEXP(x, y) ldexpf(x, y)
#else
typedef double F;
typedef int64_t I;
typedef uint64_t U;
#define FMA(x, y, z) fma(x, y, z)
#define ABS(x) fabs(x)
#define SQRT(x) sqrt(x)
#define RINT(x) rint(x)
#define LDEXP(x, y) ldexp(x, y)
#endif
typedef bool B;
typedef struct PAIR {
    F h, l;
} PAIR;

#define ARGS(...) __VA_ARGS__
#define CALL(name, ...) name(__VA_ARGS__)
#define K(c) ((F)(c))
#define KI(c) ((I)(c))
#define ADD(x, y) add(x, y)
#define SUB(x, y) sub(x, y)
#define MUL(x, y) mul(x, y)
#define DIV(x, y) ((x) / (y))
#define NEG(x) (-(x))
#define SCALE(x, y) (isnan(y) ? (y) : LDEXP(x, (int)fmax(fmin(y, INT16_MAX), INT16_MIN)))
#define LT(x, y) ((x) < (y))
#define LE(x, y) ((x) <= (y))
#define GE(x, y) ((x) >= (y))
#define GT(x, y) ((x) > (y))
#define EQ(x, y) ((x) == (y))
#define NE(x, y) ((x) != (y))
#define INE(x, y) ((x) != (y))
#define AND(x, y) ((x) && (y))
#define OR(x, y) ((x) || (y))
#define SEL(b, x, y) ((b) ? (x) : (y))
#define ISEL(b, x, y) ((b) ? (x) : (y))
#define BITS(x) to_bits(x)
#define FROMBITS(i) from_bits(i)
#define IADD(x, y) ((I)((U)(x) + (U)(y)))
#define ISUB(x, y) ((I)((U)(x) - (U)(y)))
#define IAND(x, y) ((x) & (y))
#define IOR(x, y) ((x) | (y))
#define IXOR(x, y) ((x) ^ (y))
#define SHL(x, n) ((I)((U)(x) << (n)))
#define LSHR(x, n) ((I)((U)(x) >> (n)))
#define ASHR(x, n) ((x) >> (n))
#define TOF(i) ((F)(i))

static inline F
add(F x, F y)
{
    return x + y;
}

static inline F
sub(F x, F y)
{
    return x - y;
}

static inline F
mul(F x, F y)
{
    return x * y;
}

static inline I
to_bits(F x)
{
    I i;
    memcpy(&i, &x, sizeof i);
    return i;
}

static inline F
from_bits(I i)
{
    F x;
    memcpy(&x, &i, sizeof x);
    return x;
}

static inline F
horner(F x, const double *c, size_t n)
{
    F y = (F)c[n - 1];
    for (size_t i = n - 1; i-- > 0;)
        y = FMA(y, x, (F)c[i]);
    return y;
}

#include "ir/math/tables.def"
#include "ir/math/elementary.inc"
#include "ir/math/special.inc"
#include "ir/math/random.inc"

/* Calls the function numbered fn, by the table of functions. */
static inline F
call_function(MathFn fn, F x, F y)
{
    switch (fn) {
// clang-format off
#define CALL_1(name) expand_##name(x)
#define CALL_2(name) expand_##name(x, y)
#define FUNCTION(name, arity, ...) case MATH_##name: return CALL_##arity(name);
#include "ir/math/functions.def"
        // clang-format on
    case MATH_COUNT: break;
    }
    return K(NAN);
}

#endif
