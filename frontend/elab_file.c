/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_file.c -- source files, their imports, and what a name means.
 *
 * A file's own declarations hide imported ones, those hide the prelude's, and those the
 * compiler's functions.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"
#include "frontend/std.h"
#include "frontend/syntax.h"

/* ---- loading ---- */

static File *
find_file(Elab *e, const char *name)
{
    for (size_t i = 0; i < e->n_files; i++)
        if (strcmp(e->file[i]->name, name) == 0)
            return e->file[i];
    return NULL;
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

/* ---- data ---- */

const ProgramShape *
elab_given_shape(const Elab *e, const char *name)
{
    for (size_t i = 0; i < e->request->n_data; i++)
        if (strcmp(e->request->data[i].name, name) == 0)
            return &e->request->data[i];
    return NULL;
}

static int64_t *
dim_slot(File *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_dims; i++)
        if (f->dim[i].name == name)
            return &f->dim[i].size;
    return NULL;
}

static void
size_data(Elab *e, File *f, const Decl *d)
{
    const ProgramShape *shape = elab_given_shape(e, d->name);
    const AstType *t = d->type;

    for (uint32_t i = 0; i < t->n_dims; i++) {
        if (t->dims[i]->kind != EXPR_NAME || dim_slot(f, t->dims[i]->name))
            continue;
        static const int64_t guess[] = {3, 2, 5, 4};
        if (!(shape && shape->type.rank == t->n_dims) && !e->checking)
            continue;
        f->dim[f->n_dims].name = t->dims[i]->name;
        f->dim[f->n_dims].size = e->checking ? guess[f->n_dims % 4] : shape->type.dim[i];
        f->n_dims++;
    }
}

/* The names in the shapes of a file's data, from the shapes that were given. */
static void
size_file(Elab *e, File *f)
{
    uint32_t most = 0;

    if (f->sized)
        return;
    f->sized = true;
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].decl->kind == DECL_DATA)
            most += f->decl[i].decl->type->n_dims;
    f->dim = arena_alloc(e->arena, most + 1, sizeof *f->dim);
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].decl->kind == DECL_DATA)
            size_data(e, f, f->decl[i].decl);
}

/* Is `name` in the shape of data of this file? */
static const Decl *
names_dim(const File *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_decls; i++) {
        const Decl *d = f->decl[i].decl;
        for (uint32_t k = 0; d->kind == DECL_DATA && k < d->type->n_dims; k++)
            if (d->type->dims[k]->kind == EXPR_NAME && d->type->dims[k]->name == name)
                return d;
    }
    return NULL;
}

static void
complain_of_rank(Elab *e, const Decl *d, const ProgramShape *shape)
{
    Dims have = {.rank = shape->type.rank};

    memcpy(have.dim, shape->type.dim, sizeof have.dim);
    complain(e, elab_data_shape, d->name_span, d->name, elab_expr_text(e, d->type->span),
             elab_dims_text(e, have));
}

static Value
dim_value(Elab *e, File *f, const Decl *d, const char *name)
{
    const ProgramShape *shape = elab_given_shape(e, d->name);

    size_file(e, f);
    int64_t *size = dim_slot(f, name);
    if (size)
        return elab_value_int(*size);
    if (shape) {
        complain_of_rank(e, d, shape);
        return POISON;
    }
    return FAIL(e, elab_no_data, d->name_span, d->name, d->name);
}

/* Shape of a `data` declaration; false after an error. */
static bool
data_type(Elab *e, File *f, const Decl *d, Type *ret)
{
    const ProgramShape *shape = elab_given_shape(e, d->name);
    Env env = elab_file_env(f);

    size_file(e, f);
    if (!shape && !e->checking) {
        complain(e, elab_no_data, d->name_span, d->name, d->name);
        return false;
    }
    if (shape && shape->type.rank != d->type->n_dims) {
        complain_of_rank(e, d, shape);
        return false;
    }
    if (!elab_type_of(e, &env, d->type, ret))
        return false;
    if (shape && !type_same_shape(shape->type, *ret)) {
        Dims have = {.rank = shape->type.rank};
        memcpy(have.dim, shape->type.dim, sizeof have.dim);
        complain(e, elab_data_shape, d->name_span, d->name, elab_type_text(e, *ret),
                 elab_dims_text(e, have));
        return false;
    }
    return true;
}

static void
note_data(Elab *e, File *f, const Decl *d, Type t)
{
    Env env = elab_file_env(f);
    ProgramData data = {.name = d->name, .type = t, .doc = d->doc};

    for (size_t i = 0; i < e->n_data; i++)
        if (strcmp(e->data[i].name, d->name) == 0)
            return;
    elab_range_of(e, &env, d->type->range, &data.low, &data.high, &data.low_open,
                  &data.high_open);
    e->data =
        arena_grow(e->arena, e->data, e->n_data, &e->cap_data, e->n_data + 1, sizeof *e->data);
    e->data[e->n_data++] = data;
}

static Value
data_value(Elab *e, File *f, const Decl *d)
{
    Type t;

    if (!data_type(e, f, d, &t))
        return POISON;
    note_data(e, f, d, t);
    Value v = elab_entry_input(e, INPUT_data, d->name, t, VARY_uniform);
    return v;
}

/* ---- names ---- */

const Binding *
elab_find_local(const Env *env, const char *name)
{
    for (const Binding *b = env->local; b; b = b->next)
        if (b->name == name)
            return b;
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

static File *
declaring_file(const Elab *e, File *f, const char *name)
{
    if (own_decl(f, name) >= 0)
        return f;
    for (uint32_t i = 0; f && i < f->n_imports; i++)
        if (own_decl(f->import[i], name) >= 0)
            return f->import[i];
    return own_decl(e->prelude, name) >= 0 ? e->prelude : NULL;
}

const Decl *
elab_find_decl(File *file, const char *name, File **ret_file)
{
    int i = own_decl(file, name);

    *ret_file = file;
    for (uint32_t k = 0; i < 0 && file && k < file->n_imports; k++) {
        *ret_file = file->import[k];
        i = own_decl(file->import[k], name);
    }
    return i < 0 ? NULL : (*ret_file)->decl[i].decl;
}

FnVal *
elab_fn_of_decl(Elab *e, File *file, const Decl *d)
{
    int i = own_decl(file, d->name);
    FnVal **known = i >= 0 ? &file->decl[i].fn : NULL;

    if (known && *known)
        return *known;
    FnVal *fn = arena_new(e->arena, FnVal);
    fn->kind = FN_decl;
    fn->decl = d;
    fn->env = elab_file_env(file);
    fn->once = true;
    if (known)
        *known = fn;
    return fn;
}

static Value
const_value(Elab *e, File *file, const Decl *d)
{
    int i = own_decl(file, d->name);
    Env env = elab_file_env(file);

    if (file->decl[i].busy)
        return FAIL(e, elab_const_cycle, d->name_span, d->name);
    file->decl[i].busy = true;
    Value v = elab_eval(e, &env, d->value, MODE_term);
    if (d->type)
        v = elab_coerce(e, &env, v, d->type, d->value->span, d->name);
    file->decl[i].busy = false;
    return v;
}

Value
elab_decl_value(Elab *e, File *file, const Decl *d)
{
    if (d->kind == DECL_CONST)
        return const_value(e, file, d);
    if (d->kind == DECL_DATA)
        return data_value(e, file, d);
    return elab_value_fn(elab_fn_of_decl(e, file, d));
}

static Value
builtin_value(Elab *e, const Builtin *b)
{
    size_t n;
    const Builtin *table = elab_builtin_table(&n);

    if (!e->builtin_fn)
        e->builtin_fn = arena_array(e->arena, FnVal *, n);
    FnVal **fn = &e->builtin_fn[b - table];
    if (!*fn) {
        *fn = arena_new(e->arena, FnVal);
        (*fn)->kind = FN_builtin;
        (*fn)->builtin = b;
    }
    return elab_value_fn(*fn);
}

static void
add_names(const File *f, const char **name, size_t *n)
{
    for (uint32_t i = 0; f && i < f->n_decls; i++)
        name[(*n)++] = f->decl[i].name;
}

static const char *
near_name(Elab *e, const Env *env, const char *name)
{
    size_t n = 0, room = 0, n_builtins;
    const Builtin *table = elab_builtin_table(&n_builtins);

    for (const Binding *b = env->local; b; b = b->next)
        room++;
    for (size_t i = 0; i < e->n_files; i++)
        room += e->file[i]->n_decls;
    const char **all = arena_array(e->arena, const char *, 2 * room + n_builtins + 1);
    for (const Binding *b = env->local; b; b = b->next)
        all[n++] = b->name;
    add_names(env->file, all, &n);
    for (uint32_t i = 0; env->file && i < env->file->n_imports; i++)
        add_names(env->file->import[i], all, &n);
    if (env->file != e->prelude)
        add_names(e->prelude, all, &n);
    for (size_t i = 0; i < n_builtins; i++)
        all[n++] = table[i].name;
    return near_miss(name, all, n);
}

/* The library file that has it, for "import ..."; NULL if none. */
static const char *
importable(Elab *e, const char *name)
{
    elab_load_all_std(e);
    for (size_t i = 0; i < e->n_files; i++)
        if (e->file[i]->std && own_decl(e->file[i], name) >= 0)
            return e->file[i]->name;
    return NULL;
}

static Value
unknown_name(Elab *e, const Env *env, const char *name, Span span)
{
    Diag *d = complain(e, elab_unknown_name, span, name);

    if (e->diags->errors > DIAG_MAX_ERRORS)
        return POISON;
    const char *from = importable(e, name), *near = near_name(e, env, name);
    if (from)
        diag_help(e->diags, d, "import \"%s\" has it", from);
    else if (near)
        diag_help(e->diags, d, "did you mean '%s'?", near);
    return POISON;
}

/* Long searches count as work, so that long lists of names end in an error too. */
static const Binding *
search(Elab *e, const Env *env, const char *name)
{
    const Binding *b = env->local;
    unsigned steps = 0;

    for (; b && b->name != name; b = b->next)
        steps++;
    e->work += steps / 64;
    return b;
}

/* What the owner of a chain keeps may change between two steps of the chain. */
static void
note_read(Elab *e, const Binding *b)
{
    uint32_t clock = b->slot && b->slot <= e->owner_slots ? e->clock : b->clock;

    if (e->reads < clock)
        e->reads = clock;
}

Value
elab_lookup(Elab *e, const Env *env, const char *name, Span span)
{
    const Binding *local = search(e, env, name);
    const Decl *dim_of;
    File *f;

    if (local) {
        note_read(e, local);
        if (local->value.kind == VAL_open)
            return FAIL(e, elab_open_static, span, name);
        if (local->value.kind == VAL_none)
            return FAIL(e, elab_in_call, span, name);
        return local->value;
    }
    int own = own_decl(env->file, name);
    if (own < 0 && env->file && (dim_of = names_dim(env->file, name)))
        return dim_value(e, env->file, dim_of, name);
    f = own >= 0 ? env->file : declaring_file(e, env->file, name);
    if (f)
        return elab_decl_value(e, f, f->decl[own_decl(f, name)].decl);
    const Builtin *b = elab_find_builtin(name);
    if (b)
        return builtin_value(e, b);
    if (name == e->word.inf)
        return elab_value_real(INFINITY);
    if (name == e->word.pi)
        return elab_value_real(3.14159265358979323846);
    Value v = elab_training_name(e, name, span);
    return v.kind != VAL_none ? v : unknown_name(e, env, name, span);
}

void
elab_check_name(Elab *e, const Env *env, const char *name, Span span)
{
    if (!search(e, env, name) && !declaring_file(e, env->file, name) &&
        !(env->file && names_dim(env->file, name)) && !elab_find_builtin(name) &&
        name != e->word.inf && name != e->word.pi)
        unknown_name(e, env, name, span);
}

/* ---- binding ---- */

void
elab_bind(Elab *e, Env *env, const char *name, Value v, Span span)
{
    Binding *b = arena_new(e->arena, Binding);

    *b = (Binding){.name = name, .value = v, .act = env->act, .span = span, .next = env->local};
    b->clock = e->binds;
    if (name == e->word.underscore)
        return;
    env->local = b;
}

void
elab_bind_var(Elab *e, Env *env, const char *name, Value v, Span span)
{
    Binding *b = arena_new(e->arena, Binding);

    *b = (Binding){.name = name, .value = v, .act = env->act, .span = span, .next = env->local};
    b->clock = e->binds;
    b->slot = ++e->next_slot;
    env->local = b;
}
