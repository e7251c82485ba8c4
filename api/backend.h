/* SPDX-License-Identifier: Apache-2.0
 *
 * backend.h -- the back end that makes machine code, opened when it is first needed.
 */
#ifndef EBM_API_BACKEND_H
#define EBM_API_BACKEND_H

#include "backends/llvm/llvm_backend.h"
#include "runtime/error.h"

/* Finds the module beside this library, where the build or the installation has put it.  It
 * stays open for the rest of the process.  NULL: *error says where it was looked for. */
const Backend *backend_open(RtError *error);

/* Names this library and that module as they are on the disk, for cache keys: paths, sizes and
 * times of both files. */
const char *backend_build(Arena *arena);

/* Back ends compile one program at a time: LLVM lists its targets in tables of the process. */
void backend_lock(void);
void backend_unlock(void);

#endif
