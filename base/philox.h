/* SPDX-License-Identifier: Apache-2.0
 *
 * philox.h -- the counter-based generator that all random numbers are made of.
 */
#ifndef EBM_BASE_PHILOX_H
#define EBM_BASE_PHILOX_H

#include <stdint.h>

/* Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3" (SC 2011). */
void rng_philox4x32(const uint32_t ctr[4], const uint32_t key[2], uint32_t out[4]);

#endif
