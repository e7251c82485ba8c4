/* SPDX-License-Identifier: Apache-2.0
 *
 * source.h -- bytes to read, of known length, from a file, from memory or from an archive.
 *
 * Readers ask a source how much it still has before they ask for memory, hence no header can
 * make them ask for more than the file could fill.  What has no length (a pipe, a terminal)
 * is read into memory first.
 */
#ifndef EBM_RUNTIME_SOURCE_H
#define EBM_RUNTIME_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/error.h"

typedef struct RtSource RtSource;

struct RtSource {
    const char *name; /* for messages; not owned */
    uint64_t left;    /* bytes not yet read */
    /* Reads exactly `size` bytes, at most `left`. */
    bool (*read)(RtSource *source, void *bytes, size_t size, RtError *error);
    void (*close)(RtSource *source);
    void *handle;
    const unsigned char *memory; /* where the next byte is, for a source in memory */
};

/* Opens the file `path`; the name must outlive the source. */
bool rt_source_open(RtSource *ret, const char *path, RtError *error);

/* Reads from memory that outlives the source. */
void rt_source_memory(RtSource *ret, const char *name, const void *bytes, size_t size);

/* Reads exactly `size` bytes; fewer left is a RT_FORMAT error that says "truncated". */
bool rt_source_read(RtSource *source, void *bytes, size_t size, RtError *error);

/* All that is left, followed by a NUL; the caller frees it. */
bool rt_source_slurp(RtSource *source, char **ret_text, size_t *ret_size, RtError *error);

void rt_source_close(RtSource *source);

#endif
