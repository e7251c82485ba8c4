/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_train.h -- what the parts of a training step share.
 */
#ifndef EBM_FRONTEND_ELAB_TRAIN_H
#define EBM_FRONTEND_ELAB_TRAIN_H

#include "frontend/elab_chain.h"

/* A value of this data point besides the point itself. */
typedef struct Column {
    const char *name;
    Value value;
} Column;

/* The data point of @train: columns of the data, or what a data set drew.  In @slots there is
 * none, and `columns` is false.  Its address tells the entry functions apart. */
struct Point {
    const FnVal *dataset; /* or NULL */
    bool columns;         /* further columns may be asked for */
    Column *column;
    size_t n, cap;
};

/* A replay buffer of the loss. */
struct Buffer {
    const char *name;
    const Stmt *stmt;
    Type type;
    uint32_t slots;
    bool drawn;
    uint32_t slot; /* of the name that its present value is bound to */
};

typedef struct Buffers {
    Buffer **buffer;
    size_t n, cap;
} Buffers;

/* A value of a network that outlives the step. */
struct NetState {
    const char *name; /* dotted */
    Type type;
    const Frame *entry; /* the entry function in which it has been assigned; NULL: none */
    Value value;        /* ... to this */
};

/* What the loss of one data point comes to, in the frame of @train. */
typedef struct LossResult {
    Value loss;    /* f64 */
    Ref *gradient; /* one a parameter of the elaborator; NO_REF: the loss does not reach it */
    Reports reports;
    Buffers buffers;
    Value *slot; /* one a buffer: what this point's slot is next */
} LossResult;
bool elab_point_loss(Elab *e, const Roles *r, Value x, LossResult *ret);
/* The first contents of one slot of every buffer. */
bool elab_first_slots(Elab *e, const Roles *r, Type x, const Buffers *buffers, Value *ret);

/* An optimizer at work on one parameter. */
typedef struct Update {
    Moves moves;
    const ChainVal *start, *end; /* before the first step, after one; NULL: it is not moved */
} Update;

typedef struct Memory {
    const char *name; /* "m.l1.weight" */
    Type type;
    Value first; /* in @memory */
    Value next;  /* in @train */
} Memory;

/* ... and on all of them.  Parameters without a gradient are left alone. */
typedef struct Optimization {
    const Ref *gradient; /* one a parameter */
    Update *update;      /* one a parameter */
    Memory *memory;
    size_t n, cap;
} Optimization;
/* In @memory, then in @train. */
bool elab_start_optimizer(Elab *e, FnVal *optimizer, const Ref *gradient, Optimization *o);
bool elab_step_optimizer(Elab *e, Optimization *o);
void elab_optimizer_reports(Elab *e, const Optimization *o, Reports *ret);

/* The draw of a data set: the point; its labels become columns. */
Value elab_draw_point(Elab *e, FnVal *dataset, Value index, Point *point);

#endif
