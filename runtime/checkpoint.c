/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.c -- under construction
 */
#include "runtime/checkpoint.h"

bool
rt_checkpoint_write(const char *path, const RtTraining *training, const RtCheckpointHead *head,
                    RtError *error)
{
    (void)path;
    (void)training;
    (void)head;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

bool
rt_checkpoint_read(const char *path, RtCheckpoint *ret, RtError *error)
{
    (void)path;
    (void)ret;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

void
rt_checkpoint_clear(RtCheckpoint *checkpoint)
{
    (void)checkpoint;
}

bool
rt_checkpoint_resume(const RtCheckpoint *checkpoint, RtTraining *training, RtError *error)
{
    (void)checkpoint;
    (void)training;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}
