/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_moves.h -- what the files share in which samplers and optimizers move something.
 *
 * A text is opened, what stands before its step is run, then the step or not; what the names
 * stand for then is the next moment of the chain.
 */
#ifndef EBM_FRONTEND_ELAB_MOVES_H
#define EBM_FRONTEND_ELAB_MOVES_H

#include "frontend/elab_chain.h"

typedef enum How {
    MOVES_start,
    MOVES_step, /* what is kept comes from the step before */
    MOVES_to    /* ... and caches are computed anew */
} How;

/* The text of a sampler or an optimizer being elaborated. */
typedef struct OpenText {
    Elab *e;
    Moves *starting; /* MOVES_start: what is kept is found */
    const Moves *m;
    How how;
    const ChainVal *was;
    const Named *change;
    uint32_t n_change;
    const Env *now;
    Env env;
    const Binding *x;     /* what is moved */
    const Binding **slot; /* one a Kept */
    uint32_t at;
    const Activation *back_act;
    const Binding *back_time;
    uint32_t back_slots;
    bool back_training;
} OpenText;

/* Enters the text, with x moved so far and t steps taken; false after an error. */
bool elab_open_text(OpenText *o, Value x, Value t);
void elab_close_text(OpenText *o);

/* All that stands before the step. */
void elab_run_before(OpenText *o);
/* Does a statement of the body, or of one inside it, assign the name or elements of it? */
bool elab_assigns(const Body *body, const char *name);
/* At most so many names are kept. */
uint32_t elab_count_kept(const Decl *d);
/* A chain, or a list of chains. */
bool elab_keeps_chains(Value v);

#endif
