/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_loss.c -- the loss of one data point and its gradient.
 *
 * The loss becomes a function of the IR, whose results are the loss, what this point's slots
 * hold next, what becomes of networks' states, and the reports; reverse mode on it gives them
 * and the gradient with respect to every parameter that it captured.
 */
#include <assert.h>
#include <string.h>

#include "frontend/elab_flow.h"
#include "frontend/elab_train.h"

typedef struct LossText {
    Elab *e;
    FnVal *energy, *loss;
    const Decl *decl;
    Type x;
    const Param *energy_param, *x_param;
} LossText;

/* ---- the loss's own names ---- */

static bool
find_params(LossText *l)
{
    for (uint32_t i = 0; i < l->decl->n_params; i++) {
        const Param *p = l->decl->params[i];
        if (elab_is_energy_param(p) && !l->energy_param)
            l->energy_param = p;
        else if (elab_is_state_param(p) && !l->x_param)
            l->x_param = p;
        else if (!p->value && !elab_is_value_type(p->type)) {
            complain(l->e, elab_loss_args, p->span, l->decl->name);
            return false;
        }
    }
    if (l->energy_param && l->x_param)
        return true;
    complain(l->e, elab_loss_args, l->decl->name_span, l->decl->name);
    return false;
}

static void
solve_statics(LossText *l, Env *env)
{
    Dims d = {.rank = l->x.rank};
    Solve s;

    memcpy(d.dim, l->x.dim, sizeof d.dim);
    elab_solve_begin(l->e, &s, l->loss, l->decl->name_span);
    elab_solve_match(l->e, &s, l->x_param->type, d, l->x_param->span,
                     arena_printf(l->e->arena, " by the energy's state, which is %s",
                                  elab_type_text(l->e, l->x)));
    elab_solve_end(l->e, &s, env);
}

/* Where no data point is, `x` and its columns are names without a value. */
static void
bind_params(LossText *l, Env *env, Value x)
{
    Elab *e = l->e;
    bool no_point = x.kind == VAL_none;

    for (uint32_t i = 0; i < l->decl->n_params; i++) {
        const Param *p = l->decl->params[i];
        if (p == l->energy_param) {
            elab_bind(e, env, p->name, elab_value_fn(l->energy), p->name_span);
        } else if (p == l->x_param) {
            x = elab_coerce(e, env, x, p->type, p->span,
                            arena_printf(e->arena, "'%s'", p->name));
            elab_bind(e, env, p->name, x, p->name_span);
        } else if (!p->value) {
            elab_bind(e, env, p->name, no_point ? NO_VALUE : elab_column(e, env, p),
                      p->name_span);
        } else {
            elab_bind_hyper(e, env, HYPER_loss, l->decl, p);
        }
    }
}

/* Enters the text of the loss.  Its numbers are as wide as a sampler's, so that energies, which
 * are f64, can be told apart; what it returns is f64. */
static Env
open_text(LossText *l, Value x)
{
    Elab *e = l->e;
    Env env = l->loss->env;

    env.local = e->time;
    env.act = elab_enter_text(e, l->decl, NULL, l->decl->name_span);
    env.let_mode = MODE_step;
    env.ret_mode = MODE_wide;
    env.path = l->decl->name;
    solve_statics(l, &env);
    bind_params(l, &env, x);
    return env;
}

static bool
begin(LossText *l, Elab *e, const Roles *r, Type x)
{
    *l =
        (LossText){.e = e, .energy = r->energy, .loss = r->loss, .decl = r->loss->decl, .x = x};
    return find_params(l);
}

/* ---- the inner function ---- */

typedef struct Results {
    Ref *r;
    uint32_t n, cap;
    uint32_t slots, states, reports; /* where each begins */
} Results;

/* No derivative goes through what is not the loss. */
static void
add_constant(Elab *e, Results *to, Ref r)
{
    assert(to->n < to->cap);
    to->r[to->n++] = ir_stop_gradient(&e->frame->b, r);
}

static bool
check_result(LossText *l, Value v)
{
    Elab *e = l->e;

    if (e->stopped || elab_is_poison(v))
        return false;
    if (v.kind == VAL_none) {
        complain(e, elab_no_return, l->decl->name_span, l->decl->name);
        return false;
    }
    if (elab_is_scalar(e, v) && elab_value_type(e, v).dtype != DT_bool)
        return true;
    complain(e, elab_type, l->decl->name_span,
             arena_printf(e->arena, "the result of '%s'", l->decl->name), "real",
             elab_value_text(e, v));
    return false;
}

/* What the body returns, with the slots beside it if it is made of statements. */
static bool
collect(LossText *l, Value v, const Reports *reports, const Buffers *buffers, Results *to)
{
    Elab *e = l->e;
    bool several = !l->decl->body->value && v.kind == VAL_tuple && v.n == buffers->n + 1;
    Value loss = several ? v.item[0] : v;

    if (!check_result(l, loss))
        return false;
    to->cap = (uint32_t)(1 + buffers->n + e->n_net_states + reports->n);
    to->r = arena_array(e->arena, Ref, to->cap);
    to->r[to->n++] = elab_ref_of(e, loss, DT_f64);
    to->slots = to->n;
    for (size_t i = 0; several && i < buffers->n; i++) {
        Value slot = v.item[i + 1];
        if (elab_is_poison(slot) || !elab_fit(e, &slot, buffers->buffer[i]->type))
            return false;
        add_constant(e, to, elab_ref_of(e, slot, (DType)buffers->buffer[i]->type.dtype));
    }
    to->states = to->n;
    to->n += elab_export_net_states(e, e->frame, to->r + to->n, to->cap - to->n);
    to->reports = to->n;
    for (size_t i = 0; i < reports->n; i++)
        add_constant(e, to, elab_ref_of(e, reports->value[i], DT_f64));
    return true;
}

static bool
build_function(LossText *l, Value x, LossResult *ret, Results *to)
{
    Elab *e = l->e;

    e->training = true;
    Env env = open_text(l, x);
    env.reports = &ret->reports;
    env.buffers = &ret->buffers;
    Value v = elab_run_body(e, &env, l->decl->body, MODE_wide);
    e->training = false;
    elab_nest_leave(e);
    if (!collect(l, v, &ret->reports, &ret->buffers, to))
        return false;
    ir_yield(&e->frame->b, to->n, to->r);
    return true;
}

/* ---- reverse mode ---- */

static const ParamInfo *
captured_param(const Elab *e, const Frame *outer, const Capture *c)
{
    for (size_t i = 0; i < outer->n_inputs; i++)
        if (ref_eq(outer->input[i].ref, c->outer.ref) && outer->input[i].kind == INPUT_param)
            for (size_t k = 0; k < e->n_params; k++)
                if (strcmp(e->param[k].name, outer->input[i].name) == 0)
                    return &e->param[k];
    return NULL;
}

/* Calls the function with cotangent 1 of the loss; the gradients are its results from n on. */
static Ref
reverse(Elab *e, const Frame *inner, const Results *of, LossResult *ret)
{
    Builder *b = &e->frame->b;
    uint32_t n = (uint32_t)inner->n_captures, n_active = 0;
    Ref *arg = arena_array(e->arena, Ref, n + of->n + 1);
    int64_t *active = arena_array(e->arena, int64_t, n + 1);
    size_t *param = arena_array(e->arena, size_t, n + 1);

    for (uint32_t i = 0; i < n; i++) {
        const ParamInfo *p = captured_param(e, e->frame, &inner->capture[i]);
        arg[i] = inner->capture[i].outer.ref;
        if (!p || p->state)
            continue;
        param[n_active] = (size_t)(p - e->param);
        active[n_active++] = i;
    }
    for (uint32_t i = 0; i < of->n; i++)
        arg[n + i] = ir_full(b, ir_type(inner->b.function, of->r[i]), i == 0);
    Ref node = n_active ? ir_call(b, OP_vjp, inner->b.function->index, n + of->n, arg, n_active,
                                  active)
                        : ir_call(b, OP_call, inner->b.function->index, n, arg, 0, NULL);
    ret->gradient = arena_array(e->arena, Ref, e->n_params + 1);
    for (uint32_t i = 0; i < n_active; i++)
        ret->gradient[param[i]] = ir_get(b, node, of->n + i);
    return node;
}

static void
read_results(Elab *e, const Frame *inner, Ref node, const Results *of, LossResult *ret)
{
    Builder *b = &e->frame->b;

    ret->loss = elab_value_ref(e, ir_get(b, node, 0));
    ret->slot = arena_array(e->arena, Value, ret->buffers.n + 1);
    for (uint32_t i = 0; i < ret->buffers.n; i++)
        ret->slot[i] = elab_value_ref(e, ir_get(b, node, of->slots + i));
    elab_import_net_states(e, inner, node, of->states);
    for (uint32_t i = 0; i < ret->reports.n; i++)
        ret->reports.value[i] = elab_value_ref(e, ir_get(b, node, of->reports + i));
}

bool
elab_point_loss(Elab *e, const Roles *r, Value x, LossResult *ret)
{
    Frame *outer = e->frame, *inner;
    Results results = {0};
    LossText l;

    *ret = (LossResult){0};
    if (!begin(&l, e, r, elab_value_type(e, x)))
        return false;
    inner = elab_frame_new(e, "loss", outer);
    e->frame = inner;
    bool ok = build_function(&l, x, ret, &results);
    e->frame = outer;
    e->act = NULL;
    if (!ok)
        return false;
    outer->b.span = l.decl->name_span;
    read_results(e, inner, reverse(e, inner, &results, ret), &results, ret);
    return true;
}

/* ---- the first contents of slots ---- */

/* A buffer's start sees the arguments, and what is declared without being computed. */
static void
bind_declared(Elab *e, Env *env, const Stmt *s)
{
    if (s->kind == STMT_CONST || s->kind == STMT_DECL || s->kind == STMT_PARAM)
        elab_run_stmts(e, env, (Stmt *const[]){(Stmt *)s}, 1);
    for (uint32_t i = 0; i < s->n_patterns; i++)
        if (s->patterns[i]->name)
            elab_bind(e, env, s->patterns[i]->name, NO_VALUE, s->patterns[i]->span);
}

bool
elab_first_slots(Elab *e, const Roles *r, Type x, const Buffers *buffers, Value *ret)
{
    const Body *body = r->loss->decl->body;
    size_t at = 0;
    LossText l;

    if (!begin(&l, e, r, x))
        return false;
    Env env = open_text(&l, NO_VALUE);
    env.let_mode = env.ret_mode = MODE_term;
    for (uint32_t i = 0; i < body->n_stmts && at < buffers->n; i++) {
        const Stmt *s = body->stmts[i];
        const Buffer *b = buffers->buffer[at];
        if (s != b->stmt) {
            bind_declared(e, &env, s);
            continue;
        }
        ret[at] = elab_initial(e, &env, s->init, s->value, b->type, s->span);
        if (elab_is_poison(ret[at++]))
            return false;
        elab_bind(e, &env, s->name, NO_VALUE, s->name_span);
    }
    e->act = NULL;
    return true;
}

/* ---- a loss by itself ---- */

static FnVal *
opaque_energy(Elab *e, const Env *env, const Param *p)
{
    static const AstType any = {.kind = TYPE_ENERGY};
    FnVal *fn = arena_new(e->arena, FnVal);

    fn->kind = FN_opaque;
    fn->type = p->type->kind == TYPE_FN ? p->type : &any;
    fn->env = *env;
    return fn;
}

void
elab_try_loss(Elab *e, FnVal *loss)
{
    Roles r = {.loss = loss};
    Point *point = arena_new(e->arena, Point);
    Env env = loss->env;
    LossResult result;
    LossText l;
    Type x;

    if (!begin(&l, e, &r, type_scalar(e->real)))
        return;
    elab_bind_statics(e, loss, &env);
    if (!elab_type_of(e, &env, l.x_param->type, &x))
        return;
    r.energy = opaque_energy(e, &env, l.energy_param);
    Value at = elab_entry_input(e, INPUT_value, "x", x, VARY_chain);
    point->columns = true;
    e->point = point;
    if (elab_point_loss(e, &r, at, &result)) {
        e->point = arena_new(e->arena, Point);
        elab_first_slots(e, &r, x, &result.buffers,
                         arena_array(e->arena, Value, result.buffers.n + 1));
    }
    e->point = NULL;
}
