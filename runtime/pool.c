/* SPDX-License-Identifier: Apache-2.0
 *
 * pool.c -- a few threads that do one task together
 */
#include "runtime/pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cpu.h"

typedef struct Worker {
    RtPool *pool;
    unsigned index;
    pthread_t thread;
} Worker;

/* A task is handed out by the next value of `turn`: a count, and in its lowest bits how many
 * workers take part.  `done` becomes the same when all of them are done, so that the rest
 * stands while they read it. */
struct RtPool {
    unsigned threads; /* with the caller */
    unsigned started; /* workers whose thread runs */
    bool spins;       /* a thread that waits looks for a while before it sleeps */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_ulong turn, done;
    atomic_uint busy;
    RtTask *task; /* NULL: the pool ends */
    void *user;
    Worker worker[];
};

enum {
    TURN = 2 * RT_MAX_THREADS, /* what a count is multiplied by */
    SPIN = 100000,             /* nanoseconds; to wake a thread takes half as long */
    LOOKS = 32                 /* before the clock is asked */
};

static long
nanoseconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000L + t.tv_nsec;
}

static bool
look_for_change(atomic_ulong *word, unsigned long old)
{
    for (unsigned i = 0; i < LOOKS; i++) {
        if (atomic_load(word) != old)
            return true;
#if defined __x86_64__
        __builtin_ia32_pause();
#endif
    }
    return false;
}

/* Returns what `word` becomes. */
static unsigned long
await_change(RtPool *pool, atomic_ulong *word, unsigned long old)
{
    bool changed = look_for_change(word, old);

    for (long end = nanoseconds() + SPIN; pool->spins && !changed && nanoseconds() < end;)
        changed = look_for_change(word, old);
    if (!changed) {
        pthread_mutex_lock(&pool->lock);
        while (atomic_load(word) == old)
            pthread_cond_wait(&pool->changed, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    return atomic_load(word);
}

static void
change(RtPool *pool, atomic_ulong *word, unsigned long new)
{
    pthread_mutex_lock(&pool->lock);
    atomic_store(word, new);
    pthread_cond_broadcast(&pool->changed);
    pthread_mutex_unlock(&pool->lock);
}

static void *
work(void *argument)
{
    Worker *self = argument;
    RtPool *pool = self->pool;

    for (unsigned long turn = 0;;) {
        turn = await_change(pool, &pool->turn, turn);
        unsigned workers = (unsigned)(turn % TURN);
        if (self->index >= workers)
            continue;
        if (!pool->task)
            return NULL;
        pool->task(pool->user, self->index, workers);
        if (atomic_fetch_sub(&pool->busy, 1) == 1)
            change(pool, &pool->done, turn);
    }
}

/* So many workers, the caller among them, have this task. */
static void
hand_out(RtPool *pool, unsigned workers, RtTask *task, void *user)
{
    unsigned long turn = atomic_load(&pool->turn) / TURN * TURN + TURN + workers;

    pool->task = task;
    pool->user = user;
    atomic_store(&pool->busy, workers - 1);
    change(pool, &pool->turn, turn);
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
    pool->spins = threads <= rt_cpu_threads();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->changed, NULL);
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
    hand_out(pool, pool->threads, NULL, NULL);
    for (unsigned i = 1; i <= pool->started; i++)
        pthread_join(pool->worker[i].thread, NULL);
    pthread_cond_destroy(&pool->changed);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

unsigned
rt_pool_threads(const RtPool *pool)
{
    return pool->threads;
}

void
rt_pool_run(RtPool *pool, unsigned workers, RtTask *task, void *user)
{
    if (workers == 1) {
        task(user, 0, 1);
        return;
    }
    unsigned long before = atomic_load(&pool->done);
    hand_out(pool, workers, task, user);
    task(user, 0, workers);
    await_change(pool, &pool->done, before);
}
