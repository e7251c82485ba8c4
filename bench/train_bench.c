/* SPDX-License-Identifier: Apache-2.0
 *
 * train_bench.c -- how fast an energy is trained, in one line of JSON; a client of ebm.h alone.
 *
 *     train_bench MODEL LOSS [batch=N] [threads=N] [seconds=S] [static:NAME=N]...
 * [NAME=TEXT]...
 *
 * NAME=TEXT is a hyperparameter of the loss; the optimizer is Adam.  The data are 4096 normal
 * points.
 */
#include <math.h>

#include "bench.h"

enum { ROWS = 4096 };

typedef struct Bench {
    EbmProgramOptions program;
    EbmTrainingOptions plan;
    Timing timing;
    Settings settings, statics;
    float *points;
    EbmReport *report;
    EbmProgram *compiled;
    EbmKernel *kernel;
    EbmTraining *training;
    double loss;
} Bench;

/* One argument after the loss's name. */
static EbmStatus
read_argument(Bench *b, char *text)
{
    static const char is_static[] = "static:";
    bool fixed = !strncmp(text, is_static, sizeof is_static - 1);
    char *value;

    text += fixed ? sizeof is_static - 1 : 0;
    if (!cut_argument(text, "=", &value))
        return EBM_ARGUMENT_ERROR;
    if (fixed)
        return add_setting(&b->statics, text, value);
    if (!strcmp(text, "batch"))
        b->program.batch = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "threads"))
        b->plan.threads = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(text, "seconds"))
        b->timing.seconds = atof(value);
    else
        return add_setting(&b->settings, text, value);
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
    b->program.n_statics = b->statics.n;
    b->program.n_loss_settings = b->settings.n;
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

static EbmStatus
take_steps(void *user, uint64_t steps)
{
    Bench *b = user;
    EbmTrainOptions options = EBM_TRAIN_OPTIONS_INIT;

    options.last_step = ebm_training_step(b->training) + steps;
    options.progress = keep_loss, options.progress_user = b;
    return ebm_training_run(b->training, &options, &b->report);
}

static EbmStatus
measure(Bench *b)
{
    EbmStatus status = time_long(&b->timing, take_steps, b);

    if (status == EBM_OK)
        print_timing(&b->timing, "training-steps/s", 1, ebm_training_threads(b->training),
                     b->loss, ebm_training_skipped(b->training), b->kernel);
    return status;
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
               .timing.seconds = 0.4};
    EbmStatus status = EBM_OK;

    if (argc < 3) {
        fputs("usage: train_bench MODEL LOSS [batch=N] [threads=N] [seconds=S] "
              "[static:NAME=N]... [NAME=TEXT]...\n",
              stderr);
        return 2;
    }
    b.program.file = argv[1], b.program.loss = argv[2];
    b.program.statics = b.statics.given, b.program.loss_settings = b.settings.given;
    b.plan.threads = 1, b.plan.steps = INT32_MAX;
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
