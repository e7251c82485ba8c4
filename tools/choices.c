/* SPDX-License-Identifier: Apache-2.0
 *
 * choices.c -- what is chosen by name, and with which settings
 */
#include "tools/choices.h"

#include <ctype.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/names.h"

/* ---- names */

/* `--data two_moons`: no file. */
bool
names_dataset(const Pair *pair)
{
    return !pair->name && is_name(pair->value) && !is_file(pair->value);
}

static bool
model_is_dataset(Session *s)
{
    char *name = head_of(s->args->model);
    size_t ignored;
    bool found = name && open_library(&s->declarations) == EXIT_done &&
                 !find_declaration(&s->declarations, "energy", name, &ignored) &&
                 find_declaration(&s->declarations, "dataset", name, &ignored);

    free(name);
    return found;
}

/* `--dataset two_moons`, or `--data two_moons`. */
static int
find_dataset(const Args *a, const char **ret)
{
    const char *found = a->dataset;

    for (size_t i = 0; i < a->data.n; i++) {
        if (!names_dataset(&a->data.pair[i]))
            continue;
        if (found) {
            complain("one data set at a time: '%s' and '%s'", found, a->data.pair[i].value);
            return EXIT_usage;
        }
        found = a->data.pair[i].value;
    }
    if (found)
        for (size_t i = 0; i < a->data.n; i++)
            if (!a->data.pair[i].name && !names_dataset(&a->data.pair[i])) {
                complain("the data are drawn by '%s' or read from '%s'", found,
                         a->data.pair[i].value);
                return EXIT_usage;
            }
    *ret = found;
    return EXIT_done;
}

static void
choose(Session *s, EbmOwner owner, const char *kind, const char *text)
{
    if (text)
        s->owner[owner] = (Owner){.kind = kind, .text = text};
}

/* The model is a file, or an energy or a data set of the library. */
int
choose_names(Session *s)
{
    const Args *a = s->args;
    const char *dataset = NULL;
    int code = find_dataset(a, &dataset);

    if (code)
        return code;
    if (is_file(a->model))
        s->choice.file = a->model;
    else if (!dataset && model_is_dataset(s))
        dataset = a->model;
    const char *energy = s->choice.file ? a->energy : dataset == a->model ? NULL : a->model;
    if (a->command->groups & GROUP_training) {
        s->owner[EBM_OWNER_energy] = (Owner){.kind = "energy", .text = energy};
        choose(s, EBM_OWNER_loss, "loss", a->loss);
        choose(s, EBM_OWNER_optimizer, "optimizer", a->optimizer ? a->optimizer : "adam");
    }
    choose(s, EBM_OWNER_sampler, "sampler", a->sampler);
    choose(s, EBM_OWNER_dataset, "dataset", dataset);
    s->choice.energy = energy;
    s->choice.sampler = a->sampler;
    s->choice.loss = s->owner[EBM_OWNER_loss].text;
    s->choice.dataset = dataset;
    return EXIT_done;
}

/* ---- optimizers around the optimizer */

/* An option that puts an optimizer of the library around the one that is chosen, whose own
 * hyperparameters are those of `using` then.  The last is the outermost. */
static const struct {
    size_t option;
    const char *word, *name, *param;
} wrapper[] = {
    {offsetof(Args, clip_value), "clip-value", "clipped_value", "max_value"},
    {offsetof(Args, clip_norm), "clip-norm", "clipped", "max_norm"},
    {offsetof(Args, ema), "ema", "averaged", "decay"},
    {offsetof(Args, accumulate), "accumulate", "accumulated", "every"},
};
enum { WRAPPERS = sizeof wrapper / sizeof *wrapper };

static const char *
wrapper_value(const Session *s, size_t i)
{
    return *(const char *const *)((const char *)s->args + wrapper[i].option);
}

static char *
keep(Session *s, char *text)
{
    char **more = text ? realloc(s->kept, (s->n_kept + 1) * sizeof *more) : NULL;

    if (!more) {
        free(text);
        return NULL;
    }
    s->kept = more;
    return s->kept[s->n_kept++] = text;
}

static bool
wrap(Session *s, const char *name, const char *param, const char *value)
{
    Owner *o = &s->owner[EBM_OWNER_optimizer];

    for (size_t i = 0; i < o->n; i++) {
        size_t size = strlen(o->setting[i].name) + sizeof "using.";
        char *nested = keep(s, malloc(size));
        if (!nested)
            return false;
        snprintf(nested, size, "using.%s", o->setting[i].name);
        o->setting[i].name = nested;
    }
    const char *inner = o->text;
    o->text = name;
    return add_setting(o, "using", inner) && add_setting(o, param, value);
}

static int
wrap_optimizer(Session *s)
{
    for (size_t i = 0; i < WRAPPERS; i++) {
        const char *value = wrapper_value(s, i);
        if (value && !wrap(s, wrapper[i].name, wrapper[i].param, value))
            return EXIT_memory;
    }
    return EXIT_done;
}

static bool
has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = text; (at = strstr(at, word)); at += n)
        if ((at == text || !(isalnum((unsigned char)at[-1]) || at[-1] == '_')) &&
            !(isalnum((unsigned char)at[n]) || at[n] == '_'))
            return true;
    return false;
}

size_t
wrapper_in(const Session *s, const char *text)
{
    size_t i = 0;

    while (i < WRAPPERS && !(wrapper_value(s, i) && has_word(text, wrapper[i].param)))
        i++;
    return i;
}

const Pair *
static_in(const Session *s, const char *text)
{
    for (size_t i = 0; i < s->args->statics.n; i++)
        if (has_word(text, s->args->statics.pair[i].name))
            return &s->args->statics.pair[i];
    return NULL;
}

void
help_with_wrapper(size_t i)
{
    if (i < WRAPPERS)
        fprintf(stderr, "      = help: --%s gives the optimizer '%s' its '%s'\n",
                wrapper[i].word, wrapper[i].name, wrapper[i].param);
}

/* ---- settings */

static EbmSetting *
settings_of(const PairList *list)
{
    EbmSetting *s = calloc(list->n + 1, sizeof *s);

    for (size_t i = 0; s && i < list->n; i++)
        s[i] = (EbmSetting){list->pair[i].name, list->pair[i].value};
    return s;
}

static void
hand_settings(Session *s)
{
    EbmProgramOptions *c = &s->choice;
    const Owner *o = s->owner;

    c->statics = s->statics = settings_of(&s->args->statics);
    c->n_statics = s->args->statics.n;
    c->optimizer = o[EBM_OWNER_optimizer].text;
    c->energy_settings = o[EBM_OWNER_energy].setting;
    c->n_energy_settings = o[EBM_OWNER_energy].n;
    c->sampler_settings = o[EBM_OWNER_sampler].setting;
    c->n_sampler_settings = o[EBM_OWNER_sampler].n;
    c->loss_settings = o[EBM_OWNER_loss].setting;
    c->n_loss_settings = o[EBM_OWNER_loss].n;
    c->optimizer_settings = o[EBM_OWNER_optimizer].setting;
    c->n_optimizer_settings = o[EBM_OWNER_optimizer].n;
    c->dataset_settings = o[EBM_OWNER_dataset].setting;
    c->n_dataset_settings = o[EBM_OWNER_dataset].n;
}

/* Which hyperparameter is whose can be said once the declarations are known. */
int
choose_settings(Session *s)
{
    const Args *a = s->args;
    int code = EXIT_done;

    if (a->hyper.n > 0) {
        code = open_library(&s->declarations);
        code = code || !s->choice.file ? code : open_own(&s->declarations, s->choice.file);
        code = code ? code : give_settings(a, &s->declarations, s->owner);
    }
    for (size_t i = 0; !code && i < a->set.n; i++)
        if (!add_setting(&s->owner[EBM_OWNER_energy], a->set.pair[i].name,
                         a->set.pair[i].value))
            code = EXIT_memory;
    code = code || !s->choice.loss ? code : wrap_optimizer(s);
    if (!code)
        hand_settings(s);
    return code;
}

void
close_choices(Session *s)
{
    close_declarations(&s->declarations);
    for (unsigned o = 0; o < OWNERS; o++)
        free(s->owner[o].setting);
    for (size_t i = 0; i < s->n_kept; i++)
        free(s->kept[i]);
    free(s->kept);
    free(s->statics);
}
