/* SPDX-License-Identifier: Apache-2.0
 *
 * library.c -- the energies of the standard library with the samplers of it
 */
#include "tests/kernels/library.h"

#include <stdio.h>
#include <string.h>

/* What an energy of the library needs to run, or where to start to stay where it is finite. */
static const Task needs[] = {
    {.energy = "DoubleWell", .statics = {{"d", "19"}}},
    {.energy = "Gaussian",
     .statics = {{"d", "3"}},
     .energy_settings = {{"cov", "[[2.0, 0.6, 0.1], [0.6, 1.0, -0.2], [0.1, -0.2, 0.5]]"},
                         {"mean", "[1.0, -1.0, 0.5]"}}},
    {.energy = "Rosenbrock", .statics = {{"d", "5"}}, .energy_settings = {{"b", "3.0"}}},
    {.energy = "ManyWell", .statics = {{"d", "6"}}},
    {.energy = "LogNormal", .init = EBM_INIT_uniform, .low = 0.5, .high = 2},
};

static Task
task_of_energy(const char *energy)
{
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].energy, energy) == 0)
            return needs[i];
    return (Task){.energy = energy};
}

/* Can the energy be sampled by its name alone? Not one of a whole number, which nothing moves,
 * and not one that needs more than a state: those stand in the file of programs. */
static bool
stands_alone(const EbmCatalog *catalog, size_t index, const EbmDecl *energy)
{
    size_t needed = 0;
    EbmArg arg;

    for (size_t i = 0; i < energy->args; i++) {
        ebm_catalog_arg(catalog, index, i, &arg);
        if (arg.is_int && !arg.is_static)
            return false;
        needed += !arg.is_static && !arg.value;
    }
    return needed == 1;
}

static bool
has_argument(const EbmCatalog *catalog, size_t index, const EbmDecl *decl, const char *name)
{
    EbmArg arg;

    for (size_t i = 0; i < decl->args; i++) {
        ebm_catalog_arg(catalog, index, i, &arg);
        if (strcmp(arg.name, name) == 0)
            return true;
    }
    return false;
}

/* Small steps, so that chains stay where the gradients are not steep. */
static void
visit_pair(const char *energy, const char *sampler, const char *step_size, LibraryVisit *visit,
           void *user)
{
    Task task = task_of_energy(energy);
    char name[128];

    snprintf(name, sizeof name, "%s %s", energy, sampler);
    task.name = name;
    task.sampler = sampler;
    task.sampler_settings[0] = (EbmSetting){step_size, "0.02"};
    task.dtype = EBM_TYPE_f32;
    visit(user, &task);
}

/* Samplers with another inside are large: one energy tells as much as all. */
static void
visit_sampler(const EbmCatalog *catalog, size_t index, const char *energy, LibraryVisit *visit,
              void *user)
{
    EbmDecl sampler;

    ebm_catalog_decl(catalog, index, &sampler);
    if (strcmp(sampler.kind, "sampler") != 0)
        return;
    bool own = has_argument(catalog, index, &sampler, "step_size");
    if (!has_argument(catalog, index, &sampler, "using") || strcmp(energy, "Gaussian") == 0)
        visit_pair(energy, sampler.name, own ? "step_size" : "using.step_size", visit, user);
}

bool
library_visit(LibraryVisit *visit, void *user)
{
    EbmProgramOptions options = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog;
    EbmDecl energy;

    if (ebm_catalog_create(&options, &catalog, NULL) != EBM_OK)
        return false;
    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        ebm_catalog_decl(catalog, i, &energy);
        if (strcmp(energy.kind, "energy") != 0 || !stands_alone(catalog, i, &energy))
            continue;
        for (size_t j = 0; j < ebm_catalog_count(catalog); j++)
            visit_sampler(catalog, j, energy.name, visit, user);
    }
    ebm_catalog_free(catalog);
    return true;
}
