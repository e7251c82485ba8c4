/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c -- a few threads that do one task together
 */
#include "runtime/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef struct Worker {
    RtPool *pool;
    unsigned index;
    pthread_t thread;
} Worker;

struct RtPool {
    unsigned threads; /* with the caller */
    unsigned started; /* workers whose thread runs */
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    unsigned long turn; /* tasks handed out; guarded by lock, as what follows */
    unsigned busy;
    bool ending;
    RtTask *task;
    void *user;
    Worker worker[];
};

static void *
work(void *argument)
{
    Worker *self = argument;
    RtPool *pool = self->pool;
    unsigned long turn = 0;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->turn == turn && !pool->ending)
            pthread_cond_wait(&pool->work, &pool->lock);
        if (pool->ending)
            break;
        turn = pool->turn;
        pthread_mutex_unlock(&pool->lock);
        pool->task(pool->user, self->index, pool->threads);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0)
            pthread_cond_signal(&pool->done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* What a kernel of as many instructions as there may be needs, with room to spare. */
#define STACK_BYTES ((size_t)8 << 20)

/* Starts the workers with all signals blocked, as threads inherit the mask. */
static int
start_workers(RtPool *pool)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    int failed = 0;

    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (unsigned i = 1; i < pool->threads && !failed; i++) {
        Worker *w = &pool->worker[i];
        *w = (Worker){.pool = pool, .index = i};
        failed = pthread_create(&w->thread, &attributes, work, w);
        if (!failed)
            pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

bool
rt_pool_create(unsigned threads, RtPool **ret, RtError *error)
{
    if (threads < 1 || threads > RT_MAX_THREADS)
        return rt_fail(error, RT_ARGUMENT, "expected 1 to %d threads, found %u", RT_MAX_THREADS,
                       threads);
    RtPool *pool = calloc(1, sizeof *pool + threads * sizeof pool->worker[0]);
    if (!pool)
        return rt_fail_memory(error, "threads", sizeof *pool);
    pool->threads = threads;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->done, NULL);
    int failed = start_workers(pool);
    if (failed) {
        char text[128];
        rt_pool_free(pool);
        return rt_fail(error, RT_MEMORY, "cannot start %u threads: %s", threads,
                       strerror_r(failed, text, sizeof text));
    }
    *ret = pool;
    return true;
}

void
rt_pool_free(RtPool *pool)
{
    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 1; i <= pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

unsigned
rt_pool_threads(const RtPool *pool)
{
    return pool->threads;
}

void
rt_pool_run(RtPool *pool, RtTask *task, void *user)
{
    pthread_mutex_lock(&pool->lock);
    pool->task = task;
    pool->user = user;
    pool->busy = pool->threads - 1;
    pool->turn++;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);

    task(user, 0, pool->threads);

    pthread_mutex_lock(&pool->lock);
    while (pool->busy)
        pthread_cond_wait(&pool->done, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}
