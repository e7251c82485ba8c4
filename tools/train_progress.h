/* SPDX-License-Identifier: Apache-2.0
 *
 * train_progress.h -- a training on a terminal: one line, which the next replaces
 */
#ifndef EBM_TOOLS_TRAIN_PROGRESS_H
#define EBM_TOOLS_TRAIN_PROGRESS_H

#include "ebm/ebm.h"

/* Shows a step of a training that was taken up at `first_step`.  A line longer than the
 * terminal could not be replaced: reports for which there is no room are left out. */
void progress_show(const EbmTraining *training, const EbmTrainingStep *step,
                   uint64_t first_step);

void progress_clear(void);

#endif
