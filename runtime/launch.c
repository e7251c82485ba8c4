/* SPDX-License-Identifier: Apache-2.0
 *
 * launch.c -- one set of chains: its memory, its start, its states
 */
#include "runtime/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/cpu.h"

/* ---- sizes */

/* Zeroed and aligned to 64 bytes; NULL also for sizes that cannot be meant. */
void *
run_allocate(uint64_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    size_t size = (size_t)(bytes + 63) / 64 * 64;
    void *p = aligned_alloc(64, size ? size : 64);
    if (p)
        memset(p, 0, size);
    return p;
}

static void
say_bytes(char text[32], uint64_t bytes)
{
    static const char *const unit[] = {"bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned u = 0;
    double amount = (double)bytes;

    for (; amount >= 1024 && u < 6; u++)
        amount /= 1024;
    snprintf(text, 32, u ? "%.1f %s" : "%.0f %s", amount, unit[u]);
}

bool
rt_memory_check(const char *what, uint64_t need, RtError *error)
{
    uint64_t available = rt_memory().available;
    char wanted[32], there[32];

    if (need <= available)
        return true;
    say_bytes(wanted, need);
    say_bytes(there, available);
    return rt_fail(error, RT_MEMORY, "%s needs %s of memory, and %s are available", what,
                   wanted, there);
}

uint64_t
rt_plan_kept(const RtPlan *plan, uint64_t step)
{
    return step <= plan->warmup ? 0 : (step - plan->warmup) / plan->thin;
}

/* Bytes of a thread's draws buffer, and of its reports. */
uint64_t
run_draws_bytes(const RtRun *run)
{
    return max_size(RUN_BUFFER, run->manifest->x_bytes);
}

uint64_t
run_reports_bytes(const RtRun *run)
{
    uint64_t turn = run->manifest->n_reports * EBM_BLOCK * sizeof(double);
    uint64_t turns = max_size(RUN_BUFFER / max_size(run->manifest->x_bytes, 1), 1);
    return multiply_size(turn, turns);
}

uint64_t
rt_run_bytes(const RtRun *run)
{
    const EbmManifest *m = run->manifest;
    uint64_t block = add_size(multiply_size(m->state_bytes, 2), run_condition_bytes(run));
    uint64_t blocks =
        multiply_size(run->blocks, add_size(block, 2 * EBM_BLOCK * sizeof(uint64_t)));
    uint64_t threads = multiply_size(
        run->plan.threads,
        add_size(m->scratch_bytes, add_size(run_draws_bytes(run), run_reports_bytes(run))));
    uint64_t sums = m->n_reports ? RUN_SUMS / 16 : 0;

    return add_size(add_size(blocks, threads), add_size(m->uniform_bytes, sums));
}

/* ---- making and ending */

static bool
launch_image(const void *user, EbmEntry entry, const EbmLaunch *launch, RtError *error)
{
    EbmKernelFn *fn = rt_image_entry(user, entry);

    if (!fn)
        return rt_fail(error, RT_INTERNAL, "the kernel lacks an entry point");
    fn(launch);
    return true;
}

static bool
phase_image(const void *user, uint32_t phase, RtPart part, const EbmLaunch *launch,
            RtError *error)
{
    EbmKernelFn *fn = rt_image_phase(user, phase, part == RT_PART_prepare);

    if (!fn && part == RT_PART_run)
        return rt_fail(error, RT_INTERNAL, "the kernel lacks a phase");
    if (fn)
        fn(launch);
    return true;
}

RtEngine
rt_image_engine(const RtImage *image)
{
    return (RtEngine){.manifest = &image->manifest,
                      .user = image,
                      .launch = launch_image,
                      .phase = phase_image};
}

static bool
check_plan(const RtPlan *p, RtError *error)
{
    uint64_t most_chains = UINT64_C(1) << 42; /* as many as random numbers tell apart */
    uint64_t most_steps = INT32_MAX;          /* t is an int of the language */

    if (p->chains < 1 || p->chains > most_chains)
        return rt_fail(error, RT_ARGUMENT, "expected 1 to 2^42 chains, found %llu",
                       (unsigned long long)p->chains);
    if (p->steps > most_steps || p->warmup > most_steps || p->steps + p->warmup > most_steps)
        return rt_fail(error, RT_ARGUMENT,
                       "expected at most %llu steps, found %llu and %llu of warm-up",
                       (unsigned long long)most_steps, (unsigned long long)p->steps,
                       (unsigned long long)p->warmup);
    if (p->thin < 1)
        return rt_fail(error, RT_ARGUMENT, "expected thinning by at least 1, found 0");
    return true;
}

bool
rt_run_create(const RtEngine *engine, const RtPlan *plan, RtRun **ret, RtError *error)
{
    const EbmManifest *m = engine->manifest;

    if (!check_plan(plan, error))
        return false;
    RtRun *run = calloc(1, sizeof *run);
    if (!run)
        return rt_fail_memory(error, "run", sizeof *run);
    run->engine = *engine;
    run->manifest = m;
    run->plan = *plan;
    run->blocks = (plan->chains + EBM_BLOCK - 1) / EBM_BLOCK;
    run->hyper = calloc((size_t)m->n_hyper + 1, sizeof *run->hyper);
    run->input = calloc((size_t)m->n_inputs + 1, sizeof *run->input);
    run->desk = calloc(plan->threads, sizeof *run->desk);
    run->condition = calloc((size_t)m->n_exchange + 1, sizeof *run->condition);
    bool done = run->hyper && run->input && run->desk && run->condition;
    for (unsigned i = 0; done && i < plan->threads; i++) {
        run->desk[i].condition = calloc((size_t)m->n_exchange + 1, sizeof(unsigned char *));
        done = run->desk[i].condition != NULL;
    }
    if (!done)
        rt_fail_memory(error, "run", sizeof *run);
    if (!done || !rt_pool_create(plan->threads, &run->pool, error)) {
        rt_run_free(run);
        return false;
    }
    *ret = run;
    return true;
}

void
rt_run_free(RtRun *run)
{
    if (!run)
        return;
    rt_pool_free(run->pool);
    for (unsigned i = 0; run->desk && i < run->plan.threads; i++) {
        free(run->desk[i].scratch);
        free(run->desk[i].draws);
        free(run->desk[i].values);
        free(run->desk[i].condition);
        free(run->desk[i].reports);
    }
    for (uint32_t i = 0; run->condition && i < run->manifest->n_exchange; i++)
        free(run->condition[i]);
    free(run->condition);
    free(run->desk);
    free(run->hyper);
    free(run->input);
    free(run->uniform);
    free(run->state);
    free(run->mark);
    free(run->rejected);
    free(run->first_rejected);
    free(run);
}

const RtPlan *
rt_run_plan(const RtRun *run)
{
    return &run->plan;
}

double *
rt_run_hyper(RtRun *run)
{
    return run->hyper;
}

const void **
rt_run_input(RtRun *run)
{
    return run->input;
}

void
rt_run_changed(RtRun *run)
{
    run->prepared = false;
}

bool
rt_run_started(const RtRun *run)
{
    return run->started;
}

void
rt_run_restart(RtRun *run)
{
    run->started = run->broken = false;
    run->step = 0;
    run->seconds = 0.0;
}

uint64_t
rt_run_step(const RtRun *run)
{
    return run->step;
}

double
rt_run_seconds(const RtRun *run)
{
    return run->seconds;
}

void
rt_run_cancel(RtRun *run)
{
    atomic_store(&run->cancelled, true);
}

/* ---- launches */

/* Philox's round keys: the key, then plus Weyl constants. */
void
run_set_key(EbmLaunch *launch, const uint32_t key[2])
{
    for (uint32_t i = 0; i < EBM_PHILOX_ROUNDS; i++) {
        launch->round_key[i][0] = key[0] + i * UINT32_C(0x9E3779B9);
        launch->round_key[i][1] = key[1] + i * UINT32_C(0xBB67AE85);
    }
}

/* What all launches have in common. */
EbmLaunch
run_launch(const RtRun *run, const uint32_t key[2])
{
    EbmLaunch launch = {
        .size = sizeof launch,
        .abi = EBM_ABI,
        .n_chains = run->plan.chains,
        .n_steps = run->plan.warmup + run->plan.steps,
        .n_warmup = run->plan.warmup,
        .thin = run->plan.thin,
        .hyper = run->hyper,
        .input = run->input,
        .uniform = run->uniform,
        .state = run->state,
        .exchange = run->condition,
        .rejected = run->rejected,
        .first_rejected = run->first_rejected,
    };

    run_set_key(&launch, key);
    return launch;
}

EbmLaunch
rt_run_launch(const RtRun *run, EbmEntry entry)
{
    return run_launch(run,
                      entry == EBM_ENTRY_start ? run->plan.start_key : run->plan.sample_key);
}

/* Scratch space of every thread, and the uniform values. */
bool
run_prepare(RtRun *run, RtError *error)
{
    const EbmManifest *m = run->manifest;

    if (!run->uniform && !(run->uniform = run_allocate(m->uniform_bytes)))
        return rt_fail_memory(error, "weights", m->uniform_bytes);
    for (unsigned i = 0; i < run->plan.threads; i++)
        if (!run->desk[i].scratch && !(run->desk[i].scratch = run_allocate(m->scratch_bytes)))
            return rt_fail_memory(error, "scratch space", m->scratch_bytes);
    if (run->prepared || m->entry[EBM_ENTRY_prepare] == UINT64_MAX)
        return true;
    EbmLaunch launch = run_launch(run, run->plan.sample_key);
    launch.scratch = run->desk[0].scratch;
    run->prepared = run->engine.launch(run->engine.user, EBM_ENTRY_prepare, &launch, error);
    return run->prepared;
}

static bool
allocate_chains(RtRun *run, RtError *error)
{
    uint64_t bytes = multiply_size(run->blocks, run->manifest->state_bytes);
    uint64_t counts = multiply_size(run->blocks, EBM_BLOCK * sizeof(uint64_t));

    if (run->state)
        return true;
    if (!rt_memory_check("sampling", rt_run_bytes(run), error))
        return false;
    free(run->rejected);
    free(run->first_rejected);
    free(run->mark);
    run->rejected = run_allocate(counts);
    run->first_rejected = run_allocate(counts);
    run->mark = run_allocate(bytes);
    if (run->rejected && run->first_rejected && run->mark)
        run->state = run_allocate(bytes);
    return run->state ? true : rt_fail_memory(error, "chains", bytes);
}

static void
clear_rejected(RtRun *run)
{
    for (uint64_t i = 0; i < run->blocks * EBM_BLOCK; i++) {
        run->rejected[i] = 0;
        run->first_rejected[i] = UINT64_MAX;
    }
}

unsigned
run_lanes(uint64_t rows, uint64_t block)
{
    return (unsigned)min_size(rows - block * EBM_BLOCK, EBM_BLOCK);
}

/* The part of n that is worker w's. */
void
run_share(uint64_t n, unsigned w, unsigned workers, uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t each = n / workers, more = n % workers;

    *ret_first = each * w + min_size(w, more);
    *ret_last = *ret_first + each + (w < more);
}

bool
run_together(RtPool *pool, uint64_t parts, Desk *desk, RtTask *task, void *user, RtError *error)
{
    unsigned threads = (unsigned)min_size(max_size(parts, 1), rt_pool_threads(pool));

    for (unsigned i = 0; i < threads; i++)
        desk[i].error.code = RT_OK;
    rt_pool_run(pool, threads, task, user);
    for (unsigned i = 0; i < threads; i++)
        if (desk[i].error.code != RT_OK) {
            *error = desk[i].error;
            return false;
        }
    return true;
}

/* ---- states */

bool
rt_view_fits(const RtView *view, unsigned leading, const EbmSlot *slot)
{
    if (view->rank != leading + slot->rank)
        return false;
    for (unsigned i = 0; i < slot->rank; i++)
        if (view->shape[leading + i] != slot->dim[i])
            return false;
    return true;
}

static bool
check_view(const RtView *view, uint64_t rows, const EbmSlot *slot, RtError *error)
{
    if (!rt_view_fits(view, 1, slot) || view->shape[0] != rows)
        return rt_fail(error, RT_SHAPE, "'%s' has another shape than the array given for it",
                       slot->name);
    return true;
}

static unsigned char *
state_record(const RtRun *run, uint64_t block, const EbmSlot *slot)
{
    return run->state + block * run->manifest->state_bytes + slot->offset;
}

static bool
put_state(RtRun *run, const EbmSlot *slot, const RtView *view, RtError *error)
{
    RtCells cells;

    if (!check_view(view, run->plan.chains, slot, error) ||
        !rt_cells_create(view, 1, &cells, error))
        return false;
    for (uint64_t b = 0; b < run->blocks; b++)
        rt_cells_get(&cells, b * EBM_BLOCK, run_lanes(run->plan.chains, b),
                     rt_type_of(slot->dtype), state_record(run, b, slot));
    rt_cells_clear(&cells);
    return true;
}

bool
rt_run_get_state(const RtRun *run, uint32_t index, const RtView *view, RtError *error)
{
    const EbmSlot *slot = &run->manifest->state[index];
    RtCells cells;

    if (!check_view(view, run->plan.chains, slot, error) ||
        !rt_cells_create(view, 1, &cells, error))
        return false;
    for (uint64_t b = 0; b < run->blocks; b++)
        rt_cells_put(&cells, b * EBM_BLOCK, run_lanes(run->plan.chains, b), 0, 1,
                     rt_type_of(slot->dtype), state_record(run, b, slot), 0);
    rt_cells_clear(&cells);
    return true;
}

bool
rt_run_resume(RtRun *run, uint64_t step, const RtView *state, RtError *error)
{
    if (step > run->plan.warmup + run->plan.steps)
        return rt_fail(error, RT_ARGUMENT, "the run has %llu steps, and cannot go on at %llu",
                       (unsigned long long)(run->plan.warmup + run->plan.steps),
                       (unsigned long long)step);
    run->started = false;
    if (!allocate_chains(run, error))
        return false;
    for (uint32_t i = 0; i < run->manifest->n_state; i++)
        if (!put_state(run, &run->manifest->state[i], &state[i], error))
            return false;
    clear_rejected(run);
    run->started = true;
    run->broken = false;
    run->step = step;
    run_set_mark(run);
    return true;
}

uint64_t
rt_run_rejected(const RtRun *run, uint64_t chain, uint64_t *ret_first)
{
    *ret_first = run->started ? run->first_rejected[chain] : UINT64_MAX;
    return run->started ? run->rejected[chain] : 0;
}

static void
start_blocks(void *user, unsigned worker, unsigned workers)
{
    RtRun *run = user;
    EbmLaunch launch = run_launch(run, run->plan.start_key);

    run_share(run->blocks, worker, workers, &launch.first_block, &launch.last_block);
    launch.scratch = run->desk[worker].scratch;
    if (launch.first_block < launch.last_block)
        run->engine.launch(run->engine.user, EBM_ENTRY_start, &launch,
                           &run->desk[worker].error);
}

bool
rt_run_start(RtRun *run, const RtView *points, RtError *error)
{
    rt_run_restart(run);
    if (run->manifest->entry[EBM_ENTRY_start] == UINT64_MAX)
        return rt_fail(error, RT_ARGUMENT, "a kernel without a sampler moves no chain");
    if (!allocate_chains(run, error) || !run_prepare(run, error))
        return false;
    clear_rejected(run);
    if (run->manifest->x_given && !points)
        return rt_fail(error, RT_ARGUMENT, "the points that chains start from are not set");
    if (run->manifest->x_given && !put_state(run, &run->manifest->state[0], points, error))
        return false;
    run->started = run_together(run->pool, run->blocks, run->desk, start_blocks, run, error);
    if (run->started)
        run_set_mark(run);
    return run->started;
}
