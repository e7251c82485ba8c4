/* SPDX-License-Identifier: Apache-2.0
 *
 * train_bench.c -- how fast an energy is trained, in one line of JSON; a client of ebm.h alone.
 *
 *     train_bench MODEL LOSS [batch=N] [threads=N] [seconds=S] [static:NAME=N]... [NAME=TEXT]...
 *
 * NAME=TEXT is a hyperparameter of the loss; the optimizer is Adam.  The data are 4096 normal points.
 * The clock of one thread is CPU time; of several, wall time.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ebm/ebm.h"

enum { MAX_GIVEN = 16, ROWS = 4096 };

typedef struct Bench {
    EbmProgramOptions program;
    EbmTrainingOptions plan;
    double seconds;
    EbmSetting settings[MAX_GIVEN], statics[MAX_GIVEN];
    float *points;
    EbmReport *report;
    EbmProgram *compiled;
    EbmKernel *kernel;
    EbmTraining *training;
    double loss;
} Bench;

static double
now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* One argument after the loss's name; it is cut in two where its sign stands. */
static EbmStatus
read_argument(Bench *b, char *text)
{
    static const char is_static[] = "static:";
    bool fixed = !strncmp(text, is_static, sizeof is_static - 1);
    text += fixed ? sizeof is_static - 1 : 0;
    size_t n = strcspn(text, "=");
    if (!text[n] || b->program.n_statics == MAX_GIVEN ||
        b->program.n_loss_settings == MAX_GIVEN)
        return EBM_ARGUMENT_ERROR;
    char *value = text + n + 1;
    text[n] = 0;
    if (fixed)
        b->statics[b->program.n_statics++] = (EbmSetting){text, value};
    else if (!strcmp(text, "batch"))
        b->program.batch = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "threads"))
        b->plan.threads = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "seconds"))
        b->seconds = atof(value);
    else
        b->settings[b->program.n_loss_settings++] = (EbmSetting){text, value};
    return EBM_OK;
}

/* Uniform in (0, 1), by a linear congruential generator (Knuth's MMIX). */
static double
uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 11) + 0.5) * 0x1p-53;
}

static EbmStatus
set_points(Bench *b)
{
    EbmValueInfo x;
    ebm_program_value(b->compiled, EBM_LIST_columns, 0, &x);
    uint64_t shape[EBM_MAX_RANK] = {ROWS}, count = ROWS, state = 1;
    for (uint32_t i = 0; i < x.rank && i + 1 < EBM_MAX_RANK; i++)
        shape[i + 1] = x.shape[i], count *= x.shape[i];
    b->points = malloc(count * sizeof *b->points);
    if (!b->points)
        return EBM_MEMORY_ERROR;
    for (uint64_t i = 0; i < count; i++) {
        double radius = sqrt(-2 * log(uniform(&state)));
        b->points[i] = (float)(radius * cos(6.283185307179586 * uniform(&state)));
    }
    EbmArray points = ebm_array(EBM_TYPE_f32, x.rank + 1, shape, b->points);
    return ebm_training_set_data(b->training, NULL, &points, &b->report);
}

static EbmStatus
prepare(Bench *b)
{
    EbmStatus status = ebm_program_create(&b->program, &b->compiled, &b->report);
    if (status == EBM_OK)
        status = ebm_kernel_create(b->compiled, NULL, &b->kernel, &b->report);
    if (status == EBM_OK)
        status = ebm_training_create(b->kernel, &b->plan, &b->training, &b->report);
    return status == EBM_OK ? set_points(b) : status;
}

static int
keep_loss(void *user, const EbmTrainingStep *step)
{
    ((Bench *)user)->loss = step->loss;
    return 0;
}

/* Takes `steps` steps and says how long they took. */
static EbmStatus
take_steps(Bench *b, uint64_t steps, double *ret_cpu, double *ret_wall)
{
    EbmTrainOptions options = EBM_TRAIN_OPTIONS_INIT;
    options.last_step = ebm_training_step(b->training) + steps;
    options.progress = keep_loss, options.progress_user = b;
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    EbmStatus status = ebm_training_run(b->training, &options, &b->report);
    *ret_cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    *ret_wall = now(CLOCK_MONOTONIC) - wall;
    return status;
}

static EbmStatus
measure(Bench *b)
{
    uint64_t steps = 1;
    double cpu = 0, wall = 0;
    EbmStatus status = take_steps(b, 1, &cpu, &wall);
    for (wall = 0; status == EBM_OK && wall < b->seconds / 10; steps *= 2)
        status = take_steps(b, steps, &cpu, &wall);
    steps = 1 + (uint64_t)((double)steps / 2 * b->seconds / wall);
    if (status == EBM_OK)
        status = take_steps(b, steps, &cpu, &wall);
    if (status != EBM_OK)
        return status;
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;
    struct rusage usage;
    ebm_kernel_info(b->kernel, &info);
    getrusage(RUSAGE_SELF, &usage);
    double time = ebm_training_threads(b->training) == 1 ? cpu : wall;
    printf("{\"unit\": \"training-steps/s\", \"rate\": %.6g, \"cpu_s\": %.6g, \"wall_s\": %.6g, "
           "\"check\": %.8g, \"rejected\": %llu, \"compile_s\": %.6g, \"from_cache\": %s, "
           "\"rss_bytes\": %ld}\n",
           (double)steps / time, cpu, wall, b->loss,
           (unsigned long long)ebm_training_skipped(b->training), info.seconds,
           info.from_cache ? "true" : "false", usage.ru_maxrss * 1024);
    return EBM_OK;
}

static void
clear(Bench *b)
{
    ebm_training_free(b->training);
    ebm_kernel_free(b->kernel);
    ebm_program_free(b->compiled);
    ebm_report_free(b->report);
    free(b->points);
}

int
main(int argc, char **argv)
{
    Bench b = {.program = EBM_PROGRAM_OPTIONS_INIT,
               .plan = EBM_TRAINING_OPTIONS_INIT,
               .seconds = 0.4};
    if (argc < 3) {
        fputs("usage: train_bench MODEL LOSS [batch=N] [threads=N] [seconds=S] "
              "[static:NAME=N]... [NAME=TEXT]...\n",
              stderr);
        return 2;
    }
    b.program.file = argv[1], b.program.loss = argv[2];
    b.program.statics = b.statics, b.program.loss_settings = b.settings;
    b.plan.threads = 1, b.plan.steps = INT32_MAX;
    EbmStatus status = EBM_OK;
    for (int i = 3; i < argc && status == EBM_OK; i++)
        status = read_argument(&b, argv[i]);
    if (status == EBM_OK)
        status = prepare(&b);
    if (status == EBM_OK)
        status = measure(&b);
    if (status != EBM_OK)
        fprintf(stderr, "train_bench: %s\n%s", ebm_status_name(status),
                ebm_report_text(b.report));
    clear(&b);
    return status != EBM_OK;
}
