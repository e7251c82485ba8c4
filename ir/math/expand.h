/* SPDX-License-Identifier: Apache-2.0
 *
 * expand.h -- mathematical functions and random numbers as machine operations in the IR.
 *
 * The same expansions as math.h evaluates, operation for operation.  Operands are f32 or f64,
 * scalars or arrays; results have their type.  Nothing is emitted but add sub mul div fma neg
 * abs sqrt round, comparisons, select, and or xor not, shifts, convert and bitcast; derivatives
 * must have been taken before, because they stop at a bitcast.
 */
#ifndef EBM_IR_MATH_EXPAND_H
#define EBM_IR_MATH_EXPAND_H

#include "ir/ir.h"
#include "ir/math/math.h"

/* Is op a function that math_expand removes?  Then *ret_fn is it. */
bool math_of_op(Op op, MathFn *ret_fn);

/* y is read by functions of two arguments only. */
Ref math_expand(Builder *b, MathFn fn, Ref x, Ref y);

/* The bits of MATH_exp or MATH_exp_flush where x is not above 0, or NaN: without the limit from
 * above.  NO_REF for other functions. */
Ref math_expand_below(Builder *b, MathFn fn, Ref x);

/* Random numbers from words (i32, scalars or arrays of one shape): one word for f32, two for
 * f64. */
Ref math_expand_uniform(Builder *b, DType d, const Ref *word);

/* Both normals of a pair: two words for f32, four for f64. */
void math_expand_normals(Builder *b, DType d, const Ref *word, Ref ret_pair[2]);

#endif
