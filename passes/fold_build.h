/* SPDX-License-Identifier: Apache-2.0
 *
 * fold_build.h -- pieces of loop form that several passes write: folds kept as partial results,
 * arrays filled with one number.
 */
#ifndef EBM_PASSES_FOLD_BUILD_H
#define EBM_PASSES_FOLD_BUILD_H

#include "ir/ir.h"

/* What a partial result of a fold begins with; of one over nothing, what it gives. */
Ref fold_start(Builder *b, FoldKind kind, DType d, bool empty);

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
