/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_check.c -- every declaration of a file, tried by itself.
 *
 * Arguments become inputs of a scratch function, functions among them answer with inputs of
 * their result's type, and static parameters that nothing fixes are small and distinct, so that
 * sizes that do not belong together are seen.
 */
#include <string.h>

#include "base/text.h"
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

/* A network does one thing in training and another elsewhere: both are tried. */
static void
try_network(Elab *e, FnVal *fn)
{
    unsigned errors = e->diags->errors;

    try_call(e, fn);
    e->training = e->diags->errors == errors;
    if (e->training)
        try_call(e, fn);
    e->training = false;
}

static void
try_decl(Elab *e, FnVal *fn)
{
    switch (fn->decl->kind) {
    case DECL_SAMPLER: try_sampler(e, fn); break;
    case DECL_LOSS: elab_try_loss(e, fn); break;
    case DECL_OPTIMIZER: elab_try_optimizer(e, fn); break;
    case DECL_DATASET: elab_try_dataset(e, fn); break;
    case DECL_FN: try_call(e, fn); break;
    default: try_network(e, fn);
    }
}

static bool
is_of_sizes(DiagCode code)
{
    switch (code) {
    case DIAG_elab_type:
    case DIAG_elab_static_clash:
    case DIAG_elab_shapes:
    case DIAG_elab_product:
    case DIAG_elab_branches:
    case DIAG_elab_slice_range:
    case DIAG_elab_index_range:
    case DIAG_elab_assign_type:
    case DIAG_elab_reshape:
    case DIAG_elab_split: return true;
    default: return false;
    }
}

/* "n = 3, S... = [2]": what nothing in the text fixes. */
static const char *
tried_sizes(Elab *e, const File *f, const FnVal *fn)
{
    Text text = {.arena = e->arena};
    const char *comma = "";

    for (uint32_t i = 0; i < f->n_dims; i++)
        if (f->dim[i].read) {
            text_printf(&text, "%s%s = %lld", comma, f->dim[i].name, (long long)f->dim[i].size);
            comma = ", ";
        }
    for (uint32_t i = 0; i < fn->n_statics; i++, comma = ", ") {
        const Named *s = &fn->statics[i];
        if (s->value.kind == VAL_shape)
            text_printf(&text, "%s%s... = %s", comma, s->name,
                        elab_dims_text(e, *s->value.dims));
        else
            text_printf(&text, "%s%s = %lld", comma, s->name, (long long)s->value.i);
    }
    return *comma ? text_str(&text) : NULL;
}

/* Errors show numbers that are not the user's: they say where these are from. */
static void
note_sizes(Elab *e, const File *f, const FnVal *fn, size_t before)
{
    const char *sizes = tried_sizes(e, f, fn);

    for (size_t i = before; sizes && i < e->diags->count; i++)
        if (is_of_sizes(e->diags->diag[i].code))
            diag_note(e->diags, &e->diags->diag[i], fn->decl->name_span, "tried with %s",
                      sizes);
}

static void
check_decl(Elab *e, File *f, const Decl *d, uint32_t shift)
{
    FnVal *fn = guess_statics(e, elab_fn_of_decl(e, f, d), shift);
    size_t before = e->diags->count;
    unsigned errors = e->diags->errors;

    for (uint32_t i = 0; i < f->n_dims; i++)
        f->dim[i].read = false;
    e->module->n = 0;
    e->module->n_nodes = 0;
    e->frame = elab_frame_new(e, "@check", NULL);
    e->work = 0;
    e->depth = 0;
    e->n_params = e->n_hypers = 0;
    e->stopped = e->gave_up = false;
    e->act = NULL;
    e->may_draw = d->kind == DECL_FN || d->kind == DECL_LOSS || d->kind == DECL_DATASET;
    elab_bind_time(e, TIME_step);
    try_decl(e, fn);
    check_initials(e);
    if (e->gave_up) { /* the sizes were wrong, not the program */
        e->diags->count = before;
        e->diags->errors = errors;
    }
    note_sizes(e, f, fn, before);
}

static void
check_one(Elab *e, File *file, const Decl *d)
{
    bool tried = d->kind >= DECL_FN && d->kind <= DECL_DATASET;

    for (uint32_t t = 0; tried && t < TRIES; t++) {
        check_decl(e, file, d, t);
        if (!e->gave_up)
            break;
    }
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
                elab_check_recipe(e, file->ast->decls[i]);
    }
    return e->diags->errors == 0;
}
