/* SPDX-License-Identifier: Apache-2.0
 *
 * twins.h -- what two loops compute alike.
 *
 * Two values are twins when the same operation makes them of the same values or of twins; so
 * the indices of two loops over the same turns are, and values that both carry, where they
 * begin with the same value and go on to twins.
 */
#ifndef EBM_PASSES_TWINS_H
#define EBM_PASSES_TWINS_H

#include "passes/rebuild.h"

enum { NO_TWIN = -1 };

typedef struct Twins {
    const Function *f;
    Arena *arena;
    Live live;
    Ref *of; /* by id, of what stands in the body of a second loop: its twin in the first's */
    uint32_t **head; /* by region: a table of its nodes, by what they compute; NULL: none yet */
    uint32_t *next;  /* by id: the next in its row of the table */
} Twins;

Twins twins_new(const Function *f, Arena *arena);

/* Is node `id` a `for` or a `loop`? */
bool twins_is_loop(const Function *f, uint32_t id);

/* How many parameters of its body are indices: the first ones. */
uint32_t twins_indices(const Node *loop);

/* Do two loops run through the same indices? */
bool twins_same_turns(const Function *f, uint32_t first, uint32_t second);

/* Finds the twins of two loops of one region over the same turns, neither of which needs the
 * other.  By result of the second, the array returned has the number of the first's result that
 * is its twin, or NO_TWIN.  NULL, and no twins, when nothing is among them that is worth more
 * than a loop: a product, a draw, a mathematical function, a loop. */
int64_t *twins_find(Twins *t, uint32_t first, uint32_t second);

#endif
