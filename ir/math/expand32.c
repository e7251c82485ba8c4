/* SPDX-License-Identifier: Apache-2.0
 *
 * expand32.c -- the expansions as IR of f32.
 */
#include "ir/math/expand_width.h"

#define WIDTH 32
#include "ir/math/build.h"

Ref
math_build_f32(Builder *b, MathFn fn, Ref x, Ref y)
{
    return build_function(b, fn, x, y);
}

Ref
math_build_below_f32(Builder *b, MathFn fn, Ref x)
{
    F v = {.node = x};

    return (fn == MATH_exp ? exp_below(b, v) : exp_flush_below(b, v)).node;
}

Ref
math_build_uniform_f32(Builder *b, Ref bits)
{
    return uniform_from_bits(b, (I){.node = bits}).node;
}

void
math_build_normals_f32(Builder *b, Ref radius, Ref angle, Ref ret_pair[2])
{
    PAIR p = normals_from_bits(b, (I){.node = radius}, (I){.node = angle});
    ret_pair[0] = p.h.node;
    ret_pair[1] = p.l.node;
}
