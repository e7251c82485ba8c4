/* SPDX-License-Identifier: Apache-2.0
 *
 * training.c -- trainings: the weights of one model, moved step by step
 */
#include "api/training.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/machine.h"
#include "ir/interp.h"

/* ---- making */

/* Purposes of random numbers, as the reference interpreter tells them apart. */
static const DrawPurpose purpose[RT_PURPOSE_COUNT] = {
    [RT_PURPOSE_weights] = PURPOSE_weights,
    [RT_PURPOSE_shuffle] = PURPOSE_shuffle,
    [RT_PURPOSE_loss] = PURPOSE_loss,
    [RT_PURPOSE_buffer] = PURPOSE_buffer,
};

static bool
give_slots(EbmTraining *t, RtError *error)
{
    const Program *p = &t->kernel->program->program;

    for (size_t i = 0; i < p->n_buffer; i++)
        if (!rt_training_set_slots(t->training, p->buffer[i].name, p->buffer[i].slots, error))
            return false;
    return true;
}

static bool
list_columns(EbmTraining *t)
{
    const Program *p = &t->kernel->program->program;

    t->column = calloc(p->n_column + 1, sizeof *t->column);
    for (size_t i = 0; t->column && i < p->n_column; i++)
        t->column[i].info = &p->column[i];
    return t->column != NULL;
}

static EbmStatus
make_training(EbmTraining *t, const EbmTrainingOptions *o, EbmReport **ret_report)
{
    RtTrainingPlan plan = {
        .n_steps = o->steps,
        .policy = o->on_nonfinite == EBM_NON_FINITE_skip ? RT_POLICY_skip : RT_POLICY_stop,
        .threads = o->threads,
    };
    RtError error = {0};

    for (unsigned i = 0; i < RT_PURPOSE_COUNT; i++)
        interp_key(o->seed, purpose[i], plan.key[i]);
    t->steps = o->steps;
    if (!rt_training_create(&t->kernel->engine, &plan, &t->training, &error) ||
        !give_slots(t, &error))
        return report_error(ret_report, &error);
    if (!list_columns(t) || !values_open(&t->values, t->kernel, rt_training_hyper(t->training),
                                         rt_training_input(t->training), o->seed))
        return report_memory(ret_report);
    return report_nothing(ret_report);
}

static EbmStatus
check_options(const EbmKernel *kernel, EbmTrainingOptions *o, EbmReport **ret_report)
{
    if (!kernel->program->program.has_train)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "give the program a loss",
                          "this program does not train");
    if (kernel->program->program.n_param == 0)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "`param` declares what is trained",
                          "the model '%s' has no parameters: there is nothing to train",
                          kernel->program->program.energy);
    if (o->steps > INT32_MAX)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "expected at most %d steps, found %llu", INT32_MAX,
                          (unsigned long long)o->steps);
    if ((unsigned)o->on_nonfinite > EBM_NON_FINITE_skip)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "unknown choice for steps that are not finite");
    return machine_threads(&o->threads, ret_report);
}

EbmStatus
ebm_training_create(const EbmKernel *kernel, const EbmTrainingOptions *options,
                    EbmTraining **ret, EbmReport **ret_report)
{
    EbmTrainingOptions o = EBM_TRAINING_OPTIONS_INIT;

    if (!take_options(&o, sizeof o, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "training options without their initial value");
    EbmStatus status = check_options(kernel, &o, ret_report);
    if (status != EBM_OK)
        return status;
    EbmTraining *t = calloc(1, sizeof *t);
    if (!t)
        return report_memory(ret_report);
    t->kernel = kernel_keep(kernel);
    status = make_training(t, &o, ret_report);
    if (status == EBM_OK)
        *ret = t;
    else
        ebm_training_free(t);
    return status;
}

void
ebm_training_free(EbmTraining *training)
{
    if (!training)
        return;
    rt_training_free(training->training);
    for (size_t i = 0; training->column && i < training->kernel->program->program.n_column; i++)
        rt_array_clear(&training->column[i].rows);
    free(training->column);
    values_close(&training->values);
    ebm_kernel_free(training->kernel);
    free(training);
}

/* ---- values */

EbmStatus
training_check_waiting(const EbmTraining *t, EbmReport **ret_report)
{
    if (!t->allocated)
        return report_nothing(ret_report);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                      "values can be set before the training starts, and it is at step %llu",
                      (unsigned long long)rt_training_next(t->training));
}

EbmStatus
ebm_training_set_number(EbmTraining *training, EbmOwner owner, const char *name, double value,
                        EbmReport **ret_report)
{
    EbmStatus status = training_check_waiting(training, ret_report);
    return status ? status
                  : values_set_number(&training->values, owner, name, value, ret_report);
}

EbmStatus
ebm_training_set_array(EbmTraining *training, const char *name, const EbmArray *array,
                       EbmReport **ret_report)
{
    EbmStatus status = training_check_waiting(training, ret_report);
    return status ? status : values_set_array(&training->values, name, array, ret_report);
}

EbmStatus
ebm_training_set_params(EbmTraining *training, const EbmNamed *params, size_t count,
                        EbmReport **ret_report)
{
    EbmStatus status = training_check_waiting(training, ret_report);
    return status ? status : values_set_params(&training->values, params, count, ret_report);
}

EbmStatus
ebm_training_init_params(EbmTraining *training, uint64_t seed, EbmReport **ret_report)
{
    EbmStatus status = training_check_waiting(training, ret_report);
    return status ? status : values_init_params(&training->values, seed, ret_report);
}

/* ---- starting */

EbmStatus
training_allocate(EbmTraining *t, EbmReport **ret_report)
{
    RtError error = {0};

    if (t->allocated)
        return report_nothing(ret_report);
    const ValueRows rows = {training_rows, t};
    EbmStatus status = training_check_data(t, ret_report);
    status = status ? status : values_bind(&t->values, &rows, ret_report);
    if (status != EBM_OK)
        return status;
    if (!training_hand_data(t, &error) || !rt_training_allocate(t->training, &error))
        return report_error(ret_report, &error);
    t->allocated = true;
    return report_nothing(ret_report);
}

/* First weights go where the training holds them. */
static void
give_params(EbmTraining *t)
{
    const Values *v = &t->values;

    for (uint32_t i = 0; i < rt_training_held_count(t->training); i++) {
        RtHeld held = rt_training_held(t->training, i);
        for (size_t k = v->first_param; held.role == EBM_ROLE_param && k < v->n_bound; k++)
            if (strcmp(v->bound[k].name, held.slot->name) == 0)
                memcpy(held.data, v->bound[k].value.data, held.bytes);
    }
}

EbmStatus
training_start(EbmTraining *t, EbmReport **ret_report)
{
    RtError error = {0};
    EbmStatus status = training_allocate(t, ret_report);

    if (status != EBM_OK || rt_training_started(t->training))
        return status;
    give_params(t);
    if (!rt_training_start(t->training, &error))
        return report_error(ret_report, &error);
    return EBM_OK;
}

/* ---- steps */

static bool
tell(const EbmTrainOptions *o, const RtStepResult *r, const EbmTraining *t, uint64_t last,
     double begin)
{
    EbmTrainingStep step = {
        .step = r->step,
        .last_step = last,
        .loss = r->loss,
        .gradient_norm = r->gradient_norm,
        .reports = r->report,
        .seconds = clock_seconds() - begin,
        .skipped = rt_training_skipped(t->training),
        .committed = r->committed,
    };
    return o->progress && o->progress(o->progress_user, &step);
}

static EbmStatus
make_steps(EbmTraining *t, const EbmTrainOptions *o, EbmReport **ret_report)
{
    uint64_t last = o->last_step < t->steps ? o->last_step : t->steps;
    double begin = clock_seconds();
    RtError error = {0};

    while (rt_training_next(t->training) < last) {
        RtStepResult r = {.step = rt_training_next(t->training)};
        bool done = rt_training_step(t->training, &r, &error);
        if (!r.committed) {
            t->broken = r.broken;
            t->broken_step = r.step;
        }
        if (!done)
            return report_error(ret_report, &error);
        bool stop = tell(o, &r, t, last, begin);
        if (atomic_exchange(&t->cancelled, false) || stop)
            return report_say(ret_report, EBM_CANCELLED, NULL, "stopped before step %llu",
                              (unsigned long long)rt_training_next(t->training));
    }
    return report_nothing(ret_report);
}

EbmStatus
ebm_training_run(EbmTraining *training, const EbmTrainOptions *options, EbmReport **ret_report)
{
    EbmTrainOptions o = EBM_TRAIN_OPTIONS_INIT;

    if (!take_options(&o, sizeof o, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "options without their initial value");
    EbmStatus status = training_start(training, ret_report);
    return status ? status : make_steps(training, &o, ret_report);
}

void
ebm_training_cancel(EbmTraining *training)
{
    atomic_store(&training->cancelled, true);
}

/* ---- queries */

uint64_t
ebm_training_step(const EbmTraining *training)
{
    return rt_training_next(training->training);
}

uint64_t
ebm_training_steps(const EbmTraining *training)
{
    return training->steps;
}

uint64_t
ebm_training_skipped(const EbmTraining *training)
{
    return rt_training_skipped(training->training);
}

uint64_t
ebm_training_rows(const EbmTraining *training)
{
    const RtArray *first = &training->column[0].rows;
    return first->data ? first->shape[0] : 0;
}

uint32_t
ebm_training_threads(const EbmTraining *training)
{
    return rt_training_plan(training->training)->threads;
}

double
ebm_training_seconds(const EbmTraining *training)
{
    return rt_training_seconds(training->training);
}

size_t
ebm_training_report_count(const EbmTraining *training)
{
    return rt_training_reports(training->training);
}

const char *
ebm_training_report(const EbmTraining *training, size_t index)
{
    return rt_training_report(training->training, (uint32_t)index)->name;
}

void
ebm_training_broken(const EbmTraining *training, EbmBroken *ret)
{
    const RtBreak *b = &training->broken;
    EbmBroken broken = EBM_BROKEN_INIT;

    broken.step = training->broken_step;
    broken.term = b->term;
    if (*b->term)
        broken.point = b->point, broken.row = b->row, broken.value = b->value;
    give_results(ret, &broken, sizeof broken);
}

/* ---- what is held */

size_t
ebm_training_held_count(const EbmTraining *training)
{
    return rt_training_held_count(training->training);
}

static EbmHeldKind
kind_of(const EbmTraining *t, const RtHeld *held)
{
    if (held->role != EBM_ROLE_param)
        return held->role == EBM_ROLE_memory ? EBM_HELD_memory : EBM_HELD_buffer;
    return param_of_loss(&t->kernel->program->program, held->slot->name) ? EBM_HELD_loss_param
                                                                         : EBM_HELD_param;
}

void
ebm_training_held(const EbmTraining *training, size_t index, EbmHeldKind *ret_kind,
                  EbmValueInfo *ret)
{
    RtHeld held = rt_training_held(training->training, (uint32_t)index);
    EbmValueInfo v = {
        .name = held.slot->name,
        .type = array_from_dtype((DType)held.slot->dtype),
        .low = -INFINITY,
        .high = INFINITY,
    };

    if (held.role == EBM_ROLE_slot)
        v.shape[v.rank++] = held.rows;
    for (uint32_t i = 0; i < held.slot->rank; i++)
        v.shape[v.rank++] = held.slot->dim[i];
    *ret = v;
    if (ret_kind)
        *ret_kind = kind_of(training, &held);
}

EbmStatus
ebm_training_get(EbmTraining *training, size_t index, const EbmArray *ret,
                 EbmReport **ret_report)
{
    EbmValueInfo v;

    if (index >= ebm_training_held_count(training))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "a training holds %zu values, and no %zu",
                          ebm_training_held_count(training), index);
    EbmStatus status = training_start(training, ret_report);
    if (status != EBM_OK)
        return status;
    ebm_training_held(training, index, NULL, &v);
    if (ret->type != v.type && ret->type != EBM_TYPE_f32 && ret->type != EBM_TYPE_f64)
        return report_say(ret_report, EBM_TYPE_ERROR, NULL,
                          "'%s': expected an array of %s, f32 or f64, found %s", v.name,
                          ebm_type_name(v.type), ebm_type_name(ret->type));
    status = array_expect_shape(ret, v.name, v.rank, v.shape, ret_report);
    if (status != EBM_OK)
        return status;
    RtHeld held = rt_training_held(training->training, (uint32_t)index);
    return array_fill(ret, v.name, rt_type_of((EbmDType)held.slot->dtype), held.data,
                      ret_report);
}
