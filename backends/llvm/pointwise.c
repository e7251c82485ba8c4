/* SPDX-License-Identifier: Apache-2.0
 *
 * pointwise.c -- pointwise ops: the llvm column of ops.def
 *
 * No instruction carries a fast-math flag.  Instances with the same operands share a value.
 */
#include <assert.h>
#include <stdint.h>

#include "backends/llvm/emit.h"

typedef struct Operands {
    DType d; /* of the operands; of a select, of what is selected */
    LLVMValueRef x, y, z;
} Operands;

typedef LLVMValueRef OwnFn(Emit *e, const Operands *o);

static LLVMValueRef
like(LLVMValueRef x, LLVMValueRef scalar)
{
    LLVMTypeRef t = LLVMTypeOf(x);
    LLVMValueRef each[MAX_LANES];

    if (LLVMGetTypeKind(t) != LLVMVectorTypeKind)
        return scalar;
    unsigned n = LLVMGetVectorSize(t);
    for (unsigned i = 0; i < n; i++)
        each[i] = scalar;
    return LLVMConstVector(each, n);
}

static LLVMTypeRef
type_like(LLVMValueRef x, LLVMTypeRef element)
{
    LLVMTypeRef t = LLVMTypeOf(x);

    return LLVMGetTypeKind(t) == LLVMVectorTypeKind
               ? LLVMVectorType(element, LLVMGetVectorSize(t))
               : element;
}

static LLVMValueRef
number(Emit *e, DType d, LLVMValueRef shape, double value)
{
    return like(shape, scalar_constant(e, d, scalar_from_double(value, d)));
}

LLVMValueRef
select_lanes(Emit *e, LLVMValueRef mask, LLVMValueRef x, LLVMValueRef y)
{
    if (x == y)
        return x;
    if (LLVMIsAConstantInt(mask))
        return LLVMConstIntGetZExtValue(mask) ? x : y;
    return LLVMBuildSelect(e->b, mask, x, y, "");
}

static LLVMValueRef
own_neg(Emit *e, const Operands *o)
{
    return dtype_is_float(o->d) ? LLVMBuildFNeg(e->b, o->x, "") : LLVMBuildNeg(e->b, o->x, "");
}

static LLVMValueRef
own_abs(Emit *e, const Operands *o)
{
    LLVMValueRef arg[2] = {o->x, LLVMConstInt(e->i1, 0, false)};
    bool real = dtype_is_float(o->d);

    return intrinsic(e, real ? "llvm.fabs" : "llvm.abs", LLVMTypeOf(o->x), real ? 1 : 2, arg);
}

static LLVMValueRef
own_sign(Emit *e, const Operands *o)
{
    LLVMValueRef zero = number(e, o->d, o->x, 0);
    LLVMValueRef below = LLVMBuildFCmp(e->b, LLVMRealOLT, o->x, zero, "");
    LLVMValueRef above = LLVMBuildFCmp(e->b, LLVMRealOGT, o->x, zero, "");
    LLVMValueRef r = select_lanes(e, below, number(e, o->d, o->x, -1), o->x);

    return select_lanes(e, above, number(e, o->d, o->x, 1), r);
}

/* NaN where the mask holds, else x.  Of a NaN no bits are promised: with all of them set LLVM
 * needs no constant. */
LLVMValueRef
nan_where(Emit *e, DType d, LLVMValueRef mask, LLVMValueRef x)
{
    LLVMValueRef ones =
        scalar_constant(e, d, (Scalar){.bits = dtype_size(d) == 4 ? UINT32_MAX : UINT64_MAX});

    return select_lanes(e, mask, like(x, ones), x);
}

/* The greater or smaller number, y where one is NaN: one instruction. */
LLVMValueRef
extreme_number(Emit *e, DType d, bool greater, LLVMValueRef x, LLVMValueRef y)
{
    LLVMRealPredicate real = greater ? LLVMRealOGT : LLVMRealOLT;
    LLVMIntPredicate integer = greater ? LLVMIntSGT : LLVMIntSLT;
    LLVMValueRef first = dtype_is_float(d) ? LLVMBuildFCmp(e->b, real, x, y, "")
                                           : LLVMBuildICmp(e->b, integer, x, y, "");

    return select_lanes(e, first, x, y);
}

static LLVMValueRef
extreme_or_nan(Emit *e, const Operands *o, bool greater)
{
    LLVMValueRef r = extreme_number(e, o->d, greater, o->x, o->y);

    if (!dtype_is_float(o->d))
        return r;
    return nan_where(e, o->d, LLVMBuildFCmp(e->b, LLVMRealUNO, o->x, o->x, ""), r);
}

static LLVMValueRef
own_min(Emit *e, const Operands *o)
{
    return extreme_or_nan(e, o, false);
}

static LLVMValueRef
own_max(Emit *e, const Operands *o)
{
    return extreme_or_nan(e, o, true);
}

typedef struct Quotient {
    LLVMValueRef q, r, adjust, zero, minus;
} Quotient;

/* The truncated quotient and remainder, by 1 where y is 0 or -1, and where to round down. */
static Quotient
divide(Emit *e, const Operands *o)
{
    LLVMValueRef none = LLVMConstNull(LLVMTypeOf(o->x));
    LLVMValueRef one = number(e, o->d, o->x, 1), minus = number(e, o->d, o->x, -1);
    Quotient r = {.zero = LLVMBuildICmp(e->b, LLVMIntEQ, o->y, none, ""),
                  .minus = LLVMBuildICmp(e->b, LLVMIntEQ, o->y, minus, "")};
    LLVMValueRef odd = LLVMBuildOr(e->b, r.zero, r.minus, "");
    LLVMValueRef y = select_lanes(e, odd, one, o->y);

    r.q = LLVMBuildSDiv(e->b, o->x, y, "");
    r.r = LLVMBuildSub(e->b, o->x, LLVMBuildMul(e->b, r.q, y, ""), "");
    LLVMValueRef inexact = LLVMBuildICmp(e->b, LLVMIntNE, r.r, none, "");
    LLVMValueRef signs = LLVMBuildXor(e->b, r.r, o->y, "");
    r.adjust =
        LLVMBuildAnd(e->b, inexact, LLVMBuildICmp(e->b, LLVMIntSLT, signs, none, ""), "");
    return r;
}

static LLVMValueRef
own_idiv(Emit *e, const Operands *o)
{
    Quotient d = divide(e, o);
    LLVMValueRef down = LLVMBuildSub(e->b, d.q, number(e, o->d, o->x, 1), "");
    LLVMValueRef r = select_lanes(e, d.adjust, down, d.q);

    r = select_lanes(e, d.minus, LLVMBuildNeg(e->b, o->x, ""), r);
    return select_lanes(e, d.zero, LLVMConstNull(LLVMTypeOf(o->x)), r);
}

static LLVMValueRef
own_imod(Emit *e, const Operands *o)
{
    Quotient d = divide(e, o);
    LLVMValueRef r = select_lanes(e, d.adjust, LLVMBuildAdd(e->b, d.r, o->y, ""), d.r);
    LLVMValueRef odd = LLVMBuildOr(e->b, d.zero, d.minus, "");

    return select_lanes(e, odd, LLVMConstNull(LLVMTypeOf(o->x)), r);
}

static LLVMValueRef
own_isfinite(Emit *e, const Operands *o)
{
    LLVMValueRef size = intrinsic(e, "llvm.fabs", LLVMTypeOf(o->x), 1, (LLVMValueRef[]){o->x});
    return LLVMBuildFCmp(e->b, LLVMRealOLT, size, number(e, o->d, o->x, __builtin_inf()), "");
}

static LLVMValueRef
own_not(Emit *e, const Operands *o)
{
    return LLVMBuildNot(e->b, o->x, "");
}

static LLVMValueRef
own_select(Emit *e, const Operands *o)
{
    return select_lanes(e, o->x, o->y, o->z);
}

/* One instruction of AVX-512. */
static LLVMValueRef
scale_register(Emit *e, const Operands *o)
{
    bool narrow = o->d == DT_f32;
    LLVMTypeRef t = LLVMTypeOf(o->x);
    LLVMTypeRef mask = LLVMIntTypeInContext(e->context, LLVMGetVectorSize(t));
    LLVMValueRef arg[5] = {o->x, o->y, LLVMConstNull(t), LLVMConstAllOnes(mask),
                           int32_of(e, 4)}; /* 4: rounds as the control word says */

    return intrinsic(
        e, narrow ? "llvm.x86.avx512.mask.scalef.ps.512" : "llvm.x86.avx512.mask.scalef.pd.512",
        NULL, 5, arg);
}

/* Two factors: y + 2 bias, in the low bits of the sum, is halved, and both halves are
 * exponents. */
static LLVMValueRef
scale_twice(Emit *e, const Operands *o)
{
    bool narrow = o->d == DT_f32;
    DType bits = narrow ? DT_i32 : DT_i64;
    LLVMTypeRef t = LLVMTypeOf(o->x), integers = type_like(o->x, scalar_type(e, bits));
    double round = narrow ? 0x1.8p23 + 2 * 127 : 0x1.8p52 + 2 * 1023;
    LLVMValueRef sum = LLVMBuildFAdd(e->b, o->y, number(e, o->d, o->y, round), "");
    LLVMValueRef both = LLVMBuildBitCast(e->b, sum, integers, "");
    LLVMValueRef one = number(e, bits, both, 1), by = number(e, bits, both, narrow ? 23 : 52);
    LLVMValueRef half[2] = {LLVMBuildLShr(e->b, both, one, "")}, r = o->x;

    half[1] = LLVMBuildSub(e->b, both, half[0], "");
    for (int i = 0; i < 2; i++) {
        LLVMValueRef factor = LLVMBuildShl(e->b, half[i], by, "");
        r = LLVMBuildFMul(e->b, r, LLVMBuildBitCast(e->b, factor, t, ""), "");
    }
    return r;
}

static LLVMValueRef
own_scale(Emit *e, const Operands *o)
{
    LLVMTypeRef t = LLVMTypeOf(o->x);
    bool vector = LLVMGetTypeKind(t) == LLVMVectorTypeKind;
    unsigned n = vector ? LLVMGetVectorSize(t) : 1, half = n / 2;
    unsigned bytes = n * dtype_size(o->d);

    if (!vector || e->registers < 32 || bytes < e->register_bytes)
        return scale_twice(e, o);
    if (bytes == e->register_bytes)
        return scale_register(e, o);
    Operands low = {o->d, some_lanes(e, o->x, 0, half), some_lanes(e, o->y, 0, half), NULL};
    Operands high = {o->d, some_lanes(e, o->x, half, half), some_lanes(e, o->y, half, half),
                     NULL};
    return join_lanes(e, own_scale(e, &low), own_scale(e, &high), half);
}

static LLVMValueRef
own_umulhi(Emit *e, const Operands *o)
{
    unsigned bits = 8 * dtype_size(o->d);
    LLVMTypeRef wide = type_like(o->x, LLVMIntTypeInContext(e->context, 2 * bits));
    LLVMValueRef x = LLVMBuildZExt(e->b, o->x, wide, "");
    LLVMValueRef p = LLVMBuildMul(e->b, x, LLVMBuildZExt(e->b, o->y, wide, ""), "");
    LLVMValueRef by =
        like(o->x, LLVMConstInt(LLVMIntTypeInContext(e->context, 2 * bits), bits, false));

    return LLVMBuildTrunc(e->b, LLVMBuildLShr(e->b, p, by, ""), LLVMTypeOf(o->x), "");
}

static LLVMValueRef
own_stop_gradient(Emit *e, const Operands *o)
{
    (void)e;
    return o->x;
}

static OwnFn *const own[OP_COUNT] = {
    [OP_neg] = own_neg,
    [OP_abs] = own_abs,
    [OP_sign] = own_sign,
    [OP_min] = own_min,
    [OP_max] = own_max,
    [OP_idiv] = own_idiv,
    [OP_imod] = own_imod,
    [OP_isfinite] = own_isfinite,
    [OP_not] = own_not,
    [OP_select] = own_select,
    [OP_scale] = own_scale,
    [OP_umulhi] = own_umulhi,
    [OP_stop_gradient] = own_stop_gradient,
};

/* Bools compare as 0 and 1, not as the i1's -1. */
static LLVMValueRef
compare(Emit *e, const Operands *o, LLVMRealPredicate real, LLVMIntPredicate integer)
{
    if (dtype_is_float(o->d))
        return LLVMBuildFCmp(e->b, real, o->x, o->y, "");
    if (o->d != DT_bool)
        return LLVMBuildICmp(e->b, integer, o->x, o->y, "");
    LLVMTypeRef t = type_like(o->x, e->i8);
    return LLVMBuildICmp(e->b, integer, LLVMBuildZExt(e->b, o->x, t, ""),
                         LLVMBuildZExt(e->b, o->y, t, ""), "");
}

LLVMValueRef
build_op(Emit *e, Op op, DType d, LLVMValueRef x, LLVMValueRef y, LLVMValueRef z)
{
    Operands o = {d, x, y, z};
    LLVMValueRef arg[3] = {x, y, z};

    // clang-format off
    switch (op) {
#define EMIT_FLT(F) LLVMBuild##F(e->b, x, y, "")
#define EMIT_INT(I) LLVMBuild##I(e->b, x, y, "")
#define EMIT_BOTH(F, I) dtype_is_float(d) ? LLVMBuild##F(e->b, x, y, "") : LLVMBuild##I(e->b, x, y, "")
#define EMIT_CMP(F, I) compare(e, &o, LLVMReal##F, LLVMInt##I)
#define EMIT_INTRINSIC(name) intrinsic(e, "llvm." #name, LLVMTypeOf(x), op_info[op].arity, arg)
#define EMIT_OWN own[op](e, &o)
#define EMIT_NONE (assert(!"expansions remove functions"), NULL)
#define POINTWISE(name, arity, class, eval, llvm, ...) case OP_##name: return EMIT_##llvm;
#include "ir/ops.def"
    default: assert(!"a pointwise op"); return NULL;
    }
    // clang-format on
}

/* ---- conversions */

/* Truncates; what the integer cannot hold saturates, NaN gives 0.  LLVM's own saturating
 * conversion is split into lanes on x86. */
static LLVMValueRef
float_to_int(Emit *e, DType d, DType to, LLVMValueRef x)
{
    double top = to == DT_i32 ? 0x1p31 : 0x1p63;
    LLVMTypeRef t = type_like(x, scalar_type(e, to));
    LLVMValueRef high = LLVMBuildFCmp(e->b, LLVMRealOGE, x, number(e, d, x, top), "");
    LLVMValueRef low = LLVMBuildFCmp(e->b, LLVMRealOGE, x, number(e, d, x, -top), "");
    LLVMValueRef below = LLVMBuildFCmp(e->b, LLVMRealOLT, x, number(e, d, x, -top), "");
    LLVMValueRef inside = LLVMBuildAnd(e->b, low, LLVMBuildNot(e->b, high, ""), "");
    LLVMValueRef safe = select_lanes(e, inside, x, number(e, d, x, 0));
    LLVMValueRef r = LLVMBuildFPToSI(e->b, safe, t, "");
    Scalar most = {.bits = to == DT_i32 ? INT32_MAX : INT64_MAX};
    Scalar least = {.bits = to == DT_i32 ? (uint32_t)INT32_MIN : (uint64_t)INT64_MIN};

    r = select_lanes(e, high, like(x, scalar_constant(e, to, most)), r);
    return select_lanes(e, below, like(x, scalar_constant(e, to, least)), r);
}

static LLVMValueRef
int_to_int(Emit *e, DType d, DType to, LLVMValueRef x)
{
    LLVMTypeRef t = type_like(x, scalar_type(e, to));

    if (d == DT_bool)
        return LLVMBuildZExt(e->b, x, t, "");
    return dtype_size(to) > dtype_size(d) ? LLVMBuildSExt(e->b, x, t, "")
                                          : LLVMBuildTrunc(e->b, x, t, "");
}

static LLVMValueRef
to_bool(Emit *e, DType d, LLVMValueRef x)
{
    LLVMValueRef zero = LLVMConstNull(LLVMTypeOf(x));

    return dtype_is_float(d) ? LLVMBuildFCmp(e->b, LLVMRealUNE, x, zero, "")
                             : LLVMBuildICmp(e->b, LLVMIntNE, x, zero, "");
}

LLVMValueRef
convert_to(Emit *e, DType d, DType to, LLVMValueRef x)
{
    LLVMTypeRef t = type_like(x, scalar_type(e, to));

    if (d == to)
        return x;
    if (to == DT_bool)
        return to_bool(e, d, x);
    if (dtype_is_float(d))
        return dtype_is_int(to) ? float_to_int(e, d, to, x)
               : to == DT_f64   ? LLVMBuildFPExt(e->b, x, t, "")
                                : LLVMBuildFPTrunc(e->b, x, t, "");
    if (!dtype_is_float(to))
        return int_to_int(e, d, to, x);
    return d == DT_bool ? LLVMBuildUIToFP(e->b, x, t, "") : LLVMBuildSIToFP(e->b, x, t, "");
}

/* ---- nodes */

static LLVMValueRef
build_node(Emit *e, const Node *n, DType d, const LLVMValueRef x[3])
{
    if (n->op == OP_convert)
        return convert_to(e, d, (DType)n->type.dtype, x[0]);
    if (n->op == OP_bitcast)
        return LLVMBuildBitCast(e->b, x[0], type_like(x[0], scalar_type(e, n->type.dtype)), "");
    return build_op(e, (Op)n->op, d, x[0], x[1], x[2]);
}

/* What needs no instruction: index arithmetic, a select whose condition is known. */
static bool
fold(Emit *e, const Node *n, const Value *const arg[3], Value *ret)
{
    if (n->n_args == 2 && arg[0]->known && arg[1]->known)
        return index_pointwise(e, (Op)n->op, arg[0]->index, arg[1]->index, ret);
    if (n->op == OP_select && !arg[0]->chain && LLVMIsAConstantInt(arg[0]->v)) {
        *ret = *arg[LLVMConstIntGetZExtValue(arg[0]->v) ? 1 : 2];
        return true;
    }
    if ((n->op == OP_convert && ir_type(e->f, n->arg[0]).dtype == n->type.dtype) ||
        n->op == OP_stop_gradient) {
        *ret = *arg[0];
        return true;
    }
    return false;
}

/* Lanes that count up still do so with a uniform number added to them. */
static void
follow_ramp(Emit *e, const Node *n, const Value *const arg[3], Value *ret)
{
    bool first = n->n_args == 2 && arg[0]->ramp && arg[1]->known;
    bool second = n->n_args == 2 && n->op == OP_add && arg[1]->ramp && arg[0]->known;
    Value sum;

    if ((!first && !second) || (n->op != OP_add && n->op != OP_sub) ||
        !index_pointwise(e, (Op)n->op, arg[0]->index, arg[1]->index, &sum) || !sum.known ||
        sum.index.high > INT32_MAX - MAX_LANES)
        return;
    ret->ramp = arg[first ? 0 : 1]->ramp;
    ret->index = sum.index;
}

Value
emit_pointwise(Emit *e, const Node *n, const Value *const arg[3])
{
    bool chain = false;
    LLVMValueRef x[3] = {NULL, NULL, NULL};
    Value folded;

    if (fold(e, n, arg, &folded))
        return folded;
    for (uint32_t i = 0; i < n->n_args; i++)
        chain |= arg[i]->chain;
    for (uint32_t i = 0; i < n->n_args; i++)
        x[i] = chain ? vector_of(e, arg[i]) : scalar_of(e, arg[i]);

    DType d = (DType)ir_type(e->f, n->arg[n->op == OP_select]).dtype;
    MemoKey key = {TAG_pointwise + n->op, (uint32_t)d << 8 | n->type.dtype, x[0], x[1], x[2]};
    LLVMValueRef v = memo_find(e, key);
    if (!v)
        v = memo_keep(e, key, build_node(e, n, d, x));
    Value r = chain ? chain_value(v) : uniform_value(v);
    follow_ramp(e, n, arg, &r);
    return r;
}
