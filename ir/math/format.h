/* SPDX-License-Identifier: Apache-2.0
 *
 * format.h -- the floating-point format that WIDTH (32 or 64) chooses, for the bindings of
 * ir/math.
 */
#ifndef EBM_IR_MATH_FORMAT_H
#define EBM_IR_MATH_FORMAT_H

#if WIDTH == 32
#define BY_WIDTH(a, b) (a)
#define MANTISSA 23
#define BIAS 127
#define EPSILON 0x1p-23
#define MIN_NORMAL 0x1p-126
#define ROUND 0x1.8p23
#define ROUND_BITS 0x4b400000
#define ONE_BITS 0x3f800000
#define HALF_BITS 0x3f000000
#define SQRT_HALF_BITS 0x3f3504f3
#define MANTISSA_MASK 0x007fffff
#define SIGN_BIT INT32_MIN
#define SWAP_BIT 0x40000000
#define UNIT 0x1p-32
#else
#define BY_WIDTH(a, b) (b)
#define MANTISSA 52
#define BIAS 1023
#define EPSILON 0x1p-52
#define MIN_NORMAL 0x1p-1022
#define ROUND 0x1.8p52
#define ROUND_BITS INT64_C(0x4338000000000000)
#define ONE_BITS INT64_C(0x3ff0000000000000)
#define HALF_BITS INT64_C(0x3fe0000000000000)
#define SQRT_HALF_BITS INT64_C(0x3fe6a09e667f3bcd)
#define MANTISSA_MASK INT64_C(0x000fffffffffffff)
#define SIGN_BIT INT64_MIN
#define SWAP_BIT INT64_C(0x4000000000000000)
#define UNIT 0x1p-64
#endif

#define K2(a, b) K(BY_WIDTH(a, b))

#define TABLE(name, ...) static const double name##_table[] = {__VA_ARGS__};
#define POLY(name, x) CALL(horner, x, name##_table, sizeof name##_table / sizeof *name##_table)

#endif
