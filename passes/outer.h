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

/* A sum, taken apart. */
typedef struct Terms {
    RegionId region; /* whose additions are taken apart */
    Ref self;        /* a carried value that may be among the terms, or NO_REF */
    bool (*pays)(void *user, Type whole, Type x, Type y); /* is it worth keeping x and y? */
    void *user;
    Outer *outer;
    size_t n, cap;
    Ref *rest; /* other terms that are not 0 */
    size_t n_rest, cap_rest;
    unsigned n_self; /* how often `self` is a term */
    unsigned work;   /* nodes looked at */
} Terms;

/* Fills in `outer`, `rest` and `n_self`; a sum that is too long has no outer products. */
void outer_terms(const Function *f, Ref value, Arena *arena, Terms *t);

#endif
