/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.c -- what makes a run or a training, as lines "name = value", and what differs
 */
#include "api/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "api/text.h"
#include "base/hash.h"
#include "base/text.h"

/* ---- the lines */

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
number_of(const Values *v, const ProgramHyper *h)
{
    const EbmManifest *m = v->kernel->engine.manifest;

    for (uint32_t k = 0; h->input && k < m->n_hyper; k++)
        if (strcmp(m->hyper[k].name, h->input) == 0)
            return &v->hyper[k];
    return h->fixed ? &h->value : NULL;
}

static void
write_numbers(const Values *v, FILE *out)
{
    const Program *p = &v->kernel->program->program;

    for (size_t i = 0; i < p->n_hyper; i++) {
        const ProgramHyper *h = &p->hyper[i];
        const double *value = is_number(h) ? number_of(v, h) : NULL;
        if (value)
            write_number(owner_word[h->owner], h->name, *value, out);
    }
}

static void
write_array(const char *group, const char *name, const RtArray *a, FILE *out)
{
    fprintf(out, "%s.%s = %016llx\n", group, name,
            (unsigned long long)hash_bytes(1, a->data, a->bytes));
}

static void
write_columns(const Program *p, const Column *column, FILE *out)
{
    for (size_t i = 0; column && i < p->n_column; i++) {
        const RtArray *a = &column[i].rows;
        if (a->data)
            fprintf(out, "data.%s = %llu rows, %016llx\n", p->column[i].name,
                    (unsigned long long)a->shape[0],
                    (unsigned long long)hash_bytes(1, a->data, a->bytes));
    }
}

/* A training holds its weights, a run is given them. */
static void
write_arrays(const Values *v, FILE *out)
{
    bool trains = v->kernel->program->program.has_train;

    for (size_t i = 0; i < v->n_bound; i++) {
        const Bound *b = &v->bound[i];
        bool is_param = i >= v->first_param;
        if (b->value.data && !(is_param && trains))
            write_array(is_param ? "weights" : "data", b->name, &b->value, out);
    }
}

/* Names of what the program was put together from. */
static void
write_parts(const Program *p, FILE *out)
{
    const struct {
        const char *what, *name;
    } part[] = {{"energy", p->energy},
                {"sampler", p->sampler},
                {"loss", p->loss},
                {"optimizer", p->optimizer},
                {"data set", p->dataset}};

    for (size_t i = 0; i < sizeof part / sizeof *part; i++)
        if (part[i].name)
            fprintf(out, "%s = %s\n", part[i].what, part[i].name);
}

static void
write_request(const Program *p, const ElabRequest *r, FILE *out)
{
    for (size_t i = 0; i < r->n_statics; i++)
        fprintf(out, "static %s = %s\n", r->statics[i].name, r->statics[i].text);
    write_settings(p, HYPER_energy, r->energy_hyper, r->n_energy_hyper, out);
    write_settings(p, HYPER_sampler, r->sampler_hyper, r->n_sampler_hyper, out);
    write_settings(p, HYPER_loss, r->loss_hyper, r->n_loss_hyper, out);
    write_settings(p, HYPER_optimizer, r->optimizer_hyper, r->n_optimizer_hyper, out);
    write_settings(p, HYPER_dataset, r->dataset_hyper, r->n_dataset_hyper, out);
}

void
recipe_write(const Values *v, const Column *column, FILE *out)
{
    const EbmProgram *program = v->kernel->program;
    const Program *p = &program->program;

    write_parts(p, out);
    fprintf(out, "dtype = %s\n", ebm_type_name(ebm_program_dtype(program)));
    if (p->has_train)
        fprintf(out, "batch = %u\n", program->reading.request.batch);
    fprintf(out, "seed = %llu\n", (unsigned long long)v->seed);
    write_request(p, &program->reading.request, out);
    write_numbers(v, out);
    write_columns(p, column, out);
    write_arrays(v, out);
}

/* ---- the program */

bool
recipe_program_key(const EbmProgram *program, RtKey *ret)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return false;
    ir_print(program->program.module, out);
    if (!text_close(out, &text))
        return false;
    for (unsigned i = 0; i < 2; i++)
        ret->word[i] = hash_bytes(UINT64_C(0x13198A2E03707344) * (i + 1), text, size);
    free(text);
    return true;
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

/* Values of data and weights are sizes and checksums, which tell a reader nothing. */
static void
add_difference(Difference *d, const char *line, size_t name, const char *there, size_t n_there,
               const char *here, size_t n_here)
{
    bool data = strncmp(line, "data.", 5) == 0 || strncmp(line, "weights.", 8) == 0;

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

EbmStatus
recipe_compare(const Recipe *there, const Recipe *here, const char *path, const char *kind,
               EbmReport **ret_report)
{
    Difference d = {.there = there->lines ? there->lines : "", .here = here->lines};
    EbmStatus status = EBM_OK;

    if (!arena_guard(&d.arena, compare_recipes, &d))
        status = report_memory(ret_report);
    else if (d.n > 0)
        status = report_say(ret_report, EBM_FORMAT_ERROR, NULL, "'%s' is of another %s: %s",
                            path, kind, text_str(&d.text));
    else if (memcmp(&there->program, &here->program, sizeof here->program) != 0)
        status = report_say(ret_report, EBM_FORMAT_ERROR, NULL,
                            "'%s' is of another program: the text of the model or the library, "
                            "or the shapes it is given, have changed",
                            path);
    arena_free(&d.arena);
    return status;
}
