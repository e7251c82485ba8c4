/* SPDX-License-Identifier: Apache-2.0
 *
 * evaluate.c -- energies and gradients at given points
 */
#include "runtime/run.h"

#include <stdlib.h>

/* Bytes of a block of points, their conditions and values. */
static uint64_t
point_bytes(const RtRun *run)
{
    uint64_t own = add_size(run->manifest->x_bytes, run_condition_bytes(run));
    return add_size(own, run->manifest->value_bytes);
}

/* Blocks of points that one thread evaluates at once. */
static uint64_t
evaluated_blocks(const RtRun *run)
{
    uint64_t each = point_bytes(run);
    return min_size(max_size(RUN_BUFFER / max_size(each, 1), 1), 1024);
}

typedef struct Evaluation {
    RtRun *run;
    RtCells points, energy, grad;
    RtCells *condition; /* by exchange */
    bool want_grad;
} Evaluation;

/* Points of blocks [first, last), counted from the first point. */
static bool
evaluate_group(const Evaluation *v, Desk *desk, uint64_t first, uint64_t last)
{
    const EbmManifest *m = v->run->manifest;
    EbmLaunch launch = run_launch(v->run, v->run->plan.sample_key);
    RtType type = rt_type_of(m->state[0].dtype);

    launch.last_block = last - first;
    launch.n_chains = v->points.rows - first * EBM_BLOCK;
    launch.points = desk->values;
    launch.values = desk->values + evaluated_blocks(v->run) * m->x_bytes;
    launch.scratch = desk->scratch;
    launch.exchange = desk->condition;
    run_condition_places(v->run, evaluated_blocks(v->run),
                         launch.values + evaluated_blocks(v->run) * m->value_bytes,
                         desk->condition);
    for (uint32_t i = 0; i < m->n_exchange; i++)
        run_condition_records(v->run, i, &v->condition[i], first, last, desk->condition[i]);
    for (uint64_t b = first; b < last; b++) {
        uint64_t row = b * EBM_BLOCK;
        unsigned lanes = run_lanes(v->points.rows, b);
        rt_cells_get(&v->points, row, lanes, type, launch.points + (b - first) * m->x_bytes);
    }
    if (!v->run->engine.launch(v->run->engine.user, EBM_ENTRY_eval, &launch, &desk->error))
        return false;
    for (uint64_t b = first; b < last; b++) {
        uint64_t row = b * EBM_BLOCK;
        unsigned lanes = run_lanes(v->points.rows, b);
        const unsigned char *value = launch.values + (b - first) * m->value_bytes;
        rt_cells_put(&v->energy, row, lanes, 0, 1, rt_type_of(m->value[0].dtype),
                     value + m->value[0].offset, 0);
        if (v->want_grad)
            rt_cells_put(&v->grad, row, lanes, 0, 1, rt_type_of(m->value[1].dtype),
                         value + m->value[1].offset, 0);
    }
    return true;
}

static uint64_t
points_blocks(const Evaluation *v)
{
    return (v->points.rows + EBM_BLOCK - 1) / EBM_BLOCK;
}

static void
evaluate_blocks(void *user, unsigned worker, unsigned workers)
{
    const Evaluation *v = user;
    uint64_t first, last, group = evaluated_blocks(v->run);
    bool going = true;

    run_share(points_blocks(v), worker, workers, &first, &last);
    for (uint64_t b = first; b < last && going; b += group)
        going = evaluate_group(v, &v->run->desk[worker], b, min_size(b + group, last));
}

static bool
check_evaluation(const RtRun *run, const RtView *points, const RtView *energy,
                 const RtView *grad, RtError *error)
{
    const EbmManifest *m = run->manifest;

    if (m->entry[EBM_ENTRY_eval] == UINT64_MAX || m->n_values < (grad ? 2 : 1))
        return rt_fail(error, RT_ARGUMENT, "the kernel does not evaluate");
    if (!rt_view_fits(points, 1, &m->state[0]))
        return rt_fail(error, RT_SHAPE, "points are not [n, ...%s]", m->state[0].name);
    if (energy->rank != 1 || energy->shape[0] != points->shape[0])
        return rt_fail(error, RT_SHAPE, "the array for energies is not [n] for n points");
    if (grad && (!rt_view_fits(grad, 1, &m->state[0]) || grad->shape[0] != points->shape[0]))
        return rt_fail(error, RT_SHAPE, "the array for gradients has not the points' shape");
    return true;
}

static bool
open_conditions(Evaluation *v, const RtView *condition, uint64_t points, RtError *error)
{
    uint32_t n = v->run->manifest->n_exchange;
    bool done = true;

    v->condition = calloc((size_t)n + 1, sizeof *v->condition);
    if (!v->condition)
        return rt_fail_memory(error, "conditions", n * sizeof *v->condition);
    for (uint32_t i = 0; done && i < n; i++)
        done = run_condition_cells(v->run, i, &condition[i], points, "points", &v->condition[i],
                                   error);
    return done;
}

static void
close_conditions(Evaluation *v)
{
    for (uint32_t i = 0; v->condition && i < v->run->manifest->n_exchange; i++)
        rt_cells_clear(&v->condition[i]);
    free(v->condition);
}

bool
rt_run_evaluate(RtRun *run, const RtView *points, const RtView *condition, const RtView *energy,
                const RtView *grad, RtError *error)
{
    Evaluation v = {.run = run, .want_grad = grad != NULL};
    uint64_t bytes = multiply_size(evaluated_blocks(run), point_bytes(run));

    if (!check_evaluation(run, points, energy, grad, error) || !run_prepare(run, error))
        return false;
    for (unsigned i = 0; i < run->plan.threads; i++)
        if (!run->desk[i].values && !(run->desk[i].values = run_allocate(bytes)))
            return rt_fail_memory(error, "points", bytes);
    bool done = rt_cells_create(points, 1, &v.points, error) &&
                rt_cells_create(energy, 1, &v.energy, error) &&
                (!grad || rt_cells_create(grad, 1, &v.grad, error)) &&
                open_conditions(&v, condition, points->shape[0], error);
    done = done &&
           run_together(run->pool, points_blocks(&v), run->desk, evaluate_blocks, &v, error);
    rt_cells_clear(&v.points);
    rt_cells_clear(&v.energy);
    rt_cells_clear(&v.grad);
    close_conditions(&v);
    return done;
}
