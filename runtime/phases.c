/* SPDX-License-Identifier: Apache-2.0
 *
 * phases.c -- the phases of a training step, one after another
 */
#include <stdlib.h>

#include "runtime/train.h"

typedef struct Turn {
    RtTraining *t;
    EbmPhaseGroup group;
    Space *space;
    unsigned char **exchange;
    uint64_t step;
    uint32_t phase;
    uint64_t blocks; /* of the phase: of data points, or pieces of what it makes */
    bool gathered;   /* no data points are to be gathered any more */
} Turn;

static const RtPurpose purpose_of[EBM_GROUP_COUNT] = {
    [EBM_GROUP_memory] = RT_PURPOSE_weights,
    [EBM_GROUP_slots] = RT_PURPOSE_buffer,
    [EBM_GROUP_step] = RT_PURPOSE_loss,
};

static EbmLaunch
phase_launch(const Turn *turn, unsigned worker)
{
    const RtTraining *t = turn->t;
    EbmLaunch launch = {
        .size = sizeof launch,
        .abi = EBM_ABI,
        .n_chains = turn->space->points,
        .first_step = turn->step,
        .last_step = turn->step + 1,
        .n_steps = t->plan.n_steps,
        .thin = 1,
        .hyper = t->hyper,
        .input = t->input,
        .uniform = t->uniform,
        .scratch = t->desk[worker].scratch,
        .exchange = turn->exchange,
    };

    run_set_key(&launch, t->plan.key[purpose_of[turn->group]]);
    return launch;
}

static bool
is_over_points(const Turn *turn)
{
    return turn->t->manifest->phase[turn->phase].kind == EBM_PHASE_points;
}

static bool
launch_part(const Turn *turn, RtPart part, const EbmLaunch *launch, RtError *error)
{
    const RtEngine *engine = &turn->t->engine;

    return engine->phase(engine->user, turn->phase, part, launch, error);
}

/* Data points are read by phases over points alone, so the first of these gathers them. */
static void
run_blocks(void *user, unsigned worker, unsigned workers)
{
    const Turn *turn = user;
    EbmLaunch launch = phase_launch(turn, worker);

    run_share(turn->blocks, worker, workers, &launch.first_block, &launch.last_block);
    if (launch.first_block >= launch.last_block)
        return;
    if (!turn->gathered && is_over_points(turn))
        train_gather(turn->t, turn->space, turn->step, launch.first_block, launch.last_block);
    launch_part(turn, RT_PART_run, &launch, &turn->t->desk[worker].error);
}

static bool
run_phase(Turn *turn, RtError *error)
{
    RtTraining *t = turn->t;
    EbmLaunch launch = phase_launch(turn, 0);
    bool points = is_over_points(turn);

    turn->blocks = points ? turn->space->blocks : t->manifest->phase[turn->phase].pieces;
    if (!launch_part(turn, RT_PART_prepare, &launch, error) ||
        !run_together(t->pool, turn->blocks, t->desk, run_blocks, turn, error))
        return false;
    turn->gathered |= points;
    return true;
}

/* Parameters and memory are read where they are now, and written where they will be. */
static void
bind(Turn *turn)
{
    RtTraining *t = turn->t;
    const EbmManifest *m = t->manifest;

    for (uint32_t i = 0; i < m->n_exchange; i++)
        turn->exchange[i] = turn->space->at[i];
    for (uint32_t i = 0; i < t->n_held; i++)
        if (t->held[i].role != EBM_ROLE_slot)
            turn->exchange[t->held[i].exchange] = t->held[i].next;
    for (uint32_t i = 0; i < m->n_inputs; i++) {
        if (t->input_held[i] != TRAIN_NONE)
            t->input[i] = t->held[t->input_held[i]].now;
        else if (t->input_exchange[i] != TRAIN_NONE)
            t->input[i] = turn->space->at[t->input_exchange[i]];
    }
}

bool
train_run_group(RtTraining *t, EbmPhaseGroup group, Space *space, uint64_t step, RtError *error)
{
    Turn turn = {t, group, space, NULL, step, 0, 0, group != EBM_GROUP_step};
    bool done = true;

    turn.exchange = calloc((size_t)t->manifest->n_exchange + 1, sizeof *turn.exchange);
    if (!turn.exchange)
        return rt_fail_memory(error, "training", t->manifest->n_exchange);
    bind(&turn);
    for (uint32_t i = 0; done && i < t->manifest->n_phases; i++) {
        turn.phase = i;
        if (t->manifest->phase[i].group == (uint32_t)group)
            done = run_phase(&turn, error);
    }
    free(turn.exchange);
    return done;
}
