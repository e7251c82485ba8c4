/* SPDX-License-Identifier: Apache-2.0
 *
 * values.c -- the numbers and arrays that a kernel reads
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/require.h"
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
list_one(Values *v, const char *name, Type type, const ProgramData *range)
{
    v->bound[v->n_bound++] = (Bound){
        .name = name,
        .type = type,
        .range = range,
        .input = find_input(v->kernel->engine.manifest, name),
    };
}

/* Hyperparameters that the kernel does not read have no place in it; requirements may read
 * them. */
static void
set_hyper(Values *v, const ProgramHyper *h, double value)
{
    const EbmManifest *m = v->kernel->engine.manifest;

    v->number[h - v->kernel->program->program.hyper] = value;
    v->checked = false;
    for (uint32_t i = 0; h->input && i < m->n_hyper; i++)
        if (strcmp(m->hyper[i].name, h->input) == 0) {
            v->hyper[i] = value;
            v->hyper_set[i] = true;
        }
}

/* Hyperparameters begin as the program has them. */
static void
set_defaults(Values *v)
{
    const Program *p = &v->kernel->program->program;

    for (size_t i = 0; i < p->n_hyper; i++)
        if (p->hyper[i].has_value)
            set_hyper(v, &p->hyper[i], p->hyper[i].value);
}

bool
values_open(Values *v, const EbmKernel *kernel, double *hyper, const void **input,
            uint64_t seed)
{
    const Program *p = &kernel->program->program;
    size_t n = p->n_data + p->n_given + p->n_param;

    *v = (Values){.kernel = kernel, .hyper = hyper, .input = input, .seed = seed};
    v->bound = calloc(n + 1, sizeof *v->bound);
    v->hyper_set = calloc((size_t)v->kernel->engine.manifest->n_hyper + 1, sizeof(bool));
    v->number = calloc(p->n_hyper + 1, sizeof *v->number);
    if (!v->bound || !v->hyper_set || !v->number)
        return false;
    for (size_t i = 0; i < p->n_data; i++)
        list_one(v, p->data[i].name, p->data[i].type, &p->data[i]);
    for (size_t i = 0; !p->has_train && i < p->n_given; i++) /* else the data's columns */
        list_one(v, p->given[i].name, p->given[i].type, &p->given[i]);
    v->first_param = v->n_bound;
    for (size_t i = 0; i < p->n_param; i++)
        list_one(v, p->param[i].name, p->param[i].type, NULL);
    set_defaults(v);
    return true;
}

void
values_close(Values *v)
{
    for (size_t i = 0; i < v->n_bound; i++)
        rt_array_clear(&v->bound[i].value);
    free(v->bound);
    free(v->number);
    free(v->hyper_set);
}

/* Index of a name among bound[first..], or n_bound. */
static size_t
find_bound(const Values *v, size_t first, const char *name)
{
    size_t i = first;

    while (i < v->n_bound && strcmp(v->bound[i].name, name) != 0)
        i++;
    return i;
}

/* ---- hyperparameters */

const char *const owner_word[HYPER_OWNERS] = {
    [HYPER_energy] = "energy",       [HYPER_sampler] = "sampler",  [HYPER_loss] = "loss",
    [HYPER_optimizer] = "optimizer", [HYPER_dataset] = "data set",
};

static EbmStatus
unknown_hyper(const Values *v, EbmOwner owner, const char *name, EbmReport **ret_report)
{
    const Program *p = &v->kernel->program->program;
    const char **names = calloc(p->n_hyper + 1, sizeof *names);
    size_t n = 0;

    for (size_t i = 0; names && i < p->n_hyper; i++)
        if (p->hyper[i].owner == (HyperOwner)owner)
            names[n++] = p->hyper[i].name;
    report_unknown(ret_report, name, names, n, NULL, "the %s has no hyperparameter '%s'",
                   (unsigned)owner < HYPER_OWNERS ? owner_word[owner] : "program", name);
    free(names);
    return EBM_ARGUMENT_ERROR;
}

static const ProgramHyper *
find_hyper(const Program *p, HyperOwner owner, const char *name)
{
    for (size_t i = 0; i < p->n_hyper; i++)
        if (p->hyper[i].owner == owner && strcmp(p->hyper[i].name, name) == 0)
            return &p->hyper[i];
    return NULL;
}

EbmStatus
values_set_number(Values *v, EbmOwner owner, const char *name, double value,
                  EbmReport **ret_report)
{
    const ProgramHyper *h = find_hyper(&v->kernel->program->program, (HyperOwner)owner, name);

    if (!h)
        return unknown_hyper(v, owner, name, ret_report);
    if (h->fixed)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, "give it when the program is made",
                          "'%s' is compiled in", name);
    EbmStatus status = check_hyper(h, value, ret_report);
    if (status == EBM_OK)
        set_hyper(v, h, value);
    return status;
}

/* ---- arrays */

/* The shape of a type, as arrays have it. */
typedef struct Shape {
    uint64_t extent[MAX_RANK];
} Shape;

static Shape
shape_of(Type type)
{
    Shape s = {{0}};

    for (unsigned i = 0; i < type.rank; i++)
        s.extent[i] = type.dim[i];
    return s;
}

/* Is the shape the type's, behind `leading` other axes? */
static bool
shape_ends(const EbmArray *array, unsigned leading, Type type)
{
    bool same = array->rank == leading + type.rank;

    for (unsigned i = 0; same && i < type.rank; i++)
        same = array->shape[leading + i] == type.dim[i];
    return same;
}

/* Is there one of it for each chain or point? */
static bool
is_each(const Bound *b)
{
    return b->range && b->range->each;
}

static bool
outside(double v, const ProgramData *d)
{
    bool low = d->low_open ? v > d->low : v >= d->low;
    bool high = d->high_open ? v < d->high : v <= d->high;
    return !low || !high;
}

/* NaN passes where no range is declared, as it means "missing" to some programs. */
bool
values_in_range(const RtArray *value, const ProgramData *d, RtError *error)
{
    if (!d || (isinf(d->low) && isinf(d->high)))
        return true;
    for (uint64_t i = 0; i < rt_array_count(value); i++) {
        double v = rt_array_get(value, i);
        if (outside(v, d)) {
            char place[RT_PLACE];
            rt_array_place(value, i, place, sizeof place);
            return rt_fail(error, RT_RANGE, "'%s': %s%s%s%g, and its range is %c%g, %g%c",
                           d->name, *place ? "element " : "", place, *place ? " is " : "", v,
                           d->low_open ? '(' : '[', d->low, d->high, d->high_open ? ')' : ']');
        }
    }
    return true;
}

static EbmStatus
set_bound(Values *v, Bound *b, const EbmArray *array, EbmReport **ret_report)
{
    RtArray value = {0};
    RtError error = {0};

    if (!shape_ends(array, is_each(b), b->type))
        return report_say(
            ret_report, EBM_SHAPE_ERROR, NULL, "'%s': expected %s%s, found %s", b->name,
            array_wanted_text(b->type.rank, shape_of(b->type).extent).text,
            is_each(b) ? " for each" : "", array_shape_text(array->rank, array->shape).text);
    if (!array_convert(array, b->name, rt_type_of((EbmDType)b->type.dtype), &value, &error) ||
        !values_in_range(&value, b->range, &error)) {
        rt_array_clear(&value);
        return report_error(ret_report, &error);
    }
    v->checked = false;
    rt_array_clear(&b->value);
    b->value = value;
    b->set = true;
    return report_nothing(ret_report);
}

static EbmStatus
unknown_array(const Values *v, const char *name, EbmReport **ret_report)
{
    const char **names = calloc(v->n_bound + 1, sizeof *names);

    for (size_t i = 0; names && i < v->n_bound; i++)
        names[i] = v->bound[i].name;
    report_unknown(ret_report, name, names, names ? v->n_bound : 0, NULL,
                   "the program reads no array '%s'", name);
    free(names);
    return EBM_ARGUMENT_ERROR;
}

EbmStatus
values_set_array(Values *v, const char *name, const EbmArray *array, EbmReport **ret_report)
{
    size_t i = find_bound(v, 0, name);

    if (i == v->n_bound)
        return unknown_array(v, name, ret_report);
    if (array->rank > EBM_MAX_RANK)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL, "'%s': an array of rank %u",
                          name, array->rank);
    return set_bound(v, &v->bound[i], array, ret_report);
}

/* ---- parameters */

bool
param_of_loss(const Program *p, const char *name)
{
    size_t n = p->loss ? strlen(p->loss) : 0;
    return n && strncmp(name, p->loss, n) == 0 && name[n] == '.';
}

/* What a set of weights lacks, has too much, or has in another shape. */
typedef struct Mismatch {
    Arena arena;
    const Values *values;
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

/* A lone integer is no parameter, all of which are real: a count, such as PyTorch's batch norms
 * keep of their batches. */
static bool
is_count(const EbmNamed *given)
{
    return given->array.rank == 0 && dtype_is_int((DType)given->array.type);
}

/* The place of the parameter that is given; n_bound if there is none. */
static size_t
place_of(const Values *v, const EbmNamed *given)
{
    return given->name ? find_bound(v, v->first_param, given->name) : v->n_bound;
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
    const Values *v = m->values;
    const Program *p = &v->kernel->program->program;

    m->text.arena = &m->arena;
    for (size_t i = v->first_param; i < v->n_bound; i++) {
        const Bound *b = &v->bound[i];
        const EbmNamed *g = find_given(m, b->name);
        if (!g && !param_of_loss(p, b->name))
            add_mismatch(m, "missing", b->name);
        else if (!g)
            continue;
        else if (!array_has_shape(&g->array, b->type.rank, shape_of(b->type).extent))
            add_mismatch(
                m,
                arena_printf(&m->arena, "shape %s instead of %s of",
                             array_shape_text(g->array.rank, g->array.shape).text,
                             array_shape_text(b->type.rank, shape_of(b->type).extent).text),
                b->name);
    }
    for (size_t i = 0; i < m->n_given; i++)
        if (place_of(v, &m->given[i]) == v->n_bound && !is_count(&m->given[i]))
            add_mismatch(m, "unknown", m->given[i].name ? m->given[i].name : "");
    if (m->n > SHOWN)
        text_printf(&m->text, " and %u more", m->n - SHOWN);
}

static EbmStatus
check_params(const Values *v, const EbmNamed *given, size_t n, EbmReport **ret_report)
{
    Mismatch m = {.values = v, .given = given, .n_given = n};
    EbmStatus status = EBM_OK;

    if (!arena_guard(&m.arena, compare_params, &m))
        status = report_memory(ret_report);
    else if (m.n > 0)
        status =
            report_say(ret_report, EBM_SHAPE_ERROR, NULL, "the weights do not fit '%s': %s",
                       v->kernel->program->program.energy, text_str(&m.text));
    arena_free(&m.arena);
    return status;
}

EbmStatus
values_set_params(Values *v, const EbmNamed *params, size_t count, EbmReport **ret_report)
{
    EbmStatus status = check_params(v, params, count, ret_report);
    size_t n_set = 0;

    for (size_t i = 0; i < count && status == EBM_OK; i++) {
        size_t place = place_of(v, &params[i]);
        if (place == v->n_bound)
            continue;
        status = set_bound(v, &v->bound[place], &params[i].array, ret_report);
        n_set++;
    }
    v->params_made |= status == EBM_OK && n_set == v->n_bound - v->first_param;
    return status;
}

/* The parameters that @params gives, in its order, as room for them. */
static bool
make_room(const Values *v, RtArray *value, RtError *error)
{
    for (size_t i = v->first_param; i < v->n_bound; i++) {
        const Bound *b = &v->bound[i];
        if (!rt_array_create(&value[i - v->first_param], rt_type_of((EbmDType)b->type.dtype),
                             b->type.rank, shape_of(b->type).extent, b->name, error))
            return false;
    }
    return true;
}

/* Draws values for all parameters; those that are set keep theirs if `keep`. */
static bool
draw_params(Values *v, uint64_t seed, bool keep, RtError *error)
{
    const Program *p = &v->kernel->program->program;
    size_t n = v->n_bound - v->first_param;
    RtArray *value = calloc(n + 1, sizeof *value);
    void **room = calloc(n + 1, sizeof *room);
    bool done = value && room && p->has_params;

    if (!p->has_params)
        rt_fail(error, RT_INTERNAL, "the program does not say how weights begin");
    else if (!done)
        rt_fail_memory(error, "weights", n * sizeof *value);
    done = done && make_room(v, value, error);
    for (size_t i = 0; done && i < n; i++)
        room[i] = value[i].data;
    done = done && interpreter_params(p->module, seed, room, error);
    for (size_t i = 0; value && i < n; i++) {
        Bound *b = &v->bound[v->first_param + i];
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
    v->checked = false;
    v->params_made |= done;
    return done;
}

EbmStatus
values_init_params(Values *v, uint64_t seed, EbmReport **ret_report)
{
    RtError error = {0};

    if (v->first_param == v->n_bound)
        return report_nothing(ret_report);
    if (!draw_params(v, seed, false, &error))
        return report_error(ret_report, &error);
    return report_nothing(ret_report);
}

bool
values_condition(const Values *v, uint32_t index, RtView *ret, RtError *error)
{
    const char *name = v->kernel->engine.manifest->exchange[index].slot.name;
    size_t i = find_bound(v, 0, name);

    if (i == v->n_bound || !v->bound[i].set)
        return rt_fail(error, RT_ARGUMENT, "'%s' is not set", name);
    *ret = array_rows(&v->bound[i].value);
    return true;
}

static EbmStatus
report_unset(EbmReport **ret_report, const char *name)
{
    char help[sizeof((EbmSlot){0}.name) + 40];

    snprintf(help, sizeof help, "--data %s=FILE gives its values", name);
    return report_say(ret_report, EBM_ARGUMENT_ERROR, help, "'%s' is not set", name);
}

EbmStatus
values_bind(Values *v, const ValueRows *rows, EbmReport **ret_report)
{
    const EbmManifest *m = v->kernel->engine.manifest;
    RtError error = {0};

    if (!v->params_made && v->first_param < v->n_bound &&
        !draw_params(v, v->seed, true, &error))
        return report_error(ret_report, &error);
    for (size_t i = 0; i < v->n_bound; i++) {
        const Bound *b = &v->bound[i];
        if (b->input == UINT32_MAX)
            continue;
        if (!b->set)
            return report_unset(ret_report, b->name);
        v->input[b->input] = b->value.data;
    }
    for (uint32_t i = 0; i < m->n_hyper; i++)
        if (!v->hyper_set[i])
            return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                              "the hyperparameter '%s' has no value", m->hyper[i].name);
    if (v->checked)
        return report_nothing(ret_report);
    EbmStatus status = requirements_check(v, rows, ret_report);
    v->checked = status == EBM_OK;
    return status;
}

EbmStatus
values_get_param(Values *v, const char *name, const EbmArray *ret, EbmReport **ret_report)
{
    size_t i = find_bound(v, v->first_param, name);
    RtError error = {0};

    if (i == v->n_bound)
        return unknown_array(v, name, ret_report);
    if (!v->params_made && !draw_params(v, v->seed, true, &error))
        return report_error(ret_report, &error);
    const Bound *b = &v->bound[i];
    EbmStatus status =
        array_expect_shape(ret, name, b->type.rank, shape_of(b->type).extent, ret_report);
    return status ? status : array_fill(ret, name, b->value.type, b->value.data, ret_report);
}
