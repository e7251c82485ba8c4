/* SPDX-License-Identifier: Apache-2.0
 *
 * interp.h -- the reference interpreter: what a program means, for one chain
 *
 * Runs any verified function whose derivatives are expanded, at any stage of the compiler.  A
 * compiled kernel must give the same bits; of a NaN, neither sign nor payload is promised.
 */
#ifndef EBM_IR_INTERP_H
#define EBM_IR_INTERP_H

#include "ir/ir.h"

typedef enum InterpStatus {
    INTERP_OK,
    INTERP_MEMORY,     /* the arrays need more than the budget, or than there is */
    INTERP_DERIVATIVE, /* a vjp, jvp or laplacian is left */
    INTERP_BATCH,      /* ... or a batch or batch_sum */
    INTERP_DEPTH,      /* calls and regions nest too deeply */
    INTERP_RANGE, /* an index or a number of turns that was declared to be in range is not */
    INTERP_INPUT  /* interp_sample: an input is not bound, or start and step disagree */
} InterpStatus;

/* One line for a person. */
const char *interp_status_text(InterpStatus status);

typedef struct InterpOptions {
    bool judge;    /* evaluates f32 as f64, to judge accuracy; draws stay those of f32 */
    size_t memory; /* bytes that arrays may take; 0: INTERP_MEMORY_DEFAULT */
} InterpOptions;

#define INTERP_MEMORY_DEFAULT ((size_t)4 << 30)

/* What random numbers are drawn for: streams that never meet. */
typedef enum DrawPurpose {
    PURPOSE_sample,
    PURPOSE_init,
    PURPOSE_weights,
    PURPOSE_shuffle,
    PURPOSE_loss,
    PURPOSE_buffer
} DrawPurpose;

/* The stream's Philox key: words 0 and 1 of Philox of (purpose, 0, 0, 0) under the seed. */
void interp_key(uint64_t seed, DrawPurpose purpose, uint32_t ret_key[2]);

/* Whose numbers a run draws. */
typedef struct InterpPlace {
    uint32_t key[2];
    uint64_t step, chain;
} InterpPlace;

/* Belongs to one thread; the module, which must outlive it, may be shared. */
typedef struct Interp Interp;

/* NULL when memory runs out.  `options` may be NULL. */
Interp *interp_new(const Module *m, const InterpOptions *options);
void interp_free(Interp *s); /* NULL allowed */

/* The type a buffer has: t, but f64 for f32 when judging. */
Type interp_type(const Interp *s, Type t);

/* Runs f.  arg[i] and ret_result[i] are dense row-major buffers of interp_type of f's
 * parameters and results (bool as bytes), which do not overlap. */
InterpStatus interp_run(Interp *s, const Function *f, const InterpPlace *place,
                        const void *const *arg, void *const *ret_result);

/* ---- what is not finite */

/* An operation that gave a number which is not finite though no operand had one. */
typedef struct InterpBreak {
    const Function *function;
    const Node *node; /* OP_arg: a parameter was given so; OP_const: the program has it */
    Type type;        /* of the value */
    uint64_t element; /* of it, row-major */
    double value;
    uint32_t n_operands; /* of a pointwise node, else 0 */
    double operand[3];   /* at that element */
} InterpBreak;

/* interp_run that also says which such operation came first among those that the results (but
 * reports) are made of; node NULL: all are finite.  Takes twice the memory. */
InterpStatus interp_trace(Interp *s, const Function *f, const InterpPlace *place,
                          const void *const *arg, void *const *ret_result,
                          InterpBreak *ret_break);

/* ---- sampling */

/* What an entry function's input of this kind and name is bound to. */
typedef struct InterpInput {
    const char *name;
    InputKind kind;   /* hyper, data, param, given; x to give the start */
    const void *data; /* hyper: a double; others: interp_type of the input */
    size_t stride;    /* bytes from one chain's to the next's; 0: the same for all */
} InterpInput;

/* A range of chains moved through a range of steps, as a kernel does it. */
typedef struct InterpSample {
    const Function *start, *step; /* @start, @step */
    uint64_t seed;
    uint64_t first_chain, n_chains;
    uint64_t first_step, last_step; /* first_step 0: begins with @start; else with `state` */
    uint64_t n_steps, n_warmup;
    uint64_t thin; /* step s >= n_warmup is kept when (s - n_warmup + 1) % thin == 0 */
    const InterpInput *input;
    size_t n_inputs;

    /* Written; each may be NULL. */
    void *const *state;   /* one a result of @start: [chain][elements]; read if first_step */
    unsigned char *draws; /* [chain][kept][elements of x] */
    double *reports;      /* [chain][kept][reports] */
    uint64_t kept_room;   /* kept draws that `draws` and `reports` have room for per chain */
    uint64_t *rejected;   /* [chain]: steps whose new state was not finite, added to */
    uint64_t *first_rejected; /* [chain]: the first such step, UINT64_MAX where there is none */
} InterpSample;

InterpStatus interp_sample(Interp *s, const InterpSample *sample);

#endif
