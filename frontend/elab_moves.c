/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_moves.c -- samplers and optimizers applied to what they move: their start and a step.
 *
 * The run's own sampler, `run`, and chains kept by other samplers are all made here.  A cache
 * that the step does not assign, or that depends on what changes from step to step, is computed
 * anew at every step; the others are kept like states.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab.h"
#include "frontend/elab_flow.h"

/* ---- what the declaration says ---- */

bool
elab_is_machine(const FnVal *fn)
{
    return fn->kind == FN_decl &&
           (fn->decl->kind == DECL_SAMPLER || fn->decl->kind == DECL_OPTIMIZER);
}

bool
elab_is_energy_param(const Param *p)
{
    const AstType *t = p->type;
    return t->kind == TYPE_ENERGY || (t->kind == TYPE_ANY && t->bare == DECL_ENERGY) ||
           (t->kind == TYPE_FN && !p->value);
}

static bool
check_params(Elab *e, Moves *m)
{
    const Decl *d = m->decl;
    bool sampler = d->kind == DECL_SAMPLER, other = false;
    Span span = d->name_span;

    for (uint32_t i = 0; i < d->n_params; i++) {
        const Param *p = d->params[i];
        if (!m->moved && elab_is_state_param(p))
            m->moved = p;
        else if (!other && (sampler ? elab_is_energy_param(p) : elab_is_state_param(p)))
            other = true;
        else if (!p->value) {
            m->moved = NULL;
            span = p->span;
            break;
        }
    }
    if (m->moved && other)
        return true;
    if (sampler)
        complain(e, elab_sampler_args, span, d->name);
    else
        complain(e, elab_optimizer_args, span, d->name);
    return false;
}

static bool
reports(const Body *body, uint32_t n, const char *name)
{
    for (uint32_t i = 0; i < n; i++)
        if (body->stmts[i]->kind == STMT_REPORT && body->stmts[i]->name == name)
            return true;
    return false;
}

static void
add_report(Elab *e, Moves *m, const char *name)
{
    size_t cap = m->n_reports;

    for (uint32_t i = 0; i < m->n_reports; i++)
        if (m->report[i] == name)
            return;
    m->report = arena_grow(e->arena, m->report, m->n_reports, &cap, m->n_reports + 1u,
                           sizeof *m->report);
    m->report[m->n_reports++] = name;
}

/* A block reports a name once. */
static bool
find_reports(Elab *e, Moves *m, const Body *body)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        if (s->kind == STMT_REPORT) {
            if (reports(body, i, s->name)) {
                complain(e, elab_duplicate, s->name_span, s->name);
                return false;
            }
            add_report(e, m, s->name);
        }
        if (!find_reports(e, m, s->body) || !find_reports(e, m, s->other))
            return false;
    }
    return true;
}

/* The step stands last. */
static bool
find_step(Elab *e, Moves *m)
{
    const Body *body = m->decl->body;

    for (uint32_t i = 0; i < body->n_stmts && !m->step; i++) {
        if (body->stmts[i]->kind != STMT_STEP)
            continue;
        m->step = body->stmts[i];
        if (i + 1 < body->n_stmts) {
            complain(e, elab_after_step, body->stmts[i + 1]->span);
            return false;
        }
    }
    return find_reports(e, m, m->step ? m->step->body : body);
}

bool
elab_moves_begin(Elab *e, Moves *m, FnVal *fn, const Named *arg, uint32_t n_args, Type x)
{
    *m = (Moves){.fn = fn, .decl = fn->decl, .type = x, .n_args = n_args};
    m->arg = arena_array(e->arena, Named, n_args + 1);
    for (uint32_t i = 0; i < n_args; i++)
        m->arg[i] = arg[i];
    if (!check_params(e, m) || !find_step(e, m))
        return false;
    m->lifted =
        m->decl->kind == DECL_OPTIMIZER && elab_is_scalar_type(m->moved->type) && x.rank > 0;
    return true;
}

/* ---- names of the text ---- */

typedef enum How {
    MOVES_start,
    MOVES_step, /* what is kept comes from the step before */
    MOVES_to    /* ... and caches are computed anew */
} How;

/* The text of a sampler or an optimizer being elaborated. */
typedef struct Open {
    Elab *e;
    Moves *starting; /* MOVES_start: what is kept is found */
    const Moves *m;
    How how;
    const ChainVal *was;
    const Named *change;
    uint32_t n_change;
    const Env *now;
    Env env;
    const Binding *x;     /* what is moved */
    const Binding **slot; /* one a Kept */
    uint32_t at;
    const Activation *back_act;
    const Binding *back_time;
    uint32_t back_slots;
    bool back_training;
} Open;

static const Named *
find_named(const Named *a, uint32_t n, const char *name)
{
    for (uint32_t i = n; i-- > 0;)
        if (a[i].name == name)
            return &a[i];
    return NULL;
}

/* As it was written where the chain was made, with what the names there are now. */
static Value
eval_written(const Open *o, const Named *a)
{
    if (!a->expr)
        return a->value;
    Env there = *a->env;
    if (o->now)
        elab_leave_block(o->e, &there, o->now);
    there = elab_in_time(o->e, &there);
    return elab_eval(o->e, &there, a->expr, MODE_step);
}

static Value
argument(const Open *o, const Param *p, Span *ret_span)
{
    Elab *e = o->e;
    const FnVal *fn = o->m->fn;
    const Named *a = find_named(o->change, o->n_change, p->name);

    a = a ? a : find_named(o->m->arg, o->m->n_args, p->name);
    *ret_span = a ? a->span : p->value ? p->value->span : p->span;
    if (a)
        return eval_written(o, a);
    a = find_named(fn->bound, fn->n_bound, p->name);
    if (fn->tuning && p->value)
        return elab_tuned_value(e, &o->env, fn->tuning, o->m->decl, p, a, ret_span);
    if (a) {
        const Env there = elab_in_time(e, a->env);
        *ret_span = a->span;
        return elab_eval(e, &there, a->expr, MODE_term);
    }
    if (p->value)
        return elab_eval(e, &o->env, p->value, MODE_term);
    return FAIL(e, elab_missing, p->span, o->m->decl->name, p->name);
}

/* An argument in its declared type; an optimizer of one element also takes arrays. */
static Value
coerce(const Open *o, Value v, const Param *p, Span span)
{
    Elab *e = o->e;
    const char *what = arena_printf(e->arena, "'%s' of '%s'", p->name, o->m->decl->name);

    if (o->m->lifted && elab_is_scalar_type(p->type)) {
        Value lifted = elab_coerce_lifted(e, v, p->type, span, what);
        if (lifted.kind != VAL_none)
            return lifted;
    }
    return elab_coerce(e, &o->env, v, p->type, span, what);
}

static void
bind_params(Open *o, Value x)
{
    Elab *e = o->e;

    for (uint32_t i = 0; i < o->m->decl->n_params; i++) {
        const Param *p = o->m->decl->params[i];
        uint32_t read = e->reads;
        Span span = p->span;
        e->reads = 0;
        if (p == o->m->moved) {
            elab_bind_var(e, &o->env, p->name, coerce(o, x, p, span), p->name_span);
            o->x = o->env.local;
        } else {
            Value v = argument(o, p, &span);
            v = coerce(o, v, p, span);
            e->binds = e->reads;
            elab_bind(e, &o->env, p->name, v, p->name_span);
            e->binds = 0;
        }
        e->reads = e->reads < read ? read : e->reads;
    }
}

static uint32_t
count_kept(const Decl *d)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->body->n_stmts; i++)
        n += d->body->stmts[i]->n_patterns;
    return n;
}

static void
solve_statics(Open *o)
{
    Elab *e = o->e;
    const Moves *m = o->m;
    Dims d = {.rank = m->type.rank};
    Solve s;

    memcpy(d.dim, m->type.dim, sizeof d.dim);
    elab_solve_begin(e, &s, m->fn, m->decl->name_span);
    elab_solve_match(e, &s, m->moved->type, d, m->moved->span,
                     arena_printf(e->arena, " by what '%s' moves, which is %s", m->decl->name,
                                  elab_type_text(e, m->type)));
    elab_solve_end(e, &s, &o->env);
}

/* One sampler may well be inside another of its kind, but not in itself without end. */
enum { MAX_NESTING = 12 };

static bool
is_endless(Elab *e, const Moves *m)
{
    unsigned n = 0;

    for (const Activation *a = e->act; a; a = a->caller)
        n += a->decl == m->decl;
    if (n < MAX_NESTING)
        return false;
    complain(e, elab_recursion, m->decl->name_span, m->decl->name);
    return true;
}

/* Enters the text, with x moved so far.  What encloses the chain may change between its steps.
 */
static bool
open_text(Open *o, Value x, Value t)
{
    Elab *e = o->e;
    const Activation *back = e->act;

    if (is_endless(e, o->m) || !elab_push_depth(e, o->m->decl->name_span))
        return false;
    o->back_act = back;
    o->back_time = e->time;
    o->back_slots = e->owner_slots;
    const Named *given = find_named(o->change, o->n_change, e->word.t);
    if (given || o->m->counts) {
        const Env time = {.local = e->time};
        e->time = elab_time(e, given ? given->value : t,
                            elab_find_local(&time, e->word.n_steps)->value,
                            elab_find_local(&time, e->word.n_warmup)->value);
    }
    o->env = o->m->fn->env;
    o->env.local = e->time;
    o->env.act = elab_enter_text(e, o->m->decl, back, o->m->decl->name_span);
    o->env.let_mode = o->env.ret_mode = MODE_step;
    o->env.reports = NULL;
    o->env.buffers = NULL;
    o->env.path = NULL;
    o->back_training = e->training;
    e->training = false;
    o->slot = arena_array(e->arena, const Binding *, count_kept(o->m->decl) + 1);
    solve_statics(o);
    e->owner_slots = o->m->owned ? e->next_slot : 0;
    bind_params(o, x);
    elab_open_required(e, &o->env, o->m->decl->body, o->m->decl->name_span);
    return true;
}

static void
close_text(Open *o)
{
    Elab *e = o->e;

    e->act = o->back_act;
    e->training = o->back_training;
    e->time = o->back_time;
    e->owner_slots = o->back_slots;
    e->depth--;
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
evaluate(Open *o, const Stmt *s, Value *v)
{
    if (s->n_patterns == 1 && s->patterns[0]->type)
        v[0] = declared_state(o->e, &o->env, s);
    else
        elab_values(o->e, &o->env, s, s->n_patterns, v);
}

/* A number as it is kept: of the kernel; of an optimizer of elements, one an element. */
static Value
kept_number(Open *o, Value v)
{
    Elab *e = o->e;
    Type t = elab_value_type(e, v);

    if (o->m->lifted && t.rank == 0)
        elab_fit(e, &v, type_with(o->m->type, (DType)t.dtype));
    return (Value){.kind = VAL_ref, .ref = elab_ref_of(e, v, DT_none), .frame = e->frame};
}

static void
bind_kept(Open *o, Kept *k, Value v)
{
    Elab *e = o->e;

    e->binds = k->cache && !k->anew ? 0 : e->clock;
    elab_bind_var(e, &o->env, k->name, v, k->span);
    e->binds = 0;
    o->slot[o->at++] = o->env.local;
}

/* A chain, or a list of chains. */
static bool
keeps_chains(Value v)
{
    return v.kind != VAL_tuple && elab_has_chain(v);
}

/* In the start: the values are what is kept. */
static void
start_kept(Open *o, const Stmt *s)
{
    Elab *e = o->e;
    Moves *m = o->starting;
    Value *v = arena_array(e->arena, Value, s->n_patterns);
    bool cache = s->kind == STMT_CACHE;
    uint32_t read = e->reads;

    e->reads = 0;
    evaluate(o, s, v);
    bool anew = cache && e->reads >= e->clock;
    e->reads = e->reads < read ? read : e->reads;
    for (uint32_t i = 0; i < s->n_patterns; i++) {
        const Pattern *p = s->patterns[i];
        Kept *k = &m->kept[o->at];
        if (elab_is_number(v[i]))
            v[i] = kept_number(o, v[i]);
        else if (!elab_is_poison(v[i]) && (cache || !keeps_chains(v[i])))
            v[i] = FAIL(e, elab_state_value, p->span, p->name, elab_value_text(e, v[i]));
        *k = (Kept){.name = p->name, .span = p->span, .cache = cache};
        k->type = elab_value_type(e, v[i]);
        k->anew = anew || (cache && m->step && !assigns(m->step->body, p->name));
        bind_kept(o, k, v[i]);
        m->n_kept = o->at;
    }
}

/* The chains in a value, in order; also counts them. */
static void
add_chains(Keeping *k, Value v)
{
    if (v.kind == VAL_chain) {
        if (k->chain)
            k->chain[k->n] = v.chain;
        k->n++;
    }
    for (uint32_t i = 0; v.kind == VAL_list && i < v.n; i++)
        add_chains(k, v.item[i]);
}

/* The chains among what a statement keeps. */
static Keeping
kept_chains(Open *o, const Stmt *s)
{
    Keeping k = {.move = o->how == MOVES_to};

    for (uint32_t i = 0; i < s->n_patterns; i++)
        add_chains(&k, o->was->kept[o->at + i]);
    k.chain = arena_alloc(o->e->arena, k.n + 1, sizeof *k.chain);
    k.n = 0;
    for (uint32_t i = 0; i < s->n_patterns; i++)
        add_chains(&k, o->was->kept[o->at + i]);
    return k;
}

/* Does an argument that is changed for this step take part in what stands before the step? */
static bool
is_stale(const Open *o)
{
    const Body *body = o->m->decl->body;

    for (uint32_t i = 0; i < o->n_change; i++)
        for (uint32_t k = 0; k < body->n_stmts && body->stmts[k] != o->m->step; k++)
            if (elab_mentions(body->stmts[k], o->change[i].name))
                return true;
    return false;
}

/* Later: what was kept, what is computed anew, and chains, which are made again around what
 * they kept, so that their arguments are those of this step. */
static void
resume_kept(Open *o, const Stmt *s)
{
    Elab *e = o->e;
    Value *v = arena_array(e->arena, Value, s->n_patterns);
    Keeping chains = kept_chains(o, s), *back = e->keeping;
    bool all = s->kind == STMT_CACHE && (o->how == MOVES_to || is_stale(o)), any = chains.n > 0;

    for (uint32_t i = 0; i < s->n_patterns; i++)
        any |= o->m->kept[o->at + i].anew;
    e->keeping = &chains;
    if (all || any)
        evaluate(o, s, v);
    e->keeping = back;
    for (uint32_t i = 0; i < s->n_patterns; i++) {
        Kept *k = &o->m->kept[o->at];
        if (!all && !k->anew && !keeps_chains(o->was->kept[o->at]))
            v[i] = o->was->kept[o->at];
        bind_kept(o, k, v[i]);
    }
}

static void
run_kept(Open *o, const Stmt *s)
{
    Keeping *back = o->e->keeping, starts = {0};

    if (o->how != MOVES_start) {
        resume_kept(o, s);
        return;
    }
    o->e->keeping = s->kind == STMT_STATE ? &starts : NULL;
    start_kept(o, s);
    o->e->keeping = back;
}

/* All that stands before the step. */
static void
run_before(Open *o)
{
    const Body *body = o->m->decl->body;

    for (uint32_t i = 0; o->m->step && i < body->n_stmts; i++) {
        Stmt *s = body->stmts[i];
        if (s == o->m->step || o->e->stopped)
            break;
        if (s->kind == STMT_STATE || s->kind == STMT_CACHE)
            run_kept(o, s);
        else
            elab_run_stmts(o->e, &o->env, &s, 1);
    }
}

/* ---- chains ---- */

/* The leaf of a chain in the type it is kept in. */
static Value
settled(Elab *e, Value v, Type t)
{
    if (keeps_chains(v) || elab_is_poison(v))
        return v;
    if (!elab_is_number(v) || !elab_fit(e, &v, t))
        return POISON;
    return (Value){
        .kind = VAL_ref, .ref = elab_ref_of(e, v, (DType)t.dtype), .frame = e->frame};
}

/* What the text has made of the chain. */
static Value
result(Open *o, Value t, const Reports *made)
{
    Elab *e = o->e;
    const Moves *m = o->m;
    ChainVal *c = arena_new(e->arena, ChainVal);
    bool bad = false;

    *c = (ChainVal){.of = m, .t = t};
    Value x = elab_find_slot(&o->env, o->x->slot)->value;
    c->x = settled(e, elab_close_required(e, &o->env, x, m->decl->name_span), m->type);
    c->kept = arena_array(e->arena, Value, m->n_kept + 1);
    c->report = arena_array(e->arena, Value, m->n_reports + 1);
    bad |= elab_is_poison(c->x);
    for (uint32_t i = 0; i < m->n_kept; i++) {
        const Kept *k = &m->kept[i];
        c->kept[i] = NO_VALUE;
        if (!k->anew)
            c->kept[i] = settled(e, elab_find_slot(&o->env, o->slot[i]->slot)->value, k->type);
        bad |= elab_is_poison(c->kept[i]);
    }
    for (uint32_t i = 0; i < m->n_reports; i++) {
        c->report[i] = NO_VALUE;
        if (made)
            c->report[i] =
                settled(e, elab_find_slot(&o->env, made->slot[i])->value, type_scalar(DT_f64));
        bad |= elab_is_poison(c->report[i]);
    }
    return bad || e->stopped ? POISON : elab_value_chain(c);
}

static Value
start_count(const Moves *m)
{
    return m->counts ? elab_value_int(0) : NO_VALUE;
}

Value
elab_moves_start(Elab *e, Moves *m, Value x)
{
    Open o = {.e = e, .m = m, .starting = m, .how = MOVES_start};

    m->kept = arena_array(e->arena, Kept, count_kept(m->decl) + 1);
    if (elab_is_poison(x) || !open_text(&o, x, start_count(m)))
        return POISON;
    run_before(&o);
    Value v = result(&o, start_count(m), NULL);
    close_text(&o);
    return v;
}

static Value
one_later(Elab *e, const ChainVal *c)
{
    return c->of->counts ? elab_arith(e, AST_OP_ADD, c->t, elab_value_int(1), MODE_step,
                                      c->of->decl->name_span)
                         : NO_VALUE;
}

/* Nothing is reported until it is: NaN, which is part of the program where only branches and
 * loops report. */
static void
open_reports(Open *o, const Body *body, Reports *r)
{
    Elab *e = o->e;
    const Moves *m = o->m;

    *r = (Reports){.name = m->report, .n = m->n_reports};
    r->slot = arena_array(e->arena, uint32_t, r->n + 1);
    for (size_t i = 0; i < r->n; i++) {
        Value none = elab_value_real(NAN);
        if (!reports(body, body->n_stmts, r->name[i]))
            none = elab_value_ref(e, elab_ref_of(e, none, DT_f64));
        elab_bind_var(e, &o->env, "a report", none, m->decl->name_span);
        r->slot[i] = o->env.local->slot;
    }
    o->env.reports = r;
}

Value
elab_moves_step(Elab *e, const ChainVal *c, const Named *change, uint32_t n_change,
                const Env *now)
{
    const Moves *m = c->of;
    Open o = {.e = e, .m = m, .how = MOVES_step, .was = c, .now = now};
    Reports made;

    o.change = change;
    o.n_change = n_change;
    if (!open_text(&o, c->x, c->t))
        return POISON;
    run_before(&o);
    const Body *body = m->step ? m->step->body : m->decl->body;
    open_reports(&o, body, &made);
    elab_run_stmts(e, &o.env, body->stmts, body->n_stmts);
    Value v = result(&o, one_later(e, c), &made);
    close_text(&o);
    return v;
}

Value
elab_moves_to(Elab *e, const ChainVal *c, Value x, const Env *now)
{
    Open o = {.e = e, .m = c->of, .how = MOVES_to, .was = c, .now = now};

    if (!open_text(&o, x, c->t))
        return POISON;
    run_before(&o);
    Value v = result(&o, c->t, NULL);
    close_text(&o);
    if (v.kind == VAL_chain) {
        ChainVal *with = elab_copy_chain(e, v.chain);
        memcpy(with->report, c->report, c->of->n_reports * sizeof *with->report);
        v = elab_value_chain(with);
    }
    return v;
}

Value
elab_moves_argument(Elab *e, const ChainVal *c, const Param *p, const Env *now)
{
    Open o = {.e = e, .m = c->of, .how = MOVES_to, .was = c, .now = now};

    if (!open_text(&o, c->x, c->t))
        return POISON;
    Value v = elab_find_local(&o.env, p->name)->value;
    close_text(&o);
    return v;
}

Value
elab_chain_report(Elab *e, const ChainVal *c, uint32_t i)
{
    if (c->report[i].kind != VAL_none)
        return c->report[i];
    return (Value){
        .kind = VAL_ref, .ref = ir_number(&e->frame->b, DT_f64, 0), .frame = e->frame};
}

/* ---- leaves ---- */

typedef struct Leaves {
    Elab *e;
    Value *value;
    const char **name; /* or NULL */
    uint32_t n, cap;
} Leaves;

static void
add_leaf(Leaves *to, const char *prefix, const char *name, Value v)
{
    if (to->n == to->cap)
        return;
    to->value[to->n] = v;
    if (to->name)
        to->name[to->n] = prefix[0] ? arena_printf(to->e->arena, "%s%s", prefix, name) : name;
    to->n++;
}

static void add_leaves(Leaves *to, const char *prefix, const ChainVal *c);

static void
add_kept(Leaves *to, const char *prefix, const char *name, Value v)
{
    if (v.kind == VAL_chain)
        add_leaves(to, arena_printf(to->e->arena, "%s%s.", prefix, name), v.chain);
    else if (v.kind != VAL_list)
        add_leaf(to, prefix, name, v);
    for (uint32_t i = 0; v.kind == VAL_list && i < v.n; i++)
        add_kept(to, prefix, arena_printf(to->e->arena, "%s.%u", name, i), v.item[i]);
}

static void
add_leaves(Leaves *to, const char *prefix, const ChainVal *c)
{
    const Moves *m = c->of;

    add_leaf(to, prefix, m->moved->name, c->x);
    if (m->counts)
        add_leaf(to, prefix, "t", c->t);
    for (uint32_t i = 0; i < m->n_kept; i++)
        if (!m->kept[i].anew)
            add_kept(to, prefix, m->kept[i].name, c->kept[i]);
}

uint32_t
elab_chain_leaves(Elab *e, const ChainVal *c, Value *leaf, const char **name, uint32_t cap)
{
    Leaves to = {.e = e, .value = leaf, .name = name, .cap = cap};

    add_leaves(&to, "", c);
    if (to.n == cap)
        complain(e, elab_too_large, c->of->decl->name_span, "what the chain keeps");
    return to.n;
}

static Value take_leaves(Elab *e, const ChainVal *c, const Value **leaf);

static Value
take_kept(Elab *e, Value v, const Value **leaf)
{
    if (v.kind == VAL_chain)
        return take_leaves(e, v.chain, leaf);
    if (v.kind != VAL_list)
        return *(*leaf)++;
    Value r = elab_value_tuple(e, v.n, v.item);
    r.kind = VAL_list;
    for (uint32_t i = 0; i < r.n; i++)
        r.item[i] = take_kept(e, v.item[i], leaf);
    return r;
}

static Value
take_leaves(Elab *e, const ChainVal *c, const Value **leaf)
{
    const Moves *m = c->of;
    ChainVal *r = elab_copy_chain(e, c);

    r->x = *(*leaf)++;
    if (m->counts)
        r->t = *(*leaf)++;
    for (uint32_t i = 0; i < m->n_kept; i++)
        if (!m->kept[i].anew)
            r->kept[i] = take_kept(e, c->kept[i], leaf);
    for (uint32_t i = 0; i < m->n_reports; i++)
        r->report[i] = NO_VALUE;
    return elab_value_chain(r);
}

Value
elab_chain_with(Elab *e, const ChainVal *c, const Value *leaf)
{
    return take_leaves(e, c, &leaf);
}
