/* SPDX-License-Identifier: Apache-2.0
 *
 * programs.h -- programs in loop form, built by hand for tests of kernels
 */
#ifndef EBM_TESTS_LLVM_PROGRAMS_H
#define EBM_TESTS_LLVM_PROGRAMS_H

#include "ir/ir.h"

/* Langevin dynamics on sum 2 (x^2 - 1)^2 in d dimensions; hyperparameter "step_size". */
Module *double_well(Arena *arena, uint32_t d);

/* Langevin dynamics on a 2-layer network d-h-h-1 with tanh; parameters w1 b1 w2 b2 w3. */
Module *network(Arena *arena, uint32_t d, uint32_t h);

/* @eval gives every machine op on every pair of awkward values of dtype d: the values of a
 * chain are the same for all chains or not. */
Module *every_op(Arena *arena, DType d, bool vary);

#endif
