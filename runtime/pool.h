/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.h -- a few threads that do one task together.
 *
 * The caller is worker 0.  Who waits looks for a tenth of a millisecond before it sleeps,
 * unless there are more threads than processors, so that short tasks may follow one another
 * closely. Workers never run signal handlers, which stay with the program's own threads.
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

/* Called once by every worker that takes part, 0 <= worker < workers. */
typedef void RtTask(void *user, unsigned worker, unsigned workers);

/* With so many workers, from 1 to the threads of the pool.  Returns when all of them have. */
void rt_pool_run(RtPool *pool, unsigned workers, RtTask *task, void *user);

#endif
