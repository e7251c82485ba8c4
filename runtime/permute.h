/* SPDX-License-Identifier: Apache-2.0
 *
 * permute.h -- permutations of [0, n) whose values are computed one by one.
 *
 * A Feistel network on the smallest even number of bits that holds n; numbers of n or more are
 * sent through it again until one is below n, which keeps it a bijection.
 */
#ifndef EBM_RUNTIME_PERMUTE_H
#define EBM_RUNTIME_PERMUTE_H

#include <stdint.h>

enum { RT_PERMUTE_ROUNDS = 8 };

typedef struct RtPermutation {
    uint64_t n;
    unsigned half; /* bits of a half */
    uint32_t key[RT_PERMUTE_ROUNDS];
} RtPermutation;

/* Permutation `index` of those of a Philox key, which may also be one that kernels draw with.
 * n > 0. */
RtPermutation rt_permutation(uint64_t n, const uint32_t key[2], uint64_t index);

/* Where i < n goes. */
uint64_t rt_permute(const RtPermutation *permutation, uint64_t i);

#endif
