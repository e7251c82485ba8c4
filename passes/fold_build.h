/* SPDX-License-Identifier: Apache-2.0
 *
 * fold_build.h -- pieces of loop form that several passes write: folds kept as partial results,
 * arrays filled with one number.
 */
#ifndef EBM_PASSES_FOLD_BUILD_H
#define EBM_PASSES_FOLD_BUILD_H

#include "ir/ir.h"

/* A sum and its kin are this many strided partial results, then a fixed tree (FoldKind in
 * ir.h). */
enum { FOLD_PARTIALS = 16 };

/* x such that combining x with v is v, to the bit, for every v. */
Ref fold_identity(Builder *b, FoldKind kind, DType d);

/* What a fold over no iterations gives: the identity, but +0 for a sum. */
Ref fold_of_nothing(Builder *b, FoldKind kind, DType d);

/* Two results of a fold that is not FOLD_store, joined. */
Ref fold_combine(Builder *b, FoldKind kind, Ref x, Ref y);

/* The fixed tree over all partial results; overwrites them. */
Ref fold_tree(Builder *b, FoldKind kind, Ref partial[FOLD_PARTIALS]);

/* An array of this shape whose every element is the scalar `value`. */
Ref filled_array(Builder *b, Type shape, Ref value);

/* Ends the open region of a loop with these extents that stores each of the n values, and gives
 * the loop. */
Ref close_store_loop(Builder *b, unsigned rank, const uint32_t *extent, uint32_t n,
                     const Ref *value);

#endif
