/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_op.c -- operators on values: what is known is computed, the rest becomes nodes.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "frontend/elab.h"

/* ---- numbers known while compiling ---- */

static Value
overflow(Elab *e, Span span)
{
    return FAIL(e, elab_int_range, span);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
    int64_t q = a / b;
    return q - (a % b != 0 && (a < 0) != (b < 0));
}

static Value
static_int_power(Elab *e, int64_t a, int64_t n, Span span)
{
    int64_t r = 1;

    if (n < 0)
        return elab_value_real(pow((double)a, (double)n));
    for (; n > 0; n--) {
        if (r == 0 || (a == 1 && n > 1))
            n = 1;
        if (a == -1 && n > 2)
            n = 1 + (n + 1) % 2;
        if (__builtin_mul_overflow(r, a, &r))
            return overflow(e, span);
    }
    return elab_value_int(r);
}

static Value
static_int_arith(Elab *e, AstOp op, int64_t a, int64_t b, Span span)
{
    int64_t r = 0;
    bool bad = false;

    switch (op) {
    case AST_OP_ADD: bad = __builtin_add_overflow(a, b, &r); break;
    case AST_OP_SUB: bad = __builtin_sub_overflow(a, b, &r); break;
    case AST_OP_MUL: bad = __builtin_mul_overflow(a, b, &r); break;
    case AST_OP_DIV: return elab_value_real((double)a / (double)b);
    case AST_OP_POW: return static_int_power(e, a, b, span);
    default:
        if (b == 0 || (a == INT64_MIN && b == -1))
            return FAIL(e, elab_zero_division, span);
        r = op == AST_OP_IDIV ? floor_div(a, b) : a - b * floor_div(a, b);
    }
    return bad ? overflow(e, span) : elab_value_int(r);
}

/* Through the IR's own evaluation, so that a folded function has the bits of a computed one. */
static double
eval_real(Op op, double x, double y)
{
    Scalar arg[3] = {{.f64 = x}, {.f64 = y}};
    return ir_eval(op, DT_f64, DT_f64, arg).f64;
}

static double
as_double(Value v)
{
    return v.kind == VAL_int ? (double)v.i : v.r;
}

static Value
static_arith(Elab *e, AstOp op, Value a, Value b, Span span)
{
    double x, y;

    if (a.kind == VAL_int && b.kind == VAL_int)
        return static_int_arith(e, op, a.i, b.i, span);
    x = as_double(a);
    y = as_double(b);
    switch (op) {
    case AST_OP_ADD: return elab_value_real(x + y);
    case AST_OP_SUB: return elab_value_real(x - y);
    case AST_OP_MUL: return elab_value_real(x * y);
    case AST_OP_DIV: return elab_value_real(x / y);
    case AST_OP_POW:
        if (b.kind == VAL_int && b.i >= 0 && b.i <= 4) {
            double r = 1;
            for (int64_t i = 0; i < b.i; i++)
                r *= x;
            return elab_value_real(r);
        }
        return elab_value_real(eval_real(OP_pow, x, y));
    case AST_OP_MOD: return elab_value_real(x - y * floor(x / y));
    default: return elab_value_real(floor(x / y));
    }
}

/* ---- shapes ---- */

static bool
join_shape(Type *to, Type t)
{
    Type big = to->rank >= t.rank ? *to : t, small = to->rank >= t.rank ? t : *to;

    for (unsigned i = 0; i < small.rank; i++) {
        uint32_t *b = &big.dim[big.rank - small.rank + i], s = small.dim[i];
        if (*b != s && *b != 1 && s != 1)
            return false;
        *b = *b == 1 ? s : *b;
    }
    big.dtype = to->dtype;
    *to = big;
    return true;
}

bool
elab_align(Elab *e, Value *arg, unsigned n, Span span)
{
    Type t = elab_value_type(e, arg[0]);

    for (unsigned i = 1; i < n; i++)
        if (!join_shape(&t, elab_value_type(e, arg[i]))) {
            complain(e, elab_shapes, span, elab_value_text(e, arg[0]),
                     elab_value_text(e, arg[i]));
            return false;
        }
    if (type_size(t) > IR_MAX_ELEMENTS) {
        complain(e, elab_too_large, span, elab_type_text(e, t));
        return false;
    }
    for (unsigned i = 0; t.rank && i < n; i++) {
        Type have = elab_value_type(e, arg[i]);
        if (have.rank && !type_same_shape(have, t))
            elab_fit(e, &arg[i], type_with(t, (DType)have.dtype));
    }
    return true;
}

/* ---- arithmetic ---- */

static bool
is_bool(const Elab *e, Value v)
{
    return elab_value_type(e, v).dtype == DT_bool;
}

static bool
is_int(const Elab *e, Value v)
{
    return dtype_is_int((DType)elab_value_type(e, v).dtype);
}

static Value
wrong_operand(Elab *e, AstOp op, Value v, const char *want, Span span)
{
    return FAIL(e, elab_operand, span, ast_op_text(op), want, elab_value_text(e, v));
}

static DType
real_dtype(Elab *e, AstOp op, Value a, Value b, Mode mode)
{
    bool linear = op == AST_OP_ADD || op == AST_OP_SUB || op == AST_OP_MUL || op == AST_OP_DIV;

    if (elab_value_type(e, a).dtype == DT_f64 || elab_value_type(e, b).dtype == DT_f64)
        return DT_f64;
    return mode == MODE_wide && linear && elab_is_scalar(e, a) && elab_is_scalar(e, b)
               ? DT_f64
               : e->real;
}

static Ref
power(Builder *b, Ref x, int64_t n)
{
    Ref r = NO_REF;

    for (; n; n >>= 1) {
        if (n & 1)
            r = r.id ? ir_mul(b, r, x) : x;
        if (n > 1)
            x = ir_mul(b, x, x);
    }
    return r;
}

enum { MAX_POWER = 64 };

/* x^n by multiplications for whole n; x^0.5 is the square root. */
static Ref
raise(Elab *e, Ref x, Value exponent, DType d)
{
    Builder *b = &e->frame->b;
    Type t = ir_type(b->function, x);

    if (exponent.kind == VAL_real && exponent.r == 0.5)
        return ir_sqrt(b, x);
    if (exponent.kind == VAL_real && exponent.r == rint(exponent.r) &&
        fabs(exponent.r) <= MAX_POWER)
        exponent = elab_value_int((int64_t)exponent.r);
    if (exponent.kind != VAL_int || llabs(exponent.i) > MAX_POWER)
        return ir_pow(b, x, elab_ref_of(e, exponent, d));
    if (exponent.i == 0)
        return ir_full(b, t, 1);
    Ref r = power(b, x, llabs(exponent.i));
    return exponent.i < 0 ? ir_div(b, ir_number(b, d, 1), r) : r;
}

static Ref
build_real(Elab *e, AstOp op, Value va, Value vb, DType d)
{
    Builder *b = &e->frame->b;
    Ref x = elab_ref_of(e, va, d);

    if (op == AST_OP_POW)
        return raise(e, x, vb, d);
    Ref y = elab_ref_of(e, vb, d);
    switch (op) {
    case AST_OP_ADD: return ir_add(b, x, y);
    case AST_OP_SUB: return ir_sub(b, x, y);
    case AST_OP_MUL: return ir_mul(b, x, y);
    case AST_OP_DIV: return ir_div(b, x, y);
    case AST_OP_IDIV: return ir_floor(b, ir_div(b, x, y));
    default: return ir_sub(b, x, ir_mul(b, y, ir_floor(b, ir_div(b, x, y))));
    }
}

static Ref
build_int(Elab *e, AstOp op, Value va, Value vb)
{
    Builder *b = &e->frame->b;
    Ref x = elab_ref_of(e, va, DT_i32);

    if (op == AST_OP_POW)
        return vb.i ? power(b, x, vb.i) : ir_full(b, ir_type(b->function, x), 1);
    Ref y = elab_ref_of(e, vb, DT_i32);
    switch (op) {
    case AST_OP_ADD: return ir_add(b, x, y);
    case AST_OP_SUB: return ir_sub(b, x, y);
    case AST_OP_MUL: return ir_mul(b, x, y);
    case AST_OP_IDIV: return ir_idiv(b, x, y);
    default: return ir_imod(b, x, y);
    }
}

static bool
bounds_of(Value v, int64_t *lo, int64_t *hi)
{
    *lo = v.kind == VAL_int ? v.i : v.lo;
    *hi = v.kind == VAL_int ? v.i : v.hi;
    return v.kind == VAL_int || v.bounded;
}

static int64_t
extreme(const int64_t *v, int sign)
{
    int64_t r = v[0];

    for (int i = 1; i < 4; i++)
        r = sign * v[i] > sign * r ? v[i] : r;
    return r;
}

/* What is known of the result of an int operation; indices stay provably in range through it.
 */
static void
bound_result(AstOp op, Value a, Value b, Value *r)
{
    int64_t al, ah, bl, bh;
    const int64_t small = INT64_C(1) << 31;

    if (r->kind != VAL_ref || !bounds_of(a, &al, &ah) || !bounds_of(b, &bl, &bh))
        return;
    if (al < -small || ah > small || bl < -small || bh > small)
        return;
    int64_t product[] = {al * bl, al * bh, ah * bl, ah * bh};
    r->bounded = true;
    if (op == AST_OP_ADD)
        r->lo = al + bl, r->hi = ah + bh;
    else if (op == AST_OP_SUB)
        r->lo = al - bh, r->hi = ah - bl;
    else if (op == AST_OP_MUL)
        r->lo = extreme(product, -1), r->hi = extreme(product, 1);
    else if (op == AST_OP_IDIV && bl == bh && bl > 0)
        r->lo = floor_div(al, bl), r->hi = floor_div(ah, bl);
    else if (op == AST_OP_MOD && bl == bh && bl > 0)
        r->lo = 0, r->hi = bl - 1;
    else
        r->bounded = false;
    if (r->lo < -small || r->hi >= small)
        r->bounded = false;
}

static Value
int_arith(Elab *e, AstOp op, Value a, Value b)
{
    Value r = elab_value_ref(e, build_int(e, op, a, b));

    bound_result(op, a, b, &r);
    return r;
}

Value
elab_arith(Elab *e, AstOp op, Value a, Value b, Mode mode, Span span)
{
    Value arg[2] = {a, b};

    if (elab_is_poison(a) || elab_is_poison(b))
        return POISON;
    for (int i = 0; i < 2; i++)
        if (!elab_is_number(arg[i]) || is_bool(e, arg[i]))
            return wrong_operand(e, op, arg[i], "numbers", span);
    if (elab_is_static(a) && elab_is_static(b))
        return static_arith(e, op, a, b, span);
    if (!elab_align(e, arg, 2, span))
        return POISON;
    e->frame->b.span = span;
    bool ints = is_int(e, a) && is_int(e, b) && op != AST_OP_DIV;
    if (op == AST_OP_POW && !(b.kind == VAL_int && b.i >= 0 && b.i <= MAX_POWER))
        ints = false;
    if (ints)
        return int_arith(e, op, arg[0], arg[1]);
    DType d = real_dtype(e, op, a, b, mode);
    return elab_value_ref(e, build_real(e, op, arg[0], arg[1], d));
}

Value
elab_negate(Elab *e, Value a, Mode mode, Span span)
{
    if (elab_is_poison(a))
        return POISON;
    if (!elab_is_number(a) || is_bool(e, a))
        return wrong_operand(e, AST_OP_NEG, a, "a number", span);
    if (a.kind == VAL_int)
        return a.i == INT64_MIN ? overflow(e, span) : elab_value_int(-a.i);
    if (a.kind == VAL_real)
        return elab_value_real(-a.r);
    e->frame->b.span = span;
    bool wide = mode == MODE_wide && elab_is_scalar(e, a) && !is_int(e, a);
    Value r =
        elab_value_ref(e, ir_neg(&e->frame->b, elab_ref_of(e, a, wide ? DT_f64 : DT_none)));
    bound_result(AST_OP_SUB, elab_value_int(0), a, &r);
    return r;
}

/* ---- comparison, logic ---- */

static bool
static_compare(AstOp op, double x, double y)
{
    switch (op) {
    case AST_OP_EQ: return x == y;
    case AST_OP_NE: return x != y;
    case AST_OP_LT: return x < y;
    case AST_OP_LE: return x <= y;
    case AST_OP_GT: return x > y;
    default: return x >= y;
    }
}

static Op
compare_op(AstOp op)
{
    switch (op) {
    case AST_OP_EQ: return OP_eq;
    case AST_OP_NE: return OP_ne;
    case AST_OP_LT: return OP_lt;
    case AST_OP_LE: return OP_le;
    case AST_OP_GT: return OP_gt;
    default: return OP_ge;
    }
}

/* Nothing is below -inf or above inf, NaN included: what is not bounded is not compared. */
static bool
is_never(AstOp op, Value a, Value b)
{
    bool less = op == AST_OP_LT;

    if (op != AST_OP_LT && op != AST_OP_GT)
        return false;
    return (b.kind == VAL_real && isinf(b.r) && (b.r < 0) == less) ||
           (a.kind == VAL_real && isinf(a.r) && (a.r > 0) == less);
}

Value
elab_compare(Elab *e, AstOp op, Value a, Value b, Span span)
{
    Value arg[2] = {a, b};

    if (elab_is_poison(a) || elab_is_poison(b))
        return POISON;
    for (int i = 0; i < 2; i++)
        if (!elab_is_number(arg[i]))
            return wrong_operand(e, op, arg[i], "numbers", span);
    if (is_bool(e, a) != is_bool(e, b) || (is_bool(e, a) && op != AST_OP_EQ && op != AST_OP_NE))
        return wrong_operand(e, op, is_bool(e, a) ? a : b, "numbers", span);
    if (a.kind == VAL_bool && b.kind == VAL_bool)
        return elab_value_bool((a.b == b.b) == (op == AST_OP_EQ));
    if (elab_is_static(a) && elab_is_static(b) && !is_bool(e, a))
        return elab_value_bool(a.kind == VAL_int && b.kind == VAL_int && (a.i == b.i)
                                   ? static_compare(op, 0, 0)
                                   : static_compare(op, as_double(a), as_double(b)));
    if (is_never(op, a, b))
        return elab_value_bool(false);
    if (!elab_align(e, arg, 2, span))
        return POISON;
    DType d = is_bool(e, a)                  ? DT_bool
              : is_int(e, a) && is_int(e, b) ? DT_i32
                                             : real_dtype(e, op, a, b, MODE_term);
    e->frame->b.span = span;
    return elab_value_ref(e,
                          ir_pointwise(&e->frame->b, compare_op(op), elab_ref_of(e, arg[0], d),
                                       elab_ref_of(e, arg[1], d), NO_REF));
}

Value
elab_logic(Elab *e, AstOp op, Value a, Value b, Span span)
{
    Value arg[2] = {a, b};

    if (elab_is_poison(a) || elab_is_poison(b))
        return POISON;
    for (int i = 0; i < 2; i++)
        if (!elab_is_number(arg[i]) || !is_bool(e, arg[i]))
            return wrong_operand(e, op, arg[i], "bool", span);
    if (a.kind == VAL_bool && elab_is_scalar(e, b))
        return a.b == (op == AST_OP_OR) ? a : b;
    if (b.kind == VAL_bool && elab_is_scalar(e, a))
        return b.b == (op == AST_OP_OR) ? b : a;
    if (!elab_align(e, arg, 2, span))
        return POISON;
    e->frame->b.span = span;
    return elab_value_ref(e, ir_pointwise(&e->frame->b, op == AST_OP_AND ? OP_and : OP_or,
                                          elab_ref_of(e, arg[0], DT_bool),
                                          elab_ref_of(e, arg[1], DT_bool), NO_REF));
}

/* ---- functions of the op table ---- */

static Value
static_pointwise(Op op, const Value *arg, unsigned n)
{
    if (n == 1 && arg[0].kind == VAL_int && op == OP_abs)
        return elab_value_int(arg[0].i < 0 ? -arg[0].i : arg[0].i);
    if (n == 2 && arg[0].kind == VAL_int && arg[1].kind == VAL_int &&
        (op == OP_min || op == OP_max))
        return (arg[0].i < arg[1].i) == (op == OP_min) ? arg[0] : arg[1];
    double x = as_double(arg[0]), y = n > 1 ? as_double(arg[1]) : 0;
    if (op == OP_isfinite)
        return elab_value_bool(isfinite(x));
    return elab_value_real(eval_real(op, x, y));
}

/* max(x, -inf) and min(x, inf) are x: bounds that are not there cost nothing. */
static bool
is_no_bound(Op op, Value v)
{
    return v.kind == VAL_real && isinf(v.r) && (v.r > 0) == (op == OP_min);
}

Value
elab_apply_pointwise(Elab *e, Op op, const Value *given, unsigned n, Span span)
{
    Value arg[3];
    bool all_static = true, ints = op_info[op].class == CLASS_N, wide = false;

    memcpy(arg, given, n * sizeof *arg);
    for (unsigned i = 0; i < n; i++) {
        if (elab_is_poison(arg[i]))
            return POISON;
        if (!elab_is_number(arg[i]) || is_bool(e, arg[i]))
            return FAIL(e, elab_argument, span, op_info[op].name, "numbers",
                        elab_value_text(e, arg[i]));
        all_static &= elab_is_static(arg[i]);
        ints &= is_int(e, arg[i]);
        wide |= elab_value_type(e, arg[i]).dtype == DT_f64;
    }
    if (all_static)
        return static_pointwise(op, arg, n);
    if ((op == OP_min || op == OP_max) && is_no_bound(op, arg[1]))
        return arg[0];
    if ((op == OP_min || op == OP_max) && is_no_bound(op, arg[0]))
        return arg[1];
    if (!elab_align(e, arg, n, span))
        return POISON;
    DType d = ints ? DT_i32 : wide ? DT_f64 : e->real;
    e->frame->b.span = span;
    Ref r[3] = {NO_REF, NO_REF, NO_REF};
    for (unsigned i = 0; i < n; i++)
        r[i] = elab_ref_of(e, arg[i], d);
    return elab_value_ref(e, ir_pointwise(&e->frame->b, op, r[0], r[1], r[2]));
}

Value
elab_choose(Elab *e, Value condition, Value a, Value b, Span span)
{
    Value arg[3] = {condition, a, b};
    RegionId r = e->frame->b.region;

    for (int i = 0; i < 3; i++)
        if (elab_is_poison(arg[i]))
            return POISON;
    if (!elab_is_number(condition) || !is_bool(e, condition))
        return FAIL(e, elab_condition, span, elab_value_text(e, condition));
    if (!elab_is_number(a) || !elab_is_number(b))
        return FAIL(e, elab_branches, span, elab_value_text(e, a), elab_value_text(e, b));
    if (condition.kind == VAL_bool && elab_is_scalar(e, a) && elab_is_scalar(e, b))
        return condition.b ? a : b;
    if (!elab_align(e, arg, 3, span))
        return POISON;
    if (condition.kind == VAL_bool && elab_is_scalar(e, condition.b ? b : a))
        return arg[condition.b ? 1 : 2];
    Type t = elab_value_type(e, arg[0]);
    for (int i = 1; i < 3; i++)
        t = elab_value_type(e, arg[i]).rank > t.rank ? elab_value_type(e, arg[i]) : t;
    for (int i = 1; i < 3; i++)
        if (t.rank && elab_value_type(e, arg[i]).rank == 0)
            elab_fit(e, &arg[i], type_with(t, (DType)elab_value_type(e, arg[i]).dtype));
    e->frame->b.span = span;
    if (!elab_unify(e, &arg[1], r, &arg[2], r, MODE_step))
        return FAIL(e, elab_branches, span, elab_value_text(e, a), elab_value_text(e, b));
    return elab_value_ref(e, ir_select(&e->frame->b, elab_ref_of(e, arg[0], DT_bool),
                                       elab_ref_of(e, arg[1], DT_none),
                                       elab_ref_of(e, arg[2], DT_none)));
}
