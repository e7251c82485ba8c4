/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.h -- what a table of posterior draws says about each variable, and how far to trust it.
 *
 * Definitions are those of Vehtari, Gelman, Simpson, Carpenter and Buerkner,
 * "Rank-normalization, folding, and localization: an improved R-hat", Bayesian Analysis 16
 * (2021), with the choices of ArviZ 0.x, so that a summary agrees with az.summary().
 *
 * A workspace holds all memory and all tables; a thread which has one of its own summarises
 * any number of variables, one after the other, without further allocation.
 */
#ifndef EBM_RUNTIME_STATS_H
#define EBM_RUNTIME_STATS_H

#include <stddef.h>

#include "runtime/array.h"

/* One scalar variable: draw d of chain c is element c*chain_stride + d*draw_stride of `data`,
 * whose type is f32 or f64. */
typedef struct RtDraws {
    const void *data;
    RtType type;
    size_t chains, draws;
    ptrdiff_t chain_stride, draw_stride; /* in elements */
} RtDraws;

/* NaN stands for what cannot be said: anything of draws with a NaN, a diagnostic of less than
 * 4 draws, an R-hat of one chain or of a constant. */
typedef struct RtSummary {
    double mean;
    double sd;           /* with n - 1 */
    double q5, q50, q95; /* quantiles, linear between order statistics (type 7) */
    double mcse_mean;    /* Monte Carlo standard error of the mean */
    double ess_bulk, ess_tail;
    double r_hat;
} RtSummary;

typedef struct RtStats RtStats;

/* A workspace for variables of chains x draws. */
bool rt_stats_create(size_t chains, size_t draws, RtStats **ret, RtError *error);
void rt_stats_free(RtStats *stats);

/* `draws` has the sizes that the workspace was created for. */
void rt_stats_summarize(RtStats *stats, const RtDraws *draws, RtSummary *ret);

/* The quantile function of the standard normal distribution; -inf and inf at 0 and 1. */
double rt_normal_quantile(double p);

#endif
