/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.c -- options that a model's file gives
 */
#include "tools/recipe.h"

#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/names.h"

static bool
is_pair(const char *name, const char *a, const char *b)
{
    return strcmp(name, a) == 0 || strcmp(name, b) == 0;
}

/* Options of which one rules the other out. */
static bool
is_ruled_out(const Args *given, const char *name)
{
    if (is_pair(name, "steps", "epochs"))
        return given->steps || given->epochs;
    if (is_pair(name, "data", "dataset"))
        return given->data.n || given->dataset;
    if (is_pair(name, "keep", "thin"))
        return given->keep || given->thin;
    return false;
}

static bool
is_given(const Args *given, const OptionInfo *o)
{
    const void *field = (const char *)given + o->offset;

    switch (o->kind) {
    case OPTION_flag: return *(const bool *)field;
    case OPTION_text: return *(const char *const *)field || is_ruled_out(given, o->name);
    default: return ((const PairList *)field)->n > 0 || is_ruled_out(given, o->name);
    }
}

static bool
hyper_is_given(const Args *given, const char *name)
{
    for (size_t i = 0; i < given->hyper.n; i++)
        if (strcmp(given->hyper.pair[i].name, name) == 0)
            return true;
    return false;
}

static bool
set_flag(Args *args, const OptionInfo *o, const EbmSetting *line)
{
    if (strcmp(line->text, "true") != 0 && strcmp(line->text, "false") != 0) {
        complain("'%s' of the recipe: expected true or false, found '%s'", line->name,
                 line->text);
        return false;
    }
    return strcmp(line->text, "false") == 0 || set_option(args, o, NULL);
}

/* `given` is what the command line said. */
static bool
apply_line(Args *args, const Args *given, const EbmSetting *line)
{
    char *name = keep_text(args, line->name), *text = keep_text(args, line->text);
    char *option = keep_text(args, line->name);

    if (!name || !text || !option)
        return false;
    for (char *c = option; *c; c++)
        *c = *c == '_' ? '-' : *c;
    const OptionInfo *o = find_option(args->command, option, strlen(option));
    if (!o)
        return hyper_is_given(given, name) || add_hyper(args, name, text);
    if (!takes_option(args->command, o)) {
        complain("the recipe of '%s' has no line '%s'", args->command->name, line->name);
        return false;
    }
    if (is_given(given, o))
        return true;
    return o->kind == OPTION_flag ? set_flag(args, o, line) : set_option(args, o, text);
}

int
apply_recipe(Args *args)
{
    EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
    EbmReport *report = NULL;
    bool trains = args->command->groups & GROUP_training, right = true;
    EbmRecipe which = trains ? EBM_RECIPE_train : EBM_RECIPE_sample;
    EbmCatalog *catalog = NULL;
    Args given = *args;

    if (!args->model || !(args->command->groups & (GROUP_training | GROUP_sampling)) ||
        !is_file(args->model) || (!trains && args->dataset)) /* a data set is no experiment */
        return EXIT_done;
    choice.file = args->model;
    EbmStatus status = ebm_catalog_create(&choice, &catalog, &report);
    int code = finish_report(status, report);
    for (size_t i = 0; !code && i < ebm_catalog_recipe_count(catalog, which) && right; i++) {
        EbmSetting line;
        ebm_catalog_recipe(catalog, which, i, &line);
        right = apply_line(args, &given, &line);
    }
    ebm_catalog_free(catalog);
    return code || right ? code : EXIT_usage;
}
