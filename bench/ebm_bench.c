/* SPDX-License-Identifier: Apache-2.0
 *
 * ebm_bench.c -- how fast a kernel moves chains, in one line of JSON; a client of ebm.h alone.
 *
 *     ebm_bench MODEL SAMPLER [chains=N] [threads=N] [seconds=S] [NAME:FILE]... [NAME=TEXT]...
 *
 * NAME:FILE gives data, NAME=TEXT a hyperparameter of the sampler.  No draws are kept.
 */
#include "bench.h"

typedef struct Bench {
    EbmProgramOptions program;
    EbmRunOptions run;
    Timing timing;
    Settings settings;
    EbmNamed inputs[MAX_GIVEN];
    EbmFile *files[MAX_GIVEN];
    EbmReport *report;
    EbmProgram *compiled;
    EbmKernel *kernel;
    EbmRun *chains;
} Bench;

static EbmStatus
read_data(Bench *b, char *name, char *path)
{
    size_t i = b->program.n_inputs;

    if (i == MAX_GIVEN)
        return EBM_ARGUMENT_ERROR;
    EbmStatus status = ebm_file_read(path, &b->files[i], &b->report);
    if (status == EBM_OK) {
        ebm_file_get(b->files[i], 0, &b->inputs[i]);
        b->inputs[i].name = name;
        b->program.n_inputs++;
    }
    return status;
}

/* One argument after the sampler's name. */
static EbmStatus
read_argument(Bench *b, char *text)
{
    char *value, sign = cut_argument(text, ":=", &value);

    if (!sign)
        return EBM_ARGUMENT_ERROR;
    if (sign == ':')
        return read_data(b, text, value);
    if (!strcmp(text, "chains"))
        b->run.chains = strtoull(value, NULL, 10);
    else if (!strcmp(text, "threads"))
        b->run.threads = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "seconds"))
        b->timing.seconds = atof(value);
    else
        return add_setting(&b->settings, text, value);
    return EBM_OK;
}

/* A run without an end that keeps nothing. */
static EbmStatus
prepare(Bench *b)
{
    EbmKernelOptions options = EBM_KERNEL_OPTIONS_INIT;

    options.chains = b->run.chains;
    b->program.n_sampler_settings = b->settings.n;
    EbmStatus status = ebm_program_create(&b->program, &b->compiled, &b->report);
    if (status == EBM_OK)
        status = ebm_kernel_create(b->compiled, &options, &b->kernel, &b->report);
    if (status == EBM_OK)
        status = ebm_run_create(b->kernel, &b->run, &b->chains, &b->report);
    for (size_t i = 0; status == EBM_OK && i < b->program.n_inputs; i++)
        status =
            ebm_run_set_array(b->chains, b->inputs[i].name, &b->inputs[i].array, &b->report);
    return status;
}

static EbmStatus
take_steps(void *user, uint64_t steps)
{
    Bench *b = user;
    EbmSampleOptions options = EBM_SAMPLE_OPTIONS_INIT;

    options.last_step = ebm_run_step(b->chains) + steps;
    return ebm_run_sample(b->chains, &options, &b->report);
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
    EbmRejected rejected = EBM_REJECTED_INIT;
    double square = 0;
    EbmStatus status = time_long(&b->timing, take_steps, b);

    if (status == EBM_OK)
        status = mean_square(b, &square);
    if (status != EBM_OK)
        return status;
    ebm_run_rejected(b->chains, &rejected, NULL);
    print_timing(&b->timing, "chain-steps/s", (double)b->run.chains, ebm_run_threads(b->chains),
                 square, rejected.total, b->kernel);
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
    Bench b = {.program = EBM_PROGRAM_OPTIONS_INIT,
               .run = EBM_RUN_OPTIONS_INIT,
               .timing.seconds = 0.4};
    EbmStatus status = EBM_OK;

    if (argc < 3) {
        fputs("usage: ebm_bench MODEL SAMPLER [chains=N] [threads=N] [seconds=S] "
              "[NAME:FILE]... [NAME=TEXT]...\n",
              stderr);
        return 2;
    }
    b.program.file = argv[1], b.program.sampler = argv[2];
    b.program.inputs = b.inputs, b.program.sampler_settings = b.settings.given;
    b.run.threads = 1, b.run.steps = b.run.thin = INT32_MAX;
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
