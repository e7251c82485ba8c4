/* SPDX-License-Identifier: Apache-2.0
 *
 * expand.c -- mathematical functions and random numbers as machine operations: by dtype.
 */
#include "ir/math/expand.h"

#include "ir/math/expand_width.h"

bool
math_of_op(Op op, MathFn *ret_fn)
{
    switch (op) {
#define FUNCTION(name, ...) \
    case OP_##name: \
        *ret_fn = MATH_##name; \
        return true;
#include "ir/math/functions.def"
    default: return false;
    }
}

Ref
math_expand(Builder *b, MathFn fn, Ref x, Ref y)
{
    bool wide = ir_type(b->function, x).dtype == DT_f64;
    return wide ? math_build_f64(b, fn, x, y) : math_build_f32(b, fn, x, y);
}

Ref
math_expand_below(Builder *b, MathFn fn, Ref x)
{
    bool wide = ir_type(b->function, x).dtype == DT_f64;

    if (fn != MATH_exp && fn != MATH_exp_flush)
        return NO_REF;
    return wide ? math_build_below_f64(b, fn, x) : math_build_below_f32(b, fn, x);
}

/* Two words as 64 bits, the first the lower half. */
static Ref
join_words(Builder *b, const Ref *word)
{
    Ref low = ir_convert(b, word[0], DT_i64);
    Ref high = ir_convert(b, word[1], DT_i64);
    low = ir_and(b, low, ir_number(b, DT_i64, 0xffffffff));
    high = ir_shl(b, high, ir_number(b, DT_i64, 32));
    return ir_or(b, high, low);
}

Ref
math_expand_uniform(Builder *b, DType d, const Ref *word)
{
    if (d == DT_f64)
        return math_build_uniform_f64(b, join_words(b, word));
    return math_build_uniform_f32(b, word[0]);
}

void
math_expand_normals(Builder *b, DType d, const Ref *word, Ref ret_pair[2])
{
    if (d == DT_f64) {
        Ref radius = join_words(b, word);
        math_build_normals_f64(b, radius, join_words(b, word + 2), ret_pair);
    } else {
        math_build_normals_f32(b, word[0], word[1], ret_pair);
    }
}
