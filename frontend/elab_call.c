/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_call.c -- calls: every function is elaborated where it is called, with what it is given.
 */
#include <assert.h>
#include <string.h>

#include "frontend/elab_chain.h"

/* ---- activations ---- */

const Activation *
elab_enter_text(Elab *e, const Decl *d, const Activation *caller, Span call)
{
    Activation *act = arena_new(e->arena, Activation);

    *act = (Activation){.decl = d, .caller = caller, .call = call};
    e->act = act;
    return act;
}

/* A function whose own text, or that of one it calls, calls it again. */
static bool
is_recursive(Elab *e, const Decl *d, Span span)
{
    const Activation *a = e->act;

    while (a && a->decl != d)
        a = a->caller;
    if (!a)
        return false;
    Diag *diag = complain(e, elab_recursion, span, d->name);
    for (const Activation *b = e->act; b != a; b = b->caller)
        if (b->decl)
            diag_note(e->diags, diag, b->call, "'%s' is called here", b->decl->name);
    diag_help(e->diags, diag, "write a loop: every call is resolved while compiling");
    return true;
}

/* ---- arguments ---- */

typedef struct Binder {
    Elab *e;
    FnVal *fn;
    const Decl *decl;
    Value *value; /* one a parameter; VAL_none: not given */
    Span *span;
    bool lifted, failed;
} Binder;

const Param *
elab_find_param(const Decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_params; i++)
        if (d->params[i]->name == name)
            return d->params[i];
    return NULL;
}

static int
param_index(const Decl *d, const char *name)
{
    for (uint32_t i = 0; i < d->n_params; i++)
        if (d->params[i]->name == name)
            return (int)i;
    return -1;
}

static void
unknown_argument(Elab *e, const Decl *d, const Named *a)
{
    const char **names = arena_array(e->arena, const char *, d->n_params + 1);

    for (uint32_t i = 0; i < d->n_params; i++)
        names[i] = d->params[i]->name;
    Diag *diag = complain(e, elab_no_argument, a->span, d->name, a->name);
    diag_near(e->diags, diag, a->name, names, d->n_params);
    diag_note(e->diags, diag, d->name_span, "'%s' is declared here", d->name);
}

void
elab_no_such_argument(Elab *e, const Decl *d, const Arg *a, const Expr *x)
{
    const Named n = {.name = a->name, .span = a->span};

    if (a->name)
        unknown_argument(e, d, &n);
    else
        complain(e, elab_arity, a->span, d->name, d->n_params, x->n_args);
}

static void
bind_named(Binder *b, const Named *a, bool again)
{
    int i = param_index(b->decl, a->name);

    if (i < 0) {
        unknown_argument(b->e, b->decl, a);
        b->failed = true;
    } else if (b->value[i].kind != VAL_none && !again) {
        complain(b->e, elab_argument_twice, a->span, a->name);
        b->failed = true;
    } else {
        b->value[i] = a->value;
        b->span[i] = a->span;
    }
}

static void
place_arguments(Binder *b, const Call *call)
{
    const Decl *d = b->decl;

    b->value = arena_array(b->e->arena, Value, d->n_params + 1);
    b->span = arena_array(b->e->arena, Span, d->n_params + 1);
    for (uint32_t i = 0; i < d->n_params; i++) {
        b->value[i] = NO_VALUE;
        b->span[i] = call->span;
    }
    for (uint32_t i = 0; i < b->fn->n_bound; i++)
        bind_named(b, &b->fn->bound[i], true);
    if (call->n > d->n_params) {
        Diag *diag = complain(b->e, elab_arity, call->span, d->name, d->n_params, call->n);
        diag_note(b->e->diags, diag, d->name_span, "'%s' is declared here", d->name);
        b->failed = true;
        return;
    }
    for (uint32_t i = 0; i < call->n; i++) {
        b->value[i] = call->arg[i];
        b->span[i] = call->arg_span[i];
    }
    for (uint32_t i = 0; i < call->n_named; i++)
        bind_named(b, &call->named[i], false);
}

/* The first parameter that has neither a value nor a default; NULL if none. */
static const Param *
first_missing(const Binder *b)
{
    for (uint32_t i = 0; i < b->decl->n_params; i++) {
        const Param *p = b->decl->params[i];
        if (b->value[i].kind == VAL_none && !p->value && !(p->given && b->fn->entry))
            return p;
    }
    return NULL;
}

/* The function with these arguments given: `Normal(sd = 2)`. */
static Value
partial(Elab *e, FnVal *fn, const Call *call)
{
    FnVal *with = arena_new(e->arena, FnVal);

    *with = *fn;
    with->once = false;
    with->derived = NULL;
    with->n_bound = fn->n_bound + call->n_named;
    with->bound = arena_array(e->arena, Named, with->n_bound + 1);
    for (uint32_t i = 0; i < with->n_bound; i++)
        with->bound[i] = i < fn->n_bound ? fn->bound[i] : call->named[i - fn->n_bound];
    return elab_value_fn(with);
}

/* ---- the types of arguments ---- */

static void
infer_statics(Binder *b, Solve *s)
{
    for (uint32_t i = 0; i < b->decl->n_params; i++) {
        const Param *p = b->decl->params[i];
        Dims d = {0};
        if (b->value[i].kind != VAL_ref || !p->type || !elab_is_value_type(p->type))
            continue;
        Type t = elab_value_type(b->e, b->value[i]);
        d.rank = t.rank;
        memcpy(d.dim, t.dim, sizeof d.dim);
        /* A number given for an array stretches, and says nothing about its shape. */
        if (t.rank == 0 && p->type->n_dims > 0)
            continue;
        elab_solve_match(b->e, s, p->type, d, b->span[i],
                         arena_printf(b->e->arena, " by '%s', which is %s", p->name,
                                      elab_type_text(b->e, t)));
    }
}

/* A number given for `real[S...]` says that S is empty, unless another argument says more. */
static void
infer_empty(Binder *b, Solve *s)
{
    const Dims none = {0};

    for (uint32_t i = 0; i < b->decl->n_params; i++) {
        const AstType *t = b->decl->params[i]->type;
        bool pack = t && elab_is_value_type(t) && t->n_dims == 1 &&
                    t->dims[0]->kind == EXPR_PACK && elab_is_scalar(b->e, b->value[i]);
        for (uint32_t k = 0; pack && k < b->decl->n_statics; k++)
            if (b->decl->statics[k]->name == t->dims[0]->name && s->value[k].kind == VAL_none &&
                !b->decl->statics[k]->value)
                elab_solve_match(b->e, s, t, none, b->span[i], "");
    }
}

Value
elab_coerce_lifted(Elab *e, Value v, const AstType *t, Span span, const char *name)
{
    DType have = (DType)elab_value_type(e, v).dtype;

    if (!elab_is_number(v) || elab_value_type(e, v).rank == 0)
        return NO_VALUE;
    bool real = t->name == e->word.real;
    if (real ? have != DT_bool : have == (t->name == e->word.int_ ? DT_i32 : DT_bool))
        return real && have == DT_i32 ? elab_convert(e, v, e->real) : v;
    return FAIL(e, elab_type, span, name, t->name, elab_value_text(e, v));
}

static void
bind_argument(Binder *b, Env *env, uint32_t i)
{
    Elab *e = b->e;
    const Param *p = b->decl->params[i];
    Value v = b->value[i];
    const char *what = arena_printf(e->arena, "'%s' of '%s'", p->name, b->decl->name);
    Span span = b->span[i];

    if (v.kind == VAL_none) {
        v = elab_default_value(e, env, b->fn, p);
        span = b->fn->entry && !p->given ? elab_hyper_span(e, env, HYPER_energy, p)
               : p->value                ? p->value->span
                                         : p->span;
    }
    Value lifted = b->lifted ? elab_coerce_lifted(e, v, p->type, span, what) : NO_VALUE;
    v = lifted.kind == VAL_none ? elab_coerce(e, env, v, p->type, span, what) : lifted;
    b->failed |= elab_is_poison(v);
    elab_bind(e, env, p->name, v, p->name_span);
}

/* ---- running a declaration ---- */

static bool
owns_parameters(const Decl *d)
{
    return d->kind == DECL_NETWORK || d->kind == DECL_ENERGY;
}

/* What the names of parameters in its text begin with. */
static const char *
path_of(const FnVal *fn)
{
    if (fn->decl->kind == DECL_LOSS)
        return fn->decl->name;
    if (!owns_parameters(fn->decl))
        return fn->env.path;
    return fn->path ? fn->path : fn->decl->name;
}

static void
set_modes(Env *env, const Decl *d, Mode mode)
{
    bool energy = d->kind == DECL_ENERGY;

    env->ret_mode = energy && mode == MODE_step ? MODE_wide : mode;
    env->let_mode = mode == MODE_step && !energy ? MODE_step : MODE_term;
}

/* Where a body says what its value is: its expression, or what its last statement returns. */
static Span
result_span(const Decl *d)
{
    const Body *b = d->body;
    const Stmt *last = b->n_stmts ? b->stmts[b->n_stmts - 1] : NULL;

    if (b->value)
        return b->value->span;
    return last && last->kind == STMT_RETURN && last->n_values == 1 ? last->values[0]->span
                                                                    : d->name_span;
}

static Value
finish_result(Elab *e, const Env *env, const Decl *d, Value v, bool lifted, Mode mode)
{
    const char *what = arena_printf(e->arena, "the result of '%s'", d->name);
    Span span = result_span(d);

    if (e->stopped)
        return POISON;
    if (d->derivative)
        return FAIL(e, unsupported, d->derivative->span, "a derivative of one's own");
    if (v.kind == VAL_none)
        return FAIL(e, elab_no_return, d->name_span, d->name);
    if (d->result && !(lifted && elab_is_number(v)))
        v = elab_coerce(e, env, v, d->result, span, what);
    if (!elab_is_scalar(e, v) || !dtype_is_float((DType)elab_value_type(e, v).dtype))
        return v;
    if (mode == MODE_term)
        return elab_is_wide(e, v) ? elab_value_ref(e, elab_ref_of(e, v, e->real)) : v;
    return d->kind == DECL_ENERGY || mode == MODE_wide
               ? elab_value_ref(e, elab_ref_of(e, v, DT_f64))
               : v;
}

static Value
run_decl(Binder *b, Solve *s, const Call *call, Mode mode)
{
    Elab *e = b->e;
    const Decl *d = b->decl;
    Env env = b->fn->env;
    const Activation *back = e->act;
    bool draws = e->may_draw;
    NetDraws before = e->net_draws;

    if (is_recursive(e, d, call->span) || !elab_push_depth(e, call->span))
        return POISON;
    env.act = elab_enter_text(e, d, back, call->span);
    env.path = path_of(b->fn);
    env.reports = NULL;
    env.buffers = NULL;
    e->may_draw = owns_parameters(d) ? e->training : draws;
    if (owns_parameters(d))
        before = elab_enter_network(e, env.path);
    set_modes(&env, d, mode);
    elab_solve_end(e, s, &env);
    for (uint32_t i = 0; i < d->n_params; i++)
        bind_argument(b, &env, i);
    Value v = b->failed || s->failed ? POISON : elab_run_body(e, &env, d->body, env.ret_mode);
    v = finish_result(e, &env, d, v, b->lifted, mode);
    e->act = back;
    e->may_draw = draws;
    e->net_draws = before;
    e->depth--;
    return v;
}

bool
elab_is_liftable(const Decl *d)
{
    bool scalar = d->n_params > 0 && d->result && elab_is_scalar_type(d->result);

    for (uint32_t i = 0; i < d->n_params; i++)
        if (elab_is_value_type(d->params[i]->type))
            scalar &= elab_is_scalar_type(d->params[i]->type);
    return scalar && (d->kind == DECL_FN || d->kind == DECL_ENERGY);
}

static bool
has_array(Elab *e, const Binder *b)
{
    for (uint32_t i = 0; i < b->decl->n_params; i++)
        if (b->value[i].kind == VAL_ref && elab_value_type(e, b->value[i]).rank)
            return true;
    return false;
}

/* Arrays the pointwise function was given, and its result, have one shape. */
static Value
stretch_result(Elab *e, const Binder *b, Value r, Span span)
{
    Value all[64];
    uint32_t n = 0;

    if (elab_is_poison(r) || !elab_is_number(r))
        return r;
    for (uint32_t i = 0; i < b->decl->n_params && n < 63; i++)
        if (b->value[i].kind == VAL_ref && elab_value_type(e, b->value[i]).rank)
            all[n++] = b->value[i];
    if (!elab_align(e, all, n, span))
        return POISON;
    DType d = (DType)elab_value_type(e, r).dtype;
    elab_fit(e, &r, type_with(elab_value_type(e, all[0]), d));
    return r;
}

static Value
call_decl(Elab *e, FnVal *fn, const Call *call, Mode mode)
{
    const Decl *d = fn->decl;
    Binder b = {.e = e, .fn = fn, .decl = d};
    Solve s;

    bool loss = d->kind == DECL_LOSS && e->training; /* in another one */
    if (d->kind != DECL_FN && !owns_parameters(d) && !loss)
        return FAIL(e, unsupported, call->span,
                    arena_printf(e->arena, "calling a %s", ast_decl_word(d->kind)));
    place_arguments(&b, call);
    if (b.failed)
        return POISON;
    const Param *missing = first_missing(&b);
    if (missing && call->n == 0 && call->n_named > 0)
        return partial(e, fn, call);
    if (missing) {
        Diag *diag = complain(e, elab_missing, call->span, d->name, missing->name);
        diag_note(e->diags, diag, missing->span, "'%s' has no default", missing->name);
        return POISON;
    }
    b.lifted = elab_is_liftable(d) && has_array(e, &b);
    if (b.lifted && !elab_is_pointwise(e, fn->env.file, d))
        return elab_call_lifted(e, fn, call, mode);
    elab_solve_begin(e, &s, fn, call->span);
    infer_statics(&b, &s);
    infer_empty(&b, &s);
    if (call->expect && d->result)
        elab_solve_match(e, &s, d->result, *call->expect, call->span, "");
    if (s.failed)
        return POISON;
    Value r = run_decl(&b, &s, call, b.lifted ? elab_arg_mode(mode) : mode);
    return b.lifted ? stretch_result(e, &b, r, call->span) : r;
}

/* ---- lambdas, opaque functions ---- */

static Value
call_lambda(Elab *e, FnVal *fn, const Call *call, Mode mode)
{
    const Expr *x = fn->lambda;
    const Activation *back = e->act;
    Env env = fn->env;

    if (call->n_named)
        return FAIL(e, elab_named_lambda, call->named[0].span, call->named[0].name);
    if (call->n != x->n_params)
        return FAIL(e, elab_arity, call->span, "this function", x->n_params, call->n);
    if (!elab_push_depth(e, call->span))
        return POISON;
    env.act = elab_enter_text(e, NULL, fn->env.act, call->span);
    env.ret_mode = mode;
    env.let_mode = elab_arg_mode(mode);
    env.reports = NULL;
    env.buffers = NULL;
    for (uint32_t i = 0; i < x->n_params; i++) {
        const Param *p = x->params[i];
        Value v = call->arg[i];
        if (p->type)
            v = elab_coerce(e, &env, v, p->type, call->arg_span[i],
                            arena_printf(e->arena, "'%s'", p->name));
        elab_bind(e, &env, p->name, v, p->name_span);
    }
    Value v = elab_run_body(e, &env, x->body, mode);
    if (v.kind == VAL_none)
        v = FAIL(e, elab_no_return, x->span, "this function");
    e->act = back;
    e->depth--;
    return v;
}

static Value
opaque_value(Elab *e, const Env *env, const AstType *t)
{
    Type want;

    if (t->kind == TYPE_TUPLE) {
        Value *v = arena_array(e->arena, Value, t->n_fields);
        for (uint32_t i = 0; i < t->n_fields; i++)
            v[i] = opaque_value(e, env, t->fields[i]->type);
        return elab_value_tuple(e, t->n_fields, v);
    }
    if (t->kind != TYPE_NAME || !elab_type_of(e, env, t, &want))
        return POISON;
    return elab_entry_input(e, INPUT_value, arena_printf(e->arena, "%u", ++e->next_slot), want,
                            VARY_chain);
}

static Value
call_opaque(Elab *e, FnVal *fn)
{
    const AstType *t = fn->type;

    if (t->kind == TYPE_ENERGY)
        return elab_entry_input(e, INPUT_value, arena_printf(e->arena, "%u", ++e->next_slot),
                                type_scalar(DT_f64), VARY_chain);
    return t->kind == TYPE_FN ? opaque_value(e, &fn->env, t->result) : POISON;
}

Value
elab_call_fn(Elab *e, FnVal *fn, const Call *call, Mode mode)
{
    for (uint32_t i = 0; i < call->n; i++)
        if (call->arg[i].kind == VAL_poison)
            return POISON;
    for (uint32_t i = 0; i < call->n_named; i++)
        if (call->named[i].value.kind == VAL_poison)
            return POISON;
    switch (fn->kind) {
    case FN_decl: return call_decl(e, fn, call, mode);
    case FN_lambda: return call_lambda(e, fn, call, mode);
    case FN_derived: return elab_call_derived(e, fn, call, mode);
    case FN_opaque: return call_opaque(e, fn);
    default: return fn->builtin->call(e, NULL, fn->builtin, fn, call, mode);
    }
}

/* ---- call expressions ---- */

/* Arguments of a sampler are kept as they were written. */
static Value
sampler_value(Elab *e, const Env *env, FnVal *fn, const Expr *x)
{
    FnVal *with = arena_new(e->arena, FnVal);
    Env *where = arena_new(e->arena, Env);

    *with = *fn;
    *where = *env;
    with->n_bound = 0;
    with->bound = arena_array(e->arena, Named, x->n_args + fn->n_bound + 1);
    for (uint32_t i = 0; i < fn->n_bound; i++)
        with->bound[with->n_bound++] = fn->bound[i];
    for (uint32_t i = 0; i < x->n_args; i++) {
        const Arg *a = x->args[i];
        Named n = {.name = a->name, .span = a->span, .expr = a->value, .env = where};
        if (!elab_find_param(fn->decl, a->name)) {
            unknown_argument(e, fn->decl, &n);
            return POISON;
        }
        for (uint32_t k = 0; k < i; k++)
            if (x->args[k]->name == a->name)
                return FAIL(e, elab_argument_twice, a->span, a->name);
        with->bound[with->n_bound++] = n;
    }
    return elab_value_fn(with);
}

/* `langevin(step_size = 0.1)` is a sampler, `langevin(E, x)` a chain. */
static Value
call_machine(Elab *e, const Env *env, FnVal *fn, const Expr *x)
{
    for (uint32_t i = 0; i < x->n_args; i++)
        if (!x->args[i]->name)
            return elab_make_chain(e, env, fn, x);
    return sampler_value(e, env, fn, x);
}

/* `f(for i in 0..n: e)` of a function that is no fold: of the array. */
static Value
eval_argument(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    if (x->kind == EXPR_FOR && x->reduces)
        return elab_comprehension(e, env, x, elab_arg_mode(mode));
    return elab_eval(e, env, x, elab_arg_mode(mode));
}

static Value
eval_arguments(Elab *e, const Env *env, FnVal *fn, const Expr *x, const Value *piped,
               Span piped_span, const Dims *expect, Mode mode)
{
    Call call = {.span = x->span, .expect = expect};

    call.arg = arena_array(e->arena, Value, x->n_args + 1u);
    call.arg_span = arena_array(e->arena, Span, x->n_args + 1u);
    call.named = arena_array(e->arena, Named, x->n_args + 1u);
    if (piped) {
        call.arg[call.n] = *piped;
        call.arg_span[call.n++] = piped_span;
    }
    for (uint32_t i = 0; i < x->n_args; i++) {
        const Arg *a = x->args[i];
        Value v = eval_argument(e, env, a->value, mode);
        if (a->name) {
            call.named[call.n_named++] = (Named){.name = a->name, .span = a->span, .value = v};
        } else if (call.n_named) {
            complain(e, elab_positional_after, a->span);
            return POISON;
        } else {
            call.arg[call.n] = v;
            call.arg_span[call.n++] = a->span;
        }
    }
    return elab_call_fn(e, fn, &call, mode);
}

static bool
is_fold_call(const FnVal *fn, const Expr *x)
{
    return fn->kind == FN_builtin && fn->builtin->folds && x->n_args == 1 &&
           !x->args[0]->name && x->args[0]->value->kind == EXPR_FOR &&
           x->args[0]->value->reduces;
}

/* `shared(draw)`: the draws in its argument are the same for every chain. */
static bool
is_shared(const FnVal *fn)
{
    return fn->kind == FN_builtin && strcmp(fn->builtin->name, "shared") == 0;
}

Value
elab_call(Elab *e, const Env *env, const Expr *x, const Value *piped, Span piped_span,
          Mode mode)
{
    const Dims *expect = e->expect;

    e->expect = NULL;
    if (elab_is_buffer_call(env, x))
        return elab_call_buffer(e, env, x);
    Value f = elab_eval(e, env, x->left, MODE_term);
    if (elab_is_poison(f)) {
        for (uint32_t i = 0; i < x->n_args; i++)
            eval_argument(e, env, x->args[i]->value, mode);
        return POISON;
    }
    if (f.kind != VAL_fn)
        return FAIL(e, elab_not_function, x->left->span, elab_value_text(e, f));
    if (elab_is_machine(f.fn) && !piped)
        return call_machine(e, env, f.fn, x);
    if (!piped && is_fold_call(f.fn, x))
        return elab_reduction(e, env, (FoldKind)f.fn->builtin->op,
                              strcmp(f.fn->builtin->name, "mean") == 0, x->args[0]->value,
                              mode);
    bool shared = e->frame->shared_draws;
    e->frame->shared_draws |= is_shared(f.fn);
    Value r = eval_arguments(e, env, f.fn, x, piped, piped_span, expect, mode);
    e->frame->shared_draws = shared;
    return r;
}

/* ---- static arguments ---- */

Value
elab_with_statics(Elab *e, const Env *env, FnVal *fn, const Expr *x)
{
    FnVal *with = arena_new(e->arena, FnVal);

    if (fn->kind != FN_decl && fn->kind != FN_builtin)
        return FAIL(e, elab_no_statics, x->span, elab_value_text(e, elab_value_fn(fn)));
    if (fn->kind == FN_decl && fn->decl->n_statics == 0)
        return FAIL(e, elab_no_statics, x->span, elab_value_text(e, elab_value_fn(fn)));
    *with = *fn;
    with->once = false;
    with->derived = NULL;
    with->n_statics = 0;
    with->statics = arena_array(e->arena, Named, fn->n_statics + x->n_args + 1);
    for (uint32_t i = 0; i < fn->n_statics; i++)
        with->statics[with->n_statics++] = fn->statics[i];
    for (uint32_t i = 0; i < x->n_args; i++) {
        const Arg *a = x->args[i];
        Named n = {.name = a->name, .span = a->span};
        n.value = elab_eval(e, env, a->value, MODE_term);
        if (elab_is_poison(n.value))
            return POISON;
        with->statics[with->n_statics++] = n;
    }
    return elab_value_fn(with);
}
