/* SPDX-License-Identifier: Apache-2.0
 *
 * stats.c -- summaries of posterior draws
 *
 * A variable is sorted once.  Quantiles, ranks, and the ranks of the distances from the median
 * (two runs of the sorted draws, merged) all follow from that order.  The four effective sample
 * sizes need the autocovariance averaged over chains only, hence power spectra are added up and
 * one inverse transform is taken; two real chains share a complex transform, since the real
 * part of the sum's inverse is the sum of both autocovariances.
 */
#include "runtime/stats.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fft.h"

enum { DIGIT = 11, DIGITS = 6, BUCKETS = 1 << DIGIT, MIN_DRAWS = 4 };

struct RtStats {
    size_t chains, draws, half; /* chains are split into two of `half` draws */
    size_t all, split;          /* number of draws, and of those in the halves */
    RtFft fft;

    double *value;  /* [chain][draw] */
    double *work;   /* [split chain][half] */
    double *sorted; /* all values */
    double *score;  /* normal score of each rank without ties */
    double *re, *im, *power, *rho;
    uint64_t *key, *key_next;
    uint32_t *order, *order_next;
};

/* ---- sums */

/* The sum of x - shift, pairwise, so that ten million terms lose no more digits than a few
 * dozen. */
static double
sum_shifted(const double *x, size_t n, double shift)
{
    double s[4] = {0};
    size_t i = 0;

    if (n > 256)
        return sum_shifted(x, n / 2, shift) + sum_shifted(x + n / 2, n - n / 2, shift);
    for (; i + 4 <= n; i += 4) {
        for (int j = 0; j < 4; j++)
            s[j] += x[i + (size_t)j] - shift;
    }
    for (; i < n; i++)
        s[0] += x[i] - shift;
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static double
sum(const double *x, size_t n)
{
    return sum_shifted(x, n, 0);
}

static double
sum_squares(const double *x, size_t n, double mean)
{
    double s[4] = {0};
    size_t i = 0;

    if (n > 256)
        return sum_squares(x, n / 2, mean) + sum_squares(x + n / 2, n - n / 2, mean);
    for (; i + 4 <= n; i += 4) {
        for (int j = 0; j < 4; j++)
            s[j] += (x[i + (size_t)j] - mean) * (x[i + (size_t)j] - mean);
    }
    for (; i < n; i++)
        s[0] += (x[i] - mean) * (x[i] - mean);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

/* The mean of finite numbers; exact when they are all equal, so that their variance is 0. */
static double
mean_of(const double *x, size_t n)
{
    return x[0] + sum_shifted(x, n, x[0]) / (double)n;
}

static double
variance(const double *x, size_t n)
{
    return sum_squares(x, n, mean_of(x, n)) / (double)(n - 1);
}

/* ---- order */

/* Unsigned integers in the order of the numbers (no NaN). */
static uint64_t
make_key(double x)
{
    uint64_t bits;

    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* One pass of a radix sort; false when all keys have the same digit and nothing moved. */
static bool
sort_digit(RtStats *s, unsigned shift)
{
    size_t start[BUCKETS] = {0}, total = 0;

    for (size_t i = 0; i < s->all; i++)
        start[s->key[i] >> shift & (BUCKETS - 1)]++;
    if (start[s->key[0] >> shift & (BUCKETS - 1)] == s->all)
        return false;
    for (size_t b = 0; b < BUCKETS; b++) {
        size_t count = start[b];
        start[b] = total;
        total += count;
    }
    for (size_t i = 0; i < s->all; i++) {
        size_t to = start[s->key[i] >> shift & (BUCKETS - 1)]++;
        s->key_next[to] = s->key[i];
        s->order_next[to] = s->order[i];
    }
    return true;
}

static void
sort_values(RtStats *s)
{
    for (size_t i = 0; i < s->all; i++) {
        s->key[i] = make_key(s->value[i]);
        s->order[i] = (uint32_t)i;
    }
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        if (!sort_digit(s, digit * DIGIT))
            continue;
        uint64_t *key = s->key;
        uint32_t *order = s->order;
        s->key = s->key_next;
        s->order = s->order_next;
        s->key_next = key;
        s->order_next = order;
    }
    for (size_t i = 0; i < s->all; i++)
        s->sorted[i] = s->value[s->order[i]];
}

/* scipy.stats.mstats.mquantiles with alphap = betap = 1, step by step: the tail's size depends
 * on whether the rounded quantile is above or below a draw.  The volatiles keep compilers from
 * contracting to a fused operation. */
static double
quantile(const RtStats *s, double p)
{
    double n = (double)s->all;

    if (s->all == 1)
        return s->sorted[0];
    volatile double product = n * p;
    double place = product + (1 - p);
    double k = floor(fmin(fmax(place, 1), n - 1));
    double gamma = fmin(fmax(place - k, 0), 1);
    volatile double low = (1 - gamma) * s->sorted[(size_t)k - 1];
    volatile double high = gamma * s->sorted[(size_t)k];
    return low + high;
}

/* ---- halves of chains */

/* The place of draw i in the split chains, or SIZE_MAX for the middle of an odd chain. */
static size_t
split_place(const RtStats *s, size_t i)
{
    size_t chain = i / s->draws, draw = i % s->draws, second = s->draws - s->half;

    if (draw < s->half)
        return 2 * chain * s->half + draw;
    return draw < second ? SIZE_MAX : (2 * chain + 1) * s->half + draw - second;
}

/* Keeps of `sorted` and `order` what the halves hold, and lets `order` name places there. */
static void
drop_middles(RtStats *s)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->all; i++) {
        size_t place = split_place(s, s->order[i]);
        if (place == SIZE_MAX)
            continue;
        s->sorted[kept] = s->sorted[i];
        s->order[kept++] = (uint32_t)place;
    }
    assert(kept == s->split);
}

static void
split_values(RtStats *s)
{
    size_t second = s->draws - s->half;

    for (size_t c = 0; c < s->chains; c++) {
        const double *from = s->value + c * s->draws;
        double *to = s->work + 2 * c * s->half;
        memcpy(to, from, s->half * sizeof *to);
        memcpy(to + s->half, from + second, s->half * sizeof *to);
    }
}

/* 1 for draws not above the limit, else 0. */
static void
split_indicator(RtStats *s, double limit)
{
    split_values(s);
    for (size_t i = 0; i < s->split; i++)
        s->work[i] = s->work[i] <= limit;
}

/* ---- ranks */

/* The normal score of a rank counted from 1, which ties make a half (Blom's 3/8). */
static double
score_of_rank(const RtStats *s, double rank)
{
    return rt_normal_quantile((rank - 0.375) / ((double)s->split + 0.25));
}

/* The mean score of ranks first+1 ... last, which equal draws share. */
static double
score_of_ties(const RtStats *s, size_t first, size_t last)
{
    if ((last - first) % 2 == 1)
        return s->score[first + (last - first) / 2];
    return score_of_rank(s, (double)(first + last + 1) / 2);
}

/* Puts the score of each draw in `work`; `place` and `value` in ascending order. */
static void
score_sorted(RtStats *s, const uint32_t *place, const double *value)
{
    for (size_t first = 0, last; first < s->split; first = last) {
        for (last = first + 1; last < s->split && value[last] == value[first];)
            last++;
        double score = score_of_ties(s, first, last);
        for (size_t i = first; i < last; i++)
            s->work[place[i]] = score;
    }
}

/* Puts the distances from the median in ascending order into `re` and their places into
 * `order_next`; false when one is a NaN (an infinite median). */
static bool
fold(RtStats *s)
{
    size_t right = s->split / 2, left = right;
    double median = (s->sorted[right - 1] + s->sorted[right]) / 2;

    if (!isfinite(median))
        return false;
    for (size_t i = 0; i < s->split; i++) {
        double low = left > 0 ? fabs(s->sorted[left - 1] - median) : INFINITY;
        double high = right < s->split ? fabs(s->sorted[right] - median) : INFINITY;
        bool takes_left = left > 0 && (right == s->split || low <= high);
        s->value[i] = takes_left ? low : high;
        s->order_next[i] = s->order[takes_left ? --left : right++];
    }
    return true;
}

/* ---- R-hat and effective sample size of what is in `work` */

static double
r_hat(const RtStats *s)
{
    size_t chains = 2 * s->chains;
    double n = (double)s->half, within = 0;

    for (size_t c = 0; c < chains; c++) {
        const double *x = s->work + c * s->half;
        s->rho[c] = mean_of(x, s->half);
        within += variance(x, s->half) / (double)chains;
    }
    double between = n * variance(s->rho, chains);
    return sqrt((between / within + n - 1) / n);
}

/* Adds the power spectrum of two chains, the first `half` draws at x and at x + half. */
static void
add_power(RtStats *s, const double *x, const double mean[2])
{
    size_t size = s->fft.size;

    for (size_t i = 0; i < s->half; i++) {
        s->re[i] = x[i] - mean[0];
        s->im[i] = x[i + s->half] - mean[1];
    }
    memset(s->re + s->half, 0, (size - s->half) * sizeof *s->re);
    memset(s->im + s->half, 0, (size - s->half) * sizeof *s->im);
    rt_fft_forward(&s->fft, s->re, s->im);
    for (size_t i = 0; i < size; i++)
        s->power[i] += s->re[i] * s->re[i] + s->im[i] * s->im[i];
}

/* Leaves the autocovariance at lags 0 ... half-1, averaged over chains, in `re`, and returns
 * the variance of the chains' means. */
static double
autocovariance(RtStats *s)
{
    size_t chains = 2 * s->chains, size = s->fft.size;
    double scale = 1 / ((double)size * (double)s->half * (double)chains);

    memset(s->power, 0, size * sizeof *s->power);
    for (size_t c = 0; c < chains; c += 2) {
        const double *x = s->work + c * s->half;
        s->rho[c] = sum(x, s->half) / (double)s->half;
        s->rho[c + 1] = sum(x + s->half, s->half) / (double)s->half;
        add_power(s, x, s->rho + c);
    }
    memcpy(s->re, s->power, size * sizeof *s->re);
    memset(s->im, 0, size * sizeof *s->im);
    rt_fft_backward(&s->fft, s->re, s->im);
    for (size_t i = 0; i < s->half; i++)
        s->re[i] *= scale;
    return variance(s->rho, chains);
}

static bool
is_constant(const RtStats *s)
{
    double low = s->work[0], high = low;

    for (size_t i = 1; i < s->split; i++) {
        low = s->work[i] < low ? s->work[i] : low;
        high = s->work[i] > high ? s->work[i] : high;
    }
    return high - low < 1e-15; /* numpy.finfo(float).resolution */
}

/* Geyer's initial positive sequence of autocorrelations in `rho`; the last lag that counts
 * fully, or -1. */
static ptrdiff_t
positive_sequence(RtStats *s, double mean_var, double var_plus)
{
    ptrdiff_t t = 1, n = (ptrdiff_t)s->half;
    double even = 1, odd = 1 - (mean_var - s->re[1]) / var_plus;

    memset(s->rho, 0, s->half * sizeof *s->rho);
    s->rho[0] = even;
    s->rho[1] = odd;
    for (; t < n - 3 && even + odd > 0; t += 2) {
        even = 1 - (mean_var - s->re[t + 1]) / var_plus;
        odd = 1 - (mean_var - s->re[t + 2]) / var_plus;
        if (even + odd >= 0) {
            s->rho[t + 1] = even;
            s->rho[t + 2] = odd;
        }
    }
    if (even > 0)
        s->rho[t - 1] = even;
    return t - 2;
}

/* Geyer's initial monotone sequence: sums of pairs do not grow. */
static void
make_monotone(double *rho, ptrdiff_t last)
{
    for (ptrdiff_t t = 1; t <= last - 2; t += 2) {
        double before = rho[t - 1] + rho[t];
        if (rho[t + 1] + rho[t + 2] > before)
            rho[t + 1] = rho[t + 2] = before / 2;
    }
}

static double
effective_size(RtStats *s)
{
    double n = (double)s->half, size = (double)s->split;

    if (is_constant(s))
        return size;
    double means = autocovariance(s);
    double mean_var = s->re[0] * n / (n - 1);
    double var_plus = mean_var * (n - 1) / n + means;
    ptrdiff_t last = positive_sequence(s, mean_var, var_plus);
    make_monotone(s->rho, last);
    double tau = -1 + 2 * sum(s->rho, (size_t)(last + 1)) + s->rho[last + 1];
    if (isnan(sum(s->rho, s->half)))
        return NAN;
    return size / fmax(tau, 1 / log10(size));
}

/* ---- one variable */

/* Copies the draws to `value`; false when one is a NaN. */
static bool
gather(RtStats *s, const RtDraws *draws)
{
    bool clean = true;
    double *to = s->value;

    for (size_t c = 0; c < s->chains; c++) {
        ptrdiff_t from = (ptrdiff_t)c * draws->chain_stride;
        for (size_t d = 0; d < s->draws; d++, from += draws->draw_stride) {
            double x = draws->type == RT_f32 ? (double)((const float *)draws->data)[from]
                                             : ((const double *)draws->data)[from];
            clean = clean && !isnan(x);
            *to++ = x;
        }
    }
    return clean;
}

/* Everything that needs at least MIN_DRAWS draws.  The order matters: `value` and `sorted` are
 * overwritten on the way. */
static void
diagnose(RtStats *s, RtSummary *ret)
{
    split_values(s);
    ret->mcse_mean = ret->sd / sqrt(effective_size(s));
    split_indicator(s, ret->q5);
    double low = effective_size(s);
    split_indicator(s, ret->q95);
    double high = effective_size(s);
    ret->ess_tail = high < low ? high : low;
    drop_middles(s);
    score_sorted(s, s->order, s->sorted);
    ret->ess_bulk = effective_size(s);
    if (s->chains < 2)
        return;
    ret->r_hat = r_hat(s);
    if (!fold(s))
        return;
    score_sorted(s, s->order_next, s->value);
    double tail = r_hat(s);
    if (tail > ret->r_hat)
        ret->r_hat = tail;
}

static bool
take_memory(RtStats *s)
{
    size_t size = s->fft.size, rho = s->half > 2 * s->chains ? s->half : 2 * s->chains;

    s->value = malloc(s->all * sizeof *s->value);
    s->work = malloc((s->split + 1) * sizeof *s->work);
    s->sorted = malloc(s->all * sizeof *s->sorted);
    s->score = malloc((s->split + 1) * sizeof *s->score);
    s->re = malloc(size * sizeof *s->re);
    s->im = malloc(size * sizeof *s->im);
    s->power = malloc(size * sizeof *s->power);
    s->rho = malloc((rho + 1) * sizeof *s->rho);
    s->key = malloc(s->all * sizeof *s->key);
    s->key_next = malloc(s->all * sizeof *s->key_next);
    s->order = malloc(s->all * sizeof *s->order);
    s->order_next = malloc(s->all * sizeof *s->order_next);
    return s->value && s->work && s->sorted && s->score && s->re && s->im && s->power &&
           s->rho && s->key && s->key_next && s->order && s->order_next;
}

bool
rt_stats_create(size_t chains, size_t draws, RtStats **ret, RtError *error)
{
    size_t all, size = 1;

    if (!chains || !draws)
        return rt_fail(error, RT_SHAPE, "a summary needs at least one chain and one draw");
    /* Places are 32-bit integers. */
    if (__builtin_mul_overflow(chains, draws, &all) || all > UINT32_MAX)
        return rt_fail(error, RT_SHAPE,
                       "%zu chains of %zu draws: a summary takes at most %u draws", chains,
                       draws, UINT32_MAX);
    RtStats *s = calloc(1, sizeof *s);
    if (!s)
        return rt_fail_memory(error, "summary", sizeof *s);
    s->chains = chains;
    s->draws = draws;
    s->half = draws / 2;
    s->all = all;
    s->split = 2 * s->half * chains;
    while (size < 2 * s->half) /* zeros behind the draws keep the ends apart */
        size *= 2;
    if (!rt_fft_create(&s->fft, size) || !take_memory(s)) {
        rt_stats_free(s);
        return rt_fail_memory(error, "summary", (unsigned long long)all * 64);
    }
    for (size_t i = 0; i < s->split; i++)
        s->score[i] = score_of_rank(s, (double)(i + 1));
    *ret = s;
    return true;
}

void
rt_stats_free(RtStats *stats)
{
    if (!stats)
        return;
    rt_fft_clear(&stats->fft);
    double *owned[] = {stats->value, stats->work, stats->sorted, stats->score,
                       stats->re,    stats->im,   stats->power,  stats->rho};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        free(owned[i]);
    free(stats->key);
    free(stats->key_next);
    free(stats->order);
    free(stats->order_next);
    free(stats);
}

void
rt_stats_summarize(RtStats *stats, const RtDraws *draws, RtSummary *ret)
{
    RtStats *s = stats;

    assert(draws->chains == s->chains && draws->draws == s->draws);
    assert(draws->type == RT_f32 || draws->type == RT_f64);
    *ret = (RtSummary){NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN};
    if (!gather(s, draws))
        return;
    ret->mean = sum(s->value, s->all) / (double)s->all;
    if (s->all > 1)
        ret->sd = sqrt(sum_squares(s->value, s->all, ret->mean) / (double)(s->all - 1));
    sort_values(s);
    ret->q5 = quantile(s, 0.05);
    ret->q50 = quantile(s, 0.5);
    ret->q95 = quantile(s, 0.95);
    if (s->draws >= MIN_DRAWS)
        diagnose(s, ret);
}
