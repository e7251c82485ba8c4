/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h -- what a run is, for the files that launch.h declares
 */
#ifndef EBM_RUNTIME_RUN_H
#define EBM_RUNTIME_RUN_H

#include <stdatomic.h>

#include "runtime/launch.h"
#include "runtime/pool.h"

#define RUN_BUFFER (UINT64_C(1) << 18) /* of draws a thread: its second-level cache */
#define RUN_SUMS (UINT64_C(1) << 26)   /* of report sums, all blocks */

/* What one thread writes besides its own blocks' records. */
typedef struct Desk {
    unsigned char *scratch, *draws, *values;
    unsigned char **condition; /* of the points in `values`, by exchange */
    double *reports;
    RtError error;
    _Atomic uint64_t next; /* blocks of this thread's share that nobody has taken yet: */
    uint64_t last;         /* [next, last) */
    char padding[64];      /* no two threads in one cache line */
} Desk;

struct RtRun {
    RtEngine engine;
    const EbmManifest *manifest;
    RtPlan plan;
    RtPool *pool;
    double *hyper;
    const void **input;
    unsigned char *uniform;
    bool prepared, started, broken;
    uint64_t blocks, step;
    unsigned char *state;
    unsigned char *mark; /* the states before step mark_step: no step was lost until then */
    uint64_t mark_step;
    double mark_time, mark_pause; /* when it was made; how long it is kept at least */
    uint64_t *rejected, *first_rejected;
    unsigned char **condition; /* by exchange: [block][record]; NULL: not set */
    Desk *desk;                /* one a thread */
    double seconds;
    double step_seconds; /* what the last range took, each step; 0: unknown */
    atomic_bool cancelled;
};

/* Sizes that would overflow are UINT64_MAX. */
static inline uint64_t
add_size(uint64_t a, uint64_t b)
{
    return __builtin_add_overflow(a, b, &a) ? UINT64_MAX : a;
}

static inline uint64_t
multiply_size(uint64_t a, uint64_t b)
{
    return __builtin_mul_overflow(a, b, &a) ? UINT64_MAX : a;
}

static inline uint64_t
min_size(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t
max_size(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Where record 0 would be, if record `first` is at `start`: kernels count from block 0. */
static inline void *
records_from(void *start, uint64_t first, uint64_t bytes)
{
    return (void *)((uintptr_t)start - (uintptr_t)(first * bytes));
}

/* Zeroed and aligned to 64 bytes; NULL also for sizes that cannot be meant. */
void *run_allocate(uint64_t bytes);

/* What all launches have in common. */
EbmLaunch run_launch(const RtRun *run, const uint32_t key[2]);

/* Scratch space of every thread, and the uniform values. */
bool run_prepare(RtRun *run, RtError *error);

/* Does `task`, of so many parts, with a desk for each thread; the first one's error if there is
 * any. */
bool run_together(RtPool *pool, uint64_t parts, Desk *desk, RtTask *task, void *user,
                  RtError *error);

void run_set_key(EbmLaunch *launch, const uint32_t key[2]);

/* Seconds of a clock that only goes forward. */
double run_now(void);

/* Keeps the states as they are: chains can be moved again from here. */
void run_set_mark(RtRun *run);

/* The same every now and then, as long as no step was lost. */
void run_move_mark(RtRun *run);

/* Steps that were not committed so far, of all chains. */
uint64_t run_rejected(const RtRun *run);

/* Chains of block `block` of `rows`. */
unsigned run_lanes(uint64_t rows, uint64_t block);

/* The part of n that is worker w's. */
void run_share(uint64_t n, unsigned w, unsigned workers, uint64_t *ret_first,
               uint64_t *ret_last);

/* What each chain or point is given of its own.  Bytes of one block, of all values; */
uint64_t run_condition_bytes(const RtRun *run);
/* the places of the values of `blocks` blocks in memory that follows from `at` on; */
void run_condition_places(const RtRun *run, uint64_t blocks, unsigned char *at,
                          unsigned char **ret);
/* value i for `rows` chains or points (`what` they are), one row standing for all; */
bool run_condition_cells(const RtRun *run, uint32_t i, const RtView *view, uint64_t rows,
                         const char *what, RtCells *ret, RtError *error);
/* the records of blocks [first, last). */
void run_condition_records(const RtRun *run, uint32_t i, const RtCells *cells, uint64_t first,
                           uint64_t last, unsigned char *record);

/* Bytes of a thread's buffers. */
uint64_t run_draws_bytes(const RtRun *run);
uint64_t run_reports_bytes(const RtRun *run);

#endif
