/* SPDX-License-Identifier: Apache-2.0
 *
 * draw.c -- ebmc sample DATASET: data points that a data set draws
 *
 * A data set has no steps: what its chains start from are its data points.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/table.h"

/* The data points and their labels, [points, ...] each. */
typedef struct Drawn {
    EbmNamed *column;
    size_t n;
} Drawn;

static void
clear_drawn(Drawn *d)
{
    for (size_t i = 0; i < d->n; i++)
        free(d->column[i].array.data);
    free(d->column);
}

static EbmStatus
take_column(const Session *s, size_t i, uint64_t points, EbmNamed *ret, EbmReport **report)
{
    EbmValueInfo v;
    uint64_t shape[EBM_MAX_RANK] = {points}, bytes;

    ebm_kernel_state(s->kernel, i, &v);
    bytes = points * ebm_type_size(v.type);
    for (uint32_t k = 0; k < v.rank; k++) {
        shape[1 + k] = v.shape[k];
        bytes *= v.shape[k];
    }
    *ret = (EbmNamed){v.name, ebm_array(v.type, v.rank + 1, shape, malloc(bytes + !bytes))};
    return ret->array.data ? ebm_run_get_state(s->run, i, &ret->array, report)
                           : EBM_MEMORY_ERROR;
}

static int
draw(const Session *s, uint64_t points, Drawn *ret)
{
    size_t n = ebm_kernel_state_count(s->kernel);
    EbmReport *report = NULL;
    EbmStatus status = ebm_run_memory(s->run, 0, NULL, &report);

    *ret = (Drawn){.column = calloc(n + 1, sizeof *ret->column)};
    if (status == EBM_OK && !ret->column)
        status = EBM_MEMORY_ERROR;
    while (status == EBM_OK && ret->n < n) {
        size_t i = ret->n++;
        status = take_column(s, i, points, &ret->column[i], &report);
    }
    return finish_report(status, report);
}

/* ---- writing */

static uint64_t
count_of(const EbmArray *a)
{
    uint64_t n = 1;

    for (uint32_t k = 1; k < a->rank; k++)
        n *= a->shape[k];
    return n;
}

static bool
ends_with(const char *path, const char *end)
{
    size_t n = strlen(path), m = strlen(end);
    return n > m && strcmp(path + n - m, end) == 0;
}

static int
write_drawn(const char *path, const Drawn *d)
{
    bool several = ends_with(path, ".npz") || ends_with(path, ".safetensors");
    EbmReport *report = NULL;

    EbmNamed one = d->column[0];
    if (ends_with(path, ".csv") && d->n == 1) /* a point a line, however many axes it has */
        one.array =
            ebm_array(one.array.type, 2, (uint64_t[]){one.array.shape[0], count_of(&one.array)},
                      one.array.data);
    several = several || ends_with(path, ".csv");
    EbmStatus status = d->n > 1 && several ? ebm_file_write(path, d->column, d->n, &report)
                                           : ebm_file_write(path, &one, 1, &report);
    return finish_report(status, report) ? EXIT_output : EXIT_done;
}

/* ---- what was drawn */

static int
print_drawn(const Session *s, const Drawn *d, uint64_t seed, const char *path)
{
    EbmArray x = d->column[0].array;
    uint64_t shape[EBM_MAX_RANK] = {x.shape[0], 1};

    for (uint32_t k = 1; k < x.rank; k++)
        shape[k + 1] = x.shape[k];
    EbmArray draws = ebm_array(x.type, x.rank + 1, shape, x.data);
    int code = print_draws(stdout, d->column[0].name, &draws, 0);
    printf("%-20s %s, %" PRIu64 " points", "data set", ebm_program_dataset(s->program),
           x.shape[0]);
    for (size_t i = 1; i < d->n; i++)
        printf(", each with '%s'", d->column[i].name);
    printf("\n%-20s %" PRIu64 "\n", "seed", seed);
    if (path)
        printf("%-20s %s%s\n", "data", path,
               d->n > 1 && ends_with(path, ".npy") ? " (without labels: .npz holds them)" : "");
    return code;
}

int
draw_dataset(Session *s, const EbmRunOptions *plan, const char *path)
{
    Drawn d = {.n = 0};
    EbmReport *report = NULL;

    if (path) {
        EbmStatus status = ebm_file_check(path, &report);
        if (finish_report(status, report))
            return status == EBM_ARGUMENT_ERROR ? EXIT_usage : EXIT_output;
    }
    int code = session_run(s, plan);
    code = code ? code : draw(s, plan->chains, &d);
    code = code || !path ? code : write_drawn(path, &d);
    code = code || s->args->quiet ? code : print_drawn(s, &d, plan->seed, path);
    clear_drawn(&d);
    return code;
}
