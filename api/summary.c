/* SPDX-License-Identifier: Apache-2.0
 *
 * summary.c -- what draws say about each variable, variables spread over threads
 */
#include <stdlib.h>

#include "api/array.h"
#include "api/report.h"
#include "runtime/cpu.h"
#include "runtime/pool.h"
#include "runtime/stats.h"

typedef struct Summing {
    RtCells cells;
    uint64_t first, count;
    EbmSummary *ret;
    RtStats **stats; /* a workspace for each thread */
} Summing;

static void
summarize_one(const Summing *s, RtStats *stats, uint64_t i)
{
    size_t size = rt_type_size(s->cells.type);
    RtDraws draws = {
        .data = s->cells.data + s->cells.cell[s->first + i],
        .type = s->cells.type,
        .chains = (size_t)s->cells.rows,
        .draws = (size_t)s->cells.turns,
        .chain_stride = s->cells.row / (ptrdiff_t)size,
        .draw_stride = s->cells.turn / (ptrdiff_t)size,
    };
    RtSummary r;

    rt_stats_summarize(stats, &draws, &r);
    s->ret[i] = (EbmSummary){
        .mean = r.mean,
        .sd = r.sd,
        .q5 = r.q5,
        .q50 = r.q50,
        .q95 = r.q95,
        .mcse_mean = r.mcse_mean,
        .ess_bulk = r.ess_bulk,
        .ess_tail = r.ess_tail,
        .r_hat = r.r_hat,
    };
}

static void
summarize_share(void *user, unsigned worker, unsigned workers)
{
    const Summing *s = user;

    for (uint64_t i = worker; i < s->count; i += workers)
        summarize_one(s, s->stats[worker], i);
}

static bool
run_threads(Summing *s, unsigned threads, RtError *error)
{
    RtPool *pool = NULL;
    bool done = true;

    s->stats = calloc(threads, sizeof *s->stats);
    if (!s->stats)
        return rt_fail_memory(error, "summary", threads * sizeof *s->stats);
    for (unsigned i = 0; done && i < threads; i++)
        done =
            rt_stats_create((size_t)s->cells.rows, (size_t)s->cells.turns, &s->stats[i], error);
    done = done && rt_pool_create(threads, &pool, error);
    if (done)
        rt_pool_run(pool, rt_pool_threads(pool), summarize_share, s);
    rt_pool_free(pool);
    for (unsigned i = 0; i < threads; i++)
        rt_stats_free(s->stats[i]);
    free(s->stats);
    return done;
}

static bool
check_draws(const RtView *v, RtError *error)
{
    ptrdiff_t size = (ptrdiff_t)rt_type_size(v->type);

    if (v->rank < 2 || (v->type != RT_f32 && v->type != RT_f64))
        return rt_fail(error, RT_SHAPE,
                       "draws are an array [chains, draws, ...] of f32 or f64");
    if (v->stride[0] % size != 0 || v->stride[1] % size != 0)
        return rt_fail(error, RT_ARGUMENT, "draws lie at multiples of their elements' size");
    return true;
}

EbmStatus
ebm_summarize(const EbmArray *draws, uint64_t first, uint64_t count, uint32_t threads,
              EbmSummary *ret, EbmReport **ret_report)
{
    Summing s = {.first = first, .count = count, .ret = ret};
    RtError error = {0};
    RtView view;

    if (!array_view(draws, "draws", &view, &error) || !check_draws(&view, &error) ||
        !rt_cells_create(&view, 2, &s.cells, &error))
        return report_error(ret_report, &error);
    bool done = true;
    if (first > s.cells.count || count > s.cells.count - first)
        done = rt_fail(&error, RT_ARGUMENT, "draws have %zu elements each", s.cells.count);
    unsigned most = threads && threads <= RT_MAX_THREADS ? threads : rt_cpu_threads();
    if (done && count > 0)
        done = run_threads(&s, count < most ? (unsigned)count : most, &error);
    rt_cells_clear(&s.cells);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}
