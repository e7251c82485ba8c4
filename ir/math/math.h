/* SPDX-License-Identifier: Apache-2.0
 *
 * math.h -- mathematical functions and random numbers on C numbers.
 *
 * The same expansions as compiled kernels have (expand.h), operation for operation, so that
 * results agree to the bit.  The rounding mode must be to nearest, and subnormals must not be
 * flushed.
 */
#ifndef EBM_IR_MATH_MATH_H
#define EBM_IR_MATH_MATH_H

#include <stdbool.h>
#include <stdint.h>

typedef enum MathFn {
#define FUNCTION(name, ...) MATH_##name,
#include "ir/math/functions.def"
    MATH_COUNT
} MathFn;

typedef struct MathInfo {
    const char *name;
    unsigned arity;
    double ulp32, ulp64;   /* guaranteed bounds, where x is */
    bool positive;         /* positive, if this is set, and */
    double most32, most64; /* at most this, in magnitude */
} MathInfo;

extern const MathInfo math_info[MATH_COUNT];

/* y is read by functions of two arguments only. */
float math_f32(MathFn fn, float x, float y);
double math_f64(MathFn fn, double x, double y);

/* Uniform on the open interval (0, 1): 23 bits and a half, or 52 and a half. */
float rng_uniform_f32(uint32_t w);
double rng_uniform_f64(uint32_t w0, uint32_t w1);

/* The first (which = 0) or second (which = 1) of two independent normal numbers made of the
 * same words. */
float rng_normal_f32(uint32_t w0, uint32_t w1, int which);
double rng_normal_f64(const uint32_t w[4], int which);

#endif
