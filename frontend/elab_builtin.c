/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_builtin.c -- the functions that are not written in the language itself.
 *
 * Elementwise ones are the op table's; the rest are reductions, shapes, products, draws and
 * derivative operators.  Everything else is in std/prelude.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab_builtin.h"

const Value *
elab_named_arg(const Call *call, const char *name)
{
    for (uint32_t i = 0; i < call->n_named; i++)
        if (strcmp(call->named[i].name, name) == 0)
            return &call->named[i].value;
    return NULL;
}

/* ---- checks shared by all ---- */

static bool
allows(const Builtin *b, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = b->named; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, name, size) == 0 && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

bool
elab_check_call(Elab *e, const Builtin *b, const FnVal *fn, const Call *call, bool statics)
{
    for (uint32_t i = 0; i < call->n_named; i++)
        if (!allows(b, call->named[i].name)) {
            complain(e, elab_no_argument, call->named[i].span, b->name, call->named[i].name);
            return false;
        }
    if (call->n < b->least || call->n > b->most) {
        complain(e, elab_arity, call->span, b->name, b->least, call->n);
        return false;
    }
    if (fn->n_statics && !statics) {
        complain(e, elab_no_statics, call->span, arena_printf(e->arena, "'%s'", b->name));
        return false;
    }
    return true;
}

/* A number, not bool. */
bool
elab_check_number(Elab *e, const Builtin *b, const Call *call, uint32_t i)
{
    Value v = call->arg[i];

    if (elab_is_number(v) && elab_value_type(e, v).dtype != DT_bool)
        return true;
    complain(e, elab_argument, call->arg_span[i], b->name, "numbers", elab_value_text(e, v));
    return false;
}

bool
elab_check_array(Elab *e, const Builtin *b, const Call *call, uint32_t i, const char *what)
{
    Value v = call->arg[i];

    if (elab_is_number(v) && elab_value_type(e, v).rank > 0)
        return true;
    complain(e, elab_argument, call->arg_span[i], b->name, what, elab_value_text(e, v));
    return false;
}

/* Sizes in brackets: `normal[n, m]`. */
bool
elab_static_dims(Elab *e, const FnVal *fn, Dims *ret)
{
    *ret = (Dims){0};
    for (uint32_t i = 0; i < fn->n_statics; i++) {
        const Named *s = &fn->statics[i];
        uint32_t n = s->value.kind == VAL_shape ? s->value.dims->rank : 1;
        for (uint32_t k = 0; k < n; k++) {
            int64_t size = s->value.kind == VAL_shape ? s->value.dims->dim[k]
                           : s->value.kind == VAL_int ? s->value.i
                                                      : -1;
            uint64_t all = size < 0 ? 0 : (uint64_t)size;
            for (uint32_t j = 0; j < ret->rank && all <= IR_MAX_ELEMENTS; j++)
                all *= ret->dim[j];
            if (size < 1 || all > IR_MAX_ELEMENTS || ret->rank == MAX_RANK) {
                complain(e, elab_too_large, s->span, elab_expr_text(e, s->span));
                return false;
            }
            ret->dim[ret->rank++] = (uint32_t)size;
        }
    }
    return true;
}

/* ---- elementwise ---- */

static Value
call_pointwise(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    return elab_apply_pointwise(e, (Op)b->op, call->arg, call->n, call->span);
}

static Value
call_rsqrt(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    Value r = elab_apply_pointwise(e, OP_sqrt, call->arg, 1, call->span);
    return elab_arith(e, AST_OP_DIV, elab_value_int(1), r, MODE_term, call->span);
}

static Value
call_where(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    return elab_choose(e, call->arg[0], call->arg[1], call->arg[2], call->span);
}

static Value
call_stop_gradient(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                   Mode mode)
{
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_flatten(e, call->arg[0], leaf, &n, MAX_LEAVES))
        return FAIL(e, elab_argument, call->span, b->name, "numbers",
                    elab_value_text(e, call->arg[0]));
    e->frame->b.span = call->span;
    for (uint32_t i = 0; i < n; i++)
        if (!elab_is_static(leaf[i]))
            leaf[i] = elab_value_ref(
                e, ir_stop_gradient(&e->frame->b, elab_ref_of(e, leaf[i], DT_none)));
    return elab_unflatten(e, call->arg[0], leaf, &k);
}

static Value
call_real(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Value v = call->arg[0];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->span, b->name, "a number", elab_value_text(e, v));
    if (elab_is_static(v))
        return v.kind == VAL_bool ? elab_value_real(v.b) : elab_convert(e, v, e->real);
    if (dtype_is_float((DType)elab_value_type(e, v).dtype))
        return v;
    return elab_value_ref(e, elab_ref_of(e, v, e->real));
}

static Value
call_int(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Value v = call->arg[0];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->span, b->name, "a number", elab_value_text(e, v));
    if (v.kind == VAL_int || v.kind == VAL_bool)
        return v.kind == VAL_int ? v : elab_value_int(v.b);
    if (v.kind == VAL_real)
        return fabs(v.r) < 2147483648.0 ? elab_value_int((int64_t)v.r)
                                        : FAIL(e, elab_int_range, call->span);
    return elab_value_ref(e, elab_ref_of(e, v, DT_i32));
}

/* ---- reductions ---- */

bool
elab_read_axis(Elab *e, const Call *call, Type t, int64_t *ret)
{
    const Value *axis = elab_named_arg(call, "axis");

    *ret = -1;
    if (!axis)
        return true;
    *ret = axis->kind == VAL_int ? axis->i + (axis->i < 0 ? t.rank : 0) : -1;
    if (axis->kind == VAL_int && *ret >= 0 && *ret < t.rank)
        return true;
    complain(e, elab_axis, call->span, elab_value_text(e, call->arg[0]));
    return false;
}

static Op
reduction_op(FoldKind kind)
{
    static const uint8_t op[FOLD_COUNT] = {
        [FOLD_sum] = OP_sum,  [FOLD_prod] = OP_prod, [FOLD_max] = OP_amax,
        [FOLD_min] = OP_amin, [FOLD_all] = OP_all,   [FOLD_any] = OP_any,
    };
    return (Op)op[kind];
}

static Value
reduce(Elab *e, FoldKind kind, bool mean, Value v, int64_t axis, Mode mode)
{
    Type t = elab_value_type(e, v);
    uint32_t n_axes = axis < 0 ? t.rank : 1;
    bool adds = kind == FOLD_sum || kind == FOLD_prod, real = dtype_is_float((DType)t.dtype);
    bool wide = mode == MODE_wide && adds && n_axes == t.rank && (real || mean);
    DType d = wide ? DT_f64 : mean && !real ? e->real : (DType)t.dtype;
    Ref r = elab_ref_of(e, v, d);

    if (t.rank)
        r = axis < 0 ? ir_reduce_all(&e->frame->b, reduction_op(kind), r)
                     : ir_reduce(&e->frame->b, reduction_op(kind), r, 1, &axis);
    if (!mean || t.rank == 0)
        return elab_value_ref(e, r);
    uint64_t n = axis < 0 ? type_size(t) : t.dim[axis];
    return elab_arith(e, AST_OP_DIV, elab_value_ref(e, r), elab_value_int((int64_t)n), mode,
                      e->frame->b.span);
}

/* `keep = true`: the axes that go stay, with size 1. */
static bool
read_keep(Elab *e, const Call *call, bool *ret)
{
    const Value *keep = elab_named_arg(call, "keep");

    *ret = keep && keep->kind == VAL_bool && keep->b;
    if (!keep || keep->kind == VAL_bool)
        return true;
    complain(e, elab_not_static, call->span, "'keep'", elab_value_text(e, *keep));
    return false;
}

/* What a reduction of type t gave, in the shape with or without the axes that went. */
static Value
shape_reduced(Elab *e, Value v, Type t, int64_t axis, bool keep)
{
    Type to = type_scalar((DType)elab_value_type(e, v).dtype);

    for (unsigned i = 0; i < t.rank; i++)
        if (keep || (axis >= 0 && i != axis))
            to.dim[to.rank++] = axis < 0 || i == axis ? 1 : t.dim[i];
    return elab_value_ref(e, ir_reshape(&e->frame->b, elab_ref_of(e, v, DT_none), to));
}

static Value
call_reduce(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    bool logical = b->op == FOLD_all || b->op == FOLD_any, keep;
    int64_t axis;

    (void)env;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (call->n == 2)
        return elab_apply_pointwise(e, b->op == FOLD_max ? OP_max : OP_min, call->arg, 2,
                                    call->span);
    Value v = call->arg[0];
    if (!elab_is_number(v) || (elab_value_type(e, v).dtype == DT_bool) != logical)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, logical ? "bool" : "numbers",
                    elab_value_text(e, v));
    if (!elab_read_axis(e, call, elab_value_type(e, v), &axis) || !read_keep(e, call, &keep))
        return POISON;
    e->frame->b.span = call->span;
    if (elab_is_static(v))
        return v;
    Type t = elab_value_type(e, v);
    v = reduce(e, (FoldKind)b->op, strcmp(b->name, "mean") == 0, v, axis, mode);
    return keep ? shape_reduced(e, v, t, axis, true) : v;
}

/* The largest of v, taken as constant. */
static Value
largest(Elab *e, Value v, int64_t axis, bool keep, Mode mode)
{
    Type t = elab_value_type(e, v);
    Value m = reduce(e, FOLD_max, false, v, axis, mode);

    m = keep ? shape_reduced(e, m, t, axis, true) : m;
    return elab_value_ref(e, ir_stop_gradient(&e->frame->b, elab_ref_of(e, m, DT_none)));
}

/* log(sum(exp(v))), given the largest of v and the sum of exp(v - largest); where the largest
 * is not finite it is the result. */
Value
elab_shifted_log(Elab *e, Value largest, Value sum, Mode mode, Span span)
{
    Value finite = elab_apply_pointwise(e, OP_isfinite, &largest, 1, span);
    Value log = elab_apply_pointwise(e, OP_log, &sum, 1, span);

    log = elab_choose(e, finite, log, elab_value_real(0), span);
    return elab_arith(e, AST_OP_ADD, largest, log, mode, span);
}

/* log(sum(exp(v))) without overflow. */
static Value
call_logsumexp(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    Mode inner = elab_arg_mode(mode);
    int64_t axis;
    bool keep;

    (void)env;
    if (!elab_check_call(e, b, fn, call, false) || !elab_check_number(e, b, call, 0))
        return POISON;
    Value v = elab_convert(e, call->arg[0], e->real);
    Type t = elab_value_type(e, v);
    if (!elab_read_axis(e, call, t, &axis) || !read_keep(e, call, &keep))
        return POISON;
    if (t.rank == 0)
        return v;
    e->frame->b.span = call->span;
    bool apart = axis >= 0 && !keep;
    Value shift = largest(e, v, axis, axis >= 0, inner);
    Value below = elab_arith(e, AST_OP_SUB, v, shift, inner, call->span);
    Value all = elab_apply_pointwise(e, OP_exp, &below, 1, call->span);
    all = reduce(e, FOLD_sum, false, all, axis, inner);
    shift = apart ? shape_reduced(e, shift, t, axis, false) : shift;
    if (keep)
        all = shape_reduced(e, all, t, axis, true);
    return elab_shifted_log(e, shift, all, mode, call->span);
}

static Value
call_argmax(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    int64_t axis;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) ||
        !elab_check_array(e, b, call, 0, "an array") || !elab_check_number(e, b, call, 0))
        return POISON;
    Type t = elab_value_type(e, call->arg[0]);
    if (!elab_read_axis(e, call, t, &axis))
        return POISON;
    Ref r = elab_ref_of(e, call->arg[0], DT_none);
    e->frame->b.span = call->span;
    Type flat = type_array((DType)t.dtype, 1, (uint32_t[]){(uint32_t)type_size(t)});
    if (axis < 0)
        r = ir_reshape(&e->frame->b, r, flat);
    Value v = elab_value_ref(e, ir_build(&e->frame->b, OP_argmax, (Type){0}, 1, &r,
                                         (Attr){.i = axis < 0 ? 0 : axis}, 0, NULL));
    int64_t size = axis < 0 ? (int64_t)type_size(t) : t.dim[axis];
    v.bounded = v.kind == VAL_ref;
    v.lo = v.bounded ? 0 : v.lo;
    if (v.bounded)
        v.hi = size - 1;
    return v;
}

/* ---- draws ---- */

static bool
may_draw(Elab *e, const Builtin *b, Span span)
{
    if (e->may_draw)
        return true;
    complain(e, elab_no_draw, span, b->name);
    return false;
}

static bool
draw_type(Elab *e, const FnVal *fn, const Call *call, DType d, Type *ret)
{
    Dims dims;

    if (!elab_static_dims(e, fn, &dims))
        return false;
    if (fn->n_statics == 0 && call->expect)
        dims = *call->expect;
    *ret = type_array(d, dims.rank, dims.dim);
    return true;
}

/* normal(mean, sd) and uniform(low, high): a standard draw, scaled. */
static Value
call_draw(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (call->n == 1)
        return FAIL(e, elab_arity, call->span, b->name, 2u, 1u);
    for (uint32_t i = 0; i < call->n; i++)
        if (!elab_check_number(e, b, call, i))
            return POISON;
    e->frame->b.span = call->span;
    Value v = elab_draw_value(e, (Distribution)b->op, t);
    if (call->n == 0 || elab_is_poison(v))
        return v;
    Value scale = b->op == DRAW_normal ? call->arg[1]
                                       : elab_arith(e, AST_OP_SUB, call->arg[1], call->arg[0],
                                                    MODE_term, call->span);
    v = elab_arith(e, AST_OP_MUL, scale, v, MODE_term, call->span);
    if (call->arg[0].kind == VAL_int && call->arg[0].i == 0)
        return v;
    return elab_arith(e, AST_OP_ADD, call->arg[0], v, MODE_term, call->span);
}

static Value
call_draw_like(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false) || !may_draw(e, b, call->span) ||
        !elab_check_number(e, b, call, 0))
        return POISON;
    e->frame->b.span = call->span;
    return elab_draw_value(e, (Distribution)b->op,
                           type_with(elab_value_type(e, call->arg[0]), e->real));
}

/* -1 or 1, each with probability 1/2. */
static Value
call_rademacher(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, call->n == 0) || !may_draw(e, b, call->span) ||
        (call->n && !elab_check_number(e, b, call, 0)) || !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (call->n)
        t = type_with(elab_value_type(e, call->arg[0]), e->real);
    e->frame->b.span = call->span;
    Value low = elab_compare(e, AST_OP_LT, elab_draw_value(e, DRAW_uniform, t),
                             elab_value_real(0.5), call->span);
    return elab_is_poison(low)
               ? POISON
               : elab_choose(e, low, elab_value_real(-1), elab_value_real(1), call->span);
}

static Value
call_bernoulli(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !elab_check_number(e, b, call, 0) || !draw_type(e, fn, call, e->real, &t))
        return POISON;
    if (t.rank == 0)
        t = type_with(elab_value_type(e, call->arg[0]), e->real);
    e->frame->b.span = call->span;
    return elab_compare(e, AST_OP_LT, elab_draw_value(e, DRAW_uniform, t), call->arg[0],
                        call->span);
}

/* The upper half of bits * n: uniform in 0..n up to 2^-32. */
static Value
call_randint(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Value n = call->arg[0];
    Type t;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, true) || !may_draw(e, b, call->span) ||
        !draw_type(e, fn, call, DT_i32, &t))
        return POISON;
    if (!elab_is_scalar(e, n) || elab_value_type(e, n).dtype != DT_i32)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "int", elab_value_text(e, n));
    e->frame->b.span = call->span;
    Value bits = elab_draw_value(e, DRAW_bits, t);
    if (elab_is_poison(bits))
        return POISON;
    Value r = elab_value_ref(
        e, ir_umulhi(&e->frame->b, elab_ref_of(e, bits, DT_i32), elab_ref_of(e, n, DT_i32)));
    if (n.kind == VAL_int && r.kind == VAL_ref) {
        r.bounded = true;
        r.lo = 0;
        r.hi = n.i - 1;
    }
    return r;
}

static Value
call_shared(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    (void)env;
    (void)mode;
    return elab_check_call(e, b, fn, call, false) ? call->arg[0] : POISON;
}

/* ---- derivatives ---- */

static Value
call_derivative(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (call->arg[0].kind != VAL_fn)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "a function",
                    elab_value_text(e, call->arg[0]));
    FnVal *r = arena_new(e->arena, FnVal);
    r->kind = FN_derived;
    r->deriv = (Deriv)b->op;
    r->of = call->arg[0].fn;
    return elab_value_fn(r);
}

static Value
call_unsupported(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    (void)env;
    (void)fn;
    (void)mode;
    return FAIL(e, unsupported, call->span, arena_printf(e->arena, "'%s'", b->name));
}

/* ---- the table ---- */

#define ELEMENTWISE(name) \
    { \
#name, call_pointwise, 1, 1, OP_##name, true, false, NULL \
    }

static const Builtin table[] = {
    ELEMENTWISE(exp),
    ELEMENTWISE(expm1),
    ELEMENTWISE(log),
    ELEMENTWISE(log1p),
    ELEMENTWISE(sigmoid),
    ELEMENTWISE(softplus),
    ELEMENTWISE(sqrt),
    ELEMENTWISE(sin),
    ELEMENTWISE(cos),
    ELEMENTWISE(tan),
    ELEMENTWISE(tanh),
    ELEMENTWISE(atan),
    ELEMENTWISE(erf),
    ELEMENTWISE(lgamma),
    ELEMENTWISE(digamma),
    ELEMENTWISE(abs),
    ELEMENTWISE(sign),
    ELEMENTWISE(floor),
    ELEMENTWISE(ceil),
    ELEMENTWISE(round),
    ELEMENTWISE(trunc),
    ELEMENTWISE(isfinite),
    {"pow", call_pointwise, 2, 2, OP_pow, true, false, NULL},
    {"rsqrt", call_rsqrt, 1, 1, 0, true, false, NULL},
    {"where", call_where, 3, 3, 0, true, false, NULL},
    {"stop_gradient", call_stop_gradient, 1, 1, 0, true, false, NULL},
    {"real", call_real, 1, 1, 0, true, false, NULL},
    {"int", call_int, 1, 1, 0, true, false, NULL},
    {"min", call_reduce, 1, 2, FOLD_min, true, true, "axis keep"},
    {"max", call_reduce, 1, 2, FOLD_max, true, true, "axis keep"},
    {"sum", call_reduce, 1, 1, FOLD_sum, false, true, "axis keep"},
    {"mean", call_reduce, 1, 1, FOLD_sum, false, true, "axis keep"},
    {"prod", call_reduce, 1, 1, FOLD_prod, false, true, "axis keep"},
    {"all", call_reduce, 1, 1, FOLD_all, false, true, "axis keep"},
    {"any", call_reduce, 1, 1, FOLD_any, false, true, "axis keep"},
    {"logsumexp", call_logsumexp, 1, 1, 0, false, false, "axis keep"},
    {"argmax", call_argmax, 1, 1, 0, false, false, "axis"},
    {"size", elab_call_size, 1, 1, 0, false, false, NULL},
    {"len", elab_call_size, 1, 1, 1, false, false, NULL},
    {"zeros_like", elab_call_like, 1, 1, 0, false, false, NULL},
    {"ones_like", elab_call_like, 1, 1, 1, false, false, NULL},
    {"reshape", elab_call_reshape, 1, 1, 0, false, false, NULL},
    {"broadcast_to", elab_call_reshape, 1, 1, 1, false, false, NULL},
    {"transpose", elab_call_transpose, 1, 1, 0, false, false, NULL},
    {"concat", elab_call_concat, 1, 64, 0, false, false, "axis"},
    {"stack", elab_call_concat, 1, 64, 1, false, false, NULL},
    {"gather", elab_call_gather, 2, 2, 0, false, false, NULL},
    {"embedding", elab_call_gather, 2, 2, 0, false, false, NULL},
    {"split", elab_call_split, 2, 2, 0, false, false, "axis"},
    {"pad", elab_call_pad, 2, 3, 0, false, false, "axis"},
    {"cholesky", elab_call_cholesky, 1, 1, 0, false, false, NULL},
    {"solve_triangular", elab_call_trisolve, 2, 2, 0, false, false, "transpose"},
    {"normal", call_draw, 0, 2, DRAW_normal, false, false, NULL},
    {"uniform", call_draw, 0, 2, DRAW_uniform, false, false, NULL},
    {"normal_like", call_draw_like, 1, 1, DRAW_normal, false, false, NULL},
    {"uniform_like", call_draw_like, 1, 1, DRAW_uniform, false, false, NULL},
    {"rademacher", call_rademacher, 0, 0, 0, false, false, NULL},
    {"rademacher_like", call_rademacher, 1, 1, 0, false, false, NULL},
    {"bernoulli", call_bernoulli, 1, 1, 0, false, false, NULL},
    {"randint", call_randint, 1, 1, 0, false, false, NULL},
    {"shared", call_shared, 1, 1, 0, false, false, NULL},
    {"grad", call_derivative, 1, 1, DERIV_grad, false, false, NULL},
    {"value_and_grad", call_derivative, 1, 1, DERIV_value_and_grad, false, false, NULL},
    {"jvp", call_derivative, 1, 1, DERIV_jvp, false, false, NULL},
    {"vjp", call_derivative, 1, 1, DERIV_vjp, false, false, NULL},
    {"laplacian", call_derivative, 1, 1, DERIV_laplacian, false, false, NULL},
    {"grad_and_laplacian", call_derivative, 1, 1, DERIV_grad_and_laplacian, false, false, NULL},
    {"run", elab_call_run, 3, 3, 0, false, false, "steps"},
    {"batch", elab_call_batch, 1, 1, CROSS_all, false, false, NULL},
    {"batch_mean", elab_call_batch, 1, 1, CROSS_mean, false, false, NULL},
    {"batch_sum", elab_call_batch, 1, 1, CROSS_sum, false, false, NULL},
    {"batch_max", elab_call_batch, 1, 1, CROSS_max, false, false, NULL},
    {"batch_logsumexp", elab_call_batch, 1, 1, CROSS_lse, false, false, NULL},
    {"batch_any", elab_call_batch, 1, 1, CROSS_any, false, false, NULL},
    {"model_sum", elab_call_model_sum, 1, 1, 0, false, false, NULL},
    {"sort", call_unsupported, 0, 64, 0, false, false, NULL},
    {"conv2d", elab_call_conv2d, 2, 2, 0, false, false, "stride padding"},
};

const Builtin *
elab_builtin_table(size_t *ret_n)
{
    *ret_n = sizeof table / sizeof table[0];
    return table;
}

const Builtin *
elab_find_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
