/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_loop.c -- comprehensions, reductions over indices, and functions of numbers lifted over
 * arrays: everything that is a loop of independent turns.
 *
 * Inner bounds may depend on outer indices: the loop then runs over the rectangle around them,
 * and turns outside give the identity.
 */
#include <string.h>

#include "frontend/elab_chain.h"

/* An index space being opened. */
typedef struct Space {
    unsigned rank;
    Ref index[MAX_RANK];
    uint32_t extent[MAX_RANK];
    Value inside; /* bool: is this turn one of those that were meant */
    bool all;     /* they all are */
} Space;

static Value
index_of(Elab *e, Ref param, int64_t lo, int64_t hi)
{
    Value v = {.kind = VAL_ref, .bounded = true, .lo = 0, .hi = hi - lo - 1};

    v.ref = param;
    v.frame = e->frame;
    if (lo)
        v = elab_arith(e, AST_OP_ADD, v, elab_value_int(lo), MODE_term, e->frame->b.span);
    return v;
}

static bool
bound(Elab *e, const Env *env, const Expr *x, Value *ret, int64_t *lo, int64_t *hi)
{
    *ret = elab_eval(e, env, x, MODE_term);
    if (elab_is_poison(*ret))
        return false;
    if (!elab_is_number(*ret) || !type_eq(elab_value_type(e, *ret), type_scalar(DT_i32))) {
        complain(e, elab_bound_type, x->span, elab_value_text(e, *ret));
        return false;
    }
    *lo = ret->kind == VAL_int ? ret->i : ret->lo;
    *hi = ret->kind == VAL_int ? ret->i : ret->hi;
    if (ret->kind == VAL_int || ret->bounded)
        return true;
    complain(e, elab_bound_unknown, x->span);
    return false;
}

static void
restrict_to(Elab *e, Space *s, Value condition, Span span)
{
    if (condition.kind == VAL_bool && condition.b)
        return;
    s->inside = s->all ? condition : elab_logic(e, AST_OP_AND, s->inside, condition, span);
    s->all = false;
}

/* `i in lo..hi`: binds i; the axis is as long as the bounds may ever be apart. */
static bool
open_axis(Elab *e, Env *env, const Gen *g, Ref param, Space *s)
{
    Value lo, hi;
    int64_t first, last, ignore;

    if (!bound(e, env, g->lo, &lo, &first, &ignore) ||
        !bound(e, env, g->hi, &hi, &ignore, &last))
        return false;
    int64_t size = last - first;
    bool none = size <= 0;
    size = none ? 1 : size;
    if (size > INT32_MAX) {
        complain(e, elab_too_large, g->span, "the loop");
        return false;
    }
    Value i = index_of(e, param, first, first + size);
    if (none)
        restrict_to(e, s, elab_value_bool(false), g->span);
    if (lo.kind != VAL_int)
        restrict_to(e, s, elab_compare(e, AST_OP_GE, i, lo, g->span), g->span);
    if (hi.kind != VAL_int)
        restrict_to(e, s, elab_compare(e, AST_OP_LT, i, hi, g->span), g->span);
    s->extent[s->rank++] = (uint32_t)size;
    elab_bind(e, env, g->name, i, g->name_span);
    return true;
}

static bool
open_space(Elab *e, Env *env, const Expr *x, Space *s)
{
    uint64_t turns = 1;

    *s = (Space){.all = true};
    if (x->n_gens > MAX_RANK) {
        complain(e, elab_too_large, x->span, "the number of indices");
        return false;
    }
    e->frame->b.span = x->span;
    for (uint32_t i = 0; i < x->n_gens; i++)
        s->index[i] = ir_param(&e->frame->b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < x->n_gens; i++) {
        if (!open_axis(e, env, x->gens[i], s->index[i], s))
            return false;
        turns *= s->extent[i];
        if (turns > IR_MAX_ELEMENTS) {
            complain(e, elab_too_large, x->span, "the loop");
            return false;
        }
    }
    return true;
}

/* Closes the loop's region with `leaf`, and gives what the loop gives. */
static void
close_space(Elab *e, const Space *s, RegionId body, FoldKind kind, Value *leaf, uint32_t n)
{
    Builder *b = &e->frame->b;
    FoldKind kinds[MAX_LEAVES];
    Ref r[MAX_LEAVES] = {{0}};

    for (uint32_t i = 0; i < n; i++) {
        r[i] = elab_ref_of(e, leaf[i], DT_none);
        kinds[i] = kind;
    }
    ir_yield(b, n, r);
    region_end(b);
    Ref node = ir_loop(b, s->rank, s->extent, kinds, body);
    for (uint32_t i = 0; i < n; i++)
        leaf[i] = elab_value_ref(e, ir_get(b, node, i));
}

/* The body of a turn: it may not assign names outside, since turns are independent. */
static Value
run_turn(Elab *e, Env *env, const Expr *x, Mode mode)
{
    const Activation *back = e->act;

    if (x->body->braced)
        env->act = elab_enter_text(e, NULL, back, x->span);
    Value v = elab_run_body(e, env, x->body, mode);
    e->act = back;
    return v;
}

/* ---- comprehensions ---- */

static bool
storable(Elab *e, const Space *s, const Value *leaf, uint32_t n, Span span)
{
    uint64_t turns = 1;

    for (unsigned i = 0; i < s->rank; i++)
        turns *= s->extent[i];
    for (uint32_t i = 0; i < n; i++) {
        Type t = elab_value_type(e, leaf[i]);
        if (t.rank + s->rank > MAX_RANK || turns * type_size(t) > IR_MAX_ELEMENTS) {
            complain(e, elab_too_large, span, "the array");
            return false;
        }
    }
    return true;
}

/* Has layers to choose from, or makes chains: every turn is elaborated on its own. */
static Value
unrolled_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    int64_t lo, hi;
    Value v[1024];
    uint32_t n = 0, chains = 0;

    if (x->n_gens != 1 ||
        !elab_static_int(e, env, x->gens[0]->lo, "the bound of a loop over layers or chains",
                         &lo) ||
        !elab_static_int(e, env, x->gens[0]->hi, "the bound of a loop over layers or chains",
                         &hi) ||
        hi - lo > 1024 || hi <= lo)
        return FAIL(e, unsupported, x->span, "this loop over layers or chains");
    for (int64_t i = lo; i < hi; i++) {
        Env inner = *env;
        elab_bind(e, &inner, x->gens[0]->name, elab_value_int(i), x->gens[0]->name_span);
        v[n] = run_turn(e, &inner, x, mode);
        chains += v[n++].kind == VAL_chain;
    }
    Value all = elab_value_tuple(e, n, v);
    if (elab_is_poison(all))
        return POISON;
    if (chains == n)
        all.kind = VAL_list;
    return all;
}

/* `[for r in 0..n: using(E, x)]` */
static bool
makes_chains(const Env *env, const Body *body)
{
    const Expr *x = body->value, *f = x && x->kind == EXPR_CALL ? x->left : NULL;
    bool applied = false;
    File *file;

    for (uint32_t i = 0; f && i < x->n_args; i++)
        applied |= !x->args[i]->name;
    while (f && (f->kind == EXPR_CALL || f->kind == EXPR_INDEX))
        f = f->left;
    if (!applied || f->kind != EXPR_NAME)
        return false;
    const Binding *b = elab_find_local(env, f->name);
    if (b)
        return b->value.kind == VAL_fn && elab_is_machine(b->value.fn);
    const Decl *d = env->file ? elab_find_decl(env->file, f->name, &file) : NULL;
    return d && (d->kind == DECL_SAMPLER || d->kind == DECL_OPTIMIZER);
}

Value
elab_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Builder *b = &e->frame->b;
    Env inner = *env;
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;
    Space s;
    Nest nest;

    if (elab_uses_list(env, x->body, x->gens, x->n_gens) || makes_chains(env, x->body))
        return unrolled_comprehension(e, env, x, mode);
    RegionId body = region_begin(b);
    if (!open_space(e, &inner, x, &s)) {
        region_end(b);
        return POISON;
    }
    if (!s.all) {
        region_end(b);
        return FAIL(e, elab_ragged, x->span);
    }
    elab_nest_enter(e, &nest, s.rank, s.index, s.extent);
    nest.certain = true;
    Value v = run_turn(e, &inner, x, mode);
    elab_nest_leave(e);
    if (elab_is_poison(v) || !elab_flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !storable(e, &s, leaf, n, x->span)) {
        region_end(b);
        return elab_is_poison(v) || n
                   ? POISON
                   : FAIL(e, elab_element, x->body->span, elab_value_text(e, v));
    }
    b->span = x->span;
    close_space(e, &s, body, FOLD_store, leaf, n);
    return elab_unflatten(e, v, leaf, &k);
}

/* ---- reductions ---- */

static Value
identity(Elab *e, FoldKind kind, Type t)
{
    bool real = dtype_is_float((DType)t.dtype);
    double value = 0;

    if (kind == FOLD_prod)
        value = 1;
    else if (kind == FOLD_max)
        value = real ? -__builtin_inf() : INT32_MIN;
    else if (kind == FOLD_min)
        value = real ? __builtin_inf() : INT32_MAX;
    else if (kind == FOLD_all)
        value = 1;
    return elab_value_ref(e, ir_full(&e->frame->b, t, value));
}

static bool
foldable(Elab *e, FoldKind kind, const Value *leaf, uint32_t n, Span span)
{
    for (uint32_t i = 0; i < n; i++) {
        bool is_bool = elab_value_type(e, leaf[i]).dtype == DT_bool;
        bool wants_bool = kind == FOLD_all || kind == FOLD_any;
        if (is_bool != wants_bool) {
            complain(e, elab_argument, span, fold_name[kind], wants_bool ? "bool" : "numbers",
                     elab_value_text(e, leaf[i]));
            return false;
        }
    }
    return true;
}

/* The value of a turn, computed where the turn is one of those meant. */
static Value
guarded(Elab *e, Env *env, const Space *s, FoldKind kind, const Expr *x, Mode mode)
{
    Builder *b = &e->frame->b;

    if (s->all)
        return run_turn(e, env, x, mode);
    RegionId then = region_begin(b);
    Value v = run_turn(e, env, x, mode);
    region_end(b);
    RegionId otherwise = region_begin(b);
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;
    if (elab_is_poison(v) || !elab_flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !foldable(e, kind, leaf, n, x->body->span)) {
        region_end(b);
        return POISON;
    }
    for (uint32_t i = 0; i < n; i++)
        leaf[i] = identity(e, kind, elab_value_type(e, leaf[i]));
    Value none = elab_unflatten(e, v, leaf, &k);
    region_end(b);
    return elab_join_regions(e, s->inside, then, v, otherwise, none, MODE_step, x->span);
}

static Value
fold_turns(Elab *e, const Env *env, FoldKind kind, const Expr *x, Mode mode, Value *ret_count)
{
    Builder *b = &e->frame->b;
    Env inner = *env;
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;
    uint64_t turns = 1;
    Space s;
    Nest nest;

    RegionId body = region_begin(b);
    if (!open_space(e, &inner, x, &s)) {
        region_end(b);
        return POISON;
    }
    for (unsigned i = 0; i < s.rank; i++)
        turns *= s.extent[i];
    *ret_count = s.all ? elab_value_real((double)turns) : NO_VALUE;
    elab_nest_enter(e, &nest, s.rank, s.index, s.extent);
    nest.certain = s.all;
    Value v = guarded(e, &inner, &s, kind, x, elab_arg_mode(mode));
    elab_nest_leave(e);
    if (elab_is_poison(v) || !elab_flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !foldable(e, kind, leaf, n, x->body->span)) {
        region_end(b);
        return elab_is_poison(v) || n
                   ? POISON
                   : FAIL(e, elab_element, x->body->span, elab_value_text(e, v));
    }
    bool sums = kind == FOLD_sum || kind == FOLD_prod;
    for (uint32_t i = 0; i < n; i++)
        if (mode == MODE_wide && sums &&
            dtype_is_float((DType)elab_value_type(e, leaf[i]).dtype))
            leaf[i] = elab_value_ref(e, elab_ref_of(e, leaf[i], DT_f64));
    b->span = x->span;
    close_space(e, &s, body, kind, leaf, n);
    return elab_unflatten(e, v, leaf, &k);
}

/* ---- folds whose bounds the run gives ---- */

/* Does x index something by one of the first n indices? */
static bool
looks_up(const Expr *x, Gen *const *gens, uint32_t n, bool inside)
{
    if (!x)
        return false;
    for (uint32_t i = 0; inside && x->kind == EXPR_NAME && i < n; i++)
        if (gens[i]->name == x->name)
            return true;
    for (uint32_t i = 0; i < x->n_args; i++)
        if (looks_up(x->args[i]->value, gens, n, inside || x->kind == EXPR_INDEX))
            return true;
    return looks_up(x->left, gens, n, inside) || looks_up(x->right, gens, n, inside);
}

static bool
is_open(Elab *e, const Env *env, const Expr *x)
{
    Value v = elab_eval(e, env, x, MODE_term);
    return v.kind == VAL_ref && !v.bounded && elab_is_scalar(e, v) &&
           elab_value_type(e, v).dtype == DT_i32;
}

/* Is there a bound of which nothing is known before the run?  Each index stands for itself by
 * one of its values. */
static bool
has_open_bound(Elab *e, const Env *env, const Expr *x)
{
    Env inner = *env;
    unsigned errors = e->diags->errors;
    bool open = false;

    for (uint32_t i = 0; i < x->n_gens && !open && e->diags->errors == errors; i++) {
        const Gen *g = x->gens[i];
        open = looks_up(g->lo, x->gens, i, false) || looks_up(g->hi, x->gens, i, false) ||
               is_open(e, &inner, g->lo) || is_open(e, &inner, g->hi);
        elab_bind(e, &inner, g->name, elab_value_int(0), g->name_span);
    }
    return open;
}

static Value combine(Elab *e, FoldKind kind, Value a, Value b, Mode mode, Span span);

/* Ends a turn that gives `v`: adds it to what the loop carries, whose types are known by now.
 */
static bool
carry_on(Elab *e, FoldKind kind, Value v, Mode mode, const Expr *x, Ref *ret_init, uint32_t *n)
{
    Builder *b = &e->frame->b;
    Value leaf[MAX_LEAVES];
    Ref next[MAX_LEAVES];
    bool sums = kind == FOLD_sum || kind == FOLD_prod;

    *n = 0;
    if (elab_is_poison(v) || !elab_flatten(e, v, leaf, n, MAX_LEAVES) ||
        !foldable(e, kind, leaf, *n, x->body->span)) {
        if (!elab_is_poison(v) && *n == 0)
            complain(e, elab_element, x->body->span, elab_value_text(e, v));
        return false;
    }
    for (uint32_t i = 0; i < *n; i++) {
        Type t = elab_value_type(e, leaf[i]);
        if (mode == MODE_wide && sums && dtype_is_float((DType)t.dtype))
            t = type_with(t, DT_f64);
        Value so_far = {.kind = VAL_ref, .ref = ir_param(b, t), .frame = e->frame};
        Value own = elab_value_ref(e, elab_ref_of(e, leaf[i], (DType)t.dtype));
        next[i] =
            elab_ref_of(e, combine(e, kind, so_far, own, MODE_step, x->span), (DType)t.dtype);
    }
    ir_yield(b, *n, next);
    RegionId here = b->region;
    b->region = b->function->region[here].parent;
    for (uint32_t i = 0; i < *n; i++)
        ret_init[i] = elab_ref_of(e, identity(e, kind, ir_type(b->function, next[i])), DT_none);
    b->region = here;
    return true;
}

/* Turn by turn, from index k on. */
static Value
fold_in_order(Elab *e, const Env *env, FoldKind kind, const Expr *x, uint32_t k, Mode mode)
{
    Builder *b = &e->frame->b;
    const Gen *g = x->gens[k];
    const Expr *end[2] = {g->lo, g->hi};
    Value bounds[2], leaf[MAX_LEAVES];
    Env inner = *env;
    Ref init[MAX_LEAVES];
    uint32_t n = 0, j = 0, extent = 0;
    Nest nest;

    for (int i = 0; i < 2; i++) {
        bounds[i] = elab_eval(e, env, end[i], MODE_term);
        if (elab_is_poison(bounds[i]))
            return POISON;
        if (!elab_is_scalar(e, bounds[i]) || elab_value_type(e, bounds[i]).dtype != DT_i32)
            return FAIL(e, elab_bound_type, end[i]->span, elab_value_text(e, bounds[i]));
    }
    Ref from = elab_ref_of(e, bounds[0], DT_i32), to = elab_ref_of(e, bounds[1], DT_i32);
    RegionId body = region_begin(b);
    Ref i = ir_param(b, type_scalar(DT_i32));
    Ref turn = ir_is_number(b->function, from, 0) ? i : ir_sub(b, i, from);
    elab_nest_enter(e, &nest, 1, &turn, &extent);
    elab_bind(e, &inner, g->name, elab_value_ref(e, i), g->name_span);
    Value v = k + 1 < x->n_gens ? fold_in_order(e, &inner, kind, x, k + 1, mode)
                                : run_turn(e, &inner, x, elab_arg_mode(mode));
    elab_nest_leave(e);
    b->span = x->span;
    bool ok = carry_on(e, kind, v, mode, x, init, &n);
    region_end(b);
    if (!ok)
        return POISON;
    Ref node = ir_for(b, from, to, n, init, body, -1);
    for (uint32_t r = 0; r < n; r++)
        leaf[r] = elab_value_ref(e, ir_get(b, node, r));
    return elab_unflatten(e, v, leaf, &j);
}

static Value
fold(Elab *e, const Env *env, FoldKind kind, const Expr *x, Mode mode, Value *ret_count)
{
    *ret_count = NO_VALUE;
    return has_open_bound(e, env, x) ? fold_in_order(e, env, kind, x, 0, mode)
                                     : fold_turns(e, env, kind, x, mode, ret_count);
}

/* How many turns there are, where that depends on outer indices or on the run. */
static Value
count_turns(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Expr one = {.kind = EXPR_REAL, .real = 1, .span = x->span};
    Body body = {.span = x->span, .value = &one};
    Expr count = *x;
    Value ignore;

    count.body = &body;
    return fold(e, env, FOLD_sum, &count, mode, &ignore);
}

static Value
combine(Elab *e, FoldKind kind, Value a, Value b, Mode mode, Span span)
{
    Value arg[2] = {a, b};

    switch (kind) {
    case FOLD_sum: return elab_arith(e, AST_OP_ADD, a, b, mode, span);
    case FOLD_prod: return elab_arith(e, AST_OP_MUL, a, b, mode, span);
    case FOLD_max: return elab_apply_pointwise(e, OP_max, arg, 2, span);
    case FOLD_min: return elab_apply_pointwise(e, OP_min, arg, 2, span);
    case FOLD_all: return elab_logic(e, AST_OP_AND, a, b, span);
    default: return elab_logic(e, AST_OP_OR, a, b, span);
    }
}

static Value
unrolled_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x, Mode mode)
{
    Value all = unrolled_comprehension(e, env, x, elab_arg_mode(mode));

    if (elab_is_poison(all))
        return POISON;
    Value r = all.item[0];
    for (uint32_t i = 1; i < all.n; i++)
        r = combine(e, kind, r, all.item[i], mode, x->span);
    return mean ? elab_arith(e, AST_OP_DIV, r, elab_value_int(all.n), mode, x->span) : r;
}

Value
elab_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x, Mode mode)
{
    Value count;

    if (elab_uses_list(env, x->body, x->gens, x->n_gens))
        return unrolled_reduction(e, env, kind, mean, x, mode);
    Value v = fold(e, env, kind, x, mode, &count);
    if (!mean || elab_is_poison(v))
        return v;
    if (count.kind == VAL_none)
        count = count_turns(e, env, x, mode);
    return elab_arith(e, AST_OP_DIV, v, count, mode, x->span);
}

/* ---- lifting ---- */

static bool
lifted_type(Elab *e, const Value *v, uint32_t n, Type *ret, Span span)
{
    Value all[64], shaped[64];
    uint32_t k = 0;

    for (uint32_t i = 0; i < n && k < 64; i++)
        if (v[i].kind == VAL_ref && elab_value_type(e, v[i]).rank)
            all[k++] = v[i];
    memcpy(shaped, all, k * sizeof *all);
    if (!elab_align(e, shaped, k, span))
        return false;
    *ret = elab_value_type(e, shaped[0]);
    return true;
}

/* Element of v for this turn of a loop over t; axes of size 1 stretch. */
static Value
element(Elab *e, Value v, Type t, const Value *index, Span span)
{
    Type have = elab_value_type(e, v);
    Value at[MAX_RANK];

    if (v.kind != VAL_ref || have.rank == 0)
        return v;
    for (unsigned i = 0; i < have.rank; i++)
        at[i] = have.dim[i] == 1 ? elab_value_int(0) : index[t.rank - have.rank + i];
    return elab_index_value(e, v, have.rank, at, span);
}

Value
elab_call_lifted(Elab *e, FnVal *fn, const Call *call, Mode mode)
{
    Builder *b = &e->frame->b;
    uint32_t total = call->n + call->n_named, n = 0, k = 0;
    Value *v = arena_array(e->arena, Value, total + 1), index[MAX_RANK], leaf[MAX_LEAVES];
    Space s = {.all = true};
    Nest nest;
    Type t;

    for (uint32_t i = 0; i < total; i++)
        v[i] = i < call->n ? call->arg[i] : call->named[i - call->n].value;
    if (!lifted_type(e, v, total, &t, call->span))
        return POISON;
    b->span = call->span;
    RegionId body = region_begin(b);
    for (unsigned i = 0; i < t.rank; i++) {
        s.index[i] = ir_param(b, type_scalar(DT_i32));
        s.extent[i] = t.dim[i];
        index[i] = index_of(e, s.index[i], 0, t.dim[i]);
    }
    s.rank = t.rank;
    elab_nest_enter(e, &nest, s.rank, s.index, s.extent);
    nest.certain = true;
    Call inner = *call;
    inner.arg = v;
    inner.named = arena_array(e->arena, Named, call->n_named + 1);
    for (uint32_t i = 0; i < total; i++)
        v[i] = element(e, v[i], t, index, call->span);
    for (uint32_t i = 0; i < call->n_named; i++) {
        inner.named[i] = call->named[i];
        inner.named[i].value = v[call->n + i];
    }
    Value r = elab_call_fn(e, fn, &inner, elab_arg_mode(mode));
    elab_nest_leave(e);
    if (elab_is_poison(r) || !elab_flatten(e, r, leaf, &n, MAX_LEAVES)) {
        region_end(b);
        return elab_is_poison(r) ? POISON
                                 : FAIL(e, elab_element, call->span, elab_value_text(e, r));
    }
    for (uint32_t i = 0; mode != MODE_step && i < n; i++)
        if (elab_is_wide(e, leaf[i]))
            leaf[i] = elab_value_ref(e, elab_ref_of(e, leaf[i], e->real));
    close_space(e, &s, body, FOLD_store, leaf, n);
    return elab_unflatten(e, r, leaf, &k);
}
