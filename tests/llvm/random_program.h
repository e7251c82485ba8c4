/* SPDX-License-Identifier: Apache-2.0
 *
 * random_program.h -- random programs in loop form, for comparing kernels with the interpreter
 */
#ifndef EBM_TESTS_LLVM_RANDOM_PROGRAM_H
#define EBM_TESTS_LLVM_RANDOM_PROGRAM_H

#include "ir/ir.h"

/* @start, @step and @eval, always the same for a seed.  Inputs: x f32[d]; states "s" f32,
 * "k" i32, "m" f32[3, 4]; hyperparameters "a" (real) and "n" (int); data "w" f32[20, 17], "v"
 * f64[9], "q" i32[6]. */
Module *random_program(Arena *arena, uint64_t seed);

#endif
