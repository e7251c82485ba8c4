/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h -- a training engine whose phases are C functions.
 *
 * Fits y = w . (x, 1) to points x by gradient descent with momentum.  The buffer "replay" has
 * slots of two numbers, which each data point raises by one.
 */
#ifndef EBM_TESTS_RUNTIME_ENGINE_H
#define EBM_TESTS_RUNTIME_ENGINE_H

#include <math.h>

#include "check.h"
#include "runtime/training.h"

enum { FIT_BATCH = 21, FIT_ROWS = 37, FIT_SLOTS = 50 };

/* The hyperparameter that makes a step fail in some way. */
#define FIT_STEEP 1.0 /* the gradient is not finite */
#define FIT_FAR 2.0   /* the parameter's next value */
#define FIT_WORN 3.0  /* a slot's */

static const float fit_first[3] = {0.5f, -0.25f, 0.125f};

typedef struct Fit {
    RtTraining *training;
    float x[FIT_ROWS][2];
    double y[FIT_ROWS];
} Fit;

static inline float
fit_residual(const float w[3], const float x[2], float y)
{
    return fmaf(w[0], x[0], fmaf(w[1], x[1], w[2])) - y;
}

/* Derivative of the squared residual by w[k], over the batch size. */
static inline float
fit_slope(float residual, const float x[2], unsigned k)
{
    return residual * (k < 2 ? x[k] : 1.0f) * (2.0f / FIT_BATCH);
}

static inline void
fit_move(float *w, float *m, float g)
{
    *m = 0.5f * *m + g;
    *w = *w - 0.01f * *m;
}

/* In the order of the manifest's exchange. */
enum {
    FIT_w,
    FIT_m,
    FIT_replay_next,
    FIT_x,
    FIT_y,
    FIT_replay,
    FIT_loss,
    FIT_residual,
    FIT_norm,
    FIT_norm_w,
    FIT_handed,
    FIT_EXCHANGES
};

static inline void
fit_memory(const EbmLaunch *l)
{
    for (unsigned k = 0; k < 3; k++)
        ((float *)l->exchange[FIT_m])[k] = 0.5f * ((const float *)l->input[0])[0];
}

static inline void
fit_slots(const EbmLaunch *l)
{
    for (uint64_t c = l->first_block * 16; c < l->last_block * 16; c++)
        for (unsigned e = 0; e < 2; e++)
            ((float *)l->exchange[FIT_replay_next])[c / 16 * 32 + e * 16 + c % 16] = (float)c;
}

static inline void
fit_point(const EbmLaunch *l, uint64_t c)
{
    const float *records = (const float *)l->exchange[FIT_x] + c / 16 * 32 + c % 16;
    float x[2] = {records[0], records[16]}, y = ((const float *)l->exchange[FIT_y])[c];
    float d = fit_residual(l->input[0], x, y);

    ((double *)l->exchange[FIT_loss])[c] = (double)d * (double)d;
    ((double *)l->exchange[FIT_residual])[c] = d;
    for (unsigned k = 0; k < 3; k++)
        ((float *)l->exchange[FIT_handed])[c * 3 + k] = fit_slope(d, x, k);
    for (unsigned e = 0; e < 2; e++) {
        uint64_t at = c / 16 * 32 + e * 16 + c % 16;
        float more = l->hyper[0] == FIT_WORN ? INFINITY : 1.0f;
        ((float *)l->exchange[FIT_replay_next])[at] =
            ((const float *)l->exchange[FIT_replay])[at] + more;
    }
}

static inline void
fit_points(const EbmLaunch *l)
{
    for (uint64_t c = l->first_block * 16; c < l->last_block * 16; c++)
        fit_point(l, c);
}

static inline void
fit_whole(const EbmLaunch *l)
{
    const float *row = l->input[2];
    double norm = 0.0;

    for (unsigned k = 0; k < 3; k++) {
        float g = 0.0f, *w = (float *)l->exchange[FIT_w] + k,
              *m = (float *)l->exchange[FIT_m] + k;
        for (unsigned i = 0; i < FIT_BATCH; i++)
            g += row[i * 3 + k];
        *w = ((const float *)l->input[0])[k];
        *m = ((const float *)l->input[1])[k];
        fit_move(w, m, g);
        norm += (double)g * (double)g;
        if (l->hyper[0] == FIT_FAR)
            *w = INFINITY;
    }
    *(double *)l->exchange[FIT_norm_w] = l->hyper[0] == FIT_STEEP ? NAN : sqrt(norm);
    *(double *)l->exchange[FIT_norm] = *(double *)l->exchange[FIT_norm_w];
}

static inline bool
fit_phase(const void *user, uint32_t phase, RtPart part, const EbmLaunch *launch,
          RtError *error)
{
    static void (*const run[])(const EbmLaunch *) = {fit_memory, fit_slots, fit_points,
                                                     fit_whole};

    (void)user, (void)error;
    if (part == RT_PART_run)
        run[phase](launch);
    return true;
}

static EbmPhase fit_phases[] = {
    {EBM_GROUP_memory, EBM_PHASE_whole, 1, 0, UINT64_MAX, 0},
    {EBM_GROUP_slots, EBM_PHASE_points, 1, 0, UINT64_MAX, 0},
    {EBM_GROUP_step, EBM_PHASE_points, 1, 0, UINT64_MAX, 0},
    {EBM_GROUP_step, EBM_PHASE_whole, 1, 0, UINT64_MAX, 0},
};

static EbmExchange fit_exchange[FIT_EXCHANGES] = {
    [FIT_w] = {{"w", EBM_DT_f32, 1, {3}, 3, 0}, EBM_LAYOUT_whole, EBM_ROLE_param},
    [FIT_m] = {{"m.w", EBM_DT_f32, 1, {3}, 3, 0}, EBM_LAYOUT_whole, EBM_ROLE_memory},
    [FIT_replay_next] = {{"replay", EBM_DT_f32, 1, {2}, 2, 0},
                         EBM_LAYOUT_records,
                         EBM_ROLE_slot},
    [FIT_x] = {{"x", EBM_DT_f32, 1, {2}, 2, 0}, EBM_LAYOUT_records, EBM_ROLE_point},
    [FIT_y] = {{"y", EBM_DT_f32, 0, {0}, 1, 0}, EBM_LAYOUT_records, EBM_ROLE_point},
    [FIT_replay] = {{"replay", EBM_DT_f32, 1, {2}, 2, 0}, EBM_LAYOUT_records, EBM_ROLE_point},
    [FIT_loss] = {{"loss", EBM_DT_f64, 0, {0}, 1, 0}, EBM_LAYOUT_records, EBM_ROLE_value},
    [FIT_residual] = {{"residual", EBM_DT_f64, 0, {0}, 1, 0},
                      EBM_LAYOUT_records,
                      EBM_ROLE_report},
    [FIT_norm] = {{"gradient_norm", EBM_DT_f64, 0, {0}, 1, 0},
                  EBM_LAYOUT_whole,
                  EBM_ROLE_report},
    [FIT_norm_w] = {{"gradient_norm.w", EBM_DT_f64, 0, {0}, 1, 0},
                    EBM_LAYOUT_whole,
                    EBM_ROLE_value},
    [FIT_handed] = {{"handed.0", EBM_DT_f32, 1, {3}, 3, 0}, EBM_LAYOUT_rows, EBM_ROLE_handed},
};

static EbmSlot fit_inputs[] = {
    {"w", EBM_DT_f32, 1, {3}, 3, 0},
    {"m.w", EBM_DT_f32, 1, {3}, 3, 0},
    {"handed.0", EBM_DT_f32, 2, {FIT_BATCH, 3}, FIT_BATCH * 3, 0},
};

static EbmHyper fit_hyper[] = {{"fault", EBM_HYPER_real, 0}};

static const EbmManifest fit_manifest = {
    .n_hyper = 1,
    .hyper = fit_hyper,
    .n_inputs = 3,
    .input = fit_inputs,
    .batch = FIT_BATCH,
    .n_phases = 4,
    .phase = fit_phases,
    .n_exchange = FIT_EXCHANGES,
    .exchange = fit_exchange,
};

/* Without slots and data; fit_clear ends it. */
static inline Fit *
fit_open(const RtEngine *engine, unsigned threads, RtPolicy policy)
{
    RtTrainingPlan plan = {.key = {{1, 2}, {3, 4}, {5, 6}, {7, 8}},
                           .n_steps = 1000,
                           .policy = policy,
                           .threads = threads};
    Fit *f = calloc(1, sizeof *f);
    RtError error = {0};

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    for (unsigned i = 0; i < FIT_ROWS; i++) {
        f->x[i][0] = (float)sin(i);
        f->x[i][1] = (float)cos(3.0 * i);
        f->y[i] = 0.1 * i + f->x[i][0];
    }
    CHECK_OK(rt_training_create(engine, &plan, &f->training, &error), error);
    return f;
}

static inline void
fit_fill(Fit *f)
{
    RtView x = {
        .type = RT_f32, .rank = 2, .shape = {FIT_ROWS, 2}, .stride = {8, 4}, .data = f->x};
    RtView y = {.type = RT_f64, .rank = 1, .shape = {FIT_ROWS}, .stride = {8}, .data = f->y};
    RtError error = {0};

    CHECK_OK(rt_training_set_slots(f->training, "replay", FIT_SLOTS, &error), error);
    CHECK_OK(rt_training_set_data(f->training, "x", &x, &error), error);
    CHECK_OK(rt_training_set_data(f->training, "y", &y, &error), error);
    CHECK_OK(rt_training_allocate(f->training, &error), error);
    memcpy(rt_training_held(f->training, 0).data, fit_first, sizeof fit_first);
}

static inline void
fit_clear(Fit *f)
{
    rt_training_free(f->training);
    free(f);
}

/* With them, and with first weights. */
static inline Fit *
fit_create_with(const RtEngine *engine, unsigned threads, RtPolicy policy)
{
    Fit *f = fit_open(engine, threads, policy);

    fit_fill(f);
    return f;
}

static const RtEngine fit_engine = {.manifest = &fit_manifest, .phase = fit_phase};

static inline Fit *
fit_create(unsigned threads, RtPolicy policy)
{
    return fit_create_with(&fit_engine, threads, policy);
}

#endif
