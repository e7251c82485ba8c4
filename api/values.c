/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c -- the numbers and arrays that a run's kernel reads
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/run.h"
#include "base/text.h"

/* ---- the list */

static uint32_t
find_input(const EbmManifest *m, const char *name)
{
    for (uint32_t i = 0; i < m->n_inputs; i++)
        if (strcmp(m->input[i].name, name) == 0)
            return i;
    return UINT32_MAX;
}

static void
list_one(EbmRun *run, const char *name, Type type, const ProgramData *range)
{
    run->bound[run->n_bound++] = (Bound){
        .name = name,
        .type = type,
        .range = range,
        .input = find_input(run->kernel->engine.manifest, name),
    };
}

bool
run_list_values(EbmRun *run)
{
    const Program *p = &run->kernel->program->program;
    size_t n = p->n_data + p->n_given + p->n_param;

    run->bound = calloc(n + 1, sizeof *run->bound);
    run->hyper_set = calloc((size_t)run->kernel->engine.manifest->n_hyper + 1, sizeof(bool));
    if (!run->bound || !run->hyper_set)
        return false;
    for (size_t i = 0; i < p->n_data; i++)
        list_one(run, p->data[i].name, p->data[i].type, &p->data[i]);
    for (size_t i = 0; i < p->n_given; i++)
        list_one(run, p->given[i].name, p->given[i].type, &p->given[i]);
    run->first_param = run->n_bound;
    for (size_t i = 0; i < p->n_param; i++)
        list_one(run, p->param[i].name, p->param[i].type, NULL);
    return true;
}

void
run_clear_values(EbmRun *run)
{
    for (size_t i = 0; i < run->n_bound; i++)
        rt_array_clear(&run->bound[i].value);
    free(run->bound);
    free(run->hyper_set);
    rt_array_clear(&run->start);
}

/* Index of a name among bound[first..], or n_bound. */
static size_t
find_bound(const EbmRun *run, size_t first, const char *name)
{
    size_t i = first;

    while (i < run->n_bound && strcmp(run->bound[i].name, name) != 0)
        i++;
    return i;
}

EbmStatus
run_check_waiting(const EbmRun *run, EbmReport **ret_report)
{
    if (!rt_run_started(run->run))
        return report_nothing(ret_report);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                      "values can be set before the chains start, and these are at step %llu",
                      (unsigned long long)rt_run_step(run->run));
}

/* ---- hyperparameters */

static EbmStatus
unknown_hyper(const EbmRun *run, HyperOwner owner, const char *name, EbmReport **ret_report)
{
    const Program *p = &run->kernel->program->program;
    const char **names = calloc(p->n_hyper + 1, sizeof *names);
    char help[128] = "";
    size_t n = 0;

    for (size_t i = 0; names && i < p->n_hyper; i++)
        if (p->hyper[i].owner == owner)
            names[n++] = p->hyper[i].name;
    const char *near = names ? near_miss(name, names, n) : NULL;
    if (near)
        snprintf(help, sizeof help, "did you mean '%s'?", near);
    free(names);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, *help ? help : NULL,
                      "the %s has no hyperparameter '%s'",
                      owner == HYPER_energy ? "energy" : "sampler", name);
}

static const ProgramHyper *
find_hyper(const Program *p, HyperOwner owner, const char *name)
{
    for (size_t i = 0; i < p->n_hyper; i++)
        if (p->hyper[i].owner == owner && strcmp(p->hyper[i].name, name) == 0)
            return &p->hyper[i];
    return NULL;
}

/* Hyperparameters that the kernel does not read have no place in it. */
static void
set_hyper(EbmRun *run, const ProgramHyper *h, double value)
{
    const EbmManifest *m = run->kernel->engine.manifest;

    for (uint32_t i = 0; h->input && i < m->n_hyper; i++)
        if (strcmp(m->hyper[i].name, h->input) == 0) {
            rt_run_hyper(run->run)[i] = value;
            run->hyper_set[i] = true;
        }
    rt_run_changed(run->run);
}

EbmStatus
ebm_run_set_number(EbmRun *run, EbmOwner owner, const char *name, double value,
                   EbmReport **ret_report)
{
    HyperOwner of = owner == EBM_OWNER_energy ? HYPER_energy : HYPER_sampler;
    const ProgramHyper *h = find_hyper(&run->kernel->program->program, of, name);
    EbmStatus status = run_check_waiting(run, ret_report);

    if (status != EBM_OK)
        return status;
    if (!h)
        return unknown_hyper(run, of, name, ret_report);
    if (h->fixed)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "give it when the program is made",
                          "'%s' is compiled in", name);
    status = check_hyper(h, value, ret_report);
    if (status == EBM_OK)
        set_hyper(run, h, value);
    return status;
}

/* ---- arrays */

/* A copy of the array as `type`, of the same shape. */
static bool
convert(const EbmArray *array, Type type, const char *name, RtArray *ret, RtError *error)
{
    RtArray copy = {0};

    if (!array_copy(array, name, &copy, error))
        return false;
    bool done = rt_array_convert(&copy, rt_type_of((EbmDType)type.dtype), ret, name, error);
    rt_array_clear(&copy);
    return done;
}

static bool
same_shape(const EbmArray *array, Type type)
{
    bool same = array->rank == type.rank;

    for (unsigned i = 0; same && i < type.rank; i++)
        same = array->shape[i] == type.dim[i];
    return same;
}

static ShapeText
type_shape(Type type)
{
    uint64_t shape[MAX_RANK];

    for (unsigned i = 0; i < type.rank; i++)
        shape[i] = type.dim[i];
    return array_shape_text(type.rank, shape);
}

static bool
outside(double v, const ProgramData *d)
{
    bool low = d->low_open ? v > d->low : v >= d->low;
    bool high = d->high_open ? v < d->high : v <= d->high;
    return !low || !high;
}

/* NaN passes where no range is declared, as it means "missing" to some programs. */
static bool
check_range(const RtArray *value, const ProgramData *d, RtError *error)
{
    if (!d || (isinf(d->low) && isinf(d->high)))
        return true;
    for (uint64_t i = 0; i < rt_array_count(value); i++) {
        double v = rt_array_get(value, i);
        if (outside(v, d))
            return rt_fail(error, RT_RANGE,
                           "'%s': element %llu is %g, and its range is %c%g, %g%c", d->name,
                           (unsigned long long)i, v, d->low_open ? '(' : '[', d->low, d->high,
                           d->high_open ? ')' : ']');
    }
    return true;
}

static EbmStatus
set_bound(EbmRun *run, Bound *b, const EbmArray *array, EbmReport **ret_report)
{
    RtArray value = {0};
    RtError error = {0};

    if (!same_shape(array, b->type))
        return report_say(
            ret_report, EBM_SHAPE_ERROR, NULL, "'%s': expected the shape %s, found %s", b->name,
            type_shape(b->type).text, array_shape_text(array->rank, array->shape).text);
    if (!convert(array, b->type, b->name, &value, &error) ||
        !check_range(&value, b->range, &error)) {
        rt_array_clear(&value);
        return report_error(ret_report, &error);
    }
    rt_array_clear(&b->value);
    b->value = value;
    b->set = true;
    rt_run_changed(run->run);
    return report_nothing(ret_report);
}

static EbmStatus
unknown_array(const EbmRun *run, const char *name, EbmReport **ret_report)
{
    const char **names = calloc(run->n_bound + 1, sizeof *names);
    char help[128] = "";

    for (size_t i = 0; names && i < run->n_bound; i++)
        names[i] = run->bound[i].name;
    const char *near = names ? near_miss(name, names, run->n_bound) : NULL;
    if (near)
        snprintf(help, sizeof help, "did you mean '%s'?", near);
    free(names);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, *help ? help : NULL,
                      "the program reads no array '%s'", name);
}

EbmStatus
ebm_run_set_array(EbmRun *run, const char *name, const EbmArray *array, EbmReport **ret_report)
{
    size_t i = find_bound(run, 0, name);
    EbmStatus status = run_check_waiting(run, ret_report);

    if (status != EBM_OK)
        return status;
    if (i == run->n_bound)
        return unknown_array(run, name, ret_report);
    if (array->rank > EBM_MAX_RANK)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "'%s': an array of rank %u",
                          name, array->rank);
    return set_bound(run, &run->bound[i], array, ret_report);
}

/* ---- parameters */

/* What a set of weights lacks, has too much, or has in another shape. */
typedef struct Mismatch {
    Arena arena;
    const EbmRun *run;
    const EbmNamed *given;
    size_t n_given;
    Text text;
    unsigned n;
} Mismatch;

enum { SHOWN = 20 };

static void
add_mismatch(Mismatch *m, const char *what, const char *name)
{
    if (m->n++ < SHOWN)
        text_printf(&m->text, "%s%s '%s'", m->n > 1 ? ", " : "", what, name);
}

static const EbmNamed *
find_given(const Mismatch *m, const char *name)
{
    for (size_t i = 0; i < m->n_given; i++)
        if (m->given[i].name && strcmp(m->given[i].name, name) == 0)
            return &m->given[i];
    return NULL;
}

static void
compare_params(void *user)
{
    Mismatch *m = user;
    const EbmRun *run = m->run;

    m->text.arena = &m->arena;
    for (size_t i = run->first_param; i < run->n_bound; i++) {
        const Bound *b = &run->bound[i];
        const EbmNamed *g = find_given(m, b->name);
        if (!g)
            add_mismatch(m, "missing", b->name);
        else if (g->array.rank > EBM_MAX_RANK || !same_shape(&g->array, b->type))
            add_mismatch(
                m,
                arena_printf(
                    &m->arena, "shape %s instead of %s of",
                    array_shape_text(g->array.rank % (EBM_MAX_RANK + 1), g->array.shape).text,
                    type_shape(b->type).text),
                b->name);
    }
    for (size_t i = 0; i < m->n_given; i++)
        if (!m->given[i].name ||
            find_bound(run, run->first_param, m->given[i].name) == run->n_bound)
            add_mismatch(m, "unknown", m->given[i].name ? m->given[i].name : "");
    if (m->n > SHOWN)
        text_printf(&m->text, " and %u more", m->n - SHOWN);
}

static EbmStatus
check_params(const EbmRun *run, const EbmNamed *given, size_t n, EbmReport **ret_report)
{
    Mismatch m = {.run = run, .given = given, .n_given = n};
    EbmStatus status = EBM_OK;

    if (!arena_guard(&m.arena, compare_params, &m))
        status = report_memory(ret_report);
    else if (m.n > 0)
        status =
            report_say(ret_report, EBM_SHAPE_ERROR, NULL, "the weights do not fit '%s': %s",
                       run->kernel->program->program.energy, text_str(&m.text));
    arena_free(&m.arena);
    return status;
}

EbmStatus
ebm_run_set_params(EbmRun *run, const EbmNamed *params, size_t count, EbmReport **ret_report)
{
    EbmStatus status = run_check_waiting(run, ret_report);

    if (status == EBM_OK)
        status = check_params(run, params, count, ret_report);
    for (size_t i = 0; i < count && status == EBM_OK; i++) {
        Bound *b = &run->bound[find_bound(run, run->first_param, params[i].name)];
        status = set_bound(run, b, &params[i].array, ret_report);
    }
    run->params_made |= status == EBM_OK;
    return status;
}

/* The parameters that @params gives, in its order, as room for them. */
static bool
make_room(const EbmRun *run, RtArray *value, RtError *error)
{
    for (size_t i = run->first_param; i < run->n_bound; i++) {
        const Bound *b = &run->bound[i];
        uint64_t shape[MAX_RANK];
        for (unsigned k = 0; k < b->type.rank; k++)
            shape[k] = b->type.dim[k];
        if (!rt_array_create(&value[i - run->first_param], rt_type_of((EbmDType)b->type.dtype),
                             b->type.rank, shape, b->name, error))
            return false;
    }
    return true;
}

/* Draws values for all parameters; those that are set keep theirs if `keep`. */
static bool
draw_params(EbmRun *run, uint64_t seed, bool keep, RtError *error)
{
    const Program *p = &run->kernel->program->program;
    size_t n = run->n_bound - run->first_param;
    RtArray *value = calloc(n + 1, sizeof *value);
    void **room = calloc(n + 1, sizeof *room);
    bool done = value && room && p->has_params;

    if (!p->has_params)
        rt_fail(error, RT_INTERNAL, "the program does not say how weights begin");
    else if (!done)
        rt_fail_memory(error, "weights", n * sizeof *value);
    done = done && make_room(run, value, error);
    for (size_t i = 0; done && i < n; i++)
        room[i] = value[i].data;
    done = done && interpreter_params(p->module, seed, room, error);
    for (size_t i = 0; value && i < n; i++) {
        Bound *b = &run->bound[run->first_param + i];
        if (done && !(keep && b->set)) {
            RtArray old = b->value;
            b->value = value[i];
            b->set = true;
            value[i] = old;
        }
        rt_array_clear(&value[i]);
    }
    free(value);
    free(room);
    run->params_made |= done;
    rt_run_changed(run->run);
    return done;
}

EbmStatus
ebm_run_init_params(EbmRun *run, uint64_t seed, EbmReport **ret_report)
{
    RtError error = {0};
    EbmStatus status = run_check_waiting(run, ret_report);

    if (status != EBM_OK || run->first_param == run->n_bound)
        return status;
    if (!draw_params(run, seed, false, &error))
        return report_error(ret_report, &error);
    return report_nothing(ret_report);
}

EbmStatus
run_bind(EbmRun *run, EbmReport **ret_report)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    RtError error = {0};

    if (!run->params_made && run->first_param < run->n_bound &&
        !draw_params(run, run->seed, true, &error))
        return report_error(ret_report, &error);
    for (size_t i = 0; i < run->n_bound; i++) {
        const Bound *b = &run->bound[i];
        if (b->input == UINT32_MAX)
            continue;
        if (!b->set)
            return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "'%s' is not set", b->name);
        rt_run_input(run->run)[b->input] = b->value.data;
    }
    for (uint32_t i = 0; i < m->n_hyper; i++)
        if (!run->hyper_set[i])
            return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                              "the hyperparameter '%s' has no value", m->hyper[i].name);
    return report_nothing(ret_report);
}

EbmStatus
ebm_run_get_param(EbmRun *run, const char *name, const EbmArray *ret, EbmReport **ret_report)
{
    size_t i = find_bound(run, run->first_param, name);
    RtError error = {0};
    RtView view;
    RtCells cells;

    if (i == run->n_bound)
        return unknown_array(run, name, ret_report);
    if (!run->params_made && !draw_params(run, run->seed, true, &error))
        return report_error(ret_report, &error);
    const Bound *b = &run->bound[i];
    if (!array_view(ret, name, &view, &error))
        return report_error(ret_report, &error);
    if (!same_shape(ret, b->type))
        return report_say(
            ret_report, EBM_SHAPE_ERROR, NULL, "'%s': expected the shape %s, found %s", name,
            type_shape(b->type).text, array_shape_text(ret->rank, ret->shape).text);
    if (!rt_cells_create(&view, 0, &cells, &error))
        return report_error(ret_report, &error);
    rt_cells_fill(&cells, b->value.type, b->value.data);
    rt_cells_clear(&cells);
    return report_nothing(ret_report);
}
