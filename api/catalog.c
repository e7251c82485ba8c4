/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog.c -- the declarations of a file, for manuals and help
 */
#include <stdlib.h>

#include "api/reading.h"
#include "api/report.h"

struct EbmCatalog {
    Reading reading;
    ProgramList list;
    uint32_t *line; /* one a declaration */
};

static uint32_t
newlines_between(const SourceMap *sources, uint32_t file, uint32_t begin, uint32_t end)
{
    const Source *source = source_get(sources, file);
    uint32_t n = 0;

    for (uint32_t i = begin; source && i < end && i < source->size; i++)
        n += source->text[i] == '\n';
    return n;
}

/* Declarations of a file come in its order: its text is gone through once. */
static void
number_lines(EbmCatalog *c)
{
    Span last = {0};

    c->line = arena_array(&c->reading.arena, uint32_t, c->list.n + 1);
    for (size_t i = 0; i < c->list.n; i++) {
        Span at = c->list.decl[i].span;
        bool after = i > 0 && at.file == last.file && at.begin >= last.begin;
        c->line[i] =
            (after ? c->line[i - 1] : 1) +
            newlines_between(&c->reading.sources, at.file, after ? last.begin : 0, at.begin);
        last = at;
    }
}

static void
make_catalog(void *user)
{
    EbmCatalog *c = user;

    if (!reading_open(&c->reading))
        return;
    program_list(&c->reading.request, &c->list);
    number_lines(c);
}

EbmStatus
ebm_catalog_create(const EbmProgramOptions *options, EbmCatalog **ret, EbmReport **ret_report)
{
    EbmCatalog *c = calloc(1, sizeof *c);

    if (!c)
        return report_memory(ret_report);
    c->reading.options = (EbmProgramOptions)EBM_PROGRAM_OPTIONS_INIT;
    if (!take_options(&c->reading.options, sizeof c->reading.options, options)) {
        free(c);
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "program options without their initial value");
    }
    bool done = arena_guard(&c->reading.arena, make_catalog, c);
    EbmStatus status = reading_report(&c->reading, done, ret_report);
    if (status == EBM_OK)
        *ret = c;
    else
        ebm_catalog_free(c);
    return status;
}

void
ebm_catalog_free(EbmCatalog *catalog)
{
    if (!catalog)
        return;
    reading_clear(&catalog->reading);
    free(catalog);
}

const char *
ebm_catalog_doc(const EbmCatalog *catalog)
{
    return catalog->list.doc;
}

size_t
ebm_catalog_count(const EbmCatalog *catalog)
{
    return catalog->list.n;
}

void
ebm_catalog_decl(const EbmCatalog *catalog, size_t index, EbmDecl *ret)
{
    const ProgramDecl *d = &catalog->list.decl[index];

    *ret = (EbmDecl){
        .kind = d->kind,
        .name = d->name,
        .file = d->file,
        .result = d->result,
        .doc = d->doc,
        .args = d->n_arg,
        .line = catalog->line[index],
    };
}

void
ebm_catalog_arg(const EbmCatalog *catalog, size_t index, size_t arg, EbmArg *ret)
{
    const ProgramArg *a = &catalog->list.decl[index].arg[arg];

    *ret = (EbmArg){
        .name = a->name,
        .type = a->type,
        .value = a->value,
        .doc = a->doc,
        .low = a->low,
        .high = a->high,
        .low_open = a->low_open,
        .high_open = a->high_open,
        .is_static = a->is_static,
        .is_given = a->given,
        .is_int = a->is_int,
        .is_hyper = a->is_hyper,
    };
}

static const ProgramRecipe *
recipe_of(const EbmCatalog *catalog, EbmRecipe recipe)
{
    return recipe == EBM_RECIPE_train ? &catalog->list.train : &catalog->list.sample;
}

size_t
ebm_catalog_recipe_count(const EbmCatalog *catalog, EbmRecipe recipe)
{
    return (unsigned)recipe <= EBM_RECIPE_sample ? recipe_of(catalog, recipe)->n : 0;
}

void
ebm_catalog_recipe(const EbmCatalog *catalog, EbmRecipe recipe, size_t index, EbmSetting *ret)
{
    const ProgramSetting *line = &recipe_of(catalog, recipe)->line[index];

    *ret = (EbmSetting){line->name, line->text};
}
