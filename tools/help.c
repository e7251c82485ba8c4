/* SPDX-License-Identifier: Apache-2.0
 *
 * help.c -- --help and `ebmc doc`, from the option table and the declarations
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/choices.h"
#include "tools/commands.h"

static void
print_option(const OptionInfo *o)
{
    char left[64];
    int used = o->letter ? snprintf(left, sizeof left, "  -%c, --%s", o->letter, o->name)
                         : snprintf(left, sizeof left, "      --%s", o->name);

    if (o->argument)
        snprintf(left + used, sizeof left - (size_t)used, " %s", o->argument);
    printf("%-28s %s\n", left, o->words);
}

static void
print_indented(const char *text, const char *indent)
{
    while (text && *text) {
        size_t n = strcspn(text, "\n");
        printf("%s%.*s\n", indent, (int)n, text);
        text += n + (text[n] == '\n');
    }
}

/* "real >= 0" as declared. */
static void
print_range(const EbmArg *a)
{
    if (isfinite(a->low))
        printf(" %s %g", a->low_open ? ">" : ">=", a->low);
    if (isfinite(a->high))
        printf(" %s %g", a->high_open ? "<" : "<=", a->high);
}

static void
print_argument(const EbmArg *a, bool as_option)
{
    char name[128];

    snprintf(name, sizeof name, "%s%s", as_option ? "--" : "", a->name);
    for (char *c = name; as_option && *c; c++)
        *c = *c == '_' ? '-' : *c;
    printf("  %-24s %s", name, a->is_static ? "static" : a->type ? a->type : "");
    if (!a->is_static)
        print_range(a);
    if (a->value)
        printf(" = %s", a->value);
    putchar('\n');
    print_indented(a->doc, "                             ");
}

static void
print_decl(const EbmCatalog *catalog, size_t index, bool as_options)
{
    EbmDecl d;

    ebm_catalog_decl(catalog, index, &d);
    printf("%s %s%s%s\n", d.kind, d.name, d.result ? " -> " : "", d.result ? d.result : "");
    print_indented(d.doc, "  ");
    for (size_t i = 0; i < d.args; i++) {
        EbmArg a;
        ebm_catalog_arg(catalog, index, i, &a);
        if (!as_options || a.value)
            print_argument(&a, as_options);
    }
}

/* `name`, or the last energy for NULL, of a file or (NULL) the library. */
static bool
print_named(const char *file, const char *name, bool as_options)
{
    EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog = NULL;
    bool found = false;
    size_t last = SIZE_MAX;

    choice.file = file;
    if (ebm_catalog_create(&choice, &catalog, NULL) != EBM_OK)
        return false;
    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (name && strcmp(d.name, name) == 0) {
            print_decl(catalog, i, as_options);
            found = true;
        }
        if (strcmp(d.kind, "energy") == 0)
            last = i;
    }
    if (!name && last != SIZE_MAX)
        print_decl(catalog, last, as_options);
    ebm_catalog_free(catalog);
    return found;
}

static int
complain_of_name(const char *name)
{
    EbmProgramOptions library = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog = NULL;
    const char *word[1024];
    size_t n = 0;

    if (ebm_catalog_create(&library, &catalog, NULL) == EBM_OK)
        for (; n < ebm_catalog_count(catalog) && n < 1024; n++) {
            EbmDecl d;
            ebm_catalog_decl(catalog, n, &d);
            word[n] = d.name;
        }
    const char *near = ebm_near_miss(name, word, n);
    if (near)
        complain("the library has no '%s'; did you mean '%s'?", name, near);
    else
        complain("the library has no '%s'; 'ebmc doc' lists what it has", name);
    ebm_catalog_free(catalog);
    return EXIT_usage;
}

static size_t
first_line(const char *text)
{
    return text ? strcspn(text, "\n") : 0;
}

static int
list_catalog(const char *file)
{
    EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog = NULL;
    EbmReport *report = NULL;
    const char *last = "";

    choice.file = file;
    EbmStatus status = ebm_catalog_create(&choice, &catalog, &report);
    int code = finish_report(status, report);
    if (code)
        return code;
    print_indented(ebm_catalog_doc(catalog), "");
    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        if (file) {
            putchar('\n');
            print_decl(catalog, i, false);
            continue;
        }
        ebm_catalog_decl(catalog, i, &d);
        if (strcmp(d.file, last) != 0)
            printf("\n%s\n", d.file);
        last = d.file;
        printf("  %-10s %-22s %.*s\n", d.kind, d.name, (int)first_line(d.doc),
               d.doc ? d.doc : "");
    }
    ebm_catalog_free(catalog);
    return EXIT_done;
}

int
command_doc(const Args *args)
{
    if (args->help)
        return command_help(args);
    if (!args->model || strstr(args->model, ".ebm"))
        return list_catalog(args->model);
    return print_named(NULL, args->model, false) ? EXIT_done : complain_of_name(args->model);
}

static void
print_commands(void)
{
    puts("ebmc compiles an energy, a sampler and the loop over steps into one kernel, and "
         "draws from it.\n");
    for (size_t i = 0; i < command_count; i++)
        if (command_info[i].run)
            printf("  %-58s %s\n", command_info[i].usage, command_info[i].words);
    puts("\nMODEL is a .ebm file, or an energy of the library. 'ebmc COMMAND --help' has a "
         "command's options;\n"
         "with a sampler, 'ebmc MODEL --sampler hmc --help' has its parameters.\n"
         "\nexit codes: 0 done, 1 the program is wrong, 2 the command line is, 3 an input file "
         "is, 4 memory,\n"
         "            5 the output cannot be written, 6 a mistake in ebmc, 7 a training "
         "step was not finite,\n"
         "            130 stopped by Ctrl-C\n");
}

static void
print_options(const CommandInfo *command)
{
    printf("usage: %s\n%s\n\n", command->usage, command->words);
    for (size_t i = 0; i < option_count; i++)
        if (takes_option(command, &option_info[i]))
            print_option(&option_info[i]);
}

static void
print_passes(void)
{
    puts("\npasses:");
    for (size_t i = 0; i < ebm_pass_count(); i++)
        printf("  %-16s %s\n", ebm_pass_name(i), ebm_pass_words(i));
}

/* What was chosen by name, with its hyperparameters as options. */
static int
print_chosen(const char *file, const char *text)
{
    char *name = head_of(text);
    int code = EXIT_done;

    printf("\n");
    if (name && !(file && print_named(file, name, true)) && !print_named(NULL, name, true))
        code = complain_of_name(name);
    free(name);
    return code;
}

static const char *
unnamed_data(const Args *args)
{
    for (size_t i = 0; i < args->data.n; i++)
        if (names_dataset(&args->data.pair[i]))
            return args->data.pair[i].value;
    return NULL;
}

int
command_help(const Args *args)
{
    const char *file = args->model && strchr(args->model, '.') ? args->model : NULL;

    if (args->command->groups & GROUP_general)
        print_commands();
    print_options(args->command);
    if (args->command->groups & GROUP_passes)
        print_passes();
    if (args->model && (args->command->groups & GROUP_model)) {
        printf("\n");
        print_named(file, file ? args->energy : args->model, false);
    }
    const char *const chosen[] = {args->sampler, args->loss, args->optimizer, args->dataset,
                                  unnamed_data(args)};
    int code = EXIT_done;
    for (size_t i = 0; i < sizeof chosen / sizeof *chosen && !code; i++)
        code = chosen[i] ? print_chosen(file, chosen[i]) : EXIT_done;
    return code;
}
