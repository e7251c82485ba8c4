/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_entry.c -- the request: which energy, which sampler, what is made of them.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"
#include "frontend/syntax.h"

Elab *
elab_new(const ElabRequest *request, Program *program)
{
    Elab *e = arena_new(request->arena, Elab);
    Interner *in = request->names;

    e->arena = request->arena;
    e->diags = request->diags;
    e->request = request;
    e->program = program;
    e->module = module_new(e->arena);
    e->real = request->dtype == DT_f64 ? DT_f64 : DT_f32;
    e->word.t = intern_str(in, "t");
    e->word.n_steps = intern_str(in, "n_steps");
    e->word.n_warmup = intern_str(in, "n_warmup");
    e->word.warming_up = intern_str(in, "warming_up");
    e->word.inf = intern_str(in, "inf");
    e->word.pi = intern_str(in, "pi");
    e->word.underscore = intern_str(in, "_");
    e->word.real = intern_str(in, "real");
    e->word.int_ = intern_str(in, "int");
    e->word.bool_ = intern_str(in, "bool");
    e->word.batch_size = intern_str(in, "batch_size");
    e->word.batch_index = intern_str(in, "batch_index");
    e->word.training = intern_str(in, "training");
    e->word.transpose = intern_str(in, "T");
    return e;
}

void
elab_end_entry(Elab *e, uint32_t n, const Ref *r, const Output *output)
{
    Builder *b = &e->frame->b;

    ir_yield(b, n, r);
    ir_outputs(b, output);
    if (!b->function->input)
        b->function->input = arena_array(e->arena, Input, 1);
}

/* ---- names of the request ---- */

static bool
declares(const File *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].name == name)
            return true;
    return false;
}

File *
elab_declared_in(Elab *e, const char *name)
{
    if (e->main && declares(e->main, name))
        return e->main;
    for (uint32_t i = 0; e->main && i < e->main->n_imports; i++)
        if (declares(e->main->import[i], name))
            return e->main->import[i];
    elab_load_all_std(e);
    for (size_t i = 0; i < e->n_files; i++)
        if (e->file[i]->std && declares(e->file[i], name))
            return e->file[i];
    return NULL;
}

static const Decl *
decl_named(const File *f, const char *name)
{
    for (uint32_t i = 0; i < f->n_decls; i++)
        if (f->decl[i].name == name)
            return f->decl[i].decl;
    return NULL;
}

static void
no_such(Elab *e, const char *name, DeclKind kind)
{
    const char **names;
    size_t n = 0, room = 0;

    for (size_t i = 0; i < e->n_files; i++)
        room += e->file[i]->n_decls;
    names = arena_array(e->arena, const char *, room + 1);
    for (size_t i = 0; i < e->n_files; i++)
        for (uint32_t k = 0; k < e->file[i]->n_decls; k++)
            if (e->file[i]->decl[k].decl->kind == kind)
                names[n++] = e->file[i]->decl[k].name;
    const char *near = near_miss(name, names, n);
    Diag *d = complain(e, elab_no_decl, (Span){0}, ast_decl_word(kind), name);
    if (near)
        diag_help(e->diags, d, "did you mean '%s'?", near);
}

static FnVal *
find_wanted(Elab *e, const char *name, DeclKind kind)
{
    const char *word = intern_str(e->request->names, name);
    File *f = elab_declared_in(e, word);
    const Decl *d = f ? decl_named(f, word) : NULL;

    if (!d || d->kind != kind) {
        no_such(e, name, kind);
        return NULL;
    }
    return elab_fn_of_decl(e, f, d);
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

/* ---- static parameters of the request ---- */

static const Static *
find_static(const Decl *d, const char *name)
{
    for (uint32_t i = 0; d && i < d->n_statics; i++)
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

/* The function with those of the request's static parameters that it has. */
static FnVal *
give_statics(Elab *e, FnVal *fn, const Expr *const *x)
{
    const ElabRequest *rq = e->request;
    FnVal *with = arena_new(e->arena, FnVal);
    Env env = elab_file_env(elab_options_file(e));

    *with = *fn;
    with->statics = arena_array(e->arena, Named, rq->n_statics + 1);
    with->derived = NULL;
    for (size_t i = 0; i < rq->n_statics; i++) {
        const Static *st = find_static(fn->decl, rq->statics[i].name);
        if (!st || !x[i])
            continue;
        Value v = elab_eval(e, &env, x[i], MODE_term);
        if (elab_is_poison(v))
            continue;
        with->statics[with->n_statics++] = (Named){
            .name = st->name, .span = x[i]->span, .value = st->pack ? shape_of(e, v) : v};
    }
    return with;
}

static const Expr *const *
parse_statics(Elab *e)
{
    const ElabRequest *rq = e->request;
    const Expr **x = arena_array(e->arena, const Expr *, rq->n_statics + 1);

    for (size_t i = 0; i < rq->n_statics; i++)
        x[i] = elab_parse_setting(e, &rq->statics[i], "-S ");
    return x;
}

static void
check_statics(Elab *e, const FnVal *energy, const FnVal *sampler, const Expr *const *x)
{
    const ElabRequest *rq = e->request;

    for (size_t i = 0; i < rq->n_statics; i++)
        if (x[i] && !find_static(energy->decl, rq->statics[i].name) &&
            !(sampler && find_static(sampler->decl, rq->statics[i].name)))
            complain(e, elab_no_static, x[i]->span, energy->decl->name, rq->statics[i].name);
}

/* Options that name no hyperparameter. */
static void
check_settings(Elab *e, const Decl *d, const ProgramSetting *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char **names = arena_array(e->arena, const char *, d->n_params + 1);
        size_t n_names = 0;
        bool found = false;
        for (uint32_t k = 0; k < d->n_params; k++) {
            if (!d->params[k]->value)
                continue;
            names[n_names++] = d->params[k]->name;
            found |= strcmp(d->params[k]->name, s[i].name) == 0;
        }
        if (found)
            continue;
        Diag *diag = complain(e, elab_no_hyper, (Span){0}, d->name, s[i].name);
        const char *near = near_miss(s[i].name, names, n_names);
        if (near)
            diag_help(e->diags, diag, "did you mean '%s'?", near);
    }
}

/* ---- the state ---- */

bool
elab_is_state_param(const Param *p)
{
    return p->type && p->type->kind == TYPE_NAME && !p->value && !p->given;
}

void
elab_bind_statics(Elab *e, FnVal *fn, Env *env)
{
    Solve s;

    elab_solve_begin(e, &s, fn, fn->decl->name_span);
    elab_solve_end(e, &s, env);
}

/* The one state variable of the energy and its type. */
static bool
find_state(Elab *e, FnVal *energy, Type *ret)
{
    const Param *x = NULL;
    Env env = energy->env;

    for (uint32_t i = 0; i < energy->decl->n_params; i++) {
        const Param *p = energy->decl->params[i];
        if (!elab_is_state_param(p))
            continue;
        if (x) {
            complain(e, unsupported, p->span, "an energy of several variables");
            return false;
        }
        x = p;
    }
    if (!x) {
        complain(e, elab_no_state, energy->decl->name_span, energy->decl->name);
        return false;
    }
    if (x->type->range) {
        complain(e, unsupported, x->type->range->span, "a constrained variable");
        return false;
    }
    elab_bind_statics(e, energy, &env);
    e->program->x_name = x->name;
    if (!elab_type_of(e, &env, x->type, ret))
        return false;
    if (dtype_is_float((DType)ret->dtype))
        return true;
    complain(e, unsupported, x->type->span, "a discrete state");
    return false;
}

/* ---- entry functions ---- */

static void
build_eval(Elab *e, FnVal *energy, Type x)
{
    FnVal *f = arena_new(e->arena, FnVal);
    Span span = energy->decl->name_span;

    e->frame = elab_frame_new(e, "eval", NULL);
    e->may_draw = false;
    e->act = NULL;
    elab_bind_time(e, false);
    Value at = elab_entry_input(e, INPUT_x, "x", x, VARY_chain);
    f->kind = FN_derived;
    f->deriv = DERIV_value_and_grad;
    f->of = energy;
    Call call = {.span = span, .arg = &at, .arg_span = &span, .n = 1};
    Value v = elab_call_fn(e, f, &call, MODE_step);
    if (elab_is_poison(v))
        return;
    Ref r[2] = {elab_ref_of(e, v.item[0], DT_f64), elab_ref_of(e, v.item[1], (DType)x.dtype)};
    elab_end_entry(e, 2, r, (Output[]){{"energy", OUTPUT_value}, {"grad", OUTPUT_value}});
}

static void
build_params(Elab *e)
{
    Ref *r = arena_array(e->arena, Ref, e->n_params + 1);
    Output *out = arena_array(e->arena, Output, e->n_params + 1);

    e->frame = elab_frame_new(e, "params", NULL);
    e->frame->shared_draws = true;
    e->may_draw = true;
    for (size_t i = 0; i < e->n_params; i++) {
        ParamInfo *p = &e->param[i];
        Value v =
            elab_initial(e, &p->env, p->stmt->init, p->stmt->value, p->type, p->stmt->span);
        if (elab_is_poison(v))
            return;
        r[i] = elab_ref_of(e, v, (DType)p->type.dtype);
        out[i].name = p->name;
    }
    elab_nest_leave(e);
    elab_end_entry(e, (uint32_t)e->n_params, r, out);
}

static void
describe(Elab *e, Program *p)
{
    p->hyper = e->hyper;
    p->n_hyper = e->n_hypers;
    p->data = e->data;
    p->n_data = e->n_data;
    p->given = e->given;
    p->n_given = e->n_given;
    p->n_param = e->n_params;
    p->param = arena_array(e->arena, ProgramParam, e->n_params + 1);
    for (size_t i = 0; i < e->n_params; i++)
        p->param[i] = (ProgramParam){e->param[i].name, e->param[i].type};
}

static bool
build_all(Elab *e, FnVal *energy, FnVal *sampler)
{
    Program *p = e->program;

    p->energy = energy->decl->name;
    p->energy_doc = energy->decl->doc;
    if (!find_state(e, energy, &p->x))
        return false;
    if (sampler) {
        p->sampler = sampler->decl->name;
        p->sampler_doc = sampler->decl->doc;
        p->has_start = p->has_step = elab_build_sampler(e, energy, sampler, p->x);
    }
    if (e->diags->errors == 0 && !e->stopped)
        build_eval(e, energy, p->x);
    if (e->diags->errors == 0 && !e->stopped && e->n_params)
        build_params(e);
    p->has_eval = true;
    p->has_params = e->n_params > 0;
    return e->diags->errors == 0 && !e->stopped;
}

bool
elaborate(const ElabRequest *request, Program *ret)
{
    *ret = (Program){0};
    Elab *e = elab_new(request, ret);

    if (!elab_load_files(e))
        return false;
    e->frame = elab_frame_new(e, "@scratch", NULL);
    e->module->n = 0;
    FnVal *energy =
        request->energy ? find_wanted(e, request->energy, DECL_ENERGY) : last_energy(e);
    FnVal *sampler = request->sampler ? find_wanted(e, request->sampler, DECL_SAMPLER) : NULL;
    if (!energy || (request->sampler && !sampler))
        return false;
    const Expr *const *statics = parse_statics(e);
    check_statics(e, energy, sampler, statics);
    check_settings(e, energy->decl, request->energy_hyper, request->n_energy_hyper);
    if (sampler)
        check_settings(e, sampler->decl, request->sampler_hyper, request->n_sampler_hyper);
    if (e->diags->errors)
        return false;
    energy = give_statics(e, energy, statics);
    energy->entry = energy->once = true;
    energy->path = "";
    if (sampler)
        sampler = give_statics(e, sampler, statics);
    bool ok = build_all(e, energy, sampler);
    ret->module = e->module;
    describe(e, ret);
    return ok;
}
