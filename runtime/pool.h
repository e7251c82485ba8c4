/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h -- a few threads that do one task together.
 *
 * The caller is worker 0.  Workers wait without spinning between tasks and never run signal
 * handlers, which stay with the program's own threads.
 */
#ifndef EBM_RUNTIME_POOL_H
#define EBM_RUNTIME_POOL_H

#include "runtime/error.h"

typedef struct RtPool RtPool;

enum { RT_MAX_THREADS = 1024 };

/* `threads`, the caller included, from 1 to RT_MAX_THREADS. */
bool rt_pool_create(unsigned threads, RtPool **ret, RtError *error);
void rt_pool_free(RtPool *pool);
unsigned rt_pool_threads(const RtPool *pool);

/* Called once by every worker, 0 <= worker < workers. */
typedef void RtTask(void *user, unsigned worker, unsigned workers);

/* Returns when all workers have. */
void rt_pool_run(RtPool *pool, RtTask *task, void *user);

#endif
