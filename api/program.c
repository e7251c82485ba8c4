/* SPDX-License-Identifier: Apache-2.0
 *
 * program.c -- programs: source text and the choices that fix its shapes
 */
#include "api/program.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/array.h"
#include "api/report.h"

double
clock_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

EbmProgram *
program_keep(const EbmProgram *program)
{
    EbmProgram *p = (EbmProgram *)(uintptr_t)program;

    atomic_fetch_add(&p->owners, 1);
    return p;
}

void
ebm_program_free(EbmProgram *program)
{
    if (!program || atomic_fetch_sub(&program->owners, 1) > 1)
        return;
    reading_clear(&program->reading);
    free(program);
}

/* ---- ranges */

static bool
within(double value, double low, bool low_open, double high, bool high_open)
{
    return (low_open ? value > low : value >= low) &&
           (high_open ? value < high : value <= high);
}

EbmStatus
check_hyper(const ProgramHyper *h, double value, EbmReport **ret_report)
{
    if (within(value, h->low, h->low_open, h->high, h->high_open)) {
        if (h->is_int && (value != rint(value) || fabs(value) > INT32_MAX))
            return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                              "expected an integer for '%s', found %g", h->name, value);
        return report_nothing(ret_report);
    }
    bool below = isfinite(h->low), above = isfinite(h->high);
    char low[48] = "", high[48] = "";
    if (below && above)
        snprintf(low, sizeof low, "%g %s ", h->low, h->low_open ? "<" : "<=");
    else if (below)
        snprintf(high, sizeof high, " %s %g", h->low_open ? ">" : ">=", h->low);
    if (above)
        snprintf(high, sizeof high, " %s %g", h->high_open ? "<" : "<=", h->high);
    if (!below && !above)
        snprintf(high, sizeof high, " to be a number");
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "expected %s%s%s, found %g", low,
                      h->name, high, value);
}

static EbmStatus
check_all_hypers(const Program *p, EbmReport **ret_report)
{
    for (size_t i = 0; i < p->n_hyper; i++) {
        const ProgramHyper *h = &p->hyper[i];
        if (!h->has_value)
            continue;
        EbmStatus status = check_hyper(h, h->value, ret_report);
        if (status != EBM_OK)
            return status;
    }
    return EBM_OK;
}

/* What there is for each data point or slot comes to clients with an axis more. */
static EbmStatus
check_rank(const char *name, Type type, EbmReport **ret_report)
{
    if (type.rank < EBM_MAX_RANK)
        return EBM_OK;
    return report_say(ret_report, EBM_SHAPE_ERROR, NULL,
                      "'%s' has %u axes: many of it would have more than %d", name, type.rank,
                      EBM_MAX_RANK);
}

/* Kernels carry names of this length. */
static EbmStatus
check_name(const char *name, EbmReport **ret_report)
{
    enum { MOST = sizeof((EbmSlot){0}.name) - 1 };

    if (!name || strlen(name) <= MOST)
        return EBM_OK;
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                      "a name of a running program has at most %d bytes: '%s'", MOST, name);
}

static EbmStatus
check_point(const char *name, Type type, EbmReport **ret_report)
{
    EbmStatus status = check_name(name, ret_report);
    return status ? status : check_rank(name, type, ret_report);
}

static EbmStatus
check_names(const Program *p, EbmReport **ret_report)
{
    EbmStatus status = EBM_OK;

    if (p->x.rank + 2 > EBM_MAX_RANK)
        return report_say(
            ret_report, EBM_SHAPE_ERROR, NULL,
            "'%s' has %u axes: draws of it, with chains and draws, would have more "
            "than %d",
            p->x_name, p->x.rank, EBM_MAX_RANK);
    for (size_t i = 0; i < p->n_hyper && !status; i++)
        status = check_name(p->hyper[i].input, ret_report);
    for (size_t i = 0; i < p->n_data && !status; i++)
        status = check_name(p->data[i].name, ret_report);
    for (size_t i = 0; i < p->n_given && !status; i++)
        status = check_name(p->given[i].name, ret_report);
    for (size_t i = 0; i < p->n_param && !status; i++)
        status = check_name(p->param[i].name, ret_report);
    for (size_t i = 0; i < p->n_column && !status; i++)
        status = check_point(p->column[i].name, p->column[i].type, ret_report);
    for (size_t i = 0; i < p->n_buffer && !status; i++)
        status = check_point(p->buffer[i].name, p->buffer[i].type, ret_report);
    return status;
}

/* ---- making */

static void
make_program(void *user)
{
    EbmProgram *p = user;

    if (reading_open(&p->reading))
        elaborate(&p->reading.request, &p->program);
}

/* What elaboration gave, checked; frees the program unless all is well. */
static EbmStatus
finish_program(EbmProgram *p, bool done, EbmProgram **ret, EbmReport **ret_report)
{
    EbmStatus status = reading_report(&p->reading, done, ret_report);
    EbmReport *warnings = NULL;

    if (status == EBM_OK && !p->program.module)
        status = report_say(ret_report, EBM_INTERNAL_ERROR, NULL,
                            "the program was refused without a reason");
    if (status == EBM_OK) {
        if (ret_report)
            warnings = *ret_report;
        status = check_all_hypers(&p->program, ret_report);
        if (status == EBM_OK)
            status = check_names(&p->program, ret_report);
        if (status == EBM_OK && ret_report)
            *ret_report = warnings;
        else
            ebm_report_free(warnings);
    }
    if (status == EBM_OK)
        *ret = p;
    else
        ebm_program_free(p);
    return status;
}

/* A program with its options copied; NULL after an error, which is reported. */
static EbmProgram *
new_program(const EbmProgramOptions *options, EbmStatus *status, EbmReport **ret_report)
{
    EbmProgram *p = calloc(1, sizeof *p);

    if (!p) {
        *status = report_memory(ret_report);
        return NULL;
    }
    p->owners = 1;
    p->reading.options = (EbmProgramOptions)EBM_PROGRAM_OPTIONS_INIT;
    if (!take_options(&p->reading.options, sizeof p->reading.options, options)) {
        *status = report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                             "program options without their initial value");
        free(p);
        return NULL;
    }
    return p;
}

EbmStatus
ebm_program_create(const EbmProgramOptions *options, EbmProgram **ret, EbmReport **ret_report)
{
    double begin = clock_seconds();
    EbmStatus status;
    EbmProgram *p = new_program(options, &status, ret_report);

    if (!p)
        return status;
    bool done = arena_guard(&p->reading.arena, make_program, p);
    p->seconds = clock_seconds() - begin;
    return finish_program(p, done, ret, ret_report);
}

static void
check_file(void *user)
{
    EbmProgram *p = user;

    if (reading_open(&p->reading))
        program_check(&p->reading.request);
}

EbmStatus
ebm_check(const EbmProgramOptions *options, EbmReport **ret_report)
{
    EbmStatus status;
    EbmProgram *p = new_program(options, &status, ret_report);

    if (!p)
        return status;
    bool done = arena_guard(&p->reading.arena, check_file, p);
    status = reading_report(&p->reading, done, ret_report);
    ebm_program_free(p);
    return status;
}

/* ---- queries */

_Static_assert((int)EBM_OWNER_sampler == (int)HYPER_sampler &&
                   (int)EBM_OWNER_dataset == (int)HYPER_dataset,
               "both list the owners of hyperparameters");

const char *
ebm_program_energy(const EbmProgram *program)
{
    return program->program.energy;
}

const char *
ebm_program_sampler(const EbmProgram *program)
{
    return program->program.sampler;
}

const char *
ebm_program_loss(const EbmProgram *program)
{
    return program->program.loss;
}

const char *
ebm_program_optimizer(const EbmProgram *program)
{
    return program->program.optimizer;
}

const char *
ebm_program_dataset(const EbmProgram *program)
{
    return program->program.dataset;
}

uint32_t
ebm_program_batch(const EbmProgram *program)
{
    return program->program.has_train ? program->reading.request.batch : 0;
}

const char *
ebm_program_energy_doc(const EbmProgram *program)
{
    return program->program.energy_doc;
}

const char *
ebm_program_sampler_doc(const EbmProgram *program)
{
    return program->program.sampler_doc;
}

EbmType
ebm_program_dtype(const EbmProgram *program)
{
    return program->reading.options.dtype;
}

static EbmValueInfo
value_info(const char *name, Type type)
{
    EbmValueInfo v = {.name = name,
                      .type = array_from_dtype((DType)type.dtype),
                      .rank = type.rank,
                      .low = -INFINITY,
                      .high = INFINITY};

    for (unsigned i = 0; i < type.rank; i++)
        v.shape[i] = type.dim[i];
    return v;
}

static EbmValueInfo
data_info(const ProgramData *d)
{
    EbmValueInfo v = value_info(d->name, d->type);

    v.low = d->low, v.high = d->high;
    v.low_open = d->low_open, v.high_open = d->high_open;
    v.doc = d->doc;
    return v;
}

static EbmValueInfo
buffer_info(const ProgramBuffer *b)
{
    EbmValueInfo v = value_info(b->name, b->type);

    for (uint32_t i = v.rank++; i > 0; i--)
        v.shape[i] = v.shape[i - 1];
    v.shape[0] = b->slots;
    return v;
}

size_t
ebm_program_count(const EbmProgram *program, EbmList list)
{
    const Program *p = &program->program;

    switch (list) {
    case EBM_LIST_x: return 1;
    case EBM_LIST_data: return p->n_data;
    case EBM_LIST_given: return p->n_given;
    case EBM_LIST_params: return p->n_param;
    case EBM_LIST_reports: return p->n_report;
    case EBM_LIST_columns: return p->n_column;
    case EBM_LIST_buffers: return p->n_buffer;
    }
    return 0;
}

void
ebm_program_value(const EbmProgram *program, EbmList list, size_t index, EbmValueInfo *ret)
{
    const Program *p = &program->program;

    switch (list) {
    case EBM_LIST_x: *ret = value_info(p->x_name, p->x); break;
    case EBM_LIST_data: *ret = data_info(&p->data[index]); break;
    case EBM_LIST_given: *ret = data_info(&p->given[index]); break;
    case EBM_LIST_params: *ret = value_info(p->param[index].name, p->param[index].type); break;
    case EBM_LIST_reports: *ret = value_info(p->report[index], type_scalar(DT_f64)); break;
    case EBM_LIST_columns: *ret = data_info(&p->column[index]); break;
    case EBM_LIST_buffers: *ret = buffer_info(&p->buffer[index]); break;
    }
}

size_t
ebm_program_hyper_count(const EbmProgram *program)
{
    return program->program.n_hyper;
}

void
ebm_program_hyper(const EbmProgram *program, size_t index, EbmHyperInfo *ret)
{
    const ProgramHyper *h = &program->program.hyper[index];

    *ret = (EbmHyperInfo){
        .name = h->name,
        .owner = (EbmOwner)h->owner,
        .is_int = h->is_int,
        .fixed = h->fixed,
        .bound_to_t = h->bound_to_t,
        .has_value = h->has_value,
        .value = h->value,
        .low = h->low,
        .high = h->high,
        .low_open = h->low_open,
        .high_open = h->high_open,
        .text = h->text,
        .doc = h->doc,
    };
}
