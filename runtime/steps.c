/* SPDX-License-Identifier: Apache-2.0
 *
 * steps.c -- a training started, taken up, moved
 */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "runtime/train.h"

/* ---- beginning */

static bool
start_group(RtTraining *t, EbmPhaseGroup group, RtError *error)
{
    Space space;
    RtBreak what;

    if (!train_space_open(t, group, &space, error))
        return false;
    bool done = train_run_group(t, group, &space, 0, error);
    if (done && !train_judge(t, &space, group, &what))
        done = rt_fail(error, RT_NOT_FINITE, "before step 0: %s is not finite", what.term);
    if (done)
        train_commit(t, &space, group, 0);
    train_space_close(&space);
    return done;
}

static bool
take_up(RtTraining *t, uint64_t step, uint64_t skipped)
{
    t->step = step;
    t->skipped = skipped;
    t->seconds = 0.0;
    t->started = true;
    return true;
}

static bool
check_allocated(const RtTraining *t, RtError *error)
{
    return t->allocated ||
           rt_fail(error, RT_ARGUMENT, "the training has no memory for its arrays yet");
}

bool
rt_training_start(RtTraining *t, RtError *error)
{
    t->started = false;
    return check_allocated(t, error) && start_group(t, EBM_GROUP_memory, error) &&
           start_group(t, EBM_GROUP_slots, error) && take_up(t, 0, 0);
}

bool
rt_training_resume(RtTraining *t, uint64_t step, uint64_t skipped, RtError *error)
{
    if (step > INT32_MAX)
        return rt_fail(error, RT_ARGUMENT, "no training goes on at step %llu",
                       (unsigned long long)step);
    return check_allocated(t, error) && take_up(t, step, skipped);
}

void
rt_training_halt(RtTraining *t)
{
    t->started = false;
}

bool
rt_training_started(const RtTraining *t)
{
    return t->started;
}

uint64_t
rt_training_next(const RtTraining *t)
{
    return t->step;
}

uint64_t
rt_training_skipped(const RtTraining *t)
{
    return t->skipped;
}

double
rt_training_seconds(const RtTraining *t)
{
    return t->seconds;
}

/* ---- steps */

static double
now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void
fill_result(RtTraining *t, RtStepResult *ret)
{
    ret->loss = train_mean(t, &t->space, t->loss);
    if (t->norm != TRAIN_NONE)
        ret->gradient_norm = train_value(t, &t->space, t->norm, 0);
    for (uint32_t i = 0; i < t->n_reports; i++)
        t->mean[i] = train_mean(t, &t->space, t->report[i]);
    if (ret->broken.point != UINT64_MAX)
        ret->broken.row = rt_training_row(t, t->step, ret->broken.point);
}

static bool
fail_step(const RtStepResult *r, RtError *error)
{
    const RtBreak *b = &r->broken;
    char value[32] = "not finite", where[96] = "";

    if (!isnan(b->value))
        snprintf(value, sizeof value, "%g", b->value);
    if (b->point != UINT64_MAX)
        snprintf(where, sizeof where, " at data point %llu of the batch",
                 (unsigned long long)b->point);
    if (b->row != UINT64_MAX)
        snprintf(where + strlen(where), sizeof where - strlen(where), " (row %llu of the data)",
                 (unsigned long long)b->row);
    return rt_fail(error, RT_NOT_FINITE, "step %llu: %s is %s%s", (unsigned long long)r->step,
                   b->term, value, where);
}

/* A step passed over is a step: the next one has other data and other random numbers. */
static bool
end_step(RtTraining *t, RtStepResult *ret, RtError *error)
{
    if (!ret->committed && t->plan.policy == RT_POLICY_stop)
        return fail_step(ret, error);
    if (ret->committed)
        train_commit(t, &t->space, EBM_GROUP_step, t->step);
    t->skipped += !ret->committed;
    t->step++;
    return true;
}

bool
rt_training_step(RtTraining *t, RtStepResult *ret, RtError *error)
{
    double begin = now();

    if (!t->started)
        return rt_fail(error, RT_ARGUMENT, "the training is not started");
    if (t->step >= INT32_MAX)
        return rt_fail(error, RT_ARGUMENT, "a training has at most %d steps", INT32_MAX);
    *ret =
        (RtStepResult){.step = t->step, .loss = NAN, .gradient_norm = NAN, .report = t->mean};
    if (!train_run_group(t, EBM_GROUP_step, &t->space, t->step, error))
        return false;
    ret->committed = train_judge(t, &t->space, EBM_GROUP_step, &ret->broken);
    fill_result(t, ret);
    bool done = end_step(t, ret, error);
    t->seconds += now() - begin;
    return done;
}
