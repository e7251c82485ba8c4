/* SPDX-License-Identifier: Apache-2.0
 *
 * reading.c -- from program options to a request of the front end
 */
#include "api/reading.h"

#include <stdlib.h>
#include <string.h>

#include "api/array.h"
#include "api/report.h"
#include "runtime/source.h"

struct ReadText {
    char *text;
    ReadText *next;
};

static const char *
copy_text(Arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

/* A file's content.  The reading owns it, as the arena could not be asked for room before the
 * file's size is known, and jumps when there is none. */
static const char *
read_text(Reading *r, const char *path, size_t *ret_size, RtError *error)
{
    ReadText *kept = calloc(1, sizeof *kept);
    RtSource source;

    if (!kept) {
        rt_fail_memory(error, path, sizeof *kept);
        return NULL;
    }
    kept->next = r->texts;
    r->texts = kept;
    if (!rt_source_open(&source, path, error))
        return NULL;
    if (!rt_source_slurp(&source, &kept->text, ret_size, error))
        kept->text = NULL;
    rt_source_close(&source);
    return kept->text;
}

/* `path` beside file `from`; the front end has made sure that it leads nowhere above it. */
static const char *
import_file(void *user, const char *from, const char *path, size_t *ret_size)
{
    Reading *r = user;
    const char *slash = strrchr(from, '/');
    RtError ignored = {0};

    if (slash)
        path = arena_printf(&r->arena, "%.*s%s", (int)(slash - from + 1), from, path);
    return read_text(r, path, ret_size, &ignored);
}

static const ProgramSetting *
copy_settings(Arena *arena, const EbmSetting *from, size_t n)
{
    ProgramSetting *to = arena_array(arena, ProgramSetting, n);

    for (size_t i = 0; i < n; i++)
        to[i] =
            (ProgramSetting){copy_text(arena, from[i].name), copy_text(arena, from[i].text)};
    return to;
}

/* The shape behind the first `leading` axes. */
static bool
copy_shape(Reading *r, const EbmNamed *from, const char *name, uint32_t leading,
           ProgramShape *to)
{
    Type type = {.dtype = (uint8_t)array_dtype(from->array.type)};
    uint32_t rank = from->array.rank;
    uint64_t count = 1;
    bool fits = type.dtype != DT_none && rank <= MAX_RANK;

    if (rank < leading)
        return rt_fail(&r->error, RT_SHAPE, "'%s': expected rows of numbers, found one number",
                       name);
    for (uint32_t i = leading; fits && i < rank; i++) {
        uint64_t size = from->array.shape[i];
        fits = size <= UINT32_MAX && !__builtin_mul_overflow(count, size, &count) &&
               count <= IR_MAX_ELEMENTS;
        type.dim[type.rank++] = (uint32_t)size;
    }
    *to = (ProgramShape){copy_text(&r->arena, name), type};
    return fits ? true
                : rt_fail(&r->error, RT_SHAPE,
                          "'%s': expected at most %llu numbers in %s%d axes", name,
                          (unsigned long long)IR_MAX_ELEMENTS,
                          leading ? "rows, and at most " : "at most ", MAX_RANK);
}

static bool
copy_shapes(Reading *r)
{
    const EbmProgramOptions *o = &r->options;
    ProgramShape *shape = arena_array(&r->arena, ProgramShape, o->n_inputs + o->n_columns);

    for (size_t i = 0; i < o->n_inputs; i++)
        if (!copy_shape(r, &o->inputs[i], o->inputs[i].name, 0, &shape[i]))
            return false;
    for (size_t i = 0; i < o->n_columns; i++) {
        const char *name = o->columns[i].name ? o->columns[i].name : "x";
        if (!copy_shape(r, &o->columns[i], name, 1, &shape[o->n_inputs + i]))
            return false;
    }
    r->request.data = shape;
    r->request.n_data = o->n_inputs + o->n_columns;
    return true;
}

static bool
open_main_file(Reading *r)
{
    const EbmProgramOptions *o = &r->options;
    const char *name = o->file ? o->file : "input.ebm";

    if (o->source) {
        r->request.file = source_add(&r->sources, name, o->source, o->source_size);
    } else if (o->file) {
        size_t size;
        const char *text = read_text(r, o->file, &size, &r->error);
        if (!text)
            return false;
        r->request.file = source_add(&r->sources, name, text, size);
    }
    return true;
}

enum { MAX_BATCH = 1 << 20 };

static bool
check_training(const EbmProgramOptions *o, RtError *error)
{
    if (o->sampler && (o->loss || o->dataset))
        return rt_fail(error, RT_ARGUMENT, "a program samples or trains: '%s' or '%s'",
                       o->sampler, o->loss ? o->loss : o->dataset);
    if (o->optimizer && !o->loss)
        return rt_fail(error, RT_ARGUMENT, "the optimizer '%s' has no loss", o->optimizer);
    if (o->loss && (o->batch == 0 || o->batch > MAX_BATCH))
        return rt_fail(error, RT_ARGUMENT, "expected a batch of 1 to %d data points, found %u",
                       MAX_BATCH, o->batch);
    return true;
}

/* Names that a kernel cannot carry are refused before anything is compiled. */
static bool
check_options(Reading *r)
{
    const EbmProgramOptions *o = &r->options;

    if (o->dtype != EBM_TYPE_f32 && o->dtype != EBM_TYPE_f64)
        return rt_fail(&r->error, RT_ARGUMENT,
                       "expected f32 or f64 as the type of real, found %s",
                       ebm_type_name(o->dtype));
    if ((unsigned)o->init > EBM_INIT_given)
        return rt_fail(&r->error, RT_ARGUMENT, "unknown way to start chains");
    if (o->init == EBM_INIT_uniform && !(o->init_low < o->init_high))
        return rt_fail(&r->error, RT_ARGUMENT,
                       "expected uniform(low, high) with low < high, found %g and %g",
                       o->init_low, o->init_high);
    return check_training(o, &r->error);
}

bool
reading_open(Reading *r)
{
    const EbmProgramOptions *o = &r->options;
    Arena *a = &r->arena;

    r->sources.arena = r->names.arena = r->diags.arena = a;
    r->diags.sources = &r->sources;
    r->request = (ElabRequest){
        .arena = a,
        .sources = &r->sources,
        .names = &r->names,
        .diags = &r->diags,
        .read_import = o->import   ? o->import
                       : o->source ? NULL
                                   : import_file,
        .user = o->import ? o->import_user : r,
        .energy = copy_text(a, o->energy),
        .sampler = copy_text(a, o->sampler),
        .statics = copy_settings(a, o->statics, o->n_statics),
        .n_statics = o->n_statics,
        .energy_hyper = copy_settings(a, o->energy_settings, o->n_energy_settings),
        .n_energy_hyper = o->n_energy_settings,
        .sampler_hyper = copy_settings(a, o->sampler_settings, o->n_sampler_settings),
        .n_sampler_hyper = o->n_sampler_settings,
        .dtype = array_dtype(o->dtype),
        .init = (InitKind)o->init,
        .low = o->init_low,
        .high = o->init_high,
        .loss = copy_text(a, o->loss),
        .optimizer = copy_text(a, o->optimizer),
        .dataset = copy_text(a, o->dataset),
        .loss_hyper = copy_settings(a, o->loss_settings, o->n_loss_settings),
        .n_loss_hyper = o->n_loss_settings,
        .optimizer_hyper = copy_settings(a, o->optimizer_settings, o->n_optimizer_settings),
        .n_optimizer_hyper = o->n_optimizer_settings,
        .dataset_hyper = copy_settings(a, o->dataset_settings, o->n_dataset_settings),
        .n_dataset_hyper = o->n_dataset_settings,
        .batch = o->batch,
    };
    return check_options(r) && open_main_file(r) && copy_shapes(r);
}

void
reading_clear(Reading *r)
{
    for (ReadText *t = r->texts, *next; t; t = next) {
        next = t->next;
        free(t->text);
        free(t);
    }
    r->texts = NULL;
    arena_free(&r->arena);
}

EbmStatus
reading_report(const Reading *r, bool done, EbmReport **ret)
{
    if (!done)
        return report_memory(ret);
    if (r->error.code != RT_OK)
        return report_error(ret, &r->error);
    return report_diags(ret, &r->diags);
}
