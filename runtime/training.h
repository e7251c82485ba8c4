/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h -- the weights of one model, moved step by step.
 *
 * A step gathers a batch of the data, runs the phases of the engine's manifest, and takes over
 * what they wrote if it is finite.  The batch of a step, its random numbers and its arithmetic
 * follow from the plan, the step's index and the arrays held alone: the same bits for any
 * threads, and after a checkpoint.
 *
 *   rt_training_create, _set_slots, _set_data, _hyper, _input    what there is to train with
 *   rt_training_allocate                                         asks for all memory
 *   fill the parameters (_held), then rt_training_start;
 *   or rt_training_resume                                        (runtime/checkpoint.h)
 *   rt_training_step, as often as wanted
 *   read the parameters (_held), rt_checkpoint_write
 */
#ifndef EBM_RUNTIME_TRAINING_H
#define EBM_RUNTIME_TRAINING_H

#include "runtime/launch.h"

/* What random numbers are for; as DrawPurpose of the reference interpreter. */
typedef enum RtPurpose {
    RT_PURPOSE_weights, /* first memory; the caller draws first weights from the same key */
    RT_PURPOSE_shuffle, /* the order of rows */
    RT_PURPOSE_loss,    /* the phases of a step */
    RT_PURPOSE_buffer,  /* first slots, and who holds which slot */
    RT_PURPOSE_COUNT
} RtPurpose;

/* What is done with a step whose numbers are not finite. */
typedef enum RtPolicy {
    RT_POLICY_stop, /* RT_NOT_FINITE; the state is that before the step */
    RT_POLICY_skip  /* the batch is passed over, and counted */
} RtPolicy;

typedef struct RtTrainingPlan {
    uint32_t key[RT_PURPOSE_COUNT][2]; /* Philox keys of the seed, for each purpose */
    uint64_t n_steps;                  /* what phases are told, for schedules */
    RtPolicy policy;
    unsigned threads;
} RtTrainingPlan;

typedef struct RtTraining RtTraining;

/* The engine is copied; its manifest must outlive the training and have a batch.  No memory
 * for arrays is asked for yet. */
bool rt_training_create(const RtEngine *engine, const RtTrainingPlan *plan, RtTraining **ret,
                        RtError *error);
void rt_training_free(RtTraining *training); /* NULL allowed */

const RtTrainingPlan *rt_training_plan(const RtTraining *training);
uint32_t rt_training_batch(const RtTraining *training); /* data points of a step */

/* ---- before the memory */

/* Slots of the buffer `name` (an exchange of role slot), at least as many as data points in a
 * batch.  Every buffer needs it. */
bool rt_training_set_slots(RtTraining *training, const char *name, uint64_t slots,
                           RtError *error);

/* What the data must hold: the exchanges of role point that are not slots of a buffer. */
uint32_t rt_training_columns(const RtTraining *training);
const EbmSlot *rt_training_column(const RtTraining *training, uint32_t i);

/* Column `name`, [rows, ...], is the caller's memory and stays there: it is read at every
 * step and converted to the column's type, so its numbers must fit.  All columns have the same
 * number of rows, at least one. */
bool rt_training_set_data(RtTraining *training, const char *name, const RtView *view,
                          RtError *error);

/* The numbers and arrays that phases read, in the order of the manifest, for the caller to
 * fill; the arrays stay the caller's.  Inputs that are parameters, memory or handed on between
 * phases are the training's own, and what is put there is overwritten. */
double *rt_training_hyper(RtTraining *training);
const void **rt_training_input(RtTraining *training);

/* Bytes that training asks for, or UINT64_MAX when they cannot be addressed. */
uint64_t rt_training_bytes(const RtTraining *training);

/* RT_MEMORY, before anything is asked for, if there is not as much; RT_ARGUMENT if slots, data
 * or inputs are missing. */
bool rt_training_allocate(RtTraining *training, RtError *error);
bool rt_training_allocated(const RtTraining *training);

/* ---- what is held from step to step */

/* A parameter, an array of memory, or a buffer. */
typedef struct RtHeld {
    const EbmSlot *slot; /* name, dtype, shape; of a buffer: of one slot */
    EbmRole role;        /* param, memory or slot */
    uint64_t rows;       /* slots of a buffer, else 1 */
    uint64_t bytes;
    void *data; /* dense: [...], of a buffer [slots, ...]; NULL before memory is allocated */
} RtHeld;

/* Parameters, then memory, then buffers, each in the order of the manifest.  `data` is current
 * until the next step. */
uint32_t rt_training_held_count(const RtTraining *training);
RtHeld rt_training_held(const RtTraining *training, uint32_t i);

/* First memory from the parameters, first contents of the buffers; step 0 is next.
 * RT_NOT_FINITE if they are not finite. */
bool rt_training_start(RtTraining *training, RtError *error);

/* Takes up a training whose held arrays the caller has filled, before `step`. */
bool rt_training_resume(RtTraining *training, uint64_t step, uint64_t skipped, RtError *error);

/* Back to before the start: the held arrays are the caller's to fill. */
void rt_training_halt(RtTraining *training);

bool rt_training_started(const RtTraining *training);
uint64_t rt_training_next(const RtTraining *training);    /* the step that is next */
uint64_t rt_training_skipped(const RtTraining *training); /* steps passed over */
double rt_training_seconds(const RtTraining *training);   /* spent in steps */

/* ---- steps */

/* Diagnostics of a step, by name, in the order of the manifest; those that each data point has
 * are averaged over the batch. */
uint32_t rt_training_reports(const RtTraining *training);
const EbmSlot *rt_training_report(const RtTraining *training, uint32_t i);

/* What was not finite in a step. */
typedef struct RtBreak {
    char term[96]; /* a report's name, "loss", "gradient of NAME", "gradient", "parameter NAME",
                      "memory NAME", "buffer NAME"; empty: all was finite */
    uint64_t point; /* data point of the batch, UINT64_MAX if it is none in particular */
    uint64_t row;   /* of the data that it is, UINT64_MAX if there is no data */
    double value;   /* what it was; NAN for the numbers of an array */
} RtBreak;

typedef struct RtStepResult {
    uint64_t step;
    bool committed;       /* false: passed over, or stopped at */
    double loss;          /* mean over the batch */
    double gradient_norm; /* before clipping; NAN if the program does not report it */
    const double *report; /* one a report; the training's, until the next step */
    RtBreak broken;
} RtStepResult;

/* One step.  *ret is also written when the step is RT_NOT_FINITE under RT_POLICY_stop. */
bool rt_training_step(RtTraining *training, RtStepResult *ret, RtError *error);

/* Rows of the data, and steps that pass over them once (rounded up; 0 without data). */
uint64_t rt_training_rows(const RtTraining *training);
uint64_t rt_training_epoch_steps(const RtTraining *training);

/* Row of the data that data point `point` of `step` is, or UINT64_MAX without data. */
uint64_t rt_training_row(const RtTraining *training, uint64_t step, uint64_t point);

/* Slot of the buffer held `i` that data point `point` of `step` holds. */
uint64_t rt_training_slot(const RtTraining *training, uint32_t i, uint64_t step,
                          uint64_t point);

#endif
