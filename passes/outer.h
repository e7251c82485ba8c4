/* SPDX-License-Identifier: Apache-2.0
 *
 * outer.h -- outer products: what sums over data points or turns of a loop make products of.
 */
#ifndef EBM_PASSES_OUTER_H
#define EBM_PASSES_OUTER_H

#include "ir/ir.h"

/* x and y, repeated along each other's axes and multiplied: by einsum letters, the axes of the
 * product being a, b, c, ... */
typedef struct Outer {
    Ref x, y;
    const char *of_x, *of_y, *out;
} Outer;

/* Is r such a product? */
bool outer_find(const Function *f, Ref r, Arena *arena, Outer *ret);

/* A sum of products is made at matrix speed where the terms are larger than what they are made
 * of; `axes` more are needed for what is summed. */
bool outer_pays(Type whole, Type x, Type y, unsigned axes);

#endif
