/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_lookup.c -- what a name means.
 *
 * A file's own declarations hide imported ones, those hide the prelude's, and those the
 * compiler's functions.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"

/* ---- declarations ---- */

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
        return elab_data_value(e, file, d);
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
    if (own < 0 && env->file && (dim_of = elab_names_dim(env->file, name)))
        return elab_dim_value(e, env->file, dim_of, name);
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
        !(env->file && elab_names_dim(env->file, name)) && !elab_find_builtin(name) &&
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
