/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c -- chains at a step that is past
 *
 * A mark is a copy of all states, made at the start and again every few seconds until a step is
 * lost for the first time: from it a block comes to that step again in no more time than that.
 */
#include "runtime/run.h"

#include <string.h>
#include <time.h>

#define MARK_SECONDS 2.0
#define MARK_SHARE 100.0 /* of the time, one part goes into making marks */

double
run_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

uint64_t
run_rejected(const RtRun *run)
{
    uint64_t sum = 0;

    for (uint64_t c = 0; c < run->plan.chains; c++)
        sum += run->rejected[c];
    return sum;
}

void
run_set_mark(RtRun *run)
{
    double begin = run_now();

    memcpy(run->mark, run->state, run->blocks * run->manifest->state_bytes);
    run->mark_step = run->step;
    run->mark_time = run_now();
    run->mark_pause = MARK_SHARE * (run->mark_time - begin);
    if (run->mark_pause < MARK_SECONDS)
        run->mark_pause = MARK_SECONDS;
}

void
run_move_mark(RtRun *run)
{
    if (run_now() - run->mark_time < run->mark_pause)
        return;
    if (run_rejected(run) == 0)
        run_set_mark(run);
    run->mark_time = run_now();
}

bool
rt_run_replay(RtRun *run, uint64_t chain, uint64_t step, unsigned char *record, RtError *error)
{
    uint64_t block = chain / EBM_BLOCK, bytes = run->manifest->state_bytes;
    uint64_t count[EBM_BLOCK] = {0}, first[EBM_BLOCK];

    if (!run->started || run->broken || step < run->mark_step)
        return rt_fail(error, RT_ARGUMENT, "the chains are not started");
    if (!run_prepare(run, error))
        return false;
    memcpy(record, run->mark + block * bytes, bytes);
    if (step == run->mark_step)
        return true;
    for (unsigned i = 0; i < EBM_BLOCK; i++)
        first[i] = UINT64_MAX;
    EbmLaunch launch = run_launch(run, run->plan.sample_key);
    launch.first_block = block;
    launch.last_block = block + 1;
    launch.state = records_from(record, block, bytes);
    launch.first_step = run->mark_step;
    launch.last_step = step;
    launch.scratch = run->desk[0].scratch;
    launch.rejected = records_from(count, block, sizeof count);
    launch.first_rejected = records_from(first, block, sizeof first);
    return run->engine.launch(run->engine.user, EBM_ENTRY_sample, &launch, error);
}
