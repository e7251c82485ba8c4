/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.c -- whose hyperparameter an option is
 */
#include "tools/settings.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"

/* ---- names with arguments */

static size_t
name_size(const char *text)
{
    size_t n = 0;

    if (!isalpha((unsigned char)text[0]) && text[0] != '_')
        return 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '_')
        n++;
    return n;
}

char *
head_of(const char *text)
{
    text += strspn(text, " ");
    return strndup(text, name_size(text));
}

bool
is_name(const char *text)
{
    size_t n = name_size(text), blanks = strspn(text + n, " ");

    return n > 0 && (text[n] == '\0' || strchr("([", text[n + blanks]));
}

/* The value of argument `name` in "f[n = 3](a = 1, using = hmc(step = 2))", in memory of its
 * own; NULL: it has none. */
static char *
argument_of(const char *text, const char *name)
{
    size_t size = strlen(name);
    unsigned depth = 0;
    const char *value = NULL;
    bool begins = false; /* an argument */

    for (const char *c = text; *c; c++) {
        bool closes = *c == ')' || *c == ']';
        if (value && depth == 1 && (closes || *c == ','))
            return strndup(value, (size_t)(c - value));
        depth += *c == '(' || *c == '[';
        depth -= closes && depth > 0;
        if (begins && !value && strncmp(c, name, size) == 0) {
            const char *after = c + size + strspn(c + size, " ");
            if (*after == '=' && after[1] != '=')
                value = after + 1 + strspn(after + 1, " ");
        }
        begins = depth == 1 && (*c == '(' || *c == '[' || *c == ',' || (begins && *c == ' '));
    }
    return NULL;
}

/* ---- declarations */

static int
open_catalog(const char *file, EbmCatalog **ret)
{
    EbmProgramOptions choice = EBM_PROGRAM_OPTIONS_INIT;
    EbmReport *report = NULL;

    if (*ret)
        return EXIT_done;
    choice.file = file;
    EbmStatus status = ebm_catalog_create(&choice, ret, &report);
    return finish_report(status, report);
}

int
open_library(Declarations *d)
{
    return open_catalog(NULL, &d->library);
}

int
open_own(Declarations *d, const char *file)
{
    return open_catalog(file, &d->own);
}

void
close_declarations(Declarations *d)
{
    ebm_catalog_free(d->own);
    ebm_catalog_free(d->library);
    *d = (Declarations){.own = NULL};
}

static bool
find_in(const EbmCatalog *catalog, const char *kind, const char *name, size_t *ret_index)
{
    for (size_t i = 0; catalog && i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (d.name && strcmp(d.name, name) == 0 && (!kind || strcmp(d.kind, kind) == 0)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* The last energy of a file. */
static bool
find_last(const EbmCatalog *catalog, const char *kind, size_t *ret_index)
{
    bool found = false;

    for (size_t i = 0; catalog && i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        if (strcmp(d.kind, kind) == 0) {
            *ret_index = i;
            found = true;
        }
    }
    return found;
}

const EbmCatalog *
find_declaration(const Declarations *d, const char *kind, const char *name, size_t *ret_index)
{
    if (find_in(d->own, kind, name, ret_index))
        return d->own;
    return find_in(d->library, kind, name, ret_index) ? d->library : NULL;
}

/* A declaration and where it stands. */
typedef struct Found {
    const EbmCatalog *catalog; /* NULL: there is none */
    size_t index;
} Found;

static Found
find_text(const Declarations *d, const char *kind, const char *text)
{
    Found f = {0};
    char *head = text ? head_of(text) : NULL;

    if (head)
        f.catalog = find_declaration(d, kind, head, &f.index);
    else if (!text && find_last(d->own, kind, &f.index))
        f.catalog = d->own;
    free(head);
    return f;
}

/* ---- arguments */

static bool
find_argument(Found f, const char *name, size_t size, EbmArg *ret)
{
    EbmDecl d = {.args = 0};

    if (f.catalog)
        ebm_catalog_decl(f.catalog, f.index, &d);
    for (size_t i = 0; i < d.args; i++) {
        ebm_catalog_arg(f.catalog, f.index, i, ret);
        if (strlen(ret->name) == size && memcmp(ret->name, name, size) == 0)
            return ret->value || ret->is_static;
    }
    return false;
}

/* What an option or the call says the argument is, else its default; in memory of its own. */
static char *
value_of(const Args *args, const char *path, const char *text, const EbmArg *a)
{
    char *said = text ? argument_of(text, a->name) : NULL;

    for (size_t i = 0; i < args->hyper.n; i++)
        if (strcmp(args->hyper.pair[i].name, path) == 0) {
            free(said);
            said = strdup(args->hyper.pair[i].value);
        }
    return said ? said : a->value ? strdup(a->value) : NULL;
}

/* Does `text`, a `kind`, have the hyperparameter name[from..]?  "using.step_size" is one of the
 * sampler that `using` is. */
static bool
has_setting(const Args *args, const Declarations *d, const char *kind, const char *text,
            const char *name, size_t from)
{
    Found f = find_text(d, kind, text);
    size_t size = strcspn(name + from, ".");
    EbmArg a;

    if (!find_argument(f, name + from, size, &a))
        return false;
    if (name[from + size] == '\0')
        return true;
    char *path = strndup(name, from + size);
    char *value = path ? value_of(args, path, text, &a) : NULL;
    bool has = value && a.type &&
               (strcmp(a.type, "sampler") == 0 || strcmp(a.type, "optimizer") == 0) &&
               has_setting(args, d, a.type, value, name, from + size + 1);
    free(path);
    free(value);
    return has;
}

/* ---- complaints */

enum { WORDS_MAX = 512 };

static size_t
add_arguments(Found f, const char **word, size_t n)
{
    EbmDecl d = {.args = 0};

    if (f.catalog)
        ebm_catalog_decl(f.catalog, f.index, &d);
    for (size_t i = 0; i < d.args && n < WORDS_MAX; i++) {
        EbmArg a;
        ebm_catalog_arg(f.catalog, f.index, i, &a);
        if (a.value)
            word[n++] = a.name;
    }
    return n;
}

static const char *
owner_word(const Owner *o)
{
    return strcmp(o->kind, "dataset") == 0 ? "data set" : o->kind;
}

/* "loss 'a', optimizer 'b' and data set 'c'". */
static void
name_owners(const Owner owner[OWNERS], char *text, size_t size)
{
    unsigned left = 0;
    size_t used = 0;

    *text = '\0';
    for (unsigned o = 0; o < OWNERS; o++)
        left += owner[o].kind && owner[o].text;
    for (unsigned o = 0; o < OWNERS; o++) {
        char *head = owner[o].kind && owner[o].text ? head_of(owner[o].text) : NULL;
        if (!head || used >= size)
            continue;
        left--;
        used +=
            (size_t)snprintf(text + used, size - used, "%s '%s'%s", owner_word(&owner[o]), head,
                             left > 1    ? ", "
                             : left == 1 ? " and "
                                         : "");
        free(head);
    }
}

/* An option of the table, or a hyperparameter, that the word was meant to be. */
static char *
meant_by(const Args *args, const Declarations *d, const Owner owner[OWNERS], const char *name,
         const char *option)
{
    const char *word[WORDS_MAX];
    size_t n = 0;

    for (size_t i = 0; i < option_count && n < WORDS_MAX; i++)
        if (takes_option(args->command, &option_info[i]))
            word[n++] = option_info[i].name;
    for (unsigned o = 0; o < OWNERS; o++)
        if (owner[o].kind)
            n = add_arguments(find_text(d, owner[o].kind, owner[o].text), word, n);
    const char *near = ebm_near_miss(option, word, n);
    near = near ? near : ebm_near_miss(name, word, n);
    char *meant = near ? strdup(near) : NULL;
    for (char *c = meant; c && *c; c++)
        *c = *c == '_' ? '-' : *c;
    return meant;
}

static void
complain_of_option(const Args *args, const Declarations *d, const Owner owner[OWNERS],
                   const char *name, const char *option)
{
    char *meant = meant_by(args, d, owner, name, option);
    char owners[512];

    name_owners(owner, owners, sizeof owners);
    if (meant)
        complain("unknown option '--%s'; did you mean '--%s'?", option, meant);
    else if (*owners && strstr(owners, " and "))
        complain("unknown option '--%s': %s have no such hyperparameter", option, owners);
    else if (*owners)
        complain("unknown option '--%s': %s has no such hyperparameter", option, owners);
    else
        complain("unknown option '--%s'; a sampler's hyperparameters need --sampler", option);
    free(meant);
}

/* ---- giving */

bool
add_setting(Owner *owner, const char *name, const char *text)
{
    for (size_t i = 0; i < owner->n; i++)
        if (strcmp(owner->setting[i].name, name) == 0) {
            owner->setting[i].text = text; /* the last one counts */
            return true;
        }
    EbmSetting *more = realloc(owner->setting, (owner->n + 1) * sizeof *more);

    if (!more)
        return false;
    owner->setting = more;
    owner->setting[owner->n++] = (EbmSetting){name, text};
    return true;
}

/* The owner whose kind `name` begins with, as "loss.sigma" does; its size, or 0. */
static size_t
owner_prefix(const Owner owner[OWNERS], const char *name, unsigned *ret_owner)
{
    for (unsigned o = 0; o < OWNERS; o++) {
        size_t n = owner[o].kind ? strlen(owner[o].kind) : 0;
        if (n && strncmp(name, owner[o].kind, n) == 0 && name[n] == '.') {
            *ret_owner = o;
            return n + 1;
        }
    }
    return 0;
}

static int
complain_of_owners(const char *option, const Owner *a, const Owner *b)
{
    complain("'--%s' is of the %s and of the %s: say which, as --%s.%s or --%s.%s", option,
             owner_word(a), owner_word(b), a->kind, option, b->kind, option);
    return EXIT_usage;
}

static int
give_setting(const Args *args, const Declarations *d, Owner owner[OWNERS], const Pair *pair)
{
    unsigned named = OWNERS, found = OWNERS;
    const char *name = pair->name + owner_prefix(owner, pair->name, &named);
    char *option = strdup(pair->name);
    int code = EXIT_done;

    for (char *c = option; c && *c; c++)
        *c = *c == '_' ? '-' : *c;
    for (unsigned o = 0; o < OWNERS && !code; o++) {
        if (!owner[o].kind || (named < OWNERS && named != o) ||
            !has_setting(args, d, owner[o].kind, owner[o].text, name, 0))
            continue;
        if (found < OWNERS)
            code = complain_of_owners(option ? option : pair->name, &owner[found], &owner[o]);
        found = o;
    }
    if (!code && found == OWNERS) {
        complain_of_option(args, d, owner, pair->name, option ? option : pair->name);
        code = EXIT_usage;
    }
    if (!code && !*pair->value) {
        complain("--%s: expected a value", option ? option : pair->name);
        code = EXIT_usage;
    }
    if (!code && !add_setting(&owner[found], name, pair->value))
        code = EXIT_memory;
    free(option);
    return code;
}

/* What was chosen and is declared nowhere gets its settings unseen: the program's own error
 * names it. */
static bool
all_declared(const Declarations *d, const Owner owner[OWNERS])
{
    for (unsigned o = 0; o < OWNERS; o++)
        if (owner[o].kind && !find_text(d, owner[o].kind, owner[o].text).catalog)
            return false;
    return true;
}

int
give_settings(const Args *args, const Declarations *d, Owner owner[OWNERS])
{
    int code = EXIT_done;

    if (!all_declared(d, owner))
        return EXIT_done;
    for (size_t i = 0; i < args->hyper.n; i++) {
        int each = give_setting(args, d, owner, &args->hyper.pair[i]);
        code = code ? code : each;
    }
    return code;
}
