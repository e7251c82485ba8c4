/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_stmt.c -- bodies: names bound and assigned, branches, returns.
 *
 * The names in scope are a list that only grows: an assignment is a newer entry of the same
 * slot, so a function keeps the values it saw, and what a block changed is what it put in
 * front.
 */
#include <string.h>

#include "frontend/elab_chain.h"
#include "frontend/elab_flow.h"

/* ---- slots ---- */

const Binding *
elab_find_slot(const Env *env, uint32_t slot)
{
    for (const Binding *b = env->local; b; b = b->next)
        if (b->slot == slot)
            return b;
    return NULL;
}

void
elab_push_slot(Elab *e, Env *env, const Binding *of, Value v, uint32_t owned_region)
{
    Binding *b = arena_new(e->arena, Binding);

    *b = *of;
    b->value = v;
    b->wide = NULL;
    b->shadow = true;
    b->owned_region = owned_region;
    b->next = env->local;
    env->local = b;
}

/* The slots of `outer` that `inner` has assigned, newest entries, first assigned last. */
static uint32_t
changed(Elab *e, const Env *outer, const Env *inner, const Binding ***ret)
{
    uint32_t room = 0, n = 0;

    for (const Binding *b = inner->local; b && b != outer->local; b = b->next)
        room += b->shadow;
    *ret = arena_array(e->arena, const Binding *, room + 1);
    for (const Binding *b = inner->local; b && b != outer->local; b = b->next) {
        bool seen = !b->shadow || !elab_find_slot(outer, b->slot);
        for (uint32_t i = 0; !seen && i < n; i++)
            seen = (*ret)[i]->slot == b->slot;
        if (!seen)
            (*ret)[n++] = b;
    }
    return n;
}

void
elab_leave_block(Elab *e, Env *outer, const Env *inner)
{
    const Binding **slot;
    uint32_t n = changed(e, outer, inner, &slot);

    for (uint32_t i = n; i-- > 0;)
        elab_push_slot(e, outer, slot[i], slot[i]->value, slot[i]->owned_region);
}

/* ---- let, var ---- */

static void
bind_pattern(Elab *e, Env *env, const Pattern *p, Value v, bool var, Span span)
{
    if (!p->name) {
        if (elab_is_poison(v) || v.kind != VAL_tuple || v.n != p->n_fields) {
            if (v.kind != VAL_poison && (v.kind != VAL_tuple || v.n != p->n_fields))
                complain(e, elab_pattern, span, p->n_fields, elab_value_text(e, v));
            for (uint32_t i = 0; i < p->n_fields; i++)
                bind_pattern(e, env, p->fields[i], POISON, var, span);
            return;
        }
        for (uint32_t i = 0; i < p->n_fields; i++)
            bind_pattern(e, env, p->fields[i], v.item[i], var, span);
        return;
    }
    if (p->type)
        v = elab_coerce(e, env, v, p->type, span, arena_printf(e->arena, "'%s'", p->name));
    if (var || (v.kind != VAL_tuple && elab_has_chain(v))) /* it is there to be moved */
        elab_bind_var(e, env, p->name, v, p->span);
    else
        elab_bind(e, env, p->name, v, p->span);
}

/* As many values as names, or one tuple for several. */
bool
elab_values(Elab *e, const Env *env, const Stmt *s, uint32_t wanted, Value *ret)
{
    Value one;

    if (s->n_values == wanted) {
        for (uint32_t i = 0; i < wanted; i++)
            ret[i] = elab_eval(e, env, s->values[i], env->let_mode);
        return true;
    }
    one = s->n_values == 1 ? elab_eval(e, env, s->values[0], env->let_mode) : NO_VALUE;
    if (one.kind == VAL_tuple && one.n == wanted) {
        memcpy(ret, one.item, wanted * sizeof *ret);
        return true;
    }
    for (uint32_t i = 0; i < wanted; i++)
        ret[i] = POISON;
    if (one.kind == VAL_none)
        complain(e, elab_value_count, s->span, wanted, s->n_values);
    else if (!elab_is_poison(one))
        complain(e, elab_pattern, s->span, wanted, elab_value_text(e, one));
    return false;
}

/* A real number in a body whose result is wide. */
static bool
may_be_wide(const Elab *e, const Env *env, const Pattern *p, Value v)
{
    return env->ret_mode == MODE_wide && env->let_mode == MODE_term && p->name &&
           p->name != e->word.underscore && !p->type && v.kind == VAL_ref &&
           elab_is_scalar(e, v) && dtype_is_float((DType)elab_value_type(e, v).dtype);
}

static void
remember_wide(Elab *e, Env *env, const Env *before, const Expr *x)
{
    Binding *b = arena_new(e->arena, Binding);

    *b = *env->local;
    b->wide = arena_new(e->arena, WideLet);
    b->wide->expr = x;
    b->wide->env = *before;
    env->local = b;
}

static void
run_let(Elab *e, Env *env, const Stmt *s)
{
    Value *v = arena_array(e->arena, Value, s->n_patterns);

    const Env before = *env;
    const uint64_t effects = e->effects;
    bool each = s->n_values == s->n_patterns;
    uint32_t read = e->reads;
    e->reads = 0;
    elab_values(e, env, s, s->n_patterns, v);
    const bool again = each && s->kind == STMT_LET && e->effects == effects;
    e->binds = e->reads;
    for (uint32_t i = 0; i < s->n_patterns; i++) {
        Span span = each ? s->values[i]->span : s->span;
        bind_pattern(e, env, s->patterns[i], v[i], s->kind == STMT_VAR, span);
        if (again && may_be_wide(e, env, s->patterns[i], v[i]))
            remember_wide(e, env, &before, s->values[i]);
    }
    e->binds = 0;
    e->reads = e->reads < read ? read : e->reads;
}

/* ---- assignment ---- */

const Binding *
elab_target_slot(Elab *e, const Env *env, const Expr *x)
{
    const Binding *b = elab_slot_target(env, x);

    if (!b && x->kind == EXPR_NAME)
        b = elab_find_local(env, x->name);
    else if (!b) {
        complain(e, unsupported, x->span, "assigning to this member");
        return NULL;
    }
    if (!b || b->slot == 0 || b->act != env->act) {
        File *f;
        if (!b && !elab_find_decl(env->file, x->name, &f)) {
            elab_lookup(e, env, x->name, x->span);
            return NULL;
        }
        Diag *d = complain(e, elab_not_var, x->span, x->name);
        if (b)
            diag_note(e->diags, d, b->span, "'%s' is bound here", x->name);
        diag_help(e->diags, d, "%s",
                  b && b->slot ? "variables are captured by value: return the new value"
                               : "declare it with 'var' to change it");
        return NULL;
    }
    return b;
}

/* The new value, in a type that the name may go on having. */
static Value
assignable(Elab *e, Value old, Value v, Span span)
{
    bool chain = v.kind == VAL_chain && old.kind == VAL_chain && v.chain->of == old.chain->of;
    if (!elab_is_poison(v) && elab_has_chain(old) && !chain)
        return FAIL(e, elab_assign_type, span, elab_value_text(e, old), elab_value_text(e, v));
    if (elab_is_poison(v) || old.kind == VAL_poison || !elab_is_number(old))
        return v;
    Type want = elab_value_type(e, old), have = elab_value_type(e, v);
    bool fits = elab_is_number(v) && type_same_shape(want, have) &&
                (want.dtype == have.dtype ||
                 (dtype_is_float((DType)want.dtype) && have.dtype != DT_bool));
    if (!fits) {
        Diag *d =
            complain(e, elab_assign_type, span, elab_value_text(e, old), elab_value_text(e, v));
        if (want.dtype == DT_i32 && elab_is_number(v) && dtype_is_float((DType)have.dtype))
            diag_help(e->diags, d, "a variable keeps its type: begin with a real, as in 0.0");
        return POISON;
    }
    if (dtype_is_float((DType)want.dtype) && !dtype_is_float((DType)have.dtype))
        return elab_convert(e, v, e->real);
    return v;
}

enum { MAX_INDICES = 64 };

/* x[i][j, k] = v is x[i, j, k] = v.  An index of a slice would be one of another axis: `slice`
 * is the slice behind which more indices come, or NULL. */
static const Expr *
target_base(const Expr *x, const Expr **index, uint32_t *n, const Expr **slice)
{
    const Expr *level[MAX_INDICES];
    uint32_t depth = 0;

    *n = 0;
    *slice = NULL;
    for (; x->kind == EXPR_INDEX && depth < MAX_INDICES; x = x->left) {
        for (uint32_t i = 0; depth > 0 && i < x->n_args; i++)
            if (x->args[i]->value->kind == EXPR_SLICE)
                *slice = x->args[i]->value;
        level[depth++] = x;
    }
    while (depth-- > 0)
        for (uint32_t i = 0; i < level[depth]->n_args && *n < MAX_INDICES; i++)
            index[(*n)++] = level[depth]->args[i]->value;
    return x;
}

static void
assign_element(Elab *e, Env *env, const Expr *x, Value v)
{
    const Expr *index[MAX_INDICES], *slice;
    uint32_t n;
    const Expr *base = target_base(x, index, &n, &slice);
    RegionId region = e->frame->b.region;
    bool owned;

    if (base->kind != EXPR_NAME && base->kind != EXPR_MEMBER) {
        complain(e, unsupported, x->span, "assigning here");
        return;
    }
    if (slice) {
        complain(e, unsupported, slice->span, "assigning to an index of a slice");
        return;
    }
    const Binding *b = elab_target_slot(e, env, base);
    if (!b)
        return;
    if (!elab_is_number(b->value)) {
        if (!elab_is_poison(b->value))
            complain(e, elab_not_indexable, base->span, elab_value_text(e, b->value));
        return;
    }
    Value r = elab_assign_index(e, env, b->value, b->owned_region == region + 1, n, index, v,
                                x->span, &owned);
    elab_push_slot(e, env, b, r, owned ? region + 1 : 0);
    if (b->state)
        elab_assign_net_state(e, b->state, r, x->span);
}

/* c.x = v moves a chain. */
static void
assign_member(Elab *e, Env *env, const Expr *x, Value v)
{
    Value c = elab_eval(e, env, x->left, MODE_term);

    if (c.kind == VAL_chain)
        elab_chain_assign(e, env, c.chain, x, v);
    else if (!elab_is_poison(c))
        complain(e, elab_no_member, x->at, elab_value_text(e, c), x->name);
}

static void
assign(Elab *e, Env *env, const Expr *x, Value v, Span span)
{
    if (x->kind == EXPR_MEMBER && !elab_slot_target(env, x)) {
        assign_member(e, env, x, v);
        return;
    }
    if (x->kind == EXPR_INDEX) {
        assign_element(e, env, x, v);
        return;
    }
    const Binding *b = elab_target_slot(e, env, x);
    if (!b)
        return;
    v = assignable(e, b->value, v, span);
    elab_push_slot(e, env, b, v, 0);
    if (b->state)
        elab_assign_net_state(e, b->state, v, span);
}

static void
run_assign(Elab *e, Env *env, const Stmt *s)
{
    Value *v = arena_array(e->arena, Value, s->n_targets);

    elab_values(e, env, s, s->n_targets, v);
    if (s->op != AST_OP_NONE) {
        Value old = elab_eval(e, env, s->targets[0], env->let_mode);
        v[0] = elab_arith(e, s->op, old, v[0], env->let_mode, s->span);
    }
    for (uint32_t i = 0; i < s->n_targets; i++) {
        Span span = s->n_values == s->n_targets ? s->values[i]->span : s->span;
        assign(e, env, s->targets[i], v[i], span);
    }
}

/* ---- if ---- */

static bool has_return(const Body *body);

static bool
stmt_returns(const Stmt *s)
{
    if (s->kind == STMT_RETURN)
        return true;
    return s->kind == STMT_IF && (has_return(s->body) || (s->other && has_return(s->other)));
}

static bool
has_return(const Body *body)
{
    for (uint32_t i = 0; i < body->n_stmts; i++)
        if (stmt_returns(body->stmts[i]))
            return true;
    return false;
}

static bool
eval_condition(Elab *e, const Env *env, const Expr *x, Value *ret)
{
    *ret = elab_eval(e, env, x, env->let_mode);
    if (elab_is_poison(*ret))
        return false;
    if (elab_is_number(*ret) && type_eq(elab_value_type(e, *ret), type_scalar(DT_bool))) {
        *ret = elab_decide(e, *ret);
        return true;
    }
    complain(e, elab_condition, x->span, elab_value_text(e, *ret));
    return false;
}

/* What the names assigned in one branch or both are afterwards. */
static void
join_slots(Elab *e, Env *env, Value condition, RegionId then, const Env *a, RegionId otherwise,
           const Env *b, Span span)
{
    const Binding **one, **two, **all;
    uint32_t n = changed(e, env, a, &one), m = changed(e, env, b, &two), k = 0;
    Value *x = arena_array(e->arena, Value, n + m + 1),
          *y = arena_array(e->arena, Value, n + m + 1);

    all = arena_array(e->arena, const Binding *, n + m + 1);
    for (uint32_t i = n; i-- > 0;)
        all[k++] = one[i];
    for (uint32_t i = m; i-- > 0;) {
        bool seen = false;
        for (uint32_t j = 0; j < n; j++)
            seen |= one[j]->slot == two[i]->slot;
        if (!seen)
            all[k++] = two[i];
    }
    for (uint32_t i = 0; i < k; i++) {
        x[i] = elab_find_slot(a, all[i]->slot)->value;
        y[i] = elab_find_slot(b, all[i]->slot)->value;
        if (elab_is_poison(x[i]) || elab_is_poison(y[i]))
            x[i] = y[i] = elab_value_int(0);
    }
    Value r = elab_join_regions(e, condition, then, elab_value_tuple(e, k, x), otherwise,
                                elab_value_tuple(e, k, y), MODE_step, span);
    for (uint32_t i = 0; i < k; i++) {
        bool bad = elab_is_poison(r) ||
                   elab_is_poison(elab_find_slot(a, all[i]->slot)->value) ||
                   elab_is_poison(elab_find_slot(b, all[i]->slot)->value);
        elab_push_slot(e, env, all[i], bad ? POISON : r.item[i], 0);
    }
}

static void
run_branch(Elab *e, Env *env, const Body *body)
{
    if (body)
        elab_run_stmts(e, env, body->stmts, body->n_stmts);
}

static void
run_if(Elab *e, Env *env, const Stmt *s)
{
    Env a = *env, b = *env;
    Builder *to = &e->frame->b;
    Value c;

    if (!eval_condition(e, env, s->value, &c)) {
        run_branch(e, &a, s->body); /* for its errors */
        elab_leave_block(e, env, &a);
        return;
    }
    if (c.kind == VAL_bool) {
        run_branch(e, &a, c.b ? s->body : s->other);
        elab_leave_block(e, env, &a);
        return;
    }
    RegionId then = region_begin(to);
    run_branch(e, &a, s->body);
    region_end(to);
    RegionId otherwise = region_begin(to);
    run_branch(e, &b, s->other);
    region_end(to);
    join_slots(e, env, c, then, &a, otherwise, &b, s->span);
}

/* ---- others ---- */

static void
run_require(Elab *e, Env *env, const Stmt *s)
{
    Value c;

    if (!eval_condition(e, env, s->value, &c) || (c.kind == VAL_bool && c.b))
        return;
    if (c.kind != VAL_bool) {
        elab_require(e, env, s, c);
        return;
    }
    e->stopped = true; /* what follows relies on the condition */
    if (e->checking) {
        e->gave_up = true;
        return;
    }
    Diag *d = complain(e, elab_require, s->value->span, s->text);
    if (env->act && env->act->call.file)
        diag_note(e->diags, d, env->act->call, "called here");
    elab_note_options(e, env, d, s->value);
}

uint32_t
elab_report_slot(const Reports *r, const char *name)
{
    for (size_t i = 0; r && r->slot && i < r->n; i++)
        if (r->name[i] == name)
            return r->slot[i];
    return 0;
}

/* In a loss, whose data points all report. */
static void
add_report(Elab *e, Reports *r, const Stmt *s, Value v)
{
    size_t cap = r->cap;

    for (size_t i = 0; i < r->n; i++)
        if (r->name[i] == s->name) {
            complain(e, elab_duplicate, s->name_span, s->name);
            return;
        }
    r->name = arena_grow(e->arena, r->name, r->n, &cap, r->n + 1, sizeof *r->name);
    r->value = arena_grow(e->arena, r->value, r->n, &r->cap, r->n + 1, sizeof *r->value);
    r->name[r->n] = s->name;
    r->value[r->n++] = v;
}

static void
run_report(Elab *e, Env *env, const Stmt *s)
{
    Reports *r = env->reports;
    Value v = elab_eval(e, env, s->value, env->let_mode);
    uint32_t slot = elab_report_slot(r, s->name);

    if (!r || (r->slot && !slot)) {
        complain(e, elab_place, s->span, "report",
                 "a sampler's step, a loss or an optimizer's step");
        return;
    }
    if (!slot && e->frame->b.region) {
        complain(e, unsupported, s->span, "a report inside a branch or a loop of a loss");
        return;
    }
    if (elab_is_poison(v))
        return;
    if (!elab_is_scalar(e, v)) {
        complain(e, elab_report, s->value->span, elab_value_text(e, v));
        return;
    }
    if (slot)
        elab_push_slot(e, env, elab_find_slot(env, slot),
                       elab_value_ref(e, elab_ref_of(e, v, DT_f64)), 0);
    else
        add_report(e, r, s, v);
}

static void
run_local_fn(Elab *e, Env *env, const Stmt *s)
{
    FnVal *fn = arena_new(e->arena, FnVal);

    fn->kind = FN_decl;
    fn->decl = s->decl;
    fn->env = *env;
    elab_bind(e, env, s->decl->name, elab_value_fn(fn), s->decl->name_span);
    fn->env.local = env->local; /* a call of itself is recursion, not an unknown name */
}

static void
run_const(Elab *e, Env *env, const Stmt *s)
{
    Value v = elab_eval(e, env, s->value, MODE_term);

    if (s->type)
        v = elab_coerce(e, env, v, s->type, s->value->span,
                        arena_printf(e->arena, "'%s'", s->name));
    elab_bind(e, env, s->name, v, s->name_span);
}

static void
misplaced(Elab *e, const Stmt *s)
{
    switch (s->kind) {
    case STMT_STATE:
        complain(e, elab_place, s->span, "state",
                 "a sampler or an optimizer, before its step, or a network");
        break;
    case STMT_CACHE:
        complain(e, elab_place, s->span, "cache", "a sampler, before its step");
        break;
    default: complain(e, elab_place, s->span, "step", "a sampler, once");
    }
}

static void
run_stmt(Elab *e, Env *env, const Stmt *s)
{
    switch (s->kind) {
    case STMT_LET:
    case STMT_VAR: run_let(e, env, s); break;
    case STMT_CONST: run_const(e, env, s); break;
    case STMT_ASSIGN: run_assign(e, env, s); break;
    case STMT_REPORT: run_report(e, env, s); break;
    case STMT_REQUIRE: run_require(e, env, s); break;
    case STMT_IF: run_if(e, env, s); break;
    case STMT_FOR: elab_run_for(e, env, s); break;
    case STMT_WHILE: elab_run_while(e, env, s); break;
    case STMT_PARAM:
        elab_bind(e, env, s->name, elab_bind_param(e, env, s), s->name_span);
        break;
    case STMT_LAYER: elab_bind_layer(e, env, s); break;
    case STMT_BUFFER: elab_bind_buffer(e, env, s); break;
    case STMT_STATE:
        if (env->path && !env->reports)
            elab_bind_net_state(e, env, s);
        else
            misplaced(e, s);
        break;
    case STMT_DECL: run_local_fn(e, env, s); break;
    case STMT_CALL: elab_run_call(e, env, s); break;
    case STMT_RETURN: complain(e, elab_return_in_loop, s->span); break;
    default: misplaced(e, s);
    }
}

void
elab_run_stmts(Elab *e, Env *env, Stmt *const *stmts, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!elab_push_depth(e, stmts[i]->span))
            return;
        run_stmt(e, env, stmts[i]);
        e->depth--;
    }
}

/* ---- bodies that return ---- */

/* Statements that follow when a block ends without a return. */
typedef struct Rest {
    Stmt *const *stmts;
    uint32_t n;
    const struct Rest *next;
} Rest;

static Value run_returning(Elab *e, Env *env, Stmt *const *stmts, uint32_t n, const Rest *rest);

static Value
returned_values(Elab *e, const Env *env, const Stmt *s)
{
    Value v[MAX_LEAVES];

    if (s->n_values == 1)
        return elab_eval(e, env, s->values[0], env->ret_mode);
    for (uint32_t i = 0; i < s->n_values && i < MAX_LEAVES; i++)
        v[i] = elab_eval(e, env, s->values[i], elab_arg_mode(env->ret_mode));
    return s->n_values > MAX_LEAVES ? FAIL(e, elab_too_large, s->span, "the tuple")
                                    : elab_value_tuple(e, s->n_values, v);
}

static Value
eval_return(Elab *e, const Env *env, const Stmt *s)
{
    Value v = elab_close_required(e, env, returned_values(e, env, s), s->span);
    return env->buffers ? elab_with_slots(e, env, v) : v;
}

static Value
run_arm(Elab *e, const Env *env, const Body *body, const Rest *rest)
{
    Env inner = *env;
    return run_returning(e, &inner, body ? body->stmts : NULL, body ? body->n_stmts : 0, rest);
}

/* What such a branch counts as, in expressions: what follows may be elaborated twice. */
enum { BRANCH_WORK = 200 };

/* Each branch goes on with what follows the `if`, and gives the value of the whole body. */
static Value
run_returning_if(Elab *e, const Env *env, const Stmt *s, const Rest *rest)
{
    Builder *to = &e->frame->b;
    Value c;

    e->work += BRANCH_WORK;
    if (!eval_condition(e, env, s->value, &c))
        return POISON;
    if (c.kind == VAL_bool)
        return run_arm(e, env, c.b ? s->body : s->other, rest);
    RegionId then = region_begin(to);
    Value a = run_arm(e, env, s->body, rest);
    region_end(to);
    RegionId otherwise = region_begin(to);
    Value b = run_arm(e, env, s->other, rest);
    region_end(to);
    if (a.kind == VAL_none || b.kind == VAL_none)
        return a.kind == b.kind ? NO_VALUE : FAIL(e, elab_return_missing, s->span);
    return elab_join_regions(e, c, then, a, otherwise, b, env->ret_mode, s->span);
}

static Value
run_returning(Elab *e, Env *env, Stmt *const *stmts, uint32_t n, const Rest *rest)
{
    for (uint32_t i = 0; i < n; i++) {
        const Stmt *s = stmts[i];
        Rest after = {stmts + i + 1, n - i - 1, rest};
        if (s->kind == STMT_RETURN)
            return eval_return(e, env, s);
        if (s->kind == STMT_IF && stmt_returns(s)) {
            if (!elab_push_depth(e, s->span))
                return POISON;
            Value v = run_returning_if(e, env, s, &after);
            e->depth--;
            return v;
        }
        elab_run_stmts(e, env, &stmts[i], 1);
        if (e->stopped)
            return POISON;
    }
    return rest ? run_returning(e, env, rest->stmts, rest->n, rest->next) : NO_VALUE;
}

Value
elab_run_body(Elab *e, Env *env, const Body *body, Mode mode)
{
    env->ret_mode = mode;
    elab_open_required(e, env, body, body->span);
    if (!body->value)
        return run_returning(e, env, body->stmts, body->n_stmts, NULL);
    elab_run_stmts(e, env, body->stmts, body->n_stmts);
    return elab_close_required(e, env, elab_eval(e, env, body->value, mode), body->value->span);
}
