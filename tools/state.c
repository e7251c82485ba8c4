/* SPDX-License-Identifier: Apache-2.0
 *
 * state.c -- what a run that was stopped needs to go on
 */
#include "tools/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static EbmArray
state_array(const Session *s, size_t index, uint64_t chains)
{
    EbmValueInfo v;
    uint64_t shape[EBM_MAX_RANK] = {chains}, bytes;

    ebm_kernel_state(s->kernel, index, &v);
    bytes = chains * ebm_type_size(v.type);
    for (uint32_t k = 0; k < v.rank; k++) {
        shape[1 + k] = v.shape[k];
        bytes *= v.shape[k];
    }
    return ebm_array(v.type, v.rank + 1, shape, malloc(bytes + !bytes));
}

static EbmStatus
read_states(const Session *s, uint64_t chains, EbmNamed *named, size_t n, EbmReport **report)
{
    EbmStatus status = EBM_OK;

    for (size_t i = 0; i < n && status == EBM_OK; i++) {
        EbmValueInfo v;
        ebm_kernel_state(s->kernel, i, &v);
        named[i] = (EbmNamed){v.name, state_array(s, i, chains)};
        status = named[i].array.data ? ebm_run_get_state(s->run, i, &named[i].array, report)
                                     : EBM_MEMORY_ERROR;
    }
    return status;
}

/* A text as an array of its bytes. */
static EbmArray
text_array(const EbmText *text)
{
    return ebm_array(EBM_TYPE_u8, 1, (uint64_t[]){ebm_text_size(text)},
                     (void *)(uintptr_t)ebm_text_data(text));
}

int
state_save(const Session *s, const EbmRunOptions *plan, const char *path)
{
    size_t n = ebm_kernel_state_count(s->kernel);
    EbmNamed *named = calloc(n + 2, sizeof *named);
    EbmText *recipe = NULL;
    int64_t mark[3] = {(int64_t)ebm_run_step(s->run), (int64_t)plan->seed,
                       (int64_t)plan->chains};
    EbmReport *report = NULL;
    EbmStatus status =
        named ? read_states(s, plan->chains, named, n, &report) : EBM_MEMORY_ERROR;

    if (status == EBM_OK)
        status = ebm_run_recipe(s->run, &recipe, &report);
    if (status == EBM_OK) {
        named[n] =
            (EbmNamed){"step_seed_chains", ebm_array(EBM_TYPE_i64, 1, (uint64_t[]){3}, mark)};
        named[n + 1] = (EbmNamed){"recipe", text_array(recipe)};
        status = ebm_file_write(path, named, n + 2, &report);
    }
    ebm_text_free(recipe);
    for (size_t i = 0; named && i < n; i++)
        free(named[i].array.data);
    free(named);
    return finish_report(status, report);
}

static bool
find_array(const EbmFile *file, const char *name, EbmArray *ret)
{
    for (size_t i = 0; i < ebm_file_count(file); i++) {
        EbmNamed named;
        ebm_file_get(file, i, &named);
        if (strcmp(named.name, name) == 0) {
            *ret = named.array;
            return true;
        }
    }
    return false;
}

static bool
is_of_plan(const EbmArray *mark, const EbmRunOptions *plan, const char *path)
{
    const int64_t *m = mark->data;

    if (mark->type != EBM_TYPE_i64 || mark->rank != 1 || mark->shape[0] != 3) {
        complain("'%s' is not the state of a run", path);
        return false;
    }
    if ((uint64_t)m[1] != plan->seed || (uint64_t)m[2] != plan->chains) {
        complain("'%s' is the state of a run with --seed %" PRId64 " --chains %" PRId64
                 ", not of this one",
                 path, m[1], m[2]);
        return false;
    }
    return true;
}

/* Every state of the kernel, by name. */
static int
find_states(const Session *s, const EbmFile *file, EbmArray *state, const char *path)
{
    for (size_t i = 0; i < ebm_kernel_state_count(s->kernel); i++) {
        EbmValueInfo v;
        ebm_kernel_state(s->kernel, i, &v);
        if (!find_array(file, v.name, &state[i])) {
            complain("'%s' has no '%s': it is the state of another sampler", path, v.name);
            return EXIT_data;
        }
    }
    return EXIT_done;
}

/* Is the state one of this program with these values? */
static int
check_recipe(const Session *s, const EbmArray *recipe, const char *path)
{
    size_t size = recipe->type == EBM_TYPE_u8 && recipe->rank == 1 ? recipe->shape[0] : 0;
    char *text = malloc(size + 1);
    EbmReport *report = NULL;

    if (!text)
        return EXIT_memory;
    if (size)
        memcpy(text, recipe->data, size);
    text[size] = '\0';
    EbmStatus status = ebm_run_check_recipe(s->run, path, text, &report);
    free(text);
    return finish_report(status, report);
}

static int
take_up(const Session *s, const EbmRunOptions *plan, const EbmFile *file, EbmArray *state,
        const char *path)
{
    EbmArray mark = no_array(), recipe = no_array();
    EbmReport *report = NULL;

    if (!find_array(file, "step_seed_chains", &mark) || !find_array(file, "recipe", &recipe)) {
        complain("'%s' is not the state of a run", path);
        return EXIT_data;
    }
    if (!is_of_plan(&mark, plan, path))
        return EXIT_data;
    int code = check_recipe(s, &recipe, path);
    code = code ? code : find_states(s, file, state, path);
    if (code)
        return code;
    EbmStatus status = ebm_run_resume(s->run, (uint64_t)((int64_t *)mark.data)[0], state,
                                      ebm_kernel_state_count(s->kernel), &report);
    return finish_report(status, report);
}

int
state_load(const Session *s, const EbmRunOptions *plan, const char *path)
{
    EbmArray *state = calloc(ebm_kernel_state_count(s->kernel) + 1, sizeof *state);
    EbmFile *file = NULL;
    EbmReport *report = NULL;
    EbmStatus status = state ? ebm_file_read(path, &file, &report) : EBM_MEMORY_ERROR;
    int code = finish_report(status, report);

    code = code ? code : take_up(s, plan, file, state, path);
    ebm_file_free(file);
    free(state);
    return code;
}
