/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.c -- a training in a file, and whether it is this one
 *
 * What makes a training is written as lines "name = value": the recipe.  A file is taken up
 * only by a training with the same lines and the same program; where lines differ, they are
 * what the refusal names.
 */
#include "runtime/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/training.h"
#include "base/hash.h"
#include "base/text.h"

/* ---- the recipe */

static bool
is_number(const ProgramHyper *h)
{
    return !h->fixed || (h->has_value && !h->bound_to_t);
}

/* Is it a number that the run reads?  Then its value stands in the recipe, not its text. */
static const ProgramHyper *
find_number(const Program *p, HyperOwner owner, const char *name)
{
    for (size_t i = 0; i < p->n_hyper; i++)
        if (p->hyper[i].owner == owner && is_number(&p->hyper[i]) &&
            strcmp(p->hyper[i].name, name) == 0)
            return &p->hyper[i];
    return NULL;
}

static void
write_settings(const Program *p, HyperOwner owner, const ProgramSetting *s, size_t n, FILE *out)
{
    for (size_t i = 0; i < n; i++)
        if (!find_number(p, owner, s[i].name))
            fprintf(out, "%s.%s = %s\n", owner_word[owner], s[i].name, s[i].text);
}

/* With as few digits as read back the same. */
static void
write_number(const char *owner, const char *name, double value, FILE *out)
{
    char text[32];
    int digits = 6;

    do
        snprintf(text, sizeof text, "%.*g", digits, value);
    while (strtod(text, NULL) != value && digits++ < 17);
    fprintf(out, "%s.%s = %s\n", owner, name, text);
}

/* What the training takes it as; NULL: nothing of it depends on the number. */
static const double *
number_of(const EbmTraining *t, const ProgramHyper *h)
{
    const EbmManifest *m = t->kernel->engine.manifest;

    for (uint32_t k = 0; h->input && k < m->n_hyper; k++)
        if (strcmp(m->hyper[k].name, h->input) == 0)
            return &t->values.hyper[k];
    return h->fixed ? &h->value : NULL;
}

static void
write_numbers(const EbmTraining *t, FILE *out)
{
    const Program *p = &t->kernel->program->program;

    for (size_t i = 0; i < p->n_hyper; i++) {
        const ProgramHyper *h = &p->hyper[i];
        const double *value = is_number(h) ? number_of(t, h) : NULL;
        if (value)
            write_number(owner_word[h->owner], h->name, *value, out);
    }
}

static void
write_arrays(const EbmTraining *t, FILE *out)
{
    const Program *p = &t->kernel->program->program;

    for (size_t i = 0; i < p->n_column; i++) {
        const RtArray *a = &t->column[i].rows;
        if (a->data)
            fprintf(out, "data.%s = %llu rows, %016llx\n", p->column[i].name,
                    (unsigned long long)a->shape[0],
                    (unsigned long long)hash_bytes(1, a->data, a->bytes));
    }
    for (size_t i = 0; i < t->values.first_param; i++) {
        const Bound *b = &t->values.bound[i];
        if (b->value.data)
            fprintf(out, "data.%s = %016llx\n", b->name,
                    (unsigned long long)hash_bytes(1, b->value.data, b->value.bytes));
    }
}

/* Text of its own, or NULL without memory. */
static char *
write_recipe(const EbmTraining *t)
{
    const EbmProgram *program = t->kernel->program;
    const Program *p = &program->program;
    const ElabRequest *r = &program->reading.request;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    fprintf(out, "energy = %s\nloss = %s\noptimizer = %s\n", p->energy, p->loss, p->optimizer);
    if (p->dataset)
        fprintf(out, "data set = %s\n", p->dataset);
    fprintf(out, "dtype = %s\nbatch = %u\nseed = %llu\n",
            ebm_type_name(ebm_program_dtype(program)), r->batch,
            (unsigned long long)t->values.seed);
    for (size_t i = 0; i < r->n_statics; i++)
        fprintf(out, "static %s = %s\n", r->statics[i].name, r->statics[i].text);
    write_settings(p, HYPER_energy, r->energy_hyper, r->n_energy_hyper, out);
    write_settings(p, HYPER_loss, r->loss_hyper, r->n_loss_hyper, out);
    write_settings(p, HYPER_optimizer, r->optimizer_hyper, r->n_optimizer_hyper, out);
    write_settings(p, HYPER_dataset, r->dataset_hyper, r->n_dataset_hyper, out);
    write_numbers(t, out);
    write_arrays(t, out);
    bool done = !ferror(out);
    done = fclose(out) == 0 && done;
    if (!done) {
        free(text);
        return NULL;
    }
    return text;
}

/* What the program's text and sizes come down to. */
static bool
program_key(const EbmTraining *t, RtKey *ret)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return false;
    ir_print(t->kernel->program->program.module, out);
    bool done = !ferror(out);
    done = fclose(out) == 0 && done;
    for (unsigned i = 0; done && i < 2; i++)
        ret->word[i] = hash_bytes(UINT64_C(0x13198A2E03707344) * (i + 1), text, size);
    free(text);
    return done;
}

/* ---- what differs */

typedef struct Difference {
    Arena arena;
    const char *there, *here;
    Text text;
    unsigned n;
} Difference;

enum { SHOWN = 8 };

/* The value of the line with the name that `line` begins with, or NULL. */
static const char *
find_line(const char *recipe, const char *line, size_t name, size_t *ret_size)
{
    while (*recipe) {
        size_t size = strcspn(recipe, "\n");
        if (size >= name + 3 && memcmp(recipe, line, name) == 0 &&
            memcmp(recipe + name, " = ", 3) == 0) {
            *ret_size = size - name - 3;
            return recipe + name + 3;
        }
        recipe += size + (recipe[size] == '\n');
    }
    *ret_size = 0;
    return NULL;
}

static size_t
name_size(const char *line)
{
    const char *equals = strstr(line, " = ");
    return equals ? (size_t)(equals - line) : strcspn(line, "\n");
}

/* Values of data are sizes and checksums, which tell a reader nothing. */
static void
add_difference(Difference *d, const char *line, size_t name, const char *there, size_t n_there,
               const char *here, size_t n_here)
{
    bool data = strncmp(line, "data.", 5) == 0;

    if (d->n++ >= SHOWN)
        return;
    text_printf(&d->text, "%s%.*s is ", d->n > 1 ? "; " : "", (int)name, line);
    if (data && there && here)
        text_printf(&d->text, "another array");
    else if (there && here)
        text_printf(&d->text, "%.*s there and %.*s here", (int)n_there, there, (int)n_here,
                    here);
    else
        text_printf(&d->text, "given only %s", there ? "there" : "here");
}

/* Lines of `from` that are other or missing in `in`. */
static void
compare_lines(Difference *d, const char *from, const char *in, bool missing_only)
{
    while (*from) {
        size_t size = strcspn(from, "\n"), name = name_size(from), other_size;
        const char *value = from + name + 3, *other = find_line(in, from, name, &other_size);
        size_t value_size = size > name + 3 ? size - name - 3 : 0;
        bool same = other && other_size == value_size && memcmp(other, value, other_size) == 0;
        if (missing_only ? !other : !same)
            add_difference(d, from, name, missing_only ? NULL : value, value_size,
                           missing_only ? value : other,
                           missing_only ? value_size : other_size);
        from += size + (from[size] == '\n');
    }
}

static void
compare_recipes(void *user)
{
    Difference *d = user;

    d->text.arena = &d->arena;
    compare_lines(d, d->there, d->here, false);
    compare_lines(d, d->here, d->there, true);
    if (d->n > SHOWN)
        text_printf(&d->text, "; and %u more", d->n - SHOWN);
}

static EbmStatus
check_same(const EbmTraining *t, const char *path, const RtCheckpointHead *head,
           const char *recipe, EbmReport **ret_report)
{
    Difference d = {.there = head->recipe ? head->recipe : "", .here = recipe};
    RtKey key = {0};
    EbmStatus status = EBM_OK;

    if (!program_key(t, &key) || !arena_guard(&d.arena, compare_recipes, &d))
        status = report_memory(ret_report);
    else if (d.n > 0)
        status = report_say(ret_report, EBM_FORMAT_ERROR, NULL,
                            "'%s' is of another training: %s", path, text_str(&d.text));
    else if (memcmp(&key, &head->program, sizeof key) != 0)
        status = report_say(ret_report, EBM_FORMAT_ERROR, NULL,
                            "'%s' is of another program: the text of the model or the library, "
                            "or the shapes it is given, have changed",
                            path);
    arena_free(&d.arena);
    return status;
}

/* ---- saving and loading */

EbmStatus
ebm_training_save(EbmTraining *training, const char *path, EbmReport **ret_report)
{
    RtCheckpointHead head = {.seed = training->values.seed};
    RtError error = {0};
    EbmStatus status = training_start(training, ret_report);

    if (status != EBM_OK)
        return status;
    char *recipe = write_recipe(training);
    if (!recipe || !program_key(training, &head.program)) {
        free(recipe);
        return report_memory(ret_report);
    }
    head.recipe = recipe;
    bool done = rt_checkpoint_write(path, training->training, &head, &error);
    free(recipe);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}

static EbmStatus
take_up(EbmTraining *t, const char *path, const RtCheckpoint *c, EbmReport **ret_report)
{
    RtError error = {0};
    char *recipe = write_recipe(t);

    if (!recipe)
        return report_memory(ret_report);
    EbmStatus status = check_same(t, path, &c->head, recipe, ret_report);
    free(recipe);
    if (status == EBM_OK && c->head.step > t->steps)
        status =
            report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                       "'%s' stands before step %llu, and this training has %llu steps", path,
                       (unsigned long long)c->head.step, (unsigned long long)t->steps);
    status = status ? status : training_allocate(t, ret_report);
    if (status == EBM_OK && !rt_checkpoint_resume(c, t->training, &error))
        return report_error(ret_report, &error);
    return status;
}

EbmStatus
ebm_training_load(EbmTraining *training, const char *path, EbmReport **ret_report)
{
    RtCheckpoint c = {0};
    RtError error = {0};
    EbmStatus status = training_check_waiting(training, ret_report);

    status = status ? status : training_check_data(training, ret_report);
    if (status != EBM_OK)
        return status;
    if (!rt_checkpoint_read(path, &c, &error))
        return report_error(ret_report, &error);
    status = take_up(training, path, &c, ret_report);
    rt_checkpoint_clear(&c);
    return status;
}
