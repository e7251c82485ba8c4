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
#include "tools/settings.h"

bool
is_file(const char *model)
{
    if (is_name(model) && strpbrk(model, "(["))
        return false;
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

enum { NAMES_MAX = 256 };

static int
complain_of_model(const EbmCatalog *library, const char *name, bool datasets)
{
    const char *word[NAMES_MAX],
        *what = datasets ? "command, energy or data set" : "command or energy";
    size_t n = names_of(library, "energy", word, NAMES_MAX / 2);

    n += datasets ? names_of(library, "dataset", word + n, NAMES_MAX - COMMANDS_MAX - n) : 0;
    n += command_names(word + n);
    const char *near = ebm_near_miss(name, word, n);
    if (near)
        complain("'%s' is no file, %s of the library; did you mean '%s'?", name, what, near);
    else
        complain("'%s' is no file, %s of the library; try 'ebmc --help'", name, what);
    return EXIT_usage;
}

/* Is it an energy of the library, or a data set where those are drawn from? */
static int
check_name(const char *model, bool datasets)
{
    Declarations d = {.own = NULL};
    int code = open_library(&d);
    char *name = head_of(model);
    size_t ignored;

    if (!code && !find_declaration(&d, "energy", name, &ignored) &&
        !(datasets && find_declaration(&d, "dataset", name, &ignored)))
        code = complain_of_model(d.library, model, datasets);
    close_declarations(&d);
    free(name);
    return code;
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
    return check_name(args->model, args->command->groups & GROUP_sampling);
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
