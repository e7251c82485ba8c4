/* SPDX-License-Identifier: Apache-2.0
 *
 * weights.c -- what a training learnt, as a file
 */
#include "tools/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n > m && strcmp(text + n - m, end) == 0;
}

int
weights_check(const char *path)
{
    EbmReport *report = NULL;

    if (!ends_with(path, ".safetensors") && !ends_with(path, ".npz")) {
        complain("--output: expected a name that ends in .safetensors or .npz, found '%s'",
                 path);
        return EXIT_usage;
    }
    EbmStatus status = ebm_file_check(path, &report);
    return finish_report(status, report) ? EXIT_output : EXIT_done;
}

/* The memory that holds the moving average of a parameter; else the parameter itself. */
static size_t
average_of(const EbmTraining *t, size_t param)
{
    EbmHeldKind kind;
    EbmValueInfo v, m;
    char end[160];

    ebm_training_held(t, param, NULL, &v);
    snprintf(end, sizeof end, ".average.%s", v.name);
    for (size_t i = 0; i < ebm_training_held_count(t); i++) {
        ebm_training_held(t, i, &kind, &m);
        if (kind == EBM_HELD_memory && (strcmp(m.name, end + 1) == 0 || ends_with(m.name, end)))
            return i;
    }
    return param;
}

static uint64_t
count_of(const EbmValueInfo *v)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < v->rank; i++)
        n *= v->shape[i];
    return n;
}

/* Parameter `param` under its name, in memory for free(). */
static EbmStatus
take(EbmTraining *t, size_t param, size_t from, EbmNamed *ret, EbmReport **report)
{
    EbmValueInfo v;

    ebm_training_held(t, param, NULL, &v);
    void *data = malloc(count_of(&v) * ebm_type_size(v.type) + 1);
    if (!data)
        return EBM_MEMORY_ERROR;
    *ret = (EbmNamed){v.name, ebm_array(v.type, v.rank, v.shape, data)};
    return ebm_training_get(t, from, &ret->array, report);
}

static EbmStatus
take_all(EbmTraining *t, EbmNamed *named, size_t *ret_n, uint64_t *ret_numbers,
         bool *ret_averaged, EbmReport **report)
{
    EbmStatus status = EBM_OK;

    for (size_t i = 0; i < ebm_training_held_count(t) && status == EBM_OK; i++) {
        EbmHeldKind kind;
        EbmValueInfo v;
        ebm_training_held(t, i, &kind, &v);
        if (kind != EBM_HELD_param)
            continue;
        size_t from = average_of(t, i);
        *ret_averaged |= from != i;
        *ret_numbers += count_of(&v);
        status = take(t, i, from, &named[(*ret_n)++], report);
    }
    return status;
}

int
weights_write(EbmTraining *t, const char *path, uint64_t *ret_numbers, bool *ret_averaged)
{
    EbmNamed *named = calloc(ebm_training_held_count(t) + 1, sizeof *named);
    EbmReport *report = NULL;
    size_t n = 0;

    *ret_numbers = 0;
    *ret_averaged = false;
    EbmStatus status =
        named ? take_all(t, named, &n, ret_numbers, ret_averaged, &report) : EBM_MEMORY_ERROR;
    bool taken = status == EBM_OK;
    if (taken && path)
        status = ebm_file_write(path, named, n, &report);
    for (size_t i = 0; i < n; i++)
        free(named[i].array.data);
    free(named);
    int code = finish_report(status, report);
    return code && taken ? EXIT_output : code;
}
