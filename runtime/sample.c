/* SPDX-License-Identifier: Apache-2.0
 *
 * sample.c -- chains moved step by step, in launches that are neither long nor many
 *
 * Blocks are divided evenly among the threads; who is done with its share takes from the
 * others' what they have not begun, so that a core with other work holds up nobody.  Draws go
 * through a small buffer of each thread, a group of blocks at a time, and from there to the
 * caller while they are in its cache.  Reports leave their buffer as one sum a block, and the
 * sums are added up in the order of blocks after all threads have come back.
 */
#include "runtime/run.h"

#include <math.h>
#include <stdlib.h>

#define RANGE_SECONDS 0.05
#define LONGEST_SECONDS 0.5 /* of a range of few steps that each last long */
enum { FEW_STEPS = 8, GROWTH = 8, MOST_KEPT = 4096, PIECES = 4 };

/* Of a report, over the chains of a block that have a value: NaN is none. */
typedef struct BlockSum {
    double sum;
    uint64_t n;
} BlockSum;

/* Kept draws that one range may have: one block's fit the buffer, all blocks' report sums
 * theirs. */
static uint64_t
kept_room(const RtRun *run)
{
    uint64_t x = max_size(run->manifest->x_bytes, 1);
    uint64_t row = multiply_size(run->blocks, run->manifest->n_reports * sizeof(BlockSum));
    uint64_t room = min_size(max_size(RUN_BUFFER / x, 1), MOST_KEPT);

    return row ? min_size(room, max_size(RUN_SUMS / row, 1)) : room;
}

/* Blocks that share a buffer with that much room for each. */
static uint64_t
group_blocks(const RtRun *run, uint64_t room)
{
    uint64_t each = multiply_size(run->manifest->x_bytes, max_size(room, 1));
    return max_size(RUN_BUFFER / max_size(each, 1), 1);
}

/* One call of rt_run_sample. */
typedef struct Walk {
    RtRun *run;
    const RtSampling *sampling;
    RtCells draws, reports;
    bool want_draws, want_reports;
    BlockSum *sums; /* [kept][report][block], of one range */
    uint64_t room;
    uint64_t first_step, last_step; /* of the range */
    uint64_t first_kept, kept;      /* in it */
    double begin, shown;            /* when this call began, and progress was shown */
} Walk;

/* The part of the range's kept draws that an array has turns for. */
static bool
window(const Walk *w, uint64_t turns, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t begin = w->sampling->first_draw, end = add_size(begin, turns);

    *ret_first = max_size(w->first_kept, begin);
    *ret_last = min_size(w->first_kept + w->kept, end);
    return *ret_first < *ret_last;
}

static void
deliver_draws(const Walk *w, const Desk *desk, uint64_t block, uint64_t place)
{
    const RtRun *run = w->run;
    uint64_t first, last, x = run->manifest->x_bytes;

    if (!w->want_draws || !window(w, w->draws.turns, &first, &last))
        return;
    const unsigned char *at = desk->draws + (place * w->kept + (first - w->first_kept)) * x;
    rt_cells_put(&w->draws, block * EBM_BLOCK, run_lanes(run->plan.chains, block),
                 first - w->sampling->first_draw, last - first,
                 rt_type_of(run->manifest->state[0].dtype), at, x);
}

/* Adds up the live lanes in their order. */
static void
deliver_reports(const Walk *w, const Desk *desk, uint64_t block, uint64_t place)
{
    uint64_t rows = w->kept * w->run->manifest->n_reports;
    unsigned lanes = run_lanes(w->run->plan.chains, block);

    for (uint64_t i = 0; w->want_reports && i < rows; i++) {
        const double *lane = desk->reports + (place * rows + i) * EBM_BLOCK;
        BlockSum s = {0};
        for (unsigned l = 0; l < lanes; l++)
            if (!isnan(lane[l])) {
                s.sum += lane[l];
                s.n++;
            }
        w->sums[i * w->run->blocks + block] = s;
    }
}

static bool
sample_group(const Walk *w, Desk *desk, uint64_t first, uint64_t last)
{
    RtRun *run = w->run;
    EbmLaunch launch = run_launch(run, run->plan.sample_key);
    uint64_t draw = w->kept * run->manifest->x_bytes;
    uint64_t report = w->kept * run->manifest->n_reports * EBM_BLOCK * sizeof(double);

    launch.first_block = first;
    launch.last_block = last;
    launch.first_step = w->first_step;
    launch.last_step = w->last_step;
    launch.first_kept = w->first_kept;
    launch.kept_room = w->kept;
    launch.scratch = desk->scratch;
    if (w->want_draws && w->kept)
        launch.draws = records_from(desk->draws, first, draw);
    if (w->want_reports && w->kept)
        launch.reports = records_from(desk->reports, first, report);
    if (!run->engine.launch(run->engine.user, EBM_ENTRY_sample, &launch, &desk->error))
        return false;
    for (uint64_t b = first; w->kept && b < last; b++) {
        deliver_draws(w, desk, b, b - first);
        deliver_reports(w, desk, b, b - first);
    }
    return true;
}

static void
deal_blocks(RtRun *run)
{
    for (unsigned i = 0; i < run->plan.threads; i++) {
        uint64_t first;
        run_share(run->blocks, i, run->plan.threads, &first, &run->desk[i].last);
        atomic_store(&run->desk[i].next, first);
    }
}

/* Where a piece of [first, last) ends: a part of it, but not less than a pair, and before an
 * even block where that can be: kernels work on pairs. */
static uint64_t
piece_end(uint64_t first, uint64_t last, uint64_t most)
{
    uint64_t n = min_size(max_size((last - first) / PIECES, 2), most);

    if (n >= last - first)
        return last;
    return first + n - (n > 1 && (first + n) % 2);
}

/* Takes up to `most` blocks of what is left of a share. */
static bool
take_piece(Desk *share, bool alone, uint64_t most, uint64_t *ret_first, uint64_t *ret_last)
{
    *ret_first = atomic_load(&share->next);
    do {
        if (*ret_first >= share->last)
            return false;
        *ret_last = alone ? min_size(*ret_first + most, share->last)
                          : piece_end(*ret_first, share->last, most);
    } while (!atomic_compare_exchange_weak(&share->next, ret_first, *ret_last));
    return true;
}

/* The worker's own share first, then those of the workers after it. */
static void
sample_blocks(void *user, unsigned worker, unsigned workers)
{
    const Walk *w = user;
    bool buffered = w->kept && (w->want_draws || w->want_reports);
    uint64_t group = buffered ? group_blocks(w->run, w->kept) : w->run->blocks;
    uint64_t first, last;
    bool going = true;

    for (unsigned i = 0; i < workers; i++) {
        Desk *share = &w->run->desk[(worker + i) % workers];
        while (going && take_piece(share, workers == 1, group, &first, &last))
            going = sample_group(w, &w->run->desk[worker], first, last);
    }
}

/* Means over the chains that have a value, block after block. */
static void
finish_reports(const Walk *w)
{
    uint64_t first, last, blocks = w->run->blocks;
    uint32_t n = w->run->manifest->n_reports;

    if (!w->want_reports || !w->kept || !window(w, w->reports.rows, &first, &last))
        return;
    for (uint64_t k = first; k < last; k++)
        for (uint32_t r = 0; r < n; r++) {
            const BlockSum *sum = w->sums + ((k - w->first_kept) * n + r) * blocks;
            double record[EBM_BLOCK] = {0};
            uint64_t chains = 0;
            for (uint64_t b = 0; b < blocks; b++) {
                record[0] += sum[b].sum;
                chains += sum[b].n;
            }
            record[0] = chains ? record[0] / (double)chains : NAN;
            RtCells one = w->reports;
            one.count = 1;
            one.cell = &w->reports.cell[r];
            rt_cells_put(&one, k - w->sampling->first_draw, 1, 0, 1, RT_f64, record, 0);
        }
}

/* How many steps the next range may have: as long as RANGE_SECONDS, or a few slow ones. */
static uint64_t
range_steps(const RtRun *run, uint64_t before)
{
    double each = run->step_seconds;

    if (each <= 0.0)
        return before ? before * GROWTH : 1;
    double steps = RANGE_SECONDS / each, few = LONGEST_SECONDS / each;
    if (steps < FEW_STEPS)
        steps = few < FEW_STEPS ? few : FEW_STEPS;
    double most = before ? (double)before * GROWTH : 1e9;
    steps = steps < most ? steps : most;
    return steps < 1.0 ? 1 : steps > 1e9 ? 1000000000 : (uint64_t)steps;
}

/* The range from the run's step on: not past the end, no more kept draws than there is room
 * for. */
static void
choose_range(Walk *w, uint64_t last_step, uint64_t before)
{
    const RtPlan *p = &w->run->plan;
    uint64_t first = w->run->step;
    uint64_t kept = rt_plan_kept(p, first);
    uint64_t full =
        add_size(p->warmup, multiply_size(kept + w->room + 1, p->thin)); /* one too many */

    w->first_step = first;
    w->last_step = min_size(min_size(last_step, first + range_steps(w->run, before)),
                            max_size(full - 1, first + 1));
    w->first_kept = kept;
    w->kept = rt_plan_kept(p, w->last_step) - kept;
}

static bool
run_range(Walk *w, RtError *error)
{
    RtRun *run = w->run;
    double begin = run_now();

    deal_blocks(run);
    if (!run_together(run->pool, run->blocks, run->desk, sample_blocks, w, error)) {
        run->broken = true; /* some blocks have moved, some have not */
        return false;
    }
    finish_reports(w);
    double seconds = run_now() - begin;
    run->seconds += seconds;
    run->step_seconds = seconds / (double)(w->last_step - w->first_step);
    run->step = w->last_step;
    return true;
}

/* Shows progress, but not after every short range. */
static bool
stop_asked(Walk *w, uint64_t last_step)
{
    RtRun *run = w->run;
    bool stop = false;
    double t = run_now();

    if (w->sampling->progress && (t - w->shown >= RANGE_SECONDS || run->step == last_step)) {
        RtProgress p = {run->step, last_step, rt_plan_kept(&run->plan, run->step),
                        run_rejected(run), t - w->begin};
        stop = w->sampling->progress(w->sampling->user, &p);
        w->shown = t;
    }
    return atomic_exchange(&run->cancelled, false) || stop;
}

static bool
walk(Walk *w, RtError *error)
{
    RtRun *run = w->run;
    uint64_t last_step = min_size(w->sampling->last_step, run->plan.warmup + run->plan.steps);
    uint64_t before = 0;

    w->begin = w->shown = run_now();
    if (atomic_exchange(&run->cancelled, false))
        return rt_fail(error, RT_CANCELLED, "stopped before step %llu",
                       (unsigned long long)run->step);
    while (run->step < last_step) {
        choose_range(w, last_step, before);
        if (!run_range(w, error))
            return false;
        run_move_mark(run);
        before = w->last_step - w->first_step;
        if (stop_asked(w, last_step) && run->step < last_step)
            return rt_fail(error, RT_CANCELLED, "stopped before step %llu",
                           (unsigned long long)run->step);
    }
    return true;
}

static bool
check_draws(const RtRun *run, const RtView *v, RtError *error)
{
    const EbmSlot *x = &run->manifest->state[0];
    bool fits = v->rank == 2 + x->rank && v->shape[0] == run->plan.chains;

    for (unsigned i = 0; fits && i < x->rank; i++)
        fits = v->shape[2 + i] == x->dim[i];
    if (!fits)
        return rt_fail(error, RT_SHAPE, "the array for draws is not [chains, draws, ...%s]",
                       x->name);
    return true;
}

/* Buffers of each thread, room for the sums of reports. */
static bool
allocate_walk(Walk *w, RtError *error)
{
    RtRun *run = w->run;
    uint64_t sums = multiply_size(multiply_size(w->room, run->blocks),
                                  run->manifest->n_reports * sizeof(BlockSum));

    for (unsigned i = 0; i < run->plan.threads; i++) {
        Desk *d = &run->desk[i];
        if (w->want_draws && !d->draws && !(d->draws = run_allocate(run_draws_bytes(run))))
            return rt_fail_memory(error, "draws", run_draws_bytes(run));
        if (w->want_reports && !d->reports &&
            !(d->reports = run_allocate(run_reports_bytes(run))))
            return rt_fail_memory(error, "reports", run_reports_bytes(run));
    }
    if (w->want_reports && !(w->sums = run_allocate(sums)))
        return rt_fail_memory(error, "reports", sums);
    return true;
}

static bool
open_walk(Walk *w, RtError *error)
{
    RtRun *run = w->run;
    const RtView *reports = w->sampling->reports;

    w->want_draws = w->sampling->draws != NULL;
    w->want_reports = reports != NULL && run->manifest->n_reports > 0;
    w->room = kept_room(run);
    if (w->want_draws && (!check_draws(run, w->sampling->draws, error) ||
                          !rt_cells_create(w->sampling->draws, 2, &w->draws, error)))
        return false;
    if (w->want_reports &&
        (reports->rank != 2 || reports->shape[1] != run->manifest->n_reports))
        return rt_fail(error, RT_SHAPE, "the array for reports is not [draws, %u]",
                       run->manifest->n_reports);
    if (w->want_reports && !rt_cells_create(reports, 1, &w->reports, error))
        return false;
    return allocate_walk(w, error);
}

bool
rt_run_sample(RtRun *run, const RtSampling *sampling, RtError *error)
{
    Walk w = {.run = run, .sampling = sampling};

    if (run->manifest->entry[EBM_ENTRY_sample] == UINT64_MAX)
        return rt_fail(error, RT_ARGUMENT, "a kernel without a sampler moves no chain");
    if (!run->started || run->broken)
        return rt_fail(error, RT_ARGUMENT, "the chains are not started");
    bool done = run_prepare(run, error) && open_walk(&w, error) && walk(&w, error);
    rt_cells_clear(&w.draws);
    rt_cells_clear(&w.reports);
    free(w.sums);
    return done;
}
