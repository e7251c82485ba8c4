/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_check.c -- every declaration of a file, tried by itself.
 *
 * Arguments become inputs of a scratch function, functions among them answer with inputs of
 * their result's type, and static parameters that nothing fixes are small and distinct, so that
 * sizes that do not belong together are seen.
 */
#include <string.h>

#include "frontend/elab.h"

/* Sizes tried; a `require` that none of them meets leaves the declaration unchecked. */
static const int64_t guess[] = {3, 2, 5, 4, 7, 6};
enum { GUESSES = sizeof guess / sizeof guess[0], TRIES = 3 };

static FnVal *
guess_statics(Elab *e, FnVal *fn, uint32_t shift)
{
    const Decl *d = fn->decl;
    FnVal *with = arena_new(e->arena, FnVal);

    *with = *fn;
    with->derived = NULL;
    with->statics = arena_array(e->arena, Named, d->n_statics + 1);
    for (uint32_t i = 0; i < d->n_statics; i++) {
        const Static *s = d->statics[i];
        if (s->value)
            continue;
        Value v = elab_value_int(guess[i % GUESSES] + shift);
        if (s->pack) {
            Dims *dims = arena_new(e->arena, Dims);
            *dims = (Dims){.rank = 1, .dim = {(uint32_t)v.i}};
            v = (Value){.kind = VAL_shape};
            v.dims = dims;
        }
        with->statics[with->n_statics++] =
            (Named){.name = s->name, .span = s->name_span, .value = v};
    }
    return with;
}

static Value
sample_argument(Elab *e, const Env *env, const Param *p)
{
    FnVal *fn;
    Type t;

    if (p->type->kind == TYPE_NAME)
        return elab_type_of(e, env, p->type, &t)
                   ? elab_entry_input(e, INPUT_value, p->name, t, VARY_chain)
                   : POISON;
    if (p->type->kind == TYPE_TUPLE)
        return POISON;
    fn = arena_new(e->arena, FnVal);
    fn->kind = FN_opaque;
    fn->type = p->type;
    fn->env = *env;
    return elab_value_fn(fn);
}

static void
try_call(Elab *e, FnVal *fn)
{
    const Decl *d = fn->decl;
    Env env = fn->env;
    Call call = {.span = d->name_span};

    call.arg = arena_array(e->arena, Value, d->n_params + 1);
    call.arg_span = arena_array(e->arena, Span, d->n_params + 1);
    elab_bind_statics(e, fn, &env);
    for (uint32_t i = 0; i < d->n_params; i++) {
        if (d->params[i]->value)
            break;
        call.arg[i] = sample_argument(e, &env, d->params[i]);
        call.arg_span[i] = d->params[i]->span;
        call.n++;
    }
    elab_call_fn(e, fn, &call, MODE_step);
}

static void
check_initials(Elab *e)
{
    e->may_draw = true;
    for (size_t i = 0; i < e->n_params; i++) {
        ParamInfo *p = &e->param[i];
        elab_initial(e, &p->env, p->init, p->value, p->type, p->span);
    }
    e->n_params = 0;
}

/* A sampler is checked on an energy that answers with inputs. */
static void
try_sampler(Elab *e, FnVal *fn)
{
    FnVal *energy = arena_new(e->arena, FnVal);
    static const AstType any = {.kind = TYPE_ENERGY};
    static const Decl none = {.kind = DECL_ENERGY, .name = ""};
    Env env = fn->env;
    Type x;

    energy->kind = FN_opaque;
    energy->type = &any;
    energy->decl = &none;
    elab_bind_statics(e, fn, &env);
    for (uint32_t i = 0; i < fn->decl->n_params; i++)
        if (elab_is_state_param(fn->decl->params[i])) {
            if (elab_type_of(e, &env, fn->decl->params[i]->type, &x))
                elab_build_sampler(e, energy, fn, x);
            return;
        }
    elab_build_sampler(e, energy, fn, type_scalar(e->real));
}

static void
check_decl(Elab *e, File *f, const Decl *d, uint32_t shift)
{
    FnVal *fn = guess_statics(e, elab_fn_of_decl(e, f, d), shift);
    size_t before = e->diags->count;
    unsigned errors = e->diags->errors;

    e->module->n = 0;
    e->module->n_nodes = 0;
    e->frame = elab_frame_new(e, "@check", NULL);
    e->work = 0;
    e->depth = 0;
    e->n_params = e->n_hypers = 0;
    e->stopped = e->gave_up = false;
    e->act = NULL;
    e->may_draw = d->kind == DECL_FN;
    elab_bind_time(e, TIME_step);
    if (d->kind == DECL_SAMPLER)
        try_sampler(e, fn);
    else
        try_call(e, fn);
    check_initials(e);
    if (e->gave_up) { /* the sizes were wrong, not the program */
        e->diags->count = before;
        e->diags->errors = errors;
    }
}

static bool
is_checked(const Decl *d)
{
    return d->kind == DECL_FN || d->kind == DECL_NETWORK || d->kind == DECL_ENERGY ||
           d->kind == DECL_SAMPLER;
}

static void
check_one(Elab *e, File *file, const Decl *d)
{
    for (uint32_t t = 0; is_checked(d) && t < TRIES; t++) {
        check_decl(e, file, d, t);
        if (!e->gave_up)
            break;
    }
    if (d->kind == DECL_LOSS || d->kind == DECL_OPTIMIZER || d->kind == DECL_DATASET)
        elab_check_names(e, file, d);
    if (d->kind == DECL_CONST)
        elab_decl_value(e, file, d);
}

bool
program_check(const ElabRequest *request)
{
    Program program = {0};
    Elab *e = elab_new(request, &program);

    e->checking = true;
    if (!elab_load_files(e))
        return false;
    e->frame = elab_frame_new(e, "@check", NULL);
    File *f = e->main;
    for (size_t k = 0; k < (f ? 1 : e->n_files); k++) {
        File *file = f ? f : e->file[k];
        for (uint32_t i = 0; i < file->n_decls; i++)
            check_one(e, file, file->decl[i].decl);
        for (uint32_t i = 0; file->ast && i < file->ast->n_decls; i++)
            if (file->ast->decls[i]->kind == DECL_TRAIN ||
                file->ast->decls[i]->kind == DECL_SAMPLE)
                elab_check_names(e, file, file->ast->decls[i]);
    }
    return e->diags->errors == 0;
}
