/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_sampler.c -- a sampler applied to an energy: @start and @step.
 *
 * A cache that the step does not assign, or that depends on `t`, is computed anew at every
 * step; the others are kept like states.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"
#include "frontend/elab_flow.h"

typedef struct Kept {
    const char *name;
    Span span;
    Type type;
    bool cache, anew;
    const Binding *slot; /* in the entry function being built */
} Kept;

typedef struct SamplerBuild {
    Elab *e;
    FnVal *energy, *sampler;
    const Decl *decl;
    Type x;
    const char *x_name;
    const Stmt *step; /* NULL: the body is the step */
    Kept *kept;
    uint32_t n, cap;
    Reports reports;
} SamplerBuild;

/* ---- the sampler's own names ---- */

static bool
is_energy_param(const Param *p)
{
    const AstType *t = p->type;
    return t->kind == TYPE_ENERGY || (t->kind == TYPE_ANY && t->bare == DECL_ENERGY) ||
           (t->kind == TYPE_FN && !p->value);
}

static bool
check_params(SamplerBuild *b)
{
    bool energy = false;

    for (uint32_t i = 0; i < b->decl->n_params; i++) {
        const Param *p = b->decl->params[i];
        if (is_energy_param(p) && !energy)
            energy = true;
        else if (elab_is_state_param(p) && !b->x_name)
            b->x_name = p->name;
        else if (p->type->kind == TYPE_ANY && p->type->bare == DECL_SAMPLER) {
            complain(b->e, unsupported, p->span, "a sampler inside another");
            return false;
        } else if (!p->value) {
            complain(b->e, elab_sampler_args, p->span, b->decl->name);
            return false;
        }
    }
    if (!energy || !b->x_name)
        complain(b->e, elab_sampler_args, b->decl->name_span, b->decl->name);
    return energy && b->x_name;
}

static void
match_x(SamplerBuild *b, Solve *s)
{
    Dims d = {.rank = b->x.rank};

    memcpy(d.dim, b->x.dim, sizeof d.dim);
    for (uint32_t i = 0; i < b->decl->n_params; i++)
        if (b->decl->params[i]->name == b->x_name)
            elab_solve_match(b->e, s, b->decl->params[i]->type, d, b->decl->params[i]->span,
                             arena_printf(b->e->arena, " by the energy's state, which is %s",
                                          elab_type_text(b->e, b->x)));
}

static void
bind_params(SamplerBuild *b, Env *env, Value x)
{
    Elab *e = b->e;
    bool energy = false;

    for (uint32_t i = 0; i < b->decl->n_params; i++) {
        const Param *p = b->decl->params[i];
        if (is_energy_param(p) && !energy) {
            energy = true;
            elab_bind(e, env, p->name, elab_value_fn(b->energy), p->name_span);
        } else if (p->name == b->x_name) {
            x = elab_coerce(e, env, x, p->type, p->span,
                            arena_printf(e->arena, "'%s'", p->name));
            elab_bind_var(e, env, p->name, x, p->name_span);
        } else {
            Value v = elab_hyper_value(e, env, HYPER_sampler, b->decl, p);
            const char *what = arena_printf(e->arena, "'%s' of '%s'", p->name, b->decl->name);
            Span span = elab_hyper_span(e, env, HYPER_sampler, p);
            v = elab_coerce(e, env, v, p->type, span, what);
            elab_bind(e, env, p->name, v, p->name_span);
        }
    }
}

static Env
open_env(SamplerBuild *b, Value x)
{
    Elab *e = b->e;
    Env env = b->sampler->env;
    Solve s;

    env.local = e->time;
    env.act = elab_enter_text(e, b->decl, NULL, b->decl->name_span);
    env.let_mode = env.ret_mode = MODE_step;
    elab_solve_begin(e, &s, b->sampler, b->decl->name_span);
    match_x(b, &s);
    elab_solve_end(e, &s, &env);
    bind_params(b, &env, x);
    return env;
}

/* ---- states and caches ---- */

static bool
assigns(const Body *body, const char *name)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        for (uint32_t k = 0; k < s->n_targets; k++) {
            const Expr *x = s->targets[k];
            while (x->kind == EXPR_INDEX)
                x = x->left;
            if (x->kind == EXPR_NAME && x->name == name)
                return true;
        }
        if (assigns(s->body, name) || assigns(s->other, name))
            return true;
    }
    return false;
}

static void
keep(SamplerBuild *b, Env *env, const Pattern *p, Value v, bool cache, bool anew)
{
    Elab *e = b->e;
    size_t cap = b->cap;

    if (elab_is_poison(v))
        return;
    if (!elab_is_number(v)) {
        complain(e, elab_state_value, p->span, p->name, elab_value_text(e, v));
        return;
    }
    v = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, v, DT_none), .frame = e->frame};
    elab_bind_var(e, env, p->name, v, p->span);
    b->kept = arena_grow(e->arena, b->kept, b->n, &cap, b->n + 1u, sizeof *b->kept);
    b->cap = (uint32_t)cap;
    b->kept[b->n++] = (Kept){.name = p->name,
                             .span = p->span,
                             .type = elab_value_type(e, v),
                             .cache = cache,
                             .anew = anew,
                             .slot = env->local};
}

/* `state w: real[n] ~ normal(0, 1)` or `= x` */
static Value
declared_state(Elab *e, const Env *env, const Stmt *s)
{
    Type t;

    if (!elab_type_of(e, env, s->patterns[0]->type, &t))
        return POISON;
    return elab_initial(e, env, s->init, s->n_values ? s->values[0] : NULL, t, s->span);
}

static void
start_kept(SamplerBuild *b, Env *env, const Stmt *s)
{
    Elab *e = b->e;
    Value *v = arena_array(e->arena, Value, s->n_patterns);
    bool read = e->reads_t, cache = s->kind == STMT_CACHE;

    e->reads_t = false;
    if (s->n_patterns == 1 && s->patterns[0]->type)
        v[0] = declared_state(e, env, s);
    else
        elab_values(e, env, s, s->n_patterns, v);
    bool anew = cache && e->reads_t;
    e->reads_t |= read;
    for (uint32_t i = 0; i < s->n_patterns; i++) {
        const Pattern *p = s->patterns[i];
        bool stale = cache && p->name && b->step && !assigns(b->step->body, p->name);
        keep(b, env, p, v[i], cache, anew || stale);
    }
}

/* ---- the two functions ---- */

static bool
starts_something(const Stmt *s)
{
    return s->kind == STMT_STATE || s->kind == STMT_CACHE;
}

static void
finish(SamplerBuild *b, const Env *env, bool step)
{
    Elab *e = b->e;
    uint32_t most = 1 + b->n + (uint32_t)b->reports.n, n = 0;
    Ref *r = arena_array(e->arena, Ref, most);
    Output *out = arena_array(e->arena, Output, most);
    Value x = elab_find_local(env, b->x_name)->value;

    if (elab_is_poison(x) || !elab_fit(e, &x, b->x))
        return;
    r[n] = elab_ref_of(e, x, (DType)b->x.dtype);
    out[n++].name = "x";
    for (uint32_t i = 0; i < b->n; i++) {
        const Kept *k = &b->kept[i];
        if (k->anew)
            continue;
        Value v = elab_find_slot(env, k->slot->slot)->value;
        if (elab_is_poison(v) || !elab_fit(e, &v, k->type))
            return;
        r[n] = elab_ref_of(e, v, (DType)k->type.dtype);
        out[n++].name = k->name;
    }
    for (size_t i = 0; step && i < b->reports.n; i++) {
        Value v = elab_find_slot(env, b->reports.slot[i])->value;
        if (elab_is_poison(v))
            return;
        r[n] = elab_ref_of(e, v, DT_f64);
        out[n++] = (Output){b->reports.name[i], OUTPUT_report};
    }
    elab_end_entry(e, n, r, out);
}

/* What the energy says about where a chain starts. */
static Value
declared_start(SamplerBuild *b, const Param *p)
{
    Elab *e = b->e;
    Env env = b->energy->env;

    env.local = e->time;
    elab_bind_statics(e, b->energy, &env);
    for (uint32_t i = 0; i < b->energy->decl->n_params; i++) {
        const Param *q = b->energy->decl->params[i];
        if (q != p)
            elab_bind(e, &env, q->name, elab_default_value(e, &env, b->energy, q),
                      q->name_span);
    }
    return elab_initial(e, &env, p->init, NULL, b->x, p->span);
}

static Value
start_x(SamplerBuild *b)
{
    Elab *e = b->e;
    const ElabRequest *rq = e->request;
    const Param *p = NULL;

    for (uint32_t i = 0; i < b->energy->decl->n_params && !p; i++)
        if (elab_is_state_param(b->energy->decl->params[i]))
            p = b->energy->decl->params[i];
    switch (rq->init) {
    case INIT_given: return elab_entry_input(e, INPUT_x, "x", b->x, VARY_chain);
    case INIT_zeros: return elab_value_ref(e, ir_full(&e->frame->b, b->x, 0));
    case INIT_uniform: {
        Value u = elab_draw_value(e, DRAW_uniform, b->x);
        u = elab_arith(e, AST_OP_MUL, elab_value_real(rq->high - rq->low), u, MODE_step,
                       p->span);
        return elab_arith(e, AST_OP_ADD, elab_value_real(rq->low), u, MODE_step, p->span);
    }
    default: break;
    }
    if (rq->init == INIT_default && p && p->init)
        return declared_start(b, p);
    return elab_draw_value(e, DRAW_normal, b->x);
}

static void
build_start(SamplerBuild *b)
{
    Elab *e = b->e;

    e->frame = elab_frame_new(e, "start", NULL);
    e->may_draw = true;
    elab_bind_time(e, false);
    Value x = start_x(b);
    Env env = open_env(b, x);
    for (uint32_t i = 0; b->step && i < b->decl->body->n_stmts; i++) {
        Stmt *s = b->decl->body->stmts[i];
        if (s == b->step)
            break;
        if (starts_something(s))
            start_kept(b, &env, s);
        else
            elab_run_stmts(e, &env, &s, 1);
    }
    finish(b, &env, false);
    elab_nest_leave(e);
}

/* In the step, what is kept is an input; a cache made anew is computed. */
static void
resume_kept(SamplerBuild *b, Env *env, const Stmt *s, uint32_t *at)
{
    Elab *e = b->e;
    Value *v = arena_array(e->arena, Value, s->n_patterns);
    bool anew = false;

    for (uint32_t i = 0; i < s->n_patterns && *at + i < b->n; i++)
        anew |= b->kept[*at + i].anew;
    if (anew)
        elab_values(e, env, s, s->n_patterns, v);
    for (uint32_t i = 0; i < s->n_patterns && *at < b->n; i++) {
        Kept *k = &b->kept[(*at)++];
        if (!k->anew)
            v[i] = elab_entry_input(e, INPUT_state, k->name, k->type, VARY_chain);
        elab_bind_var(e, env, k->name, v[i], k->span);
        k->slot = env->local;
    }
}

/* Nothing is reported until it is: NaN.  What a branch or a loop reports is a value of the
 * program from the start. */
static void
add_report(SamplerBuild *b, Env *env, const Stmt *s, bool nested)
{
    Elab *e = b->e;
    Reports *r = &b->reports;
    uint32_t slot = elab_report_slot(r, s->name);
    size_t cap = r->cap;

    if (!slot) {
        elab_bind_var(e, env, "a report", elab_value_real(NAN), s->name_span);
        slot = env->local->slot;
        r->name = arena_grow(e->arena, r->name, r->n, &cap, r->n + 1, sizeof *r->name);
        r->slot = arena_grow(e->arena, r->slot, r->n, &r->cap, r->n + 1, sizeof *r->slot);
        r->name[r->n] = s->name;
        r->slot[r->n++] = slot;
    }
    if (nested)
        elab_push_slot(e, env, elab_find_slot(env, slot),
                       elab_value_ref(e, ir_number(&e->frame->b, DT_f64, NAN)), 0);
}

/* A block reports a name once. */
static void
find_reports(SamplerBuild *b, Env *env, const Body *body, bool nested)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        if (s->kind == STMT_REPORT) {
            for (uint32_t k = 0; k < i; k++)
                if (body->stmts[k]->kind == STMT_REPORT && body->stmts[k]->name == s->name) {
                    complain(b->e, elab_duplicate, s->name_span, s->name);
                    break;
                }
            add_report(b, env, s, nested);
        }
        find_reports(b, env, s->body, true);
        find_reports(b, env, s->other, true);
    }
}

static void
build_step(SamplerBuild *b)
{
    Elab *e = b->e;
    uint32_t at = 0;

    e->frame = elab_frame_new(e, "step", NULL);
    e->may_draw = true;
    Value x = elab_entry_input(e, INPUT_x, "x", b->x, VARY_chain);
    for (uint32_t i = 0; i < b->n; i++)
        if (!b->kept[i].anew)
            elab_entry_input(e, INPUT_state, b->kept[i].name, b->kept[i].type, VARY_chain);
    elab_bind_time(e, true);
    Env env = open_env(b, x);
    env.reports = &b->reports;
    for (uint32_t i = 0; b->step && i < b->decl->body->n_stmts; i++) {
        Stmt *s = b->decl->body->stmts[i];
        if (s == b->step)
            break;
        if (starts_something(s))
            resume_kept(b, &env, s, &at);
        else
            elab_run_stmts(e, &env, &s, 1);
    }
    const Body *body = b->step ? b->step->body : b->decl->body;
    find_reports(b, &env, body, false);
    elab_run_stmts(e, &env, body->stmts, body->n_stmts);
    finish(b, &env, true);
    elab_nest_leave(e);
}

static bool
find_step(SamplerBuild *b)
{
    const Body *body = b->decl->body;

    for (uint32_t i = 0; i < body->n_stmts; i++) {
        if (body->stmts[i]->kind != STMT_STEP)
            continue;
        b->step = body->stmts[i];
        if (i + 1 < body->n_stmts) {
            complain(b->e, elab_after_step, body->stmts[i + 1]->span);
            return false;
        }
    }
    return true;
}

bool
elab_build_sampler(Elab *e, FnVal *energy, FnVal *sampler, Type x)
{
    SamplerBuild b = {.e = e, .energy = energy, .sampler = sampler, .decl = sampler->decl};

    unsigned before = e->diags->errors;
    b.x = x;
    if (!check_params(&b) || !find_step(&b))
        return false;
    build_start(&b);
    if (e->diags->errors == before && !e->stopped)
        build_step(&b);
    e->program->report = b.reports.name;
    e->program->n_report = b.reports.n;
    e->act = NULL;
    return e->diags->errors == before && !e->stopped;
}
