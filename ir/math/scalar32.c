/* SPDX-License-Identifier: Apache-2.0
 *
 * scalar32.c -- the expansions on float.
 */
#include "ir/math/math.h"

#define WIDTH 32
#include "ir/math/scalar.h"

float
math_f32(MathFn fn, float x, float y)
{
    return call_function(fn, x, y);
}

float
rng_uniform_f32(uint32_t w)
{
    return uniform_from_bits((int32_t)w);
}

float
rng_normal_f32(uint32_t w0, uint32_t w1, int which)
{
    PAIR p = normals_from_bits((int32_t)w0, (int32_t)w1);
    return which ? p.l : p.h;
}
