/* SPDX-License-Identifier: Apache-2.0
 *
 * fold.h -- folding at construction
 */
#ifndef EBM_IR_FOLD_H
#define EBM_IR_FOLD_H

#include "ir/ir.h"

/* A node that equals `n` to the bit for every input, simpler than it, or NO_REF. */
Ref fold_node(Builder *b, const Node *n);

#endif
