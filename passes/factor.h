/* SPDX-License-Identifier: Apache-2.0
 *
 * factor.h -- the parts of the pass `factor`
 */
#ifndef EBM_PASSES_FACTOR_H
#define EBM_PASSES_FACTOR_H

#include "passes/rebuild.h"

/* A rule for `if`: branches yield the factors of outer products (factor_if.c). */
bool factor_branches(Rebuild *r, uint32_t id);

#endif
