/* SPDX-License-Identifier: Apache-2.0
 *
 * task.c -- a program, a way to run it, and all bits that come out
 */
#include "tests/kernels/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
succeeded(const Task *task, EbmStatus status, EbmReport *report)
{
    if (status != EBM_OK)
        fprintf(stderr, "%s: %s\n%s", task->name, ebm_status_name(status),
                ebm_report_text(report));
    ebm_report_free(report);
    return status == EBM_OK;
}

static size_t
count_settings(const EbmSetting *settings)
{
    size_t n = 0;

    while (n < TASK_SETTINGS && settings[n].name)
        n++;
    return n;
}

static size_t
count_inputs(const Task *task)
{
    size_t n = 0;

    while (n < TASK_INPUTS && task->inputs[n].name)
        n++;
    return n;
}

EbmProgram *
task_program(const Task *task)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmReport *report = NULL;
    EbmProgram *program = NULL;

    o.file = task->file;
    o.energy = task->energy;
    o.sampler = task->sampler;
    o.statics = task->statics;
    o.n_statics = count_settings(task->statics);
    o.energy_settings = task->energy_settings;
    o.n_energy_settings = count_settings(task->energy_settings);
    o.sampler_settings = task->sampler_settings;
    o.n_sampler_settings = count_settings(task->sampler_settings);
    o.inputs = task->inputs;
    o.n_inputs = count_inputs(task);
    o.dtype = task->dtype;
    o.init = task->init;
    o.init_low = task->low;
    o.init_high = task->high;
    EbmStatus status = ebm_program_create(&o, &program, &report);
    return succeeded(task, status, report) ? program : NULL;
}

EbmKernel *
task_kernel(const Task *task, const EbmProgram *program, const Way *way)
{
    EbmKernelOptions o = EBM_KERNEL_OPTIONS_INIT;
    EbmReport *report = NULL;
    EbmKernel *kernel = NULL;

    o.backend = way->backend;
    o.lanes = way->lanes;
    o.level = way->level;
    o.cpu = way->cpu;
    o.cache = EBM_CACHE_off;
    EbmStatus status = ebm_kernel_create(program, &o, &kernel, &report);
    return succeeded(task, status, report) ? kernel : NULL;
}

static uint64_t
elements_of(const EbmValueInfo *info)
{
    uint64_t n = 1;

    for (uint32_t i = 0; i < info->rank; i++)
        n *= info->shape[i];
    return n;
}

/* [a, ...info] of memory, or [a, b, ...info]. */
static EbmArray
array_over(const EbmValueInfo *info, uint64_t a, uint64_t b, void *memory)
{
    uint64_t shape[EBM_MAX_RANK + 2] = {a, b};
    uint32_t lead = b ? 2 : 1;

    for (uint32_t i = 0; i < info->rank; i++)
        shape[lead + i] = info->shape[i];
    return ebm_array(info->type, lead + info->rank, shape, memory);
}

static EbmRun *
make_run(const Task *task, const EbmKernel *kernel, const Way *way)
{
    EbmRunOptions o = EBM_RUN_OPTIONS_INIT;
    EbmReport *report = NULL;
    EbmRun *run = NULL;

    o.chains = way->chains;
    o.steps = task->steps ? task->steps : TASK_STEPS;
    o.warmup = TASK_WARMUP;
    o.thin = TASK_THIN;
    o.seed = 12345;
    o.threads = way->threads;
    if (!succeeded(task, ebm_run_create(kernel, &o, &run, &report), report))
        return NULL;
    for (size_t i = 0; i < count_inputs(task); i++) {
        EbmStatus status =
            ebm_run_set_array(run, task->inputs[i].name, &task->inputs[i].array, &report);
        if (!succeeded(task, status, report)) {
            ebm_run_free(run);
            return NULL;
        }
    }
    return run;
}

/* Every state of the chains, [chains][...] each in a block of its own. */
static bool
get_states(const Task *task, const EbmKernel *kernel, EbmRun *run, uint64_t chains,
           EbmArray *ret)
{
    for (size_t i = 0; i < ebm_kernel_state_count(kernel); i++) {
        EbmValueInfo info;
        EbmReport *report = NULL;
        ebm_kernel_state(kernel, i, &info);
        void *memory = calloc(chains * elements_of(&info) + 1, ebm_type_size(info.type));
        ret[i] = array_over(&info, chains, 0, memory);
        if (!succeeded(task, ebm_run_get_state(run, i, &ret[i], &report), report))
            return false;
    }
    return true;
}

static void
free_states(EbmArray *states, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(states[i].data);
    free(states);
}

/* A new run that stands where `run` does; frees that one. */
static EbmRun *
hand_over(const Task *task, const EbmKernel *kernel, const Way *way, EbmRun *run)
{
    size_t n = ebm_kernel_state_count(kernel);
    EbmArray *states = calloc(n, sizeof *states);
    EbmRun *next = NULL;
    EbmReport *report = NULL;

    if (get_states(task, kernel, run, way->chains, states))
        next = make_run(task, kernel, way);
    if (next) {
        EbmStatus status = ebm_run_resume(next, ebm_run_step(run), states, n, &report);
        if (!succeeded(task, status, report)) {
            ebm_run_free(next);
            next = NULL;
        }
    }
    free_states(states, n);
    ebm_run_free(run);
    return next;
}

/* Moves `run` to the step `last`; what it keeps lands in `out`. */
static bool
move_on(const Task *task, const EbmProgram *program, const Way *way, EbmRun *run, Outcome *out,
        uint64_t last)
{
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    uint64_t kept = (task->steps ? task->steps : TASK_STEPS) / TASK_THIN;
    size_t n_reports = ebm_program_count(program, EBM_LIST_reports);
    EbmValueInfo x;
    EbmReport *report = NULL;

    ebm_program_value(program, EBM_LIST_x, 0, &x);
    o.last_step = last;
    if (out->draws)
        o.draws = array_over(&x, way->chains, kept, out->draws);
    if (out->reports)
        o.reports = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){kept, n_reports}, out->reports);
    return succeeded(task, ebm_run_sample(run, &o, &report), report);
}

/* The states of a chain side by side. */
static bool
keep_states(const Task *task, const EbmKernel *kernel, EbmRun *run, Outcome *out)
{
    size_t n = ebm_kernel_state_count(kernel);
    EbmArray *states = calloc(n, sizeof *states);
    bool ok = get_states(task, kernel, run, out->chains, states);
    uint64_t *bytes = calloc(n, sizeof *bytes), offset = 0;

    for (size_t i = 0; i < n; i++) {
        EbmValueInfo info;
        ebm_kernel_state(kernel, i, &info);
        bytes[i] = elements_of(&info) * ebm_type_size(info.type);
        out->state_bytes += bytes[i];
    }
    out->states = calloc(out->chains, out->state_bytes + 1);
    for (size_t i = 0; i < n && ok; offset += bytes[i++])
        for (uint64_t c = 0; c < out->chains; c++)
            memcpy(out->states + c * out->state_bytes + offset,
                   (unsigned char *)states[i].data + c * bytes[i], bytes[i]);
    free(bytes);
    free_states(states, n);
    return ok;
}

/* Energy and gradient at the points where the chains stand. NaNs are made alike: which one an
 * operation gives is not promised. */
static bool
keep_values(const Task *task, const EbmProgram *program, EbmRun *run, Outcome *out)
{
    EbmValueInfo x;
    EbmReport *report = NULL;

    ebm_program_value(program, EBM_LIST_x, 0, &x);
    uint64_t n = elements_of(&x), bytes = n * ebm_type_size(x.type);
    unsigned char *point = calloc(out->chains, bytes + 1),
                  *slope = calloc(out->chains, bytes + 1);
    double *energy = calloc(out->chains, sizeof *energy);
    EbmArray at = array_over(&x, out->chains, 0, point);
    EbmArray value = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){out->chains}, energy);
    EbmArray grad = array_over(&x, out->chains, 0, slope);

    for (uint64_t c = 0; c < out->chains; c++)
        memcpy(point + c * bytes, out->states + c * out->state_bytes, bytes);
    bool ok = succeeded(task, ebm_run_evaluate(run, &at, &value, &grad, &report), report);
    out->value_bytes = bytes + sizeof *energy;
    out->values = calloc(out->chains, out->value_bytes);
    for (uint64_t i = 0; i < out->chains * n; i++)
        if (x.type == EBM_TYPE_f32 && ((float *)slope)[i] != ((float *)slope)[i])
            ((float *)slope)[i] = __builtin_nanf("");
        else if (x.type == EBM_TYPE_f64 && ((double *)slope)[i] != ((double *)slope)[i])
            ((double *)slope)[i] = __builtin_nan("");
    for (uint64_t c = 0; c < out->chains; c++) {
        double e = energy[c] != energy[c] ? __builtin_nan("") : energy[c];
        memcpy(out->values + c * out->value_bytes, &e, sizeof e);
        memcpy(out->values + c * out->value_bytes + sizeof e, slope + c * bytes, bytes);
    }
    free(point);
    free(slope);
    free(energy);
    return ok;
}

static Outcome *
make_outcome(const Task *task, const EbmProgram *program, const Way *way)
{
    Outcome *out = calloc(1, sizeof *out);
    uint64_t kept = (task->steps ? task->steps : TASK_STEPS) / TASK_THIN;
    size_t n_reports = ebm_program_count(program, EBM_LIST_reports);
    EbmValueInfo x;

    ebm_program_value(program, EBM_LIST_x, 0, &x);
    out->chains = way->chains;
    out->draw_bytes = kept * elements_of(&x) * ebm_type_size(x.type);
    if (!way->resume) /* which does not carry them over */
        out->rejected = calloc(way->chains, sizeof *out->rejected);
    if (way->with_draws)
        out->draws = calloc(way->chains, out->draw_bytes + 1);
    if (way->with_reports && n_reports > 0) {
        out->report_bytes = kept * n_reports * sizeof(double);
        out->reports = calloc(1, out->report_bytes);
    }
    return out;
}

Outcome *
task_run(const Task *task, const EbmProgram *program, const EbmKernel *kernel, const Way *way)
{
    Outcome *out = make_outcome(task, program, way);
    EbmRun *run = make_run(task, kernel, way);
    EbmRejected rejected = EBM_REJECTED_INIT;
    bool ok = run != NULL;

    if (ok && way->cut > 0)
        ok = move_on(task, program, way, run, out, way->cut);
    if (ok && way->resume)
        ok = (run = hand_over(task, kernel, way, run)) != NULL;
    ok = ok && move_on(task, program, way, run, out, UINT64_MAX) &&
         keep_states(task, kernel, run, out) && keep_values(task, program, run, out);
    if (ok)
        ebm_run_rejected(run, &rejected, out->rejected);
    ebm_run_free(run);
    if (ok)
        return out;
    outcome_free(out);
    return NULL;
}

void
outcome_free(Outcome *outcome)
{
    if (!outcome)
        return;
    free(outcome->draws);
    free(outcome->states);
    free(outcome->values);
    free(outcome->reports);
    free(outcome->rejected);
    free(outcome);
}

/* Of `bytes` for each chain. */
static bool
same_bytes(const char *name, const char *way, const char *what, const unsigned char *want,
           const unsigned char *have, uint64_t chains, uint64_t bytes)
{
    for (uint64_t i = 0; want && have && i < chains * bytes; i++) {
        if (want[i] != have[i]) {
            fprintf(stderr, "%s: %s: %s differ first in chain %llu, byte %llu of %llu\n", name,
                    way, what, (unsigned long long)(i / bytes), (unsigned long long)(i % bytes),
                    (unsigned long long)bytes);
            return false;
        }
    }
    return true;
}

bool
outcome_same(const char *name, const char *way, const Outcome *want, const Outcome *have)
{
    if (!want || !have)
        return false;
    uint64_t n = want->chains < have->chains ? want->chains : have->chains;
    bool same = same_bytes(name, way, "draws", want->draws, have->draws, n, want->draw_bytes);
    same &= same_bytes(name, way, "states", want->states, have->states, n, want->state_bytes);
    same &= same_bytes(name, way, "values", want->values, have->values, n, want->value_bytes);
    same &=
        same_bytes(name, way, "counts of rejected steps", (const unsigned char *)want->rejected,
                   (const unsigned char *)have->rejected, n, sizeof *want->rejected);
    if (want->chains == have->chains)
        same &= same_bytes(name, way, "reports", (const unsigned char *)want->reports,
                           (const unsigned char *)have->reports, 1, want->report_bytes);
    return same;
}
