/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h -- a file that appears under its name only when it is complete.
 *
 * Bytes go to a file beside the target that has no name, or a temporary one where the file
 * system has no such files; it is synchronised to the disk and renamed over the target when all
 * went well.  Whatever goes wrong, the target is either the old file or the whole new one.
 * Devices and pipes are written directly.
 */
#ifndef EBM_RUNTIME_OUTPUT_H
#define EBM_RUNTIME_OUTPUT_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/hash.h"
#include "runtime/error.h"

typedef struct RtOutput {
    const char *path; /* the user's spelling, for messages; not owned */
    FILE *file;
    char *target;     /* where the temporary file goes, links resolved */
    char *temporary;  /* NULL when the target is written directly */
    bool nameless;    /* there is no file of that name yet */
    int failed;       /* errno of the first failure, or 0 */
    HashStream *hash; /* NULL, or what takes in all bytes written from when it is set */
} RtOutput;

/* `path` must outlive the output.  After a failure nothing needs to be discarded. */
bool rt_output_open(RtOutput *ret, const char *path, RtError *error);

bool rt_output_write(RtOutput *output, const void *bytes, size_t size, RtError *error);

/* Moves to a byte counted from the start, to correct a header. */
bool rt_output_seek(RtOutput *output, uint64_t offset, RtError *error);

/* Finishes the file and ends the output, whether it succeeds or not. */
bool rt_output_commit(RtOutput *output, RtError *error);

/* Ends the output and leaves no file behind.  Nothing happens to one that has ended. */
void rt_output_discard(RtOutput *output);

#endif
