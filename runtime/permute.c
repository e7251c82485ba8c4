/* SPDX-License-Identifier: Apache-2.0
 *
 * permute.c -- permutations of [0, n) whose values are computed one by one
 *
 * The round function is the 32-bit mixer "lowbias32" of C. Wellons's hash prospector, of the
 * half plus the round's key.
 */
#include "runtime/permute.h"

#include "base/philox.h"

enum { LEAST_HALF = 3 }; /* fewer bits make few round functions, and lopsided permutations */

RtPermutation
rt_permutation(uint64_t n, const uint32_t key[2], uint64_t index)
{
    RtPermutation p = {.n = n, .half = LEAST_HALF};

    while (p.half < 32 && (n - 1) >> 2 * p.half)
        p.half++;
    /* Word 2 is that of draws in a region and at a step that no program has. */
    for (uint32_t i = 0; i < RT_PERMUTE_ROUNDS / 4; i++) {
        uint32_t counter[4] = {i, (uint32_t)index, UINT32_MAX, (uint32_t)(index >> 32)};
        rng_philox4x32(counter, key, p.key + 4 * i);
    }
    return p;
}

static uint32_t
mix(uint32_t x)
{
    x = (x ^ x >> 16) * UINT32_C(0x7feb352d);
    x = (x ^ x >> 15) * UINT32_C(0x846ca68b);
    return x ^ x >> 16;
}

uint64_t
rt_permute(const RtPermutation *p, uint64_t i)
{
    uint32_t mask = (uint32_t)((UINT64_C(1) << p->half) - 1);

    do {
        uint32_t low = (uint32_t)i & mask, high = (uint32_t)(i >> p->half);
        for (unsigned r = 0; r < RT_PERMUTE_ROUNDS; r++) {
            uint32_t next = high ^ (mix(low + p->key[r]) & mask);
            high = low;
            low = next;
        }
        i = (uint64_t)high << p->half | low;
    } while (i >= p->n);
    return i;
}
