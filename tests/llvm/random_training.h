/* SPDX-License-Identifier: Apache-2.0
 *
 * random_training.h -- random phases over a whole batch
 */
#ifndef EBM_TESTS_LLVM_RANDOM_TRAINING_H
#define EBM_TESTS_LLVM_RANDOM_TRAINING_H

#include "ir/ir.h"

/* @train.0 over the points, which hands rows on, and @train.1 over the whole, of bulk
 * operations; always the same for a seed and a batch. */
Module *random_training(Arena *arena, uint64_t seed, uint32_t batch);

#endif
