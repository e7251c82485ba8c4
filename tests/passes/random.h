/* SPDX-License-Identifier: Apache-2.0
 *
 * random.h -- random functions of a real, a vector and a matrix
 */
#ifndef EBM_TESTS_PASSES_RANDOM_H
#define EBM_TESTS_PASSES_RANDOM_H

#include "ir/ir.h"

/* Parameters, body and yield; the same for the same seed. */
void random_function(Builder *b, uint64_t seed);

#endif
