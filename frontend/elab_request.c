/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_request.c -- what the request names: declarations, their static parameters, settings.
 *
 * A name may come with arguments, as a recipe has it: `adam(lr = 1e-3)`, `Moons[h = 64]`.  What
 * such a call says about hyperparameters is a setting like any other, behind the options.
 */
#include <string.h>

#include "frontend/elab.h"
#include "frontend/syntax.h"

/* ---- declarations by name ---- */

static const Decl *
decl_named(const File *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].name == name)
            return f->decl[i].decl;
    return NULL;
}

File *
elab_declared_in(Elab *e, DeclKind kind, const char *name)
{
    if (e->main && decl_named(e->main, name))
        return e->main;
    for (uint32_t i = 0; e->main && i < e->main->n_imports; i++)
        if (decl_named(e->main->import[i], name))
            return e->main->import[i];
    return elab_find_std(e, kind, name);
}

static void
no_such(Elab *e, const char *name, DeclKind kind)
{
    const char **names;
    size_t n = 0, room = 0;

    elab_load_all_std(e);
    for (size_t i = 0; i < e->n_files; i++)
        room += e->file[i]->n_decls;
    names = arena_array(e->arena, const char *, room + 1);
    for (size_t i = 0; i < e->n_files; i++)
        for (uint32_t k = 0; k < e->file[i]->n_decls; k++)
            if (e->file[i]->decl[k].decl->kind == kind)
                names[n++] = e->file[i]->decl[k].name;
    Diag *d = complain(e, elab_no_decl, (Span){0}, ast_decl_word(kind), name);
    diag_near(e->diags, d, name, names, n);
}

static FnVal *
find_named(Elab *e, const char *name, DeclKind kind)
{
    const char *word = intern_str(e->request->names, name);
    File *f = elab_declared_in(e, kind, word);
    const Decl *d = f ? decl_named(f, word) : NULL;

    if (d && d->kind == kind)
        return elab_fn_of_decl(e, f, d);
    no_such(e, name, kind);
    return NULL;
}

static FnVal *
last_energy(Elab *e)
{
    const Decl *d = NULL;

    for (uint32_t i = 0; e->main && i < e->main->n_decls; i++)
        if (e->main->decl[i].decl->kind == DECL_ENERGY)
            d = e->main->decl[i].decl;
    if (d)
        return elab_fn_of_decl(e, e->main, d);
    complain(e, elab_no_energy, (Span){0});
    return NULL;
}

/* ---- names with arguments ---- */

/* `f(a = 1, b = 2)`: its arguments become settings, behind the options. */
static bool
take_arguments(Elab *e, HyperOwner owner, const Expr *call)
{
    Settings *set = &e->settings[owner];

    for (uint32_t i = 0; i < call->n_args; i++) {
        const Arg *a = call->args[i];
        if (!a->name) {
            complain(e, elab_request_argument, a->span);
            return false;
        }
        set->setting = arena_grow(e->arena, set->setting, set->n, &set->cap, set->n + 1,
                                  sizeof *set->setting);
        set->setting[set->n++] = (ProgramSetting){a->name, elab_expr_text(e, a->value->span)};
    }
    return true;
}

static FnVal *
find_expression(Elab *e, const char *text, DeclKind kind, HyperOwner owner)
{
    const ElabRequest *rq = e->request;
    const char *from = arena_printf(e->arena, "--%s", ast_decl_word(kind));
    uint32_t file = source_add(rq->sources, from, text, strlen(text));
    const Expr *x = syntax_parse_expr(e->arena, rq->names, rq->sources, file, e->diags);
    const Expr *statics = NULL;

    if (x && x->kind == EXPR_CALL) {
        if (!take_arguments(e, owner, x))
            return NULL;
        x = x->left;
    }
    if (x && x->kind == EXPR_INDEX) {
        statics = x;
        x = x->left;
    }
    if (!x || x->kind != EXPR_NAME) {
        if (x)
            complain(e, elab_request_form, x->span, ast_decl_word(kind));
        return NULL;
    }
    FnVal *fn = find_named(e, x->name, kind);
    if (!fn || !statics)
        return fn;
    Env env = elab_file_env(elab_options_file(e));
    Value with = elab_with_statics(e, &env, fn, statics);
    return with.kind == VAL_fn ? with.fn : NULL;
}

FnVal *
elab_find_wanted(Elab *e, const char *text, DeclKind kind, HyperOwner owner)
{
    if (!text)
        return last_energy(e);
    return strpbrk(text, "([") ? find_expression(e, text, kind, owner)
                               : find_named(e, text, kind);
}

/* ---- static parameters ---- */

static const Static *
find_static(const Decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_statics; i++)
        if (strcmp(d->statics[i]->name, name) == 0)
            return d->statics[i];
    return NULL;
}

static Value
shape_of(Elab *e, Value v)
{
    Value r = {.kind = VAL_shape}, *item = v.kind == VAL_tuple ? v.item : &v;
    Dims *d = arena_new(e->arena, Dims);
    uint32_t n = v.kind == VAL_tuple ? v.n : 1;

    for (uint32_t i = 0; i < n; i++) {
        if (item[i].kind != VAL_int || item[i].i < 1 || item[i].i > INT32_MAX || n > MAX_RANK)
            return v;
        d->dim[d->rank++] = (uint32_t)item[i].i;
    }
    r.dims = d;
    return r;
}

/* What `Moons[h = 64]`, or `Moons[64]`, says of the static parameter; NULL: it says nothing. */
static Named *
said_of(FnVal *fn, const Static *st)
{
    const Decl *d = fn->decl;
    bool in_place = true;

    for (uint32_t i = 0; i < fn->n_statics; i++) {
        const char *name = fn->statics[i].name;
        in_place &= i < d->n_statics && !d->statics[i]->pack;
        if (name ? strcmp(name, st->name) == 0 : in_place && d->statics[i] == st)
            return &fn->statics[i];
    }
    return NULL;
}

/* An option goes before what is said of the parameter already, unless it is said `again`. */
static void
give_static(Elab *e, FnVal *fn, const Expr *x, const char *name, bool again)
{
    const Static *st = find_static(fn->decl, name);

    if (!st || !x)
        return;
    Env env = elab_options_env(e, x);
    Value v = elab_eval(e, &env, x, MODE_term);
    if (elab_is_poison(v))
        return;
    Named *said = again ? NULL : said_of(fn, st);
    const char *as = said ? said->name : st->name;
    said = said ? said : &fn->statics[fn->n_statics++];
    *said = (Named){.name = as, .span = x->span, .value = st->pack ? shape_of(e, v) : v};
}

const Expr *const *
elab_parse_statics(Elab *e)
{
    const ElabRequest *rq = e->request;
    const Expr **x = arena_array(e->arena, const Expr *, rq->n_statics + 1);

    for (size_t i = 0; i < rq->n_statics; i++)
        x[i] = elab_parse_setting(e, &rq->statics[i], "-S ");
    return x;
}

/* Does an `-S` before number `at` name the same one?  Then both are said, and clash. */
static bool
is_repeated(const ElabRequest *rq, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(rq->statics[i].name, rq->statics[at].name) == 0)
            return true;
    return false;
}

FnVal *
elab_give_statics(Elab *e, FnVal *fn, HyperOwner owner, const Expr *const *x)
{
    const ElabRequest *rq = e->request;
    const Settings *set = &e->settings[owner];
    FnVal *with = arena_new(e->arena, FnVal);

    *with = *fn;
    with->statics = arena_array(e->arena, Named, fn->n_statics + rq->n_statics + set->n + 1);
    for (uint32_t i = 0; i < fn->n_statics; i++)
        with->statics[i] = fn->statics[i];
    with->derived = NULL;
    for (size_t i = set->n; i-- > 0;) /* of settings the first counts */
        if (find_static(fn->decl, set->setting[i].name))
            give_static(e, with, elab_parse_setting(e, &set->setting[i], "--"),
                        set->setting[i].name, false);
    for (size_t i = 0; i < rq->n_statics; i++)
        give_static(e, with, x[i], rq->statics[i].name, is_repeated(rq, i));
    return with;
}

void
elab_check_statics(Elab *e, FnVal *const *fn, unsigned n, const Expr *const *x)
{
    const ElabRequest *rq = e->request;

    for (size_t i = 0; i < rq->n_statics; i++) {
        bool known = false;
        for (unsigned k = 0; k < n; k++)
            known |= fn[k] && find_static(fn[k]->decl, rq->statics[i].name);
        if (x[i] && !known)
            complain(e, elab_no_static, x[i]->span, fn[0]->decl->name, rq->statics[i].name);
    }
}

/* ---- settings ---- */

static bool
is_machine_param(const Param *p)
{
    return p->type->kind == TYPE_ANY &&
           (p->type->bare == DECL_SAMPLER || p->type->bare == DECL_OPTIMIZER);
}

/* Does the setting name it, or something of the sampler that it is? */
static bool
names_param(const Param *p, const char *setting)
{
    size_t n = strlen(p->name);

    return p->value && strncmp(p->name, setting, n) == 0 &&
           (setting[n] == '\0' || (setting[n] == '.' && is_machine_param(p)));
}

void
elab_check_settings(Elab *e, const Decl *d, HyperOwner owner)
{
    const Settings *set = &e->settings[owner];

    for (size_t i = 0; i < set->n; i++) {
        const char **names =
            arena_array(e->arena, const char *, d->n_params + d->n_statics + 1);
        const char *name = set->setting[i].name;
        size_t n_names = 0;
        bool found = false;
        for (uint32_t k = 0; k < d->n_params; k++) {
            if (d->params[k]->value)
                names[n_names++] = d->params[k]->name;
            found |= names_param(d->params[k], name);
        }
        for (uint32_t k = 0; k < d->n_statics; k++) {
            names[n_names++] = d->statics[k]->name;
            found |= strcmp(d->statics[k]->name, name) == 0;
        }
        if (found)
            continue;
        Diag *diag = complain(e, elab_no_hyper, (Span){0}, d->name, name);
        diag_near(e->diags, diag, name, names, n_names);
    }
}

void
elab_take_settings(Elab *e)
{
    const ElabRequest *rq = e->request;
    const struct {
        const ProgramSetting *setting;
        size_t n;
    } given[HYPER_OWNERS] = {
        [HYPER_energy] = {rq->energy_hyper, rq->n_energy_hyper},
        [HYPER_sampler] = {rq->sampler_hyper, rq->n_sampler_hyper},
        [HYPER_loss] = {rq->loss_hyper, rq->n_loss_hyper},
        [HYPER_optimizer] = {rq->optimizer_hyper, rq->n_optimizer_hyper},
        [HYPER_dataset] = {rq->dataset_hyper, rq->n_dataset_hyper},
    };

    for (unsigned o = 0; o < HYPER_OWNERS; o++) {
        Settings *set = &e->settings[o];
        set->n = given[o].n;
        set->setting =
            arena_grow(e->arena, NULL, 0, &set->cap, set->n + 1, sizeof *set->setting);
        for (size_t i = 0; i < set->n; i++)
            set->setting[i] = given[o].setting[i];
    }
}
