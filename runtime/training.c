/* SPDX-License-Identifier: Apache-2.0
 *
 * training.c -- under construction
 */
#include "runtime/training.h"

bool
rt_training_create(const RtEngine *engine, const RtTrainingPlan *plan, RtTraining **ret,
                   RtError *error)
{
    (void)engine;
    (void)plan;
    (void)ret;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

void
rt_training_free(RtTraining *training)
{
    (void)training;
}

const RtTrainingPlan *
rt_training_plan(const RtTraining *training)
{
    (void)training;
    return NULL;
}

bool
rt_training_set_slots(RtTraining *training, const char *name, uint64_t slots, RtError *error)
{
    (void)training;
    (void)name;
    (void)slots;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

uint32_t
rt_training_columns(const RtTraining *training)
{
    (void)training;
    return 0;
}

const EbmSlot *
rt_training_column(const RtTraining *training, uint32_t i)
{
    (void)training;
    (void)i;
    return NULL;
}

bool
rt_training_set_data(RtTraining *training, const char *name, const RtView *view, RtError *error)
{
    (void)training;
    (void)name;
    (void)view;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

double *
rt_training_hyper(RtTraining *training)
{
    (void)training;
    return NULL;
}

const void **
rt_training_input(RtTraining *training)
{
    (void)training;
    return NULL;
}

bool
rt_training_binds(const RtTraining *training, uint32_t input)
{
    (void)training;
    (void)input;
    return false;
}

uint64_t
rt_training_bytes(const RtTraining *training)
{
    (void)training;
    return 0;
}

bool
rt_training_allocate(RtTraining *training, RtError *error)
{
    (void)training;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

uint32_t
rt_training_held_count(const RtTraining *training)
{
    (void)training;
    return 0;
}

RtHeld
rt_training_held(const RtTraining *training, uint32_t i)
{
    (void)training;
    (void)i;
    return (RtHeld){0};
}

bool
rt_training_start(RtTraining *training, RtError *error)
{
    (void)training;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

bool
rt_training_resume(RtTraining *training, uint64_t step, uint64_t skipped, RtError *error)
{
    (void)training;
    (void)step;
    (void)skipped;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

bool
rt_training_started(const RtTraining *training)
{
    (void)training;
    return false;
}

uint64_t
rt_training_next(const RtTraining *training)
{
    (void)training;
    return 0;
}

uint64_t
rt_training_skipped(const RtTraining *training)
{
    (void)training;
    return 0;
}

double
rt_training_seconds(const RtTraining *training)
{
    (void)training;
    return 0;
}

uint32_t
rt_training_reports(const RtTraining *training)
{
    (void)training;
    return 0;
}

const EbmSlot *
rt_training_report(const RtTraining *training, uint32_t i)
{
    (void)training;
    (void)i;
    return NULL;
}

bool
rt_training_step(RtTraining *training, RtStepResult *ret, RtError *error)
{
    (void)training;
    (void)ret;
    return rt_fail(error, RT_INTERNAL, "not there yet");
}

uint64_t
rt_training_rows(const RtTraining *training)
{
    (void)training;
    return 0;
}

uint64_t
rt_training_epoch_steps(const RtTraining *training)
{
    (void)training;
    return 0;
}

uint64_t
rt_training_row(const RtTraining *training, uint64_t step, uint64_t point)
{
    (void)training;
    (void)step;
    (void)point;
    return 0;
}

uint64_t
rt_training_slot(const RtTraining *training, uint32_t i, uint64_t step, uint64_t point)
{
    (void)training;
    (void)i;
    (void)step;
    (void)point;
    return 0;
}
