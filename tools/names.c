/* SPDX-License-Identifier: Apache-2.0
 *
 * names.c -- what the names on a command line mean, and were meant to be
 */
#include "tools/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/commands.h"

bool
is_file(const char *model)
{
    return strchr(model, '/') || strchr(model, '.') || access(model, F_OK) == 0;
}

/* Names of what the library declares of a kind, at most `room`; they live with the catalog. */
static size_t
names_of(const EbmCatalog *catalog, const char *kind, const char **ret, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < ebm_catalog_count(catalog) && n < room; i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (strcmp(d.kind, kind) == 0)
            ret[n++] = d.name;
    }
    return n;
}

static bool
is_among(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}

enum { NAMES_MAX = 256 };

static int
check_name(const char *name)
{
    EbmProgramOptions library = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog = NULL;
    EbmReport *report = NULL;
    EbmStatus status = ebm_catalog_create(&library, &catalog, &report);
    const char *word[NAMES_MAX], *near;

    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    size_t n = names_of(catalog, "energy", word, NAMES_MAX - COMMANDS_MAX);
    bool known = is_among(name, word, n);
    n += command_names(word + n);
    near = known ? NULL : ebm_near_miss(name, word, n);
    if (near)
        complain("'%s' is no file, command or energy of the library; did you mean '%s'?", name,
                 near);
    else if (!known)
        complain("'%s' is no file, command or energy of the library; try 'ebmc --help'", name);
    ebm_catalog_free(catalog);
    return known ? EXIT_done : EXIT_usage;
}

int
check_model(const Args *args)
{
    if (!args->model) {
        complain("expected a model: a .ebm file, or an energy of the library such as "
                 "DoubleWell; try 'ebmc --help'");
        return EXIT_usage;
    }
    if (is_file(args->model))
        return EXIT_done;
    if (args->energy) {
        complain("--energy chooses among the energies of a file; '%s' is none", args->model);
        return EXIT_usage;
    }
    return check_name(args->model);
}

/* The sampler's declaration in a catalog; NULL options->file: the library. */
static bool
find_decl(const EbmCatalog *catalog, const char *kind, const char *name, size_t *ret_index)
{
    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (strcmp(d.name, name) == 0 && (!kind || strcmp(d.kind, kind) == 0)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* The catalog that declares the sampler: the file's, else the library's. */
static EbmCatalog *
sampler_catalog(const Session *s, size_t *ret_index)
{
    EbmProgramOptions library = EBM_PROGRAM_OPTIONS_INIT;

    for (int own = s->choice.file != NULL; own >= 0; own--) {
        EbmCatalog *catalog = NULL;
        if (ebm_catalog_create(own ? &s->choice : &library, &catalog, NULL) != EBM_OK)
            continue;
        if (find_decl(catalog, "sampler", s->choice.sampler, ret_index))
            return catalog;
        ebm_catalog_free(catalog);
    }
    return NULL;
}

static bool
names_argument(const EbmCatalog *catalog, size_t decl, const char *name)
{
    EbmDecl d;

    /* what `using.step_size` names in `using` is for the program's own errors */
    size_t size = strcspn(name, ".");
    ebm_catalog_decl(catalog, decl, &d);
    for (size_t i = 0; i < d.args; i++) {
        EbmArg a;
        ebm_catalog_arg(catalog, decl, i, &a);
        if (strlen(a.name) == size && strncmp(a.name, name, size) == 0 && a.value)
            return true;
    }
    return false;
}

/* Options with dashes, then the sampler's own: what a mistyped option may have meant. */
static void
complain_of_option(const EbmCatalog *catalog, size_t decl, const char *name,
                   const char *sampler)
{
    EbmDecl d = {.args = 0};
    const char *word[256];
    size_t n = 0;

    if (catalog)
        ebm_catalog_decl(catalog, decl, &d);
    for (size_t i = 0; i < option_count && n < 128; i++)
        word[n++] = option_info[i].name;
    for (size_t i = 0; i < d.args && n < 256; i++) {
        EbmArg a;
        ebm_catalog_arg(catalog, decl, i, &a);
        if (a.value && !a.is_static)
            word[n++] = a.name;
    }
    char *spelled = language_name(name);
    const char *near = ebm_near_miss(name, word, n);
    near = near ? near : ebm_near_miss(spelled ? spelled : name, word, n);
    char *meant = near ? strdup(near) : NULL;
    for (char *c = meant; c && *c; c++)
        *c = *c == '_' ? '-' : *c;
    if (meant)
        complain("unknown option '--%s'; did you mean '--%s'?", name, meant);
    else if (sampler)
        complain("unknown option '--%s': sampler '%s' has no such hyperparameter", name,
                 sampler);
    else
        complain("unknown option '--%s'; a sampler's hyperparameters need --sampler", name);
    free(meant);
    free(spelled);
}

int
check_options(const Session *s)
{
    size_t decl = 0;
    int code = EXIT_done;

    if (s->args->hyper.n == 0)
        return EXIT_done;
    EbmCatalog *catalog = s->choice.sampler ? sampler_catalog(s, &decl) : NULL;
    if (s->choice.sampler && !catalog)
        return EXIT_done; /* the program's own error names the sampler */
    for (size_t i = 0; i < s->args->hyper.n; i++)
        if (!catalog || !names_argument(catalog, decl, s->names[i])) {
            complain_of_option(catalog, decl, s->args->hyper.pair[i].name, s->choice.sampler);
            code = EXIT_usage;
        }
    ebm_catalog_free(catalog);
    return code;
}

static bool
is_given(const PairList *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->pair[i].name, name) == 0)
            return true;
    return false;
}

/* The energy that is chosen, or the last one. */
static bool
find_energy(const EbmCatalog *catalog, const char *name, size_t *ret_index)
{
    bool found = false;

    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (strcmp(d.kind, "energy") == 0 && (!name || strcmp(d.name, name) == 0)) {
            *ret_index = i;
            found = true;
        }
    }
    return found;
}

/* Nothing in the program fixes a static parameter: which -S would? */
bool
help_with_statics(const Session *s)
{
    EbmCatalog *catalog = NULL;
    size_t index = 0, missing = 0;
    EbmDecl d = {.args = 0};

    if (ebm_catalog_create(&s->choice, &catalog, NULL) != EBM_OK)
        return false;
    if (find_energy(catalog, s->choice.energy, &index))
        ebm_catalog_decl(catalog, index, &d);
    for (size_t i = 0; i < d.args; i++) {
        EbmArg a;
        ebm_catalog_arg(catalog, index, i, &a);
        if (!a.is_static || a.value || strchr(a.name, '.') ||
            is_given(&s->args->statics, a.name))
            continue;
        fprintf(stderr, "      = help: -S %s=N gives the energy '%s' its '%s'\n", a.name,
                d.name, a.name);
        missing++;
    }
    ebm_catalog_free(catalog);
    return missing > 0;
}
