/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_hyper.c -- hyperparameters of the run: inputs of the kernel where they are numbers.
 *
 * A number is read when the kernel runs, so that changing it compiles nothing.  What is bound
 * to an expression of `t`, an array, or a function is compiled in; so is an infinite default: a
 * bound that is not there costs nothing.  (elab_decide.c fixes those that decide branches of a loss.)
 */
#include <math.h>
#include <string.h>

#include "frontend/elab_chain.h"
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

/* A hyperparameter as it is asked for: of whom, and what its default is. */
typedef struct Asked {
    Tuning of;
    const char *name; /* with what stands before it */
    const Param *param;
    const Expr *value; /* the default, or NULL */
} Asked;

static Asked
ask(Elab *e, const Tuning *of, const Param *p, const Named *text)
{
    Asked a = {*of, p->name, p, text ? text->expr : p->value};

    if (of->prefix[0])
        a.name = arena_printf(e->arena, "%s%s", of->prefix, p->name);
    return a;
}

static size_t
register_hyper(Elab *e, const Env *env, const Asked *a)
{
    const ProgramSetting *s = find_setting(e, a->of.owner, a->name);
    const Param *p = a->param;
    ProgramHyper h = {.name = a->name, .owner = a->of.owner, .doc = p->doc};

    h.input = arena_printf(e->arena, "%s%s", input_prefix[h.owner], h.name);
    h.is_int = p->type->name == e->word.int_;
    h.text = a->value ? elab_expr_text(e, a->value->span) : "";
    elab_range_of(e, env, p->type->range, &h.low, &h.high, &h.low_open, &h.high_open);
    e->hyper = arena_grow(e->arena, e->hyper, e->n_hypers, &e->cap_hypers, e->n_hypers + 1,
                          sizeof *e->hyper);
    e->setting = arena_grow(e->arena, e->setting, e->n_hypers, &e->cap_settings,
                            e->n_hypers + 1, sizeof *e->setting);
    e->setting[e->n_hypers] = NULL;
    if (s)
        e->setting[e->n_hypers] =
            elab_parse_setting(e, s, h.owner == HYPER_energy ? "--set " : "--");
    e->hyper[e->n_hypers] = h;
    return e->n_hypers++;
}

static size_t
find_hyper(Elab *e, const Env *env, const Asked *a)
{
    for (size_t i = 0; i < e->n_hypers; i++)
        if (e->hyper[i].owner == a->of.owner && strcmp(e->hyper[i].name, a->name) == 0)
            return i;
    return register_hyper(e, env, a);
}

Span
elab_hyper_span(Elab *e, const Env *env, HyperOwner owner, const Param *p)
{
    const Asked a = ask(e, &(Tuning){owner, ""}, p, NULL);
    const Expr *set = e->setting[find_hyper(e, env, &a)];

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

/* The value of a setting or a default, and whether it changes from step to step. */
static Value
eval_hyper(Elab *e, const Env *env, const Expr *x, bool *ret_changes)
{
    uint32_t read = e->reads;

    e->reads = 0;
    Value v = elab_eval(e, env, x, MODE_term);
    *ret_changes = e->reads > 0;
    if (e->reads < read)
        e->reads = read;
    return v;
}

/* A sampler that is a hyperparameter has hyperparameters, whose names begin with its own. */
static Value
tune(Elab *e, Value v, const Asked *a)
{
    Tuning *of = arena_new(e->arena, Tuning);
    FnVal *own = arena_new(e->arena, FnVal);

    *of = (Tuning){a->of.owner, arena_printf(e->arena, "%s.", a->name)};
    *own = *v.fn;
    own->tuning = of;
    return elab_value_fn(own);
}

static Value
hyper_value(Elab *e, const Env *env, const Asked *a, const Decl *d, Span *ret_span)
{
    size_t i = find_hyper(e, env, a);
    const Expr *set = e->setting[i], *x = set ? set : a->value;
    const AstType *t = a->param->type;
    Env outside = *env;
    bool changes;

    if (!x)
        return NO_VALUE;
    if (set) {
        outside = elab_options_env(e, set);
        outside.local = e->time;
        outside.act = e->act;
    }
    Value v = eval_hyper(e, &outside, x, &changes);
    if (ret_span)
        *ret_span = x->span;
    e->hyper[i].bound_to_t |= changes;
    bool size = v.kind == VAL_int && e->hyper[i].is_int && elab_in_shape(d, a->param->name);
    if (is_numeric(e, t) && is_finite_number(v) && !e->hyper[i].bound_to_t && !size)
        return read_input(e, &e->hyper[i], v, t, x->span);
    e->hyper[i].fixed = true;
    if ((v.kind == VAL_real || size) && !e->hyper[i].bound_to_t) {
        e->hyper[i].has_value = true;
        e->hyper[i].value = size ? (double)v.i : v.r;
    }
    return v.kind == VAL_fn && elab_is_machine(v.fn) ? tune(e, v, a) : v;
}

/* A hyperparameter of this run: an input, or what the request or the default says. */
static Value
own_value(Elab *e, const Env *env, HyperOwner owner, const Decl *d, const Param *p)
{
    const Asked a = ask(e, &(Tuning){owner, ""}, p, NULL);

    return hyper_value(e, env, &a, d, NULL);
}

Value
elab_tuned_value(Elab *e, const Env *env, const Tuning *of, const Decl *d, const Param *p,
                 const Named *text, Span *ret_span)
{
    const Asked a = ask(e, of, p, text);
    Env written = text ? elab_in_time(e, text->env) : *env;

    return hyper_value(e, &written, &a, d, ret_span);
}

void
elab_bind_hyper(Elab *e, Env *env, HyperOwner owner, const Decl *d, const Param *p)
{
    Value v = own_value(e, env, owner, d, p);

    v = elab_coerce(e, env, v, p->type, elab_hyper_span(e, env, owner, p),
                    arena_printf(e->arena, "'%s' of '%s'", p->name, d->name));
    elab_bind(e, env, p->name, v, p->name_span);
}

static void
no_nested(Elab *e, HyperOwner owner, const char *name)
{
    const char **names = arena_array(e->arena, const char *, e->n_hypers + 1);
    size_t n = 0;

    for (size_t i = 0; i < e->n_hypers; i++)
        if (e->hyper[i].owner == owner)
            names[n++] = e->hyper[i].name;
    const char *dot = strrchr(name, '.');
    Diag *d = complain(e, elab_no_hyper, (Span){0},
                       arena_printf(e->arena, "%.*s", (int)(dot - name), name), dot + 1);
    diag_near(e->diags, d, name, names, n);
}

bool
elab_check_nested(Elab *e)
{
    bool ok = true;

    for (HyperOwner owner = HYPER_energy; owner < HYPER_OWNERS; owner++) {
        const ProgramSetting *s = e->settings[owner].setting;
        for (size_t i = 0; i < e->settings[owner].n; i++) {
            bool found = strchr(s[i].name, '.') == NULL;
            for (size_t k = 0; k < e->n_hypers; k++)
                found |= e->hyper[k].owner == owner && strcmp(e->hyper[k].name, s[i].name) == 0;
            if (!found)
                no_nested(e, owner, s[i].name);
            ok &= found;
        }
    }
    return ok;
}

static Value
given_value(Elab *e, const Env *env, const Param *p)
{
    ProgramData d = {.name = p->name, .doc = p->doc};
    const ProgramShape *shape = elab_given_shape(e, p->name);

    if (e->point)
        return elab_column(e, env, p);

    if (!elab_type_of(e, env, p->type, &d.type))
        return POISON;
    elab_range_of(e, env, p->type->range, &d.low, &d.high, &d.low_open, &d.high_open);
    d.each = shape && shape->type.rank == d.type.rank + 1;
    bool known = false;
    for (size_t i = 0; i < e->n_given; i++)
        known |= e->given[i].name == p->name;
    if (!known) {
        e->given = arena_grow(e->arena, e->given, e->n_given, &e->cap_given, e->n_given + 1,
                              sizeof *e->given);
        e->given[e->n_given++] = d;
    }
    return d.each ? elab_entry_input(e, INPUT_point, p->name, d.type, VARY_chain)
                  : elab_entry_input(e, INPUT_given, p->name, d.type, VARY_uniform);
}

Value
elab_default_value(Elab *e, const Env *env, FnVal *fn, const Param *p)
{
    if (fn->entry && p->given)
        return given_value(e, env, p);
    if (fn->entry)
        return own_value(e, env, HYPER_energy, fn->decl, p);
    return p->value ? elab_eval(e, env, p->value, MODE_term) : NO_VALUE;
}

/* ---- t ---- */

const Binding *
elab_time(Elab *e, Value t, Value n_steps, Value n_warmup)
{
    Env env = {0};
    uint32_t binds = e->binds;

    e->binds = e->clock;
    elab_bind(e, &env, e->word.t, t, (Span){0});
    elab_bind(e, &env, e->word.n_steps, n_steps, (Span){0});
    elab_bind(e, &env, e->word.n_warmup, n_warmup, (Span){0});
    elab_bind(e, &env, e->word.warming_up, elab_compare(e, AST_OP_LT, t, n_warmup, (Span){0}),
              (Span){0});
    e->binds = binds;
    return env.local;
}

Env
elab_in_time(Elab *e, const Env *env)
{
    Env r = *env;

    for (const Binding *b = e->time; b; b = b->next) {
        Binding *own = arena_new(e->arena, Binding);
        *own = *b;
        own->next = r.local;
        r.local = own;
    }
    return r;
}

static Value
now_input(Elab *e, InputKind kind, const char *name)
{
    return elab_entry_input(e, kind, name, type_scalar(DT_i32), VARY_uniform);
}

void
elab_bind_time(Elab *e, TimeKind kind)
{
    Value t = elab_value_int(0), n = t, w = t;

    if (kind != TIME_zero) {
        t = now_input(e, INPUT_step, e->word.t);
        n = now_input(e, INPUT_n_steps, e->word.n_steps);
    }
    if (kind == TIME_step)
        w = now_input(e, INPUT_n_warmup, e->word.n_warmup);
    e->clock = 1;
    e->time = elab_time(e, t, n, w);
}
