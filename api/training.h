/* SPDX-License-Identifier: Apache-2.0
 *
 * training.h -- what a training is to the other parts of the C API.
 */
#ifndef EBM_API_TRAINING_H
#define EBM_API_TRAINING_H

#include <stdatomic.h>

#include "api/values.h"
#include "runtime/training.h"

/* A column of the data. */
typedef struct Column {
    const ProgramData *info;
    RtArray rows; /* [rows, ...] of the column's type; no data: not set */
} Column;

struct EbmTraining {
    EbmKernel *kernel;
    RtTraining *training;
    Values values;
    Column *column; /* n_column of the program */
    uint64_t steps;
    bool allocated;
    atomic_bool cancelled;
    RtBreak broken; /* what was not finite last, and its step */
    uint64_t broken_step;
};

/* What must be before the first step, reported. */
EbmStatus training_check_waiting(const EbmTraining *training, EbmReport **ret_report);

/* Hands everything to the runtime and has it ask for memory. */
EbmStatus training_allocate(EbmTraining *training, EbmReport **ret_report);

/* Allocated, and started when it was not. */
EbmStatus training_start(EbmTraining *training, EbmReport **ret_report);

/* Gives the columns to the runtime. */
bool training_hand_data(EbmTraining *training, RtError *error);

/* The rows of a column, EbmTraining * being `user`; NULL: there is none of that name. */
const RtArray *training_rows(const void *user, const char *name);

/* Are all columns there?  Reports those that are not. */
EbmStatus training_check_data(const EbmTraining *training, EbmReport **ret_report);

#endif
