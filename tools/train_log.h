/* SPDX-License-Identifier: Apache-2.0
 *
 * train_log.h -- loss and reports of training steps, one line a step.
 *
 * .csv has a header and empty cells for what is not finite; .jsonl has an object a line, with
 * null for that.
 */
#ifndef EBM_TOOLS_TRAIN_LOG_H
#define EBM_TOOLS_TRAIN_LOG_H

#include <stdio.h>

#include "tools/session.h"

typedef struct TrainLog {
    FILE *file; /* NULL: nothing is logged */
    const char *path;
    bool json;
    uint64_t every;
    const EbmTraining *training;
    double flushed; /* when, in seconds of the call that trains */
} TrainLog;

/* Can a file of that name be written?  Else reported. */
bool may_write(const char *path);

/* Is the name one that can be logged to? */
int log_check(const char *path);

/* Begins the file; of a training taken up at `step` the lines of earlier steps stay. */
int log_open(TrainLog *ret, const char *path, uint64_t every, uint64_t step,
             const EbmTraining *training);

/* The line of a step, if it is one of those that are logged. */
void log_step(TrainLog *log, const EbmTrainingStep *step);

/* What was logged is in the file from here on. */
void log_flush(TrainLog *log);

/* EXIT_output, which is reported, if any line could not be written. */
int log_close(TrainLog *log);

#endif
