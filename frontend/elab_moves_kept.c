/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_moves_kept.c -- what samplers and optimizers keep from step to step.
 *
 * A cache that the step does not assign, or that depends on what changes from step to step, is
 * computed anew at every step; the others are kept like states.
 */
#include "frontend/elab_flow.h"
#include "frontend/elab_moves.h"

/* ---- states and caches ---- */

uint32_t
elab_count_kept(const Decl *d)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < d->body->n_stmts; i++)
        n += d->body->stmts[i]->n_patterns;
    return n;
}

bool
elab_assigns(const Body *body, const char *name)
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
        if (elab_assigns(s->body, name) || elab_assigns(s->other, name))
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
evaluate(OpenText *o, const Stmt *s, Value *v)
{
    if (s->n_patterns == 1 && s->patterns[0]->type)
        v[0] = declared_state(o->e, &o->env, s);
    else
        elab_values(o->e, &o->env, s, s->n_patterns, v);
}

/* A number as it is kept: of the kernel; of an optimizer of elements, one an element. */
static Value
kept_number(OpenText *o, Value v)
{
    Elab *e = o->e;
    Type t = elab_value_type(e, v);

    if (o->m->lifted && t.rank == 0)
        elab_fit(e, &v, type_with(o->m->type, (DType)t.dtype));
    return (Value){.kind = VAL_ref, .ref = elab_ref_of(e, v, DT_none), .frame = e->frame};
}

static void
bind_kept(OpenText *o, Kept *k, Value v)
{
    Elab *e = o->e;

    e->binds = k->cache && !k->anew ? 0 : e->clock;
    elab_bind_var(e, &o->env, k->name, v, k->span);
    e->binds = 0;
    o->slot[o->at++] = o->env.local;
}

/* A chain, or a list of chains. */
bool
elab_keeps_chains(Value v)
{
    return v.kind != VAL_tuple && elab_has_chain(v);
}

/* In the start: the values are what is kept. */
static void
start_kept(OpenText *o, const Stmt *s)
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
        else if (!elab_is_poison(v[i]) && (cache || !elab_keeps_chains(v[i])))
            v[i] = FAIL(e, elab_state_value, p->span, p->name, elab_value_text(e, v[i]));
        *k = (Kept){.name = p->name, .span = p->span, .cache = cache};
        k->type = elab_value_type(e, v[i]);
        k->anew = anew || (cache && m->step && !elab_assigns(m->step->body, p->name));
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
kept_chains(OpenText *o, const Stmt *s)
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
is_stale(const OpenText *o)
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
resume_kept(OpenText *o, const Stmt *s)
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
        if (!all && !k->anew && !elab_keeps_chains(o->was->kept[o->at]))
            v[i] = o->was->kept[o->at];
        bind_kept(o, k, v[i]);
    }
}

static void
run_kept(OpenText *o, const Stmt *s)
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
void
elab_run_before(OpenText *o)
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
