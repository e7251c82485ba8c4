/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c -- runs: one set of chains, moved, looked at, taken up again
 */
#include "api/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/machine.h"
#include "api/recipe.h"
#include "api/text.h"
#include "ir/interp.h"
#include "runtime/cpu.h"

#define KEY_FORMAT "program = %016" PRIx64 " %016" PRIx64 "\n"
#define KEY_SCAN "program = %16" SCNx64 " %16" SCNx64 "%*1[\n]%n"

/* ---- making */

static EbmStatus
make_run(EbmRun *run, const EbmRunOptions *o, EbmReport **ret_report)
{
    RtPlan plan = {
        .chains = o->chains,
        .steps = o->steps,
        .warmup = o->warmup,
        .thin = o->thin,
        .threads = o->threads,
    };
    RtError error = {0};

    interp_key(o->seed, PURPOSE_sample, plan.sample_key);
    interp_key(o->seed, PURPOSE_init, plan.start_key);
    if (!rt_run_create(&run->kernel->engine, &plan, &run->run, &error))
        return report_error(ret_report, &error);
    if (!values_open(&run->values, run->kernel, rt_run_hyper(run->run), rt_run_input(run->run),
                     o->seed))
        return report_memory(ret_report);
    return report_nothing(ret_report);
}

EbmStatus
ebm_run_create(const EbmKernel *kernel, const EbmRunOptions *options, EbmRun **ret,
               EbmReport **ret_report)
{
    EbmRunOptions o = EBM_RUN_OPTIONS_INIT;

    if (!take_options(&o, sizeof o, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "run options without their initial value");
    if (kernel->program->program.has_train)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "see ebm_training_create",
                          "this program trains: it has no chains");
    EbmStatus status = machine_threads(&o.threads, ret_report);
    if (status != EBM_OK)
        return status;
    EbmRun *run = calloc(1, sizeof *run);
    if (!run)
        return report_memory(ret_report);
    run->kernel = kernel_keep(kernel);
    status = make_run(run, &o, ret_report);
    if (status == EBM_OK)
        *ret = run;
    else
        ebm_run_free(run);
    return status;
}

void
ebm_run_free(EbmRun *run)
{
    if (!run)
        return;
    rt_run_free(run->run);
    values_close(&run->values);
    rt_array_clear(&run->start);
    ebm_kernel_free(run->kernel);
    free(run);
}

/* ---- values */

/* What may be set only before chains move. */
static EbmStatus
check_waiting(const EbmRun *run, EbmReport **ret_report)
{
    if (!rt_run_started(run->run))
        return report_nothing(ret_report);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                      "values can be set before the chains start, and these are at step %llu",
                      (unsigned long long)rt_run_step(run->run));
}

EbmStatus
ebm_run_set_number(EbmRun *run, EbmOwner owner, const char *name, double value,
                   EbmReport **ret_report)
{
    EbmStatus status = check_waiting(run, ret_report);

    rt_run_changed(run->run);
    return status ? status : values_set_number(&run->values, owner, name, value, ret_report);
}

EbmStatus
ebm_run_set_array(EbmRun *run, const char *name, const EbmArray *array, EbmReport **ret_report)
{
    EbmStatus status = check_waiting(run, ret_report);

    rt_run_changed(run->run);
    run->given = false;
    return status ? status : values_set_array(&run->values, name, array, ret_report);
}

EbmStatus
ebm_run_set_params(EbmRun *run, const EbmNamed *params, size_t count, EbmReport **ret_report)
{
    EbmStatus status = check_waiting(run, ret_report);

    rt_run_changed(run->run);
    return status ? status : values_set_params(&run->values, params, count, ret_report);
}

EbmStatus
ebm_run_init_params(EbmRun *run, uint64_t seed, EbmReport **ret_report)
{
    EbmStatus status = check_waiting(run, ret_report);

    rt_run_changed(run->run);
    return status ? status : values_init_params(&run->values, seed, ret_report);
}

EbmStatus
ebm_run_get_param(EbmRun *run, const char *name, const EbmArray *ret, EbmReport **ret_report)
{
    return values_get_param(&run->values, name, ret, ret_report);
}

/* ---- start */

/* [chains, ...x] */
static void
start_shape(const EbmRun *run, uint64_t shape[EBM_MAX_RANK + 1])
{
    const EbmSlot *x = &run->kernel->engine.manifest->state[0];

    shape[0] = rt_run_plan(run->run)->chains;
    for (unsigned i = 0; i < x->rank; i++)
        shape[i + 1] = x->dim[i];
}

/* One point for all chains is a view whose first stride is 0. */
static RtView
start_view(const EbmRun *run)
{
    unsigned rank = run->kernel->engine.manifest->state[0].rank;
    uint64_t shape[EBM_MAX_RANK + 1];

    start_shape(run, shape);
    RtView v = array_dense_view(run->start.type, rank + 1, shape, run->start.data);
    if (run->start.rank == rank)
        v.stride[0] = 0;
    return v;
}

static EbmStatus
misfit_start(const EbmRun *run, const EbmArray *points, const EbmSlot *x,
             EbmReport **ret_report)
{
    uint64_t shape[EBM_MAX_RANK + 1];

    start_shape(run, shape);
    return report_say(ret_report, EBM_SHAPE_ERROR, NULL,
                      "starting points: expected the shape %s, or %s for all chains, found %s",
                      array_shape_text(x->rank + 1, shape).text,
                      array_shape_text(x->rank, shape + 1).text,
                      array_shape_text(points->rank, points->shape).text);
}

EbmStatus
ebm_run_set_start(EbmRun *run, const EbmArray *points, EbmReport **ret_report)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    const EbmSlot *x = &m->state[0];
    RtArray value = {0};
    RtError error = {0};
    RtView view;
    EbmStatus status = check_waiting(run, ret_report);

    if (status != EBM_OK)
        return status;
    if (!m->x_given)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "make it with EBM_INIT_given",
                          "the program makes its own starting points");
    if (!array_view(points, "starting points", &view, &error))
        return report_error(ret_report, &error);
    bool each = rt_view_fits(&view, 1, x) && view.shape[0] == rt_run_plan(run->run)->chains;
    if (!each && !rt_view_fits(&view, 0, x))
        return misfit_start(run, points, x, ret_report);
    if (!array_convert(points, "starting points", rt_type_of((EbmDType)x->dtype), &value,
                       &error))
        return report_error(ret_report, &error);
    rt_array_clear(&run->start);
    run->start = value;
    run->has_start = true;
    return report_nothing(ret_report);
}

/* Puts the conditions of each chain in their places. */
static bool
give_conditions(EbmRun *run, RtError *error)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    RtView view;

    for (uint32_t i = 0; !run->given && i < m->n_exchange; i++)
        if (!values_condition(&run->values, i, &view, error) ||
            !rt_run_set_condition(run->run, i, &view, error))
            return false;
    run->given = true;
    return true;
}

/* Binds, and starts the chains unless they are. */
static EbmStatus
start(EbmRun *run, EbmReport **ret_report)
{
    RtView view = {0};
    RtError error = {0};
    EbmStatus status = values_bind(&run->values, NULL, ret_report);

    if (status == EBM_OK && !give_conditions(run, &error))
        status = report_error(ret_report, &error);
    if (status != EBM_OK || rt_run_started(run->run))
        return status;
    if (run->has_start)
        view = start_view(run);
    if (!rt_run_start(run->run, run->has_start ? &view : NULL, &error))
        return report_error(ret_report, &error);
    return EBM_OK;
}

void
ebm_run_restart(EbmRun *run)
{
    rt_run_restart(run->run);
}

/* ---- memory */

EbmStatus
ebm_run_memory(const EbmRun *run, int with_draws, EbmMemory *ret, EbmReport **ret_report)
{
    const RtPlan *plan = rt_run_plan(run->run);
    const EbmSlot *x = &run->kernel->engine.manifest->state[0];
    uint64_t each = x->count * rt_type_size(rt_type_of((EbmDType)x->dtype));
    EbmMemory m = EBM_MEMORY_INIT;
    RtError error = {0};

    m.kept = rt_plan_kept(plan, plan->warmup + plan->steps);
    if (__builtin_mul_overflow(m.kept, plan->chains, &m.draws) ||
        __builtin_mul_overflow(m.draws, each, &m.draws))
        m.draws = UINT64_MAX;
    m.internal = rt_run_bytes(run->run);
    m.available = rt_memory().available;
    if (ret)
        give_results(ret, &m, sizeof m);
    uint64_t need = m.internal;
    if (with_draws && __builtin_add_overflow(need, m.draws, &need))
        need = UINT64_MAX;
    if (!rt_memory_check("this run", need, &error))
        return report_error(ret_report, &error);
    return report_nothing(ret_report);
}

/* ---- sampling */

typedef struct Shower {
    EbmProgressFn *show;
    void *user;
} Shower;

static bool
show_progress(void *user, const RtProgress *p)
{
    const Shower *s = user;
    EbmProgress progress = {p->step, p->last_step, p->kept, p->rejected, p->seconds};

    return s->show(s->user, &progress) != 0;
}

/* Draws and reports are numbers with fractions. */
static bool
real_view(const EbmArray *array, const char *what, RtView *ret, RtError *error)
{
    if (!array_view(array, what, ret, error))
        return false;
    if (ret->type != RT_f32 && ret->type != RT_f64)
        return rt_fail(error, RT_TYPE, "%s: expected an array of f32 or f64, found %s", what,
                       rt_type_name(ret->type));
    return true;
}

EbmStatus
ebm_run_sample(EbmRun *run, const EbmSampleOptions *options, EbmReport **ret_report)
{
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    RtView draws, reports;
    RtError error = {0};

    if (!take_options(&o, sizeof o, options))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "sample options without their initial value");
    Shower shower = {o.progress, o.progress_user};
    RtSampling sampling = {
        .last_step = o.last_step,
        .draws = o.draws.data ? &draws : NULL,
        .reports = o.reports.data ? &reports : NULL,
        .first_draw = o.first_draw,
        .progress = o.progress ? show_progress : NULL,
        .user = &shower,
    };
    if ((sampling.draws && !real_view(&o.draws, "draws", &draws, &error)) ||
        (sampling.reports && !real_view(&o.reports, "reports", &reports, &error)))
        return report_error(ret_report, &error);
    EbmStatus status = start(run, ret_report);
    if (status != EBM_OK)
        return status;
    if (!rt_run_sample(run->run, &sampling, &error))
        return report_error(ret_report, &error);
    return report_nothing(ret_report);
}

void
ebm_run_cancel(EbmRun *run)
{
    rt_run_cancel(run->run);
}

uint64_t
ebm_run_step(const EbmRun *run)
{
    return rt_run_step(run->run);
}

uint64_t
ebm_run_kept(const EbmRun *run)
{
    return rt_plan_kept(rt_run_plan(run->run), rt_run_step(run->run));
}

uint32_t
ebm_run_threads(const EbmRun *run)
{
    return rt_run_plan(run->run)->threads;
}

double
ebm_run_seconds(const EbmRun *run)
{
    return rt_run_seconds(run->run);
}

void
ebm_run_rejected(const EbmRun *run, EbmRejected *ret, uint64_t *per_chain)
{
    EbmRejected all = EBM_REJECTED_INIT;

    all.first_step = all.first_chain = UINT64_MAX;
    for (uint64_t c = 0; c < rt_run_plan(run->run)->chains; c++) {
        uint64_t first, n = rt_run_rejected(run->run, c, &first);
        all.total += n;
        all.chains += n > 0;
        if (n > 0 && first < all.first_step) {
            all.first_step = first;
            all.first_chain = c;
        }
        if (per_chain)
            per_chain[c] = n;
    }
    if (ret)
        give_results(ret, &all, sizeof all);
}

/* ---- states */

EbmStatus
ebm_run_get_state(EbmRun *run, size_t index, const EbmArray *ret, EbmReport **ret_report)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    RtView view;
    RtError error = {0};

    if (index >= m->n_state)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "a chain has %u states, and no %zu", m->n_state, index);
    EbmStatus status = start(run, ret_report);
    if (status != EBM_OK)
        return status;
    if (!array_view(ret, m->state[index].name, &view, &error) ||
        !rt_run_get_state(run->run, (uint32_t)index, &view, &error))
        return report_error(ret_report, &error);
    return report_nothing(ret_report);
}

EbmStatus
ebm_run_resume(EbmRun *run, uint64_t step, const EbmArray *states, size_t count,
               EbmReport **ret_report)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    RtView *view = calloc(count + 1, sizeof *view);
    RtError error = {0};
    bool done = view != NULL;

    if (!done)
        return report_memory(ret_report);
    if (count != m->n_state)
        done = rt_fail(&error, RT_SHAPE, "a chain has %u states, and %zu are given", m->n_state,
                       count);
    for (size_t i = 0; done && i < count; i++)
        done = array_view(&states[i], m->state[i].name, &view[i], &error);
    done = done && rt_run_resume(run->run, step, view, &error);
    free(view);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}

/* ---- what the states belong to */

/* The key of the program, then lines; NULL without memory.  All values are bound. */
static char *
write_recipe(const EbmRun *run, size_t *ret_size)
{
    RtKey key;
    char *text = NULL;
    FILE *out = open_memstream(&text, ret_size);

    if (!out)
        return NULL;
    bool done = recipe_program_key(run->kernel->program, &key);
    if (done) {
        fprintf(out, KEY_FORMAT, key.word[0], key.word[1]);
        fprintf(out, "warmup = %llu\n", (unsigned long long)rt_run_plan(run->run)->warmup);
        recipe_write(&run->values, NULL, out);
    }
    if (text_close(out, &text) && done)
        return text;
    free(text);
    return NULL;
}

/* The two halves of a text of write_recipe. */
static bool
read_recipe(const char *text, Recipe *ret)
{
    int size = 0;

    *ret = (Recipe){.lines = NULL};
    if (sscanf(text, KEY_SCAN, &ret->program.word[0], &ret->program.word[1], &size) != 2 ||
        size == 0)
        return false;
    ret->lines = text + size;
    return true;
}

EbmStatus
ebm_run_recipe(EbmRun *run, EbmText **ret, EbmReport **ret_report)
{
    size_t size = 0;
    EbmStatus status = values_bind(&run->values, NULL, ret_report);

    if (status != EBM_OK)
        return status;
    char *text = write_recipe(run, &size);
    status = text ? text_give(text, size, ret, ret_report) : report_memory(ret_report);
    free(text);
    return status ? status : report_nothing(ret_report);
}

EbmStatus
ebm_run_check_recipe(EbmRun *run, const char *name, const char *recipe, EbmReport **ret_report)
{
    Recipe there, here;
    size_t size = 0;
    EbmStatus status = values_bind(&run->values, NULL, ret_report);

    if (status != EBM_OK)
        return status;
    if (!read_recipe(recipe, &there))
        return report_say(ret_report, EBM_FORMAT_ERROR, NULL, "'%s' is not the state of a run",
                          name);
    char *text = write_recipe(run, &size);
    if (!text)
        return report_memory(ret_report);
    read_recipe(text, &here);
    status = recipe_compare(&there, &here, name, "run", ret_report);
    free(text);
    return status ? status : report_nothing(ret_report);
}

/* The conditions of the points, by exchange; NULL after an error. */
static RtView *
point_conditions(const EbmRun *run, RtError *error)
{
    uint32_t n = run->kernel->engine.manifest->n_exchange;
    RtView *view = calloc((size_t)n + 1, sizeof *view);
    bool done = view || rt_fail_memory(error, "conditions", n * sizeof *view);

    for (uint32_t i = 0; done && i < n; i++)
        done = values_condition(&run->values, i, &view[i], error);
    if (done)
        return view;
    free(view);
    return NULL;
}

EbmStatus
ebm_run_evaluate(EbmRun *run, const EbmArray *points, const EbmArray *energy,
                 const EbmArray *grad, EbmReport **ret_report)
{
    RtView point_view, energy_view, grad_view, *condition = NULL;
    RtError error = {0};
    bool want_grad = grad && grad->data;
    EbmStatus status = values_bind(&run->values, NULL, ret_report);

    if (status != EBM_OK)
        return status;
    bool done = array_view(points, "points", &point_view, &error) &&
                real_view(energy, "energies", &energy_view, &error) &&
                (!want_grad || real_view(grad, "gradients", &grad_view, &error)) &&
                (condition = point_conditions(run, &error)) != NULL &&
                rt_run_evaluate(run->run, &point_view, condition, &energy_view,
                                want_grad ? &grad_view : NULL, &error);
    free(condition);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}
