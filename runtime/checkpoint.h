/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.h -- a training in one file, to be taken up to the same bits.
 *
 * A .safetensors file: the parameters under their names, memory and buffers under "memory/NAME"
 * and "buffer/NAME", the numbers and texts of RtCheckpointHead as metadata, and as its last
 * tensor a checksum of every byte before it.  It replaces the file there was only when it is
 * complete; what is damaged is refused.
 */
#ifndef EBM_RUNTIME_CHECKPOINT_H
#define EBM_RUNTIME_CHECKPOINT_H

#include "runtime/files.h"
#include "runtime/training.h"

/* What a checkpoint knows besides the arrays. */
typedef struct RtCheckpointHead {
    uint64_t step, skipped; /* the step that is next, steps passed over */
    uint64_t seed, batch, n_steps;
    RtKey program;      /* identifies the program */
    const char *recipe; /* UTF-8 for whoever takes it up; not read here */
} RtCheckpointHead;

typedef struct RtCheckpoint {
    RtCheckpointHead head;
    RtNamed *named;
    size_t count;
    char *recipe; /* what head.recipe points to */
} RtCheckpoint;

/* The training has started.  step, skipped, batch and n_steps are the training's own; of `head`
 * the seed, the program and the recipe (NULL for none) are taken. */
bool rt_checkpoint_write(const char *path, const RtTraining *training,
                         const RtCheckpointHead *head, RtError *error);

/* RT_FORMAT for anything but what rt_checkpoint_write made, to the byte.  The file is read
 * twice: nothing is made of it before its checksum is right. */
bool rt_checkpoint_read(const char *path, RtCheckpoint *ret, RtError *error);
void rt_checkpoint_clear(RtCheckpoint *checkpoint);

/* The two halves of reading: is the checksum right, and what does it hold? */
bool rt_checkpoint_verify(RtSource *source, RtError *error);
bool rt_checkpoint_decode(RtSource *source, RtCheckpoint *ret, RtError *error);

/* Fills the held arrays and takes the training up, whose memory is allocated.  RT_SHAPE if the
 * checkpoint's arrays are not the training's, RT_ARGUMENT if its batch is not; seed, n_steps,
 * program and recipe are the caller's to compare.  After a failure the training is not
 * started. */
bool rt_checkpoint_resume(const RtCheckpoint *checkpoint, RtTraining *training, RtError *error);

#endif
