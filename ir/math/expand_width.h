/* SPDX-License-Identifier: Apache-2.0
 *
 * expand_width.h -- what expand.c asks of the files that build one width.
 */
#ifndef EBM_IR_MATH_EXPAND_WIDTH_H
#define EBM_IR_MATH_EXPAND_WIDTH_H

#include "ir/math/expand.h"

Ref math_build_f32(Builder *b, MathFn fn, Ref x, Ref y);
Ref math_build_f64(Builder *b, MathFn fn, Ref x, Ref y);
Ref math_build_below_f32(Builder *b, MathFn fn, Ref x);
Ref math_build_below_f64(Builder *b, MathFn fn, Ref x);

/* On bits: i32 for f32, i64 for f64. */
Ref math_build_uniform_f32(Builder *b, Ref bits);
Ref math_build_uniform_f64(Builder *b, Ref bits);
void math_build_normals_f32(Builder *b, Ref radius, Ref angle, Ref ret_pair[2]);
void math_build_normals_f64(Builder *b, Ref radius, Ref angle, Ref ret_pair[2]);

#endif
