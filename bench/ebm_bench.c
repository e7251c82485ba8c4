/* SPDX-License-Identifier: Apache-2.0
 *
 * ebm_bench.c -- how fast a kernel moves chains, in one line of JSON; a client of ebm.h alone.
 *
 *     ebm_bench MODEL SAMPLER [chains=N] [threads=N] [seconds=S] [NAME:FILE]... [NAME=TEXT]...
 *
 * NAME:FILE gives data, NAME=TEXT a hyperparameter of the sampler.  No draws are kept.  As for
 * the limits, the clock of one thread is CPU time; of several, wall time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ebm/ebm.h"

enum { MAX_GIVEN = 16 };

typedef struct Bench {
    EbmProgramOptions program;
    EbmRunOptions run;
    double seconds;
    EbmSetting settings[MAX_GIVEN];
    EbmNamed inputs[MAX_GIVEN];
    EbmFile *files[MAX_GIVEN];
    EbmReport *report;
    EbmProgram *compiled;
    EbmKernel *kernel;
    EbmRun *chains;
} Bench;

static double
now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static EbmStatus
read_data(Bench *b, char *name, char *path)
{
    size_t i = b->program.n_inputs;
    EbmStatus status = ebm_file_read(path, &b->files[i], &b->report);
    if (status == EBM_OK) {
        ebm_file_get(b->files[i], 0, &b->inputs[i]);
        b->inputs[i].name = name;
        b->program.n_inputs++;
    }
    return status;
}

/* One argument after the sampler's name; it is cut in two where its sign stands. */
static EbmStatus
read_argument(Bench *b, char *text)
{
    size_t n = strcspn(text, ":=");
    if (!text[n] || b->program.n_inputs == MAX_GIVEN ||
        b->program.n_sampler_settings == MAX_GIVEN)
        return EBM_ARGUMENT_ERROR;
    char sign = text[n], *value = text + n + 1;
    text[n] = 0;
    if (sign == ':')
        return read_data(b, text, value);
    if (!strcmp(text, "chains"))
        b->run.chains = strtoull(value, NULL, 10);
    else if (!strcmp(text, "threads"))
        b->run.threads = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "seconds"))
        b->seconds = atof(value);
    else
        b->settings[b->program.n_sampler_settings++] = (EbmSetting){text, value};
    return EBM_OK;
}

/* A run without an end that keeps nothing. */
static EbmStatus
prepare(Bench *b)
{
    EbmKernelOptions options = EBM_KERNEL_OPTIONS_INIT;
    EbmStatus status = ebm_program_create(&b->program, &b->compiled, &b->report);

    options.chains = b->run.chains;
    if (status == EBM_OK)
        status = ebm_kernel_create(b->compiled, &options, &b->kernel, &b->report);
    if (status == EBM_OK)
        status = ebm_run_create(b->kernel, &b->run, &b->chains, &b->report);
    for (size_t i = 0; status == EBM_OK && i < b->program.n_inputs; i++)
        status =
            ebm_run_set_array(b->chains, b->inputs[i].name, &b->inputs[i].array, &b->report);
    return status;
}

/* Takes `steps` steps and says how long they took. */
static EbmStatus
take_steps(Bench *b, uint64_t steps, double *ret_cpu, double *ret_wall)
{
    EbmSampleOptions options = EBM_SAMPLE_OPTIONS_INIT;
    options.last_step = ebm_run_step(b->chains) + steps;
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    EbmStatus status = ebm_run_sample(b->chains, &options, &b->report);
    *ret_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    *ret_wall = now(CLOCK_MONOTONIC) - wall;
    return status;
}

/* Mean square of what the chains hold. */
static EbmStatus
mean_square(Bench *b, double *ret)
{
    EbmValueInfo x;
    ebm_program_value(b->compiled, EBM_LIST_x, 0, &x);
    uint64_t shape[EBM_MAX_RANK] = {b->run.chains}, count = b->run.chains;
    for (uint32_t i = 0; i < x.rank && i + 1 < EBM_MAX_RANK; i++)
        shape[i + 1] = x.shape[i], count *= x.shape[i];
    float *memory = malloc(count * sizeof *memory);
    if (!memory)
        return EBM_MEMORY_ERROR;
    EbmArray state = ebm_array(EBM_TYPE_f32, x.rank + 1, shape, memory);
    EbmStatus status = ebm_run_get_state(b->chains, 0, &state, &b->report);
    double sum = 0;
    for (uint64_t i = 0; status == EBM_OK && i < count; i++)
        sum += (double)memory[i] * (double)memory[i];
    free(memory);
    *ret = sum / (double)count;
    return status;
}

static EbmStatus
measure(Bench *b)
{
    uint64_t steps = 1;
    double cpu = 0, wall = 0, square = 0;
    EbmStatus status = take_steps(b, 1, &cpu, &wall);
    for (wall = 0; status == EBM_OK && wall < b->seconds / 10; steps *= 2)
        status = take_steps(b, steps, &cpu, &wall);
    steps = 1 + (uint64_t)((double)steps / 2 * b->seconds / wall);
    if (status == EBM_OK)
        status = take_steps(b, steps, &cpu, &wall);
    if (status == EBM_OK)
        status = mean_square(b, &square);
    if (status != EBM_OK)
        return status;
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;
    EbmRejected rejected = EBM_REJECTED_INIT;
    struct rusage usage;
    ebm_kernel_info(b->kernel, &info);
    ebm_run_rejected(b->chains, &rejected, NULL);
    getrusage(RUSAGE_SELF, &usage);
    double time = ebm_run_threads(b->chains) == 1 ? cpu : wall;
    printf("{\"unit\": \"chain-steps/s\", \"rate\": %.6g, \"cpu_s\": %.6g, \"wall_s\": %.6g, "
           "\"check\": %.8g, \"rejected\": %llu, \"compile_s\": %.6g, \"from_cache\": %s, "
           "\"rss_bytes\": %ld}\n",
           (double)b->run.chains * (double)steps / time, cpu, wall, square,
           (unsigned long long)rejected.total, info.seconds, info.from_cache ? "true" : "false",
           usage.ru_maxrss * 1024);
    return EBM_OK;
}

static void
clear(Bench *b)
{
    ebm_run_free(b->chains);
    ebm_kernel_free(b->kernel);
    ebm_program_free(b->compiled);
    ebm_report_free(b->report);
    for (size_t i = 0; i < b->program.n_inputs; i++)
        ebm_file_free(b->files[i]);
}

int
main(int argc, char **argv)
{
    Bench b = {
        .program = EBM_PROGRAM_OPTIONS_INIT, .run = EBM_RUN_OPTIONS_INIT, .seconds = 0.4};
    if (argc < 3) {
        fputs("usage: ebm_bench MODEL SAMPLER [chains=N] [threads=N] [seconds=S] "
              "[NAME:FILE]... [NAME=TEXT]...\n",
              stderr);
        return 2;
    }
    b.program.file = argv[1], b.program.sampler = argv[2];
    b.program.inputs = b.inputs, b.program.sampler_settings = b.settings;
    b.run.threads = 1, b.run.steps = b.run.thin = INT32_MAX;
    EbmStatus status = EBM_OK;
    for (int i = 3; i < argc && status == EBM_OK; i++)
        status = read_argument(&b, argv[i]);
    if (status == EBM_OK)
        status = prepare(&b);
    if (status == EBM_OK)
        status = measure(&b);
    if (status != EBM_OK)
        fprintf(stderr, "ebm_bench: %s\n%s", ebm_status_name(status),
                ebm_report_text(b.report));
    clear(&b);
    return status != EBM_OK;
}
