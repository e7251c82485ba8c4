/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_loop.c -- comprehensions, reductions over indices, and functions of numbers lifted over
 * arrays: everything that is a loop of independent turns.
 *
 * Inner bounds may depend on outer indices: the loop then runs over the rectangle around them,
 * and turns outside give the identity.
 */
#include <string.h>

#include "frontend/elab.h"

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
        v = arith(e, AST_OP_ADD, v, value_int(lo), MODE_term, e->frame->b.span);
    return v;
}

static bool
bound(Elab *e, const Env *env, const Expr *x, Value *ret, int64_t *lo, int64_t *hi)
{
    *ret = eval(e, env, x, MODE_term);
    if (is_poison(*ret))
        return false;
    if (!is_number(*ret) || !type_eq(value_type(e, *ret), type_scalar(DT_i32))) {
        complain(e, elab_bound_type, x->span, value_text(e, *ret));
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
    s->inside = s->all ? condition : logic(e, AST_OP_AND, s->inside, condition, span);
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
        restrict_to(e, s, value_bool(false), g->span);
    if (lo.kind != VAL_int)
        restrict_to(e, s, compare(e, AST_OP_GE, i, lo, g->span), g->span);
    if (hi.kind != VAL_int)
        restrict_to(e, s, compare(e, AST_OP_LT, i, hi, g->span), g->span);
    s->extent[s->rank++] = (uint32_t)size;
    bind(e, env, g->name, i, g->name_span);
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
    Ref r[MAX_LEAVES];

    for (uint32_t i = 0; i < n; i++) {
        r[i] = ref_of(e, leaf[i], DT_none);
        kinds[i] = kind;
    }
    ir_yield(b, n, r);
    region_end(b);
    Ref node = ir_loop(b, s->rank, s->extent, kinds, body);
    for (uint32_t i = 0; i < n; i++)
        leaf[i] = value_ref(e, n == 1 ? node : ir_get(b, node, i));
}

/* ---- comprehensions ---- */

static bool
storable(Elab *e, const Space *s, const Value *leaf, uint32_t n, Span span)
{
    uint64_t turns = 1;

    for (unsigned i = 0; i < s->rank; i++)
        turns *= s->extent[i];
    for (uint32_t i = 0; i < n; i++) {
        Type t = value_type(e, leaf[i]);
        if (t.rank + s->rank > MAX_RANK || turns * type_size(t) > IR_MAX_ELEMENTS) {
            complain(e, elab_too_large, span, "the array");
            return false;
        }
    }
    return true;
}

/* Has layers to choose from: every turn is elaborated on its own. */
static Value
unrolled_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    int64_t lo, hi;
    Value v[1024];
    uint32_t n = 0;

    if (x->n_gens != 1 ||
        !eval_static_int(e, env, x->gens[0]->lo, "the bound of a loop over layers", &lo) ||
        !eval_static_int(e, env, x->gens[0]->hi, "the bound of a loop over layers", &hi) ||
        hi - lo > 1024 || hi <= lo)
        return FAIL(e, unsupported, x->span, "this loop over layers");
    for (int64_t i = lo; i < hi; i++) {
        Env inner = *env;
        bind(e, &inner, x->gens[0]->name, value_int(i), x->gens[0]->name_span);
        v[n++] = run_body(e, &inner, x->body, mode);
    }
    Value all = value_tuple(e, n, v);
    return is_poison(all) ? POISON : all;
}

Value
eval_comprehension(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Builder *b = &e->frame->b;
    Env inner = *env;
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;
    Space s;
    Nest nest;

    if (uses_list(e, env, x->body))
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
    nest_enter(e, &nest, s.rank, s.index, s.extent);
    Value v = run_body(e, &inner, x->body, mode);
    nest_leave(e);
    if (is_poison(v) || !flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !storable(e, &s, leaf, n, x->span)) {
        region_end(b);
        return is_poison(v) || n ? POISON
                                 : FAIL(e, elab_element, x->body->span, value_text(e, v));
    }
    b->span = x->span;
    close_space(e, &s, body, FOLD_store, leaf, n);
    return unflatten(e, v, leaf, &k);
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
    return value_ref(e, ir_full(&e->frame->b, t, value));
}

static bool
foldable(Elab *e, FoldKind kind, const Value *leaf, uint32_t n, Span span)
{
    for (uint32_t i = 0; i < n; i++) {
        bool is_bool = value_type(e, leaf[i]).dtype == DT_bool;
        bool wants_bool = kind == FOLD_all || kind == FOLD_any;
        if (is_bool != wants_bool) {
            complain(e, elab_argument, span, fold_name[kind], wants_bool ? "bool" : "numbers",
                     value_text(e, leaf[i]));
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
        return run_body(e, env, x->body, mode);
    RegionId then = region_begin(b);
    Value v = run_body(e, env, x->body, mode);
    region_end(b);
    RegionId otherwise = region_begin(b);
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;
    if (is_poison(v) || !flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !foldable(e, kind, leaf, n, x->body->span)) {
        region_end(b);
        return POISON;
    }
    for (uint32_t i = 0; i < n; i++)
        leaf[i] = identity(e, kind, value_type(e, leaf[i]));
    Value none = unflatten(e, v, leaf, &k);
    region_end(b);
    return join_regions(e, s->inside, then, v, otherwise, none, MODE_step, x->span);
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
    *ret_count = s.all ? value_real((double)turns) : NO_VALUE;
    nest_enter(e, &nest, s.rank, s.index, s.extent);
    Value v = guarded(e, &inner, &s, kind, x, arg_mode(mode));
    nest_leave(e);
    if (is_poison(v) || !flatten(e, v, leaf, &n, MAX_LEAVES) ||
        !foldable(e, kind, leaf, n, x->body->span)) {
        region_end(b);
        return is_poison(v) || n ? POISON
                                 : FAIL(e, elab_element, x->body->span, value_text(e, v));
    }
    bool sums = kind == FOLD_sum || kind == FOLD_prod;
    for (uint32_t i = 0; i < n; i++)
        if (mode == MODE_wide && sums && dtype_is_float((DType)value_type(e, leaf[i]).dtype))
            leaf[i] = value_ref(e, ref_of(e, leaf[i], DT_f64));
    b->span = x->span;
    close_space(e, &s, body, kind, leaf, n);
    return unflatten(e, v, leaf, &k);
}

/* How many turns there are, where that depends on outer indices. */
static Value
count_turns(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Expr one = {.kind = EXPR_REAL, .real = 1, .span = x->span};
    Body body = {.span = x->span, .value = &one};
    Expr count = *x;
    Value ignore;

    count.body = &body;
    return fold_turns(e, env, FOLD_sum, &count, mode, &ignore);
}

static Value
combine(Elab *e, FoldKind kind, Value a, Value b, Mode mode, Span span)
{
    Value arg[2] = {a, b};

    switch (kind) {
    case FOLD_sum: return arith(e, AST_OP_ADD, a, b, mode, span);
    case FOLD_prod: return arith(e, AST_OP_MUL, a, b, mode, span);
    case FOLD_max: return apply_pointwise(e, OP_max, arg, 2, span);
    case FOLD_min: return apply_pointwise(e, OP_min, arg, 2, span);
    case FOLD_all: return logic(e, AST_OP_AND, a, b, span);
    default: return logic(e, AST_OP_OR, a, b, span);
    }
}

static Value
unrolled_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x, Mode mode)
{
    Value all = unrolled_comprehension(e, env, x, arg_mode(mode));

    if (is_poison(all))
        return POISON;
    Value r = all.item[0];
    for (uint32_t i = 1; i < all.n; i++)
        r = combine(e, kind, r, all.item[i], mode, x->span);
    return mean ? arith(e, AST_OP_DIV, r, value_int(all.n), mode, x->span) : r;
}

Value
eval_reduction(Elab *e, const Env *env, FoldKind kind, bool mean, const Expr *x, Mode mode)
{
    Value count;

    if (uses_list(e, env, x->body))
        return unrolled_reduction(e, env, kind, mean, x, mode);
    Value v = fold_turns(e, env, kind, x, mode, &count);
    if (!mean || is_poison(v))
        return v;
    if (count.kind == VAL_none)
        count = count_turns(e, env, x, mode);
    return arith(e, AST_OP_DIV, v, count, mode, x->span);
}

/* ---- lifting ---- */

static bool
lifted_type(Elab *e, const Value *v, uint32_t n, Type *ret, Span span)
{
    Value all[64], shaped[64];
    uint32_t k = 0;

    for (uint32_t i = 0; i < n && k < 64; i++)
        if (v[i].kind == VAL_ref && value_type(e, v[i]).rank)
            all[k++] = v[i];
    memcpy(shaped, all, k * sizeof *all);
    if (!align(e, shaped, k, span))
        return false;
    *ret = value_type(e, shaped[0]);
    return true;
}

/* Element of v for this turn of a loop over t; axes of size 1 stretch. */
static Value
element(Elab *e, Value v, Type t, const Value *index, Span span)
{
    Type have = value_type(e, v);
    Value at[MAX_RANK];

    if (v.kind != VAL_ref || have.rank == 0)
        return v;
    for (unsigned i = 0; i < have.rank; i++)
        at[i] = have.dim[i] == 1 ? value_int(0) : index[t.rank - have.rank + i];
    return index_value(e, v, have.rank, at, span);
}

Value
call_lifted(Elab *e, FnVal *fn, const Call *call, Mode mode)
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
    nest_enter(e, &nest, s.rank, s.index, s.extent);
    Call inner = *call;
    inner.arg = v;
    inner.named = arena_array(e->arena, Named, call->n_named + 1);
    for (uint32_t i = 0; i < total; i++)
        v[i] = element(e, v[i], t, index, call->span);
    for (uint32_t i = 0; i < call->n_named; i++) {
        inner.named[i] = call->named[i];
        inner.named[i].value = v[call->n + i];
    }
    Value r = call_fn(e, fn, &inner, arg_mode(mode));
    nest_leave(e);
    if (is_poison(r) || !flatten(e, r, leaf, &n, MAX_LEAVES)) {
        region_end(b);
        return is_poison(r) ? POISON : FAIL(e, elab_element, call->span, value_text(e, r));
    }
    for (uint32_t i = 0; mode != MODE_step && i < n; i++)
        if (is_wide(e, leaf[i]))
            leaf[i] = value_ref(e, ref_of(e, leaf[i], e->real));
    close_space(e, &s, body, FOLD_store, leaf, n);
    return unflatten(e, r, leaf, &k);
}
