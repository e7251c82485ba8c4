/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_file.c -- source files and their imports.
 */
#include <string.h>

#include "frontend/elab.h"
#include "frontend/std.h"
#include "frontend/syntax.h"

static File *
find_file(Elab *e, const char *name)
{
    for (size_t i = 0; i < e->n_files; i++)
        if (strcmp(e->file[i]->name, name) == 0)
            return e->file[i];
    return NULL;
}

static int
own_decl(const File *f, const char *name)
{
    for (uint32_t i = 0; f && i < f->n_decls; i++)
        if (f->decl[i].name == name)
            return (int)i;
    return -1;
}

static void
declare(Elab *e, File *f, const Decl *d)
{
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].name == d->name) {
            Diag *diag = complain(e, elab_duplicate, d->name_span, d->name);
            diag_note(e->diags, diag, f->decl[i].decl->name_span, "the first one is here");
            return;
        }
    f->decl[f->n_decls].name = d->name;
    f->decl[f->n_decls++].decl = d;
}

static bool
has_name(const Decl *d)
{
    return d->kind != DECL_IMPORT && d->kind != DECL_TRAIN && d->kind != DECL_SAMPLE;
}

static File *load_import(Elab *e, File *from, const Decl *d);

static File *
load_source(Elab *e, uint32_t source, bool std)
{
    const ElabRequest *rq = e->request;
    File *f = arena_new(e->arena, File);

    f->name = source_get(rq->sources, source)->name;
    f->std = std;
    f->loading = true;
    e->file = arena_grow(e->arena, e->file, e->n_files, &e->cap_files, e->n_files + 1,
                         sizeof(File *));
    e->file[e->n_files++] = f;
    f->ast = syntax_parse(e->arena, rq->names, rq->sources, source, e->diags);
    f->decl = arena_alloc(e->arena, f->ast->n_decls + 1, sizeof *f->decl);
    f->import = arena_array(e->arena, File *, f->ast->n_decls + 1);
    for (uint32_t i = 0; i < f->ast->n_decls; i++) {
        const Decl *d = f->ast->decls[i];
        File *other = d->kind == DECL_IMPORT ? load_import(e, f, d) : NULL;
        if (other)
            f->import[f->n_imports++] = other;
        if (has_name(d))
            declare(e, f, d);
    }
    f->loading = false;
    return f;
}

static File *
load_std(Elab *e, const char *name)
{
    const char *full = arena_printf(e->arena, "std/%s", name);
    File *known = find_file(e, full);

    for (size_t i = 0; !known && i < n_std_files; i++)
        if (strcmp(std_file[i].name, name) == 0) {
            uint32_t s =
                source_add(e->request->sources, full, std_file[i].text, std_file[i].size);
            return load_source(e, s, true);
        }
    return known;
}

void
elab_load_all_std(Elab *e)
{
    for (size_t i = 0; i < n_std_files; i++)
        load_std(e, std_file[i].name);
}

File *
elab_find_std(Elab *e, DeclKind kind, const char *name)
{
    const char *head = arena_printf(e->arena, "%s %s", ast_decl_word(kind), name);

    for (size_t i = 0; i < n_std_files; i++) {
        File *f = strstr(std_file[i].text, head) ? load_std(e, std_file[i].name) : NULL;
        if (own_decl(f, name) >= 0)
            return f;
    }
    return NULL;
}

static File *
unknown_std(Elab *e, const Decl *d, const char *name)
{
    const char **names = arena_array(e->arena, const char *, n_std_files + 1);

    for (size_t i = 0; i < n_std_files; i++)
        names[i] = std_file[i].name;
    const char *near = near_miss(name, names, n_std_files);
    Diag *diag = complain(e, elab_no_std, d->span, name);
    if (near)
        diag_help(e->diags, diag, "did you mean \"std/%s\"?", near);
    return NULL;
}

/* Neither absolute nor with a step upwards. */
static bool
stays_below(const char *path)
{
    if (path[0] == '/' || path[0] == '\0' || strchr(path, '\\'))
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
    }
    return true;
}

static const char *
beside(Elab *e, const char *from, const char *path)
{
    const char *slash = strrchr(from, '/');

    while (strncmp(path, "./", 2) == 0)
        path += 2;
    return slash ? arena_printf(e->arena, "%.*s%s", (int)(slash - from + 1), from, path) : path;
}

static File *
load_relative(Elab *e, File *from, const Decl *d)
{
    const ElabRequest *rq = e->request;
    const char *name = beside(e, from->name, d->text), *text;
    File *known = find_file(e, name);
    size_t size = 0;

    if (known)
        return known;
    if (!stays_below(d->text) || from->std) {
        complain(e, elab_import_outside, d->span, d->text);
        return NULL;
    }
    text = rq->read_import ? rq->read_import(rq->user, from->name, d->text, &size) : NULL;
    if (!text) {
        complain(e, elab_no_file, d->span, d->text);
        return NULL;
    }
    return load_source(e, source_add(rq->sources, name, text, size), false);
}

static File *
load_import(Elab *e, File *from, const Decl *d)
{
    File *f;

    if (e->n_files > 1000) {
        complain(e, elab_too_large, d->span, "imports");
        return NULL;
    }
    if (strncmp(d->text, "std/", 4) == 0) {
        f = load_std(e, d->text + 4);
        f = f ? f : unknown_std(e, d, d->text + 4);
    } else {
        f = load_relative(e, from, d);
    }
    if (f && f->loading) {
        complain(e, elab_import_cycle, d->span, d->text);
        return NULL;
    }
    return f;
}

bool
elab_load_files(Elab *e)
{
    e->prelude = load_std(e, "prelude");
    if (e->request->file)
        e->main = load_source(e, e->request->file, false);
    else
        elab_load_all_std(e);
    return e->diags->errors == 0;
}

File *
elab_options_file(Elab *e)
{
    File *f = e->options;
    uint32_t n = 0;

    if (f)
        return f;
    elab_load_all_std(e);
    f = e->options = arena_new(e->arena, File);
    f->name = "";
    f->std = f->sized = true;
    f->import = arena_array(e->arena, File *, 2 * e->n_files + 1);
    if (e->main)
        f->import[n++] = e->main;
    for (uint32_t i = 0; e->main && i < e->main->n_imports; i++)
        if (!e->main->import[i]->std)
            f->import[n++] = e->main->import[i];
    for (size_t i = 0; i < e->n_files; i++)
        if (e->file[i]->std)
            f->import[n++] = e->file[i];
    f->n_imports = n;
    return f;
}

Env
elab_file_env(File *file)
{
    return (Env){.file = file};
}

Env
elab_options_env(Elab *e, const Expr *x)
{
    const Expr *of = x->kind == EXPR_UNARY ? x->left : x;
    bool number = of->kind == EXPR_INT || of->kind == EXPR_REAL;

    return elab_file_env(number ? NULL : elab_options_file(e));
}
