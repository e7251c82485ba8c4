/* SPDX-License-Identifier: Apache-2.0
 *
 * train.h -- what a training is, for the files that training.h declares
 */
#ifndef EBM_RUNTIME_TRAIN_H
#define EBM_RUNTIME_TRAIN_H

#include "runtime/permute.h"
#include "runtime/run.h"
#include "runtime/training.h"

#define TRAIN_NONE UINT32_MAX

/* A parameter or an array of memory: phases read `now` and write `next`, which become one
 * another when a step is committed.  Of a buffer there is `now` alone: a committed step puts
 * its slots back into it. */
typedef struct Held {
    const EbmSlot *slot;
    EbmRole role;
    uint32_t exchange; /* what is written for it */
    uint64_t rows, bytes;
    void *now, *next;
    RtCells cells; /* rows of a buffer */
} Held;

/* What data points are gathered from: a column of the data, or a buffer. */
typedef struct Origin {
    uint32_t exchange;
    uint32_t held; /* the buffer, TRAIN_NONE for data */
    RtView view;   /* of data; no memory: not set */
    RtCells cells;
} Origin;

/* Room for what phases exchange about `points` data points. */
typedef struct Space {
    uint64_t points, blocks;
    uint64_t bytes;
    unsigned char *memory;
    unsigned char **at; /* by exchange; NULL for what the phases do not have */
} Space;

struct RtTraining {
    RtEngine engine;
    const EbmManifest *manifest;
    RtTrainingPlan plan;
    RtPool *pool;
    Desk *desk; /* one a thread */
    double *hyper;
    const void **input;
    unsigned char *uniform;

    Held *held;
    uint32_t n_held;
    Origin *origin;
    uint32_t n_origins;
    uint64_t rows; /* of the data; 0: none is set */

    uint32_t *input_held, *input_exchange; /* by input: what it is bound to, or TRAIN_NONE */
    uint32_t loss, norm;                   /* exchanges; norm may be TRAIN_NONE */
    uint32_t *report, n_reports;           /* exchanges */
    double *mean;                          /* of each report in the last step */

    Space space; /* of a step */
    bool allocated, started;
    uint64_t step, skipped;
    double seconds;
};

/* ---- exchange.c */

uint64_t train_slot_bytes(const EbmSlot *slot);

/* Bytes of a block's record of the slot. */
uint64_t train_record_bytes(const EbmSlot *slot);

/* Room that the phases of the group need; what is held is not in it. */
uint64_t train_space_bytes(const RtTraining *t, EbmPhaseGroup group);
bool train_space_open(const RtTraining *t, EbmPhaseGroup group, Space *ret, RtError *error);
void train_space_close(Space *space);

/* Element 0 of exchange `e` of data point `i`, or of all. */
double train_value(const RtTraining *t, const Space *space, uint32_t e, uint64_t i);

/* Its mean over the data points: 16 strided partial sums, then the tree. */
double train_mean(const RtTraining *t, const Space *space, uint32_t e);

/* ---- phases.c */

/* All phases of the group, for training step `step`. */
bool train_run_group(RtTraining *t, EbmPhaseGroup group, Space *space, uint64_t step,
                     RtError *error);

/* ---- batch.c */

/* Fills the records of data points of the blocks [first, last). */
void train_gather(const RtTraining *t, const Space *space, uint64_t step, uint64_t first,
                  uint64_t last);

/* Puts the slots of the blocks back.  `initial`: data point i is slot i. */
void train_scatter(const RtTraining *t, const Space *space, uint64_t step, bool initial,
                   uint64_t first, uint64_t last);

/* ---- commit.c */

/* Whether everything that phases wrote is finite; what is not goes to *ret. */
bool train_judge(RtTraining *t, const Space *space, EbmPhaseGroup group, RtBreak *ret);

/* Takes over what phases wrote. */
void train_commit(RtTraining *t, const Space *space, EbmPhaseGroup group, uint64_t step);

#endif
