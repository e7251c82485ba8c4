/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_moves.c -- samplers and optimizers applied to what they move: their start and a step.
 *
 * The run's own sampler, `run`, and chains kept by other samplers are all made here.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_moves.h"

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

static bool
is_part_of(const Expr *x, const char *name)
{
    while (x->kind == EXPR_INDEX || x->kind == EXPR_MEMBER)
        x = x->left;
    return x->kind == EXPR_NAME && x->name == name;
}

static bool
assigns(const Body *body, const char *name)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        for (uint32_t k = 0; k < s->n_targets; k++)
            if (is_part_of(s->targets[k], name))
                return true;
        if (assigns(s->body, name) || assigns(s->other, name))
            return true;
    }
    return false;
}

/* What never assigns it moves nothing, and is a slip. */
static bool
check_moves(Elab *e, const Moves *m, const Body *body)
{
    if (assigns(body, m->moved->name))
        return true;
    complain(e, elab_never_moves, m->decl->name_span, m->decl->name, m->moved->name);
    return false;
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
    body = m->step ? m->step->body : body;
    return check_moves(e, m, body) && find_reports(e, m, body);
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

/* ---- chains ---- */

/* The leaf of a chain in the type it is kept in. */
static Value
settled(Elab *e, Value v, Type t)
{
    if (elab_keeps_chains(v) || elab_is_poison(v))
        return v;
    if (!elab_is_number(v) || !elab_fit(e, &v, t))
        return POISON;
    return (Value){
        .kind = VAL_ref, .ref = elab_ref_of(e, v, (DType)t.dtype), .frame = e->frame};
}

/* What the text has made of the chain. */
static Value
result(OpenText *o, Value t, const Reports *made)
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
    OpenText o = {.e = e, .m = m, .starting = m, .how = MOVES_start};

    m->kept = arena_array(e->arena, Kept, elab_count_kept(m->decl) + 1);
    if (elab_is_poison(x) || !elab_open_text(&o, x, start_count(m)))
        return POISON;
    elab_run_before(&o);
    Value v = result(&o, start_count(m), NULL);
    elab_close_text(&o);
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
open_reports(OpenText *o, const Body *body, Reports *r)
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
    OpenText o = {.e = e, .m = m, .how = MOVES_step, .was = c, .now = now};
    Reports made;

    o.change = change;
    o.n_change = n_change;
    if (!elab_open_text(&o, c->x, c->t))
        return POISON;
    elab_run_before(&o);
    const Body *body = m->step ? m->step->body : m->decl->body;
    open_reports(&o, body, &made);
    elab_run_stmts(e, &o.env, body->stmts, body->n_stmts);
    Value v = result(&o, one_later(e, c), &made);
    elab_close_text(&o);
    return v;
}

Value
elab_moves_to(Elab *e, const ChainVal *c, Value x, const Env *now)
{
    OpenText o = {.e = e, .m = c->of, .how = MOVES_to, .was = c, .now = now};

    if (!elab_open_text(&o, x, c->t))
        return POISON;
    elab_run_before(&o);
    Value v = result(&o, c->t, NULL);
    elab_close_text(&o);
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
    OpenText o = {.e = e, .m = c->of, .how = MOVES_to, .was = c, .now = now};

    if (!elab_open_text(&o, c->x, c->t))
        return POISON;
    Value v = elab_find_local(&o.env, p->name)->value;
    elab_close_text(&o);
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
