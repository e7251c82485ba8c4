/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar64.c -- the expansions on double.
 */
#include "ir/math/math.h"

#define WIDTH 64
#include "ir/math/scalar.h"

/* The first word is the lower half. */
static I
join(uint32_t low, uint32_t high)
{
    return (I)((uint64_t)high << 32 | low);
}

double
math_f64(MathFn fn, double x, double y)
{
    return call_function(fn, x, y);
}

double
rng_uniform_f64(uint32_t w0, uint32_t w1)
{
    return uniform_from_bits(join(w0, w1));
}

double
rng_normal_f64(const uint32_t w[4], int which)
{
    PAIR p = normals_from_bits(join(w[0], w[1]), join(w[2], w[3]));
    return which ? p.l : p.h;
}
