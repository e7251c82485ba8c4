/* SPDX-License-Identifier: Apache-2.0
 *
 * columns.c -- the data that a training reads
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/training.h"

static Column *
find_column(const EbmTraining *t, const char *name)
{
    size_t n = t->kernel->program->program.n_column;

    for (size_t i = 0; i < n; i++)
        if (!name || strcmp(t->column[i].info->name, name) == 0)
            return &t->column[i];
    return NULL;
}

const RtArray *
training_rows(const void *user, const char *name)
{
    const Column *c = find_column(user, name);
    return c && c->rows.data ? &c->rows : NULL;
}

static EbmStatus
unknown_column(const EbmTraining *t, const char *name, EbmReport **ret_report)
{
    const Program *p = &t->kernel->program->program;
    size_t n = p->n_column;
    const char **names = calloc(n + 1, sizeof *names);
    char help[128];

    for (size_t i = 0; names && i < n; i++)
        names[i] = p->column[i].name;
    if (n)
        snprintf(help, sizeof help, "the data point is '%s'%s", p->column[0].name,
                 n > 1 ? ", and its labels have names of their own" : "");
    report_unknown(ret_report, name, names, names ? n : 0, n ? help : NULL,
                   "the data has no column '%s'", name);
    free(names);
    return EBM_ARGUMENT_ERROR;
}

/* The shape [rows, ...] with the rows unknown. */
static void
column_shape(const ProgramData *c, char *text, size_t size)
{
    int used = snprintf(text, size, "[rows");

    for (unsigned i = 0; i < c->type.rank; i++)
        used += snprintf(text + used, size - (size_t)used, ", %u", c->type.dim[i]);
    snprintf(text + used, size - (size_t)used, "]");
}

static EbmStatus
check_shape(const Column *c, const EbmArray *array, EbmReport **ret_report)
{
    const Type *type = &c->info->type;
    bool fits = array->rank == (uint32_t)type->rank + 1 && array->shape[0] > 0;
    char expected[160];

    for (unsigned i = 0; fits && i < type->rank; i++)
        fits = array->shape[i + 1] == type->dim[i];
    if (fits)
        return EBM_OK;
    column_shape(c->info, expected, sizeof expected);
    return report_say(ret_report, EBM_SHAPE_ERROR, NULL,
                      "data '%s': expected the shape %s, found %s", c->info->name, expected,
                      array_shape_text(array->rank, array->shape).text);
}

/* All columns are of the same points. */
static EbmStatus
check_rows(const EbmTraining *t, const Column *c, const EbmArray *array, EbmReport **ret_report)
{
    for (size_t i = 0; i < t->kernel->program->program.n_column; i++) {
        const Column *other = &t->column[i];
        if (other == c || !other->rows.data || other->rows.shape[0] == array->shape[0])
            continue;
        return report_say(ret_report, EBM_SHAPE_ERROR, NULL,
                          "data '%s' has %llu rows, and '%s' has %llu", c->info->name,
                          (unsigned long long)array->shape[0], other->info->name,
                          (unsigned long long)other->rows.shape[0]);
    }
    return EBM_OK;
}

EbmStatus
ebm_training_set_data(EbmTraining *training, const char *name, const EbmArray *array,
                      EbmReport **ret_report)
{
    Column *c = find_column(training, name);
    EbmStatus status = training_check_waiting(training, ret_report);
    RtArray rows = {0};
    RtError error = {0};

    if (status == EBM_OK && training->kernel->program->program.dataset)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "the data set '%s' draws the data: the program reads none",
                          training->kernel->program->program.dataset);
    if (status == EBM_OK && !c)
        return unknown_column(training, name ? name : "", ret_report);
    status = status ? status : check_shape(c, array, ret_report);
    status = status ? status : check_rows(training, c, array, ret_report);
    if (status != EBM_OK)
        return status;
    if (!array_convert(array, c->info->name, rt_type_of((EbmDType)c->info->type.dtype), &rows,
                       &error) ||
        !values_in_range(&rows, c->info, &error)) {
        rt_array_clear(&rows);
        return report_error(ret_report, &error);
    }
    rt_array_clear(&c->rows);
    c->rows = rows;
    return report_nothing(ret_report);
}

EbmStatus
training_check_data(const EbmTraining *t, EbmReport **ret_report)
{
    const Program *p = &t->kernel->program->program;

    for (size_t i = 0; !p->dataset && i < p->n_column; i++)
        if (!t->column[i].rows.data)
            return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                              i == 0 ? "no data to train on: '%s' is not set"
                                     : "the labels '%s' of the data are not set",
                              t->column[i].info->name);
    return EBM_OK;
}

bool
training_hand_data(EbmTraining *t, RtError *error)
{
    for (uint32_t i = 0; i < rt_training_columns(t->training); i++) {
        const char *name = rt_training_column(t->training, i)->name;
        const Column *c = find_column(t, name);
        if (!c)
            return rt_fail(error, RT_INTERNAL, "the kernel reads a column '%s'", name);
        RtView view = array_rows(&c->rows);
        if (!rt_training_set_data(t->training, name, &view, error))
            return false;
    }
    return true;
}
