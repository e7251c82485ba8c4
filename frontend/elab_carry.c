/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_carry.c -- `for` and `while`: loops whose turns depend on one another.
 *
 * What the body may assign is found in its text; those values are carried from turn to turn.
 */
#include <string.h>

#include "frontend/elab.h"
#include "frontend/elab_flow.h"

/* ---- what a body assigns, what it indexes ---- */

typedef struct Names {
    Elab *e;
    const Env *env;
    const Binding **slot;
    size_t n, cap;
} Names;

static void
add_slot(Names *t, const Binding *b)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->slot[i]->slot == b->slot)
            return;
    t->slot = arena_grow(t->e->arena, t->slot, t->n, &t->cap, t->n + 1, sizeof *t->slot);
    t->slot[t->n++] = b;
}

static void
add_target(Names *t, const Expr *x)
{
    const Binding *b = NULL;

    while (!b && (x->kind == EXPR_INDEX || x->kind == EXPR_MEMBER)) {
        b = elab_slot_target(t->env, x);
        x = x->left;
    }
    if (!b && x->kind == EXPR_NAME)
        b = elab_find_local(t->env, x->name);
    if (b && b->slot && b->act == t->env->act)
        add_slot(t, b);
}

static void
add_report(Names *t, const Stmt *s)
{
    uint32_t slot = elab_report_slot(t->env->reports, s->name);

    if (slot)
        add_slot(t, elab_find_slot(t->env, slot));
}

static void
add_required(Names *t)
{
    if (t->env->required)
        add_slot(t, elab_find_slot(t->env, t->env->required));
}

static void
add_targets(Names *t, const Body *body)
{
    for (uint32_t i = 0; body && i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        for (uint32_t k = 0; k < s->n_targets; k++)
            add_target(t, s->targets[k]);
        if (s->kind == STMT_CALL)
            add_target(t, s->value->left);
        if (s->kind == STMT_REPORT)
            add_report(t, s);
        if (s->kind == STMT_REQUIRE)
            add_required(t);
        add_targets(t, s->body);
        add_targets(t, s->other);
    }
}

/* A loop whose body picks from a list of layers or chains. */
typedef struct Picks {
    const Env *env;
    Gen *const *gen; /* the indices of the loop */
    uint32_t n_gens;
} Picks;

/* Is every name in an index known around the loop? */
static bool
is_known_outside(const Picks *p, const Expr *x)
{
    if (x->kind == EXPR_INT)
        return true;
    if (x->kind == EXPR_BINARY)
        return is_known_outside(p, x->left) && is_known_outside(p, x->right);
    if (x->kind != EXPR_NAME)
        return false;
    for (uint32_t i = 0; i < p->n_gens; i++)
        if (p->gen[i]->name == x->name)
            return false;
    const Binding *b = elab_find_local(p->env, x->name);
    return b && b->value.kind == VAL_int;
}

static bool body_picks(const Picks *p, const Body *body);

static bool
expr_picks(const Picks *p, const Expr *x)
{
    if (!x)
        return false;
    if (x->kind == EXPR_INDEX && x->left->kind == EXPR_NAME) {
        const Binding *b = elab_find_local(p->env, x->left->name);
        if (b && b->value.kind == VAL_list && x->n_args > 0 &&
            !is_known_outside(p, x->args[0]->value))
            return true;
    }
    for (uint32_t i = 0; i < x->n_args; i++)
        if (expr_picks(p, x->args[i]->value))
            return true;
    return expr_picks(p, x->left) || expr_picks(p, x->right) || body_picks(p, x->body) ||
           body_picks(p, x->other);
}

static bool
body_picks(const Picks *p, const Body *body)
{
    if (!body)
        return false;
    for (uint32_t i = 0; i < body->n_stmts; i++) {
        const Stmt *s = body->stmts[i];
        for (uint32_t k = 0; k < s->n_values; k++)
            if (expr_picks(p, s->values[k]))
                return true;
        for (uint32_t k = 0; k < s->n_targets; k++)
            if (expr_picks(p, s->targets[k]))
                return true;
        if (expr_picks(p, s->value) || body_picks(p, s->body) || body_picks(p, s->other))
            return true;
    }
    return expr_picks(p, body->value);
}

static bool
has_list(const Env *env)
{
    for (const Binding *b = env->local; b; b = b->next)
        if (b->value.kind == VAL_list)
            return true;
    return false;
}

bool
elab_uses_list(const Env *env, const Body *body, Gen *const *gen, uint32_t n_gens)
{
    const Picks p = {env, gen, n_gens};

    return has_list(env) && body_picks(&p, body);
}

/* ---- values carried ---- */

typedef struct Carried {
    const Binding **slot;
    size_t n;
    Ref init[MAX_LEAVES];
    Type type[MAX_LEAVES];
    uint32_t n_leaves;
} Carried;

static bool
open_carried(Elab *e, const Env *env, const Body *body, Span span, Carried *c)
{
    Names names = {.e = e, .env = env};
    Value leaf[MAX_LEAVES];
    size_t kept = 0;

    add_targets(&names, body);
    *c = (Carried){.slot = names.slot};
    for (size_t i = 0; i < names.n; i++) {
        if (elab_is_poison(names.slot[i]->value))
            continue;
        if (!elab_flatten_all(e, names.slot[i]->value, leaf, &c->n_leaves, MAX_LEAVES)) {
            complain(e, elab_carry, span, names.slot[i]->name,
                     elab_value_text(e, names.slot[i]->value));
            return false;
        }
        c->slot[kept++] = names.slot[i];
    }
    c->n = kept;
    for (uint32_t i = 0; i < c->n_leaves; i++) {
        c->init[i] = elab_ref_of(e, leaf[i], DT_none);
        c->type[i] = ir_type(e->frame->b.function, c->init[i]);
    }
    return true;
}

/* Binds the carried names to the open region's parameters. */
static void
bind_carried(Elab *e, Env *env, const Carried *c)
{
    Builder *b = &e->frame->b;
    Value leaf[MAX_LEAVES];
    uint32_t k = 0;

    for (uint32_t i = 0; i < c->n_leaves; i++)
        leaf[i] = (Value){.kind = VAL_ref, .ref = ir_param(b, c->type[i]), .frame = e->frame};
    for (size_t i = 0; i < c->n; i++) {
        bool array = c->slot[i]->value.kind == VAL_ref;
        elab_push_slot(e, env, c->slot[i], elab_unflatten(e, c->slot[i]->value, leaf, &k),
                       array ? b->region + 1 : 0);
    }
}

/* The values at the end of a turn, in the types they came in. */
static bool
close_carried(Elab *e, const Env *env, const Carried *c, Ref *ret, Span span)
{
    Value leaf[MAX_LEAVES];
    uint32_t n = 0;

    for (size_t i = 0; i < c->n; i++) {
        Value v = elab_find_slot(env, c->slot[i]->slot)->value;
        if (elab_is_poison(v))
            return false;
        uint32_t before = n;
        bool ok = elab_flatten_all(e, v, leaf, &n, MAX_LEAVES) && n <= c->n_leaves;
        for (uint32_t k = before; ok && k < n; k++)
            ok = type_same_shape(elab_value_type(e, leaf[k]), c->type[k]) &&
                 (elab_value_type(e, leaf[k]).dtype == c->type[k].dtype ||
                  dtype_is_float((DType)c->type[k].dtype));
        if (!ok) {
            complain(e, elab_assign_type, span, elab_value_text(e, c->slot[i]->value),
                     elab_value_text(e, v));
            return false;
        }
    }
    for (uint32_t i = 0; i < n; i++)
        ret[i] = elab_ref_of(e, leaf[i], (DType)c->type[i].dtype);
    return n == c->n_leaves;
}

static void
bind_results(Elab *e, Env *env, const Carried *c, Ref node)
{
    Builder *b = &e->frame->b;
    Value leaf[MAX_LEAVES];
    uint32_t k = 0;

    for (uint32_t i = 0; i < c->n_leaves; i++)
        leaf[i] = elab_value_ref(e, ir_get(b, node, i));
    for (size_t i = 0; i < c->n; i++)
        elab_push_slot(e, env, c->slot[i], elab_unflatten(e, c->slot[i]->value, leaf, &k), 0);
}

static void
poison_results(Elab *e, Env *env, const Carried *c)
{
    for (size_t i = 0; i < c->n; i++)
        elab_push_slot(e, env, c->slot[i], POISON, 0);
}

/* ---- for ---- */

static bool
int_bound(Elab *e, const Env *env, const Expr *x, Value *ret)
{
    *ret = elab_eval(e, env, x, MODE_term);
    if (elab_is_poison(*ret))
        return false;
    if (elab_is_number(*ret) && type_eq(elab_value_type(e, *ret), type_scalar(DT_i32)))
        return true;
    complain(e, elab_bound_type, x->span, elab_value_text(e, *ret));
    return false;
}

/* Layers are chosen while compiling, so each turn is elaborated by itself. */
static void
unroll(Elab *e, Env *env, const Stmt *s, int64_t from, int64_t to)
{
    const Env before = *env;

    for (int64_t i = from; i < to && !e->stopped; i++) {
        Env inner = *env, after = before;
        elab_bind(e, &inner, s->gen->name, elab_value_int(i), s->gen->name_span);
        elab_run_stmts(e, &inner, s->body->stmts, s->body->n_stmts);
        elab_leave_block(e, &after, &inner); /* earlier turns' entries are left behind */
        *env = after;
    }
}

static Value
loop_index(Elab *e, Ref param, Value lo, Value hi)
{
    Value v = {.kind = VAL_ref, .ref = param, .frame = e->frame};

    if ((lo.kind == VAL_int || lo.bounded) && (hi.kind == VAL_int || hi.bounded)) {
        v.bounded = true;
        v.lo = lo.kind == VAL_int ? lo.i : lo.lo;
        v.hi = (hi.kind == VAL_int ? hi.i : hi.hi) - 1;
    }
    return v;
}

static void
build_for(Elab *e, Env *env, const Stmt *s, Value lo, Value hi)
{
    Builder *b = &e->frame->b;
    Ref from = elab_ref_of(e, lo, DT_i32), to = elab_ref_of(e, hi, DT_i32), next[MAX_LEAVES];
    Env inner = *env;
    Carried c;
    Nest nest;
    bool known = (lo.kind == VAL_int || lo.bounded) && (hi.kind == VAL_int || hi.bounded);
    int64_t most =
        known ? (hi.kind == VAL_int ? hi.i : hi.hi) - (lo.kind == VAL_int ? lo.i : lo.lo) : -1;
    uint32_t extent = most > 0 && most < INT32_MAX ? (uint32_t)most : 0;

    if (!open_carried(e, env, s->body, s->span, &c))
        return;
    RegionId body = region_begin(b);
    Ref i = ir_param(b, type_scalar(DT_i32));
    bind_carried(e, &inner, &c);
    Ref turn = ir_is_number(b->function, from, 0) ? i : ir_sub(b, i, from);
    elab_nest_enter(e, &nest, 1, &turn, &extent);
    nest.certain = lo.kind == VAL_int && hi.kind == VAL_int;
    elab_bind(e, &inner, s->gen->name, loop_index(e, i, lo, hi), s->gen->name_span);
    elab_run_stmts(e, &inner, s->body->stmts, s->body->n_stmts);
    elab_nest_leave(e);
    bool ok = close_carried(e, &inner, &c, next, s->span);
    if (ok)
        ir_yield(b, c.n_leaves, next);
    region_end(b);
    if (!ok || c.n_leaves == 0) {
        poison_results(e, env, &c);
        return;
    }
    b->span = s->span;
    bind_results(e, env, &c, ir_for(b, from, to, c.n_leaves, c.init, body, most));
}

void
elab_run_for(Elab *e, Env *env, const Stmt *s)
{
    Value lo, hi;

    if (!int_bound(e, env, s->gen->lo, &lo) || !int_bound(e, env, s->gen->hi, &hi))
        return;
    bool known = lo.kind == VAL_int && hi.kind == VAL_int;
    if (known && hi.i <= lo.i)
        return;
    if (elab_uses_list(env, s->body, &s->gen, 1) || (known && hi.i - lo.i == 1)) {
        if (known)
            unroll(e, env, s, lo.i, hi.i);
        else
            complain(e, elab_bound_unknown, s->gen->span);
        return;
    }
    e->frame->b.span = s->span;
    build_for(e, env, s, lo, hi);
}

/* ---- while ---- */

/* Opens a region with the carried values and, for the sake of draws, the number of the turn. */
static RegionId
open_turn(Elab *e, Env *env, const Carried *c, bool counted, uint32_t most, Nest *nest,
          Ref *ret_turn)
{
    Builder *b = &e->frame->b;
    RegionId r = region_begin(b);

    bind_carried(e, env, c);
    *ret_turn = counted ? ir_param(b, type_scalar(DT_i32)) : NO_REF;
    elab_nest_enter(e, nest, counted ? 1 : 0, ret_turn, &most);
    return r;
}

static bool
while_condition(Elab *e, const Env *env, const Stmt *s, const Carried *c, bool counted,
                uint32_t most, RegionId *ret)
{
    Builder *b = &e->frame->b;
    Env inner = *env;
    Nest nest;
    Ref turn;

    *ret = open_turn(e, &inner, c, counted, most, &nest, &turn);
    Value v = elab_eval(e, &inner, s->value, inner.let_mode);
    elab_nest_leave(e);
    bool ok = elab_is_number(v) && type_eq(elab_value_type(e, v), type_scalar(DT_bool));
    if (ok) {
        Ref r = elab_ref_of(e, v, DT_bool);
        ir_yield(b, 1, &r);
    } else if (!elab_is_poison(v)) {
        complain(e, elab_condition, s->value->span, elab_value_text(e, v));
    }
    region_end(b);
    return ok;
}

static bool
while_body(Elab *e, const Env *env, const Stmt *s, const Carried *c, bool counted,
           uint32_t most, RegionId *ret)
{
    Builder *b = &e->frame->b;
    Env inner = *env;
    Ref next[MAX_LEAVES + 1], turn;
    Nest nest;

    *ret = open_turn(e, &inner, c, counted, most, &nest, &turn);
    elab_run_stmts(e, &inner, s->body->stmts, s->body->n_stmts);
    elab_nest_leave(e);
    bool ok = close_carried(e, &inner, c, next, s->span);
    if (ok && counted)
        next[c->n_leaves] = ir_add(b, turn, ir_number(b, DT_i32, 1));
    if (ok)
        ir_yield(b, c->n_leaves + counted, next);
    region_end(b);
    return ok;
}

void
elab_run_while(Elab *e, Env *env, const Stmt *s)
{
    Builder *b = &e->frame->b;
    RegionId condition, body;
    Ref init[MAX_LEAVES + 1];
    bool counted = e->may_draw;
    Carried c;
    Value most;

    if (!int_bound(e, env, s->bound, &most))
        return;
    b->span = s->span;
    if (!open_carried(e, env, s->body, s->span, &c))
        return;
    Ref bound = elab_ref_of(e, most, DT_i32);
    uint32_t extent = most.kind == VAL_int && most.i > 0 ? (uint32_t)most.i : 0;
    if (!while_condition(e, env, s, &c, counted, extent, &condition) ||
        !while_body(e, env, s, &c, counted, extent, &body) || c.n_leaves == 0) {
        poison_results(e, env, &c);
        return;
    }
    memcpy(init, c.init, sizeof c.init);
    if (counted)
        init[c.n_leaves] = ir_number(b, DT_i32, 0);
    b->span = s->span;
    Ref node = ir_while(b, bound, c.n_leaves + counted, init, condition, body);
    bind_results(e, env, &c, node);
}
