/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_hyper.c -- hyperparameters of the run: inputs of the kernel where they are numbers.
 *
 * A number is read when the kernel runs, so that changing it compiles nothing.  What is bound
 * to an expression of `t`, an array, or a function is compiled in; so is an infinite default: a
 * bound that is not there costs nothing.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"
#include "frontend/syntax.h"

static bool
is_numeric(const Elab *e, const AstType *t)
{
    return elab_is_scalar_type(t) && (t->name == e->word.real || t->name == e->word.int_);
}

static const ProgramSetting *
find_setting(const Elab *e, HyperOwner owner, const char *name)
{
    const Settings *set = &e->settings[owner];

    for (size_t i = 0; i < set->n; i++)
        if (strcmp(set->setting[i].name, name) == 0)
            return &set->setting[i];
    return NULL;
}

/* What the names of inputs begin with; a sampler's are bare. */
static const char *const input_prefix[HYPER_OWNERS] = {
    [HYPER_energy] = "energy.",       [HYPER_sampler] = "",         [HYPER_loss] = "loss.",
    [HYPER_optimizer] = "optimizer.", [HYPER_dataset] = "dataset.",
};

const Expr *
elab_parse_setting(Elab *e, const ProgramSetting *s, const char *prefix)
{
    const ElabRequest *rq = e->request;
    char *name = arena_printf(e->arena, "%s%s", prefix, s->name);

    /* an option is spelt with dashes, what it sets is not */
    for (char *c = name; strcmp(prefix, "--") == 0 && *c; c++)
        *c = *c == '_' ? '-' : *c;
    uint32_t file = source_add(rq->sources, name, s->text, strlen(s->text));

    return syntax_parse_expr(e->arena, rq->names, rq->sources, file, e->diags);
}

static size_t
register_hyper(Elab *e, const Env *env, HyperOwner owner, const Param *p)
{
    const ProgramSetting *s = find_setting(e, owner, p->name);
    ProgramHyper h = {.name = p->name, .owner = owner, .doc = p->doc};

    h.input = arena_printf(e->arena, "%s%s", input_prefix[owner], p->name);
    h.is_int = p->type->name == e->word.int_;
    h.text = p->value ? elab_expr_text(e, p->value->span) : "";
    elab_range_of(e, env, p->type->range, &h.low, &h.high, &h.low_open, &h.high_open);
    e->hyper = arena_grow(e->arena, e->hyper, e->n_hypers, &e->cap_hypers, e->n_hypers + 1,
                          sizeof *e->hyper);
    e->setting = arena_grow(e->arena, e->setting, e->n_hypers, &e->cap_settings,
                            e->n_hypers + 1, sizeof *e->setting);
    e->setting[e->n_hypers] = NULL;
    if (s)
        e->setting[e->n_hypers] =
            elab_parse_setting(e, s, owner == HYPER_energy ? "--set " : "--");
    e->hyper[e->n_hypers] = h;
    return e->n_hypers++;
}

static size_t
find_hyper(Elab *e, const Env *env, HyperOwner owner, const Param *p)
{
    for (size_t i = 0; i < e->n_hypers; i++)
        if (e->hyper[i].owner == owner && e->hyper[i].name == p->name)
            return i;
    return register_hyper(e, env, owner, p);
}

Span
elab_hyper_span(Elab *e, const Env *env, HyperOwner owner, const Param *p)
{
    const Expr *set = e->setting[find_hyper(e, env, owner, p)];

    return set ? set->span : p->value ? p->value->span : p->span;
}

static bool
is_finite_number(Value v)
{
    return v.kind == VAL_int || (v.kind == VAL_real && isfinite(v.r));
}

/* Values outside its range are refused before a run. */
static Value
within_range(const ProgramHyper *h, Value v)
{
    if (fabs(h->low) > INT32_MAX || fabs(h->high) > INT32_MAX)
        return v;
    v.bounded = true;
    v.lo = h->low_open ? (int64_t)floor(h->low) + 1 : (int64_t)ceil(h->low);
    v.hi = h->high_open ? (int64_t)ceil(h->high) - 1 : (int64_t)floor(h->high);
    return v;
}

static Value
read_input(Elab *e, ProgramHyper *h, Value v, const AstType *t, Span span)
{
    if (h->is_int && v.kind != VAL_int)
        return FAIL(e, elab_type, span, h->name, elab_expr_text(e, t->span),
                    elab_value_text(e, v));
    h->has_value = true;
    h->value = v.kind == VAL_int ? (double)v.i : v.r;
    Value in = elab_entry_input(e, INPUT_hyper, h->input,
                                type_scalar(h->is_int ? DT_i32 : e->real), VARY_uniform);
    return h->is_int ? within_range(h, in) : in;
}

Value
elab_hyper_value(Elab *e, const Env *env, HyperOwner owner, const Decl *d, const Param *p)
{
    size_t i = find_hyper(e, env, owner, p);
    const Expr *set = e->setting[i], *x = set ? set : p->value;
    Env outside = elab_file_env(elab_options_file(e));
    bool read = e->reads_t;

    if (!x)
        return NO_VALUE;
    outside.local = e->time;
    outside.act = e->act;
    e->reads_t = false;
    Value v = elab_eval(e, set ? &outside : env, x, MODE_term);
    e->hyper[i].bound_to_t |= e->reads_t;
    e->reads_t |= read;
    bool size = v.kind == VAL_int && e->hyper[i].is_int && elab_in_shape(d, p->name);
    if (is_numeric(e, p->type) && is_finite_number(v) && !e->hyper[i].bound_to_t && !size)
        return read_input(e, &e->hyper[i], v, p->type, x->span);
    e->hyper[i].fixed = true;
    if ((v.kind == VAL_real || size) && !e->hyper[i].bound_to_t) {
        e->hyper[i].has_value = true;
        e->hyper[i].value = size ? (double)v.i : v.r;
    }
    return v;
}

static Value
given_value(Elab *e, const Env *env, const Param *p)
{
    ProgramData d = {.name = p->name, .doc = p->doc};

    if (e->point)
        return elab_column(e, env, p);

    if (!elab_type_of(e, env, p->type, &d.type))
        return POISON;
    elab_range_of(e, env, p->type->range, &d.low, &d.high, &d.low_open, &d.high_open);
    bool known = false;
    for (size_t i = 0; i < e->n_given; i++)
        known |= e->given[i].name == p->name;
    if (!known) {
        e->given = arena_grow(e->arena, e->given, e->n_given, &e->cap_given, e->n_given + 1,
                              sizeof *e->given);
        e->given[e->n_given++] = d;
    }
    return elab_entry_input(e, INPUT_given, p->name, d.type, VARY_uniform);
}

Value
elab_default_value(Elab *e, const Env *env, FnVal *fn, const Param *p)
{
    if (fn->entry && p->given)
        return given_value(e, env, p);
    if (fn->entry)
        return elab_hyper_value(e, env, HYPER_energy, fn->decl, p);
    return p->value ? elab_eval(e, env, p->value, MODE_term) : NO_VALUE;
}

/* ---- t ---- */

static void
bind_now(Elab *e, Env *env, const char *name, bool step, InputKind kind)
{
    Value v = step ? elab_entry_input(e, kind, name, type_scalar(DT_i32), VARY_uniform)
                   : elab_value_int(0);
    elab_bind(e, env, name, v, (Span){0});
}

void
elab_bind_time(Elab *e, TimeKind kind)
{
    Env env = {0};
    bool step = kind != TIME_zero;

    bind_now(e, &env, e->word.t, step, INPUT_step);
    bind_now(e, &env, e->word.n_steps, step, INPUT_n_steps);
    bind_now(e, &env, e->word.n_warmup, kind == TIME_step, INPUT_n_warmup);
    Value t = elab_find_local(&env, e->word.t)->value,
          n = elab_find_local(&env, e->word.n_warmup)->value;
    elab_bind(e, &env, e->word.warming_up, elab_compare(e, AST_OP_LT, t, n, (Span){0}),
              (Span){0});
    e->time = env.local;
}
