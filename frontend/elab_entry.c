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

/* A training program's data say what is open in the shape of the state. */
static void
bind_state_statics(Elab *e, FnVal *energy, const Param *x, Env *env)
{
    const ProgramShape *data = elab_given_shape(e, "x");
    Solve s;
    Dims d;

    elab_solve_begin(e, &s, energy, energy->decl->name_span);
    if (e->request->loss && !e->request->dataset && data) {
        d.rank = data->type.rank;
        memcpy(d.dim, data->type.dim, sizeof d.dim);
        elab_solve_match(
            e, &s, x->type, d, x->span,
            arena_printf(e->arena, " by the data, which is %s", elab_type_text(e, data->type)));
    }
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
    bind_state_statics(e, energy, x, &env);
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
    e->evaluates = true;
    e->may_draw = false;
    e->act = NULL;
    elab_bind_time(e, TIME_zero);
    Value at = elab_entry_input(e, INPUT_x, "x", x, VARY_chain);
    f->kind = FN_derived;
    f->deriv = DERIV_value_and_grad;
    f->of = energy;
    Call call = {.span = span, .arg = &at, .arg_span = &span, .n = 1};
    Value v = elab_call_fn(e, f, &call, MODE_step);
    e->evaluates = false;
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
        Value v = elab_initial(e, &p->env, p->init, p->value, p->type, p->span);
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
        p->param[i] = (ProgramParam){e->param[i].name, e->param[i].type, e->param[i].state};
}

static bool
is_fine(const Elab *e)
{
    return e->diags->errors == 0 && !e->stopped;
}

static void
build_transitions(Elab *e, const Roles *r, Program *p)
{
    p->sampler = r->sampler->decl->name;
    p->sampler_doc = r->sampler->decl->doc;
    p->has_start = p->has_step = elab_build_sampler(e, r->energy, r->sampler, p->x);
}

static bool
build_all(Elab *e, const Roles *r)
{
    Program *p = e->program;

    if (!r->energy)
        return elab_build_dataset(e, r->dataset);
    p->energy = r->energy->decl->name;
    p->energy_doc = r->energy->decl->doc;
    if (!find_state(e, r->energy, &p->x))
        return false;
    if (r->sampler && !r->loss)
        build_transitions(e, r, p);
    if (is_fine(e))
        build_eval(e, r->energy, p->x);
    p->has_eval = true;
    if (r->loss && is_fine(e))
        p->has_train = elab_build_training(e, r, p->x);
    p->has_params = e->n_params > 0;
    if (is_fine(e) && e->n_params)
        build_params(e);
    return is_fine(e);
}

/* ---- the request ---- */

typedef struct Wanted {
    const char *text;
    DeclKind kind;
    HyperOwner owner;
    bool wanted;
    FnVal **fn;
} Wanted;

enum { N_WANTED = 5 };

static void
list_wanted(const ElabRequest *rq, Roles *r, Wanted *ret)
{
    const char *optimizer = rq->optimizer ? rq->optimizer : "adam";
    bool data_alone = rq->dataset && !rq->loss && !rq->energy && !rq->sampler;
    const Wanted w[N_WANTED] = {
        {rq->energy, DECL_ENERGY, HYPER_energy, !data_alone, &r->energy},
        {rq->sampler, DECL_SAMPLER, HYPER_sampler, rq->sampler != NULL, &r->sampler},
        {rq->loss, DECL_LOSS, HYPER_loss, rq->loss != NULL, &r->loss},
        {optimizer, DECL_OPTIMIZER, HYPER_optimizer, rq->loss != NULL, &r->optimizer},
        {rq->dataset, DECL_DATASET, HYPER_dataset, rq->dataset != NULL, &r->dataset},
    };

    memcpy(ret, w, sizeof w);
}

/* Finds what the request names, and says what it says of it in vain. */
static bool
find_roles(Elab *e, Wanted *w)
{
    FnVal *found[N_WANTED];
    unsigned n = 0;

    for (unsigned i = 0; i < N_WANTED; i++) {
        if (!w[i].wanted)
            continue;
        found[n] = *w[i].fn = elab_find_wanted(e, w[i].text, w[i].kind, w[i].owner);
        if (!found[n++])
            return false;
    }
    const Expr *const *statics = elab_parse_statics(e);
    elab_check_statics(e, found, n, statics);
    for (unsigned i = 0; i < N_WANTED; i++)
        if (w[i].wanted)
            elab_check_settings(e, (*w[i].fn)->decl, w[i].owner);
    for (unsigned i = 0; i < N_WANTED && e->diags->errors == 0; i++)
        if (w[i].wanted)
            *w[i].fn = elab_give_statics(e, *w[i].fn, w[i].owner, statics);
    return e->diags->errors == 0;
}

bool
elaborate(const ElabRequest *request, Program *ret)
{
    *ret = (Program){0};
    Elab *e = elab_new(request, ret);
    Roles r = {0};
    Wanted w[N_WANTED];

    if (!elab_load_files(e))
        return false;
    e->frame = elab_frame_new(e, "@scratch", NULL);
    e->module->n = 0;
    elab_take_settings(e);
    list_wanted(request, &r, w);
    if (!find_roles(e, w))
        return false;
    if (r.energy) {
        r.energy->entry = r.energy->once = true;
        r.energy->path = "";
    }
    bool ok = build_all(e, &r) && elab_check_nested(e);
    if (ok)
        elab_end_requirements(e);
    ret->module = e->module;
    describe(e, ret);
    return ok;
}
