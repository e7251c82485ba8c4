/* SPDX-License-Identifier: Apache-2.0
 *
 * index.c -- arithmetic on uniform integers whose residue and bounds are known
 *
 * The turns of an unrolled loop have indices base + 0, base + 1, ...; here e & 3, e >> 2 and
 * the like fold, so that the turns share what they have in common, and bounds show that
 * elements are in range.
 */
#include <assert.h>

#include "backends/llvm/emit.h"

Index
index_constant(int64_t x)
{
    return (Index){.offset = x, .low = x, .high = x};
}

static LLVMValueRef
shared(Emit *e, unsigned operation, LLVMValueRef x, LLVMValueRef y)
{
    MemoKey key = {TAG_index | operation << 8, 0, x, y, NULL};
    LLVMValueRef v = memo_find(e, key);

    if (v)
        return v;
    switch ((Op)operation) {
    case OP_add: v = LLVMBuildAdd(e->b, x, y, ""); break;
    case OP_sub: v = LLVMBuildSub(e->b, x, y, ""); break;
    case OP_mul: v = LLVMBuildMul(e->b, x, y, ""); break;
    case OP_div: v = LLVMBuildExactSDiv(e->b, x, y, ""); break;
    case OP_idiv: v = LLVMBuildUDiv(e->b, x, y, ""); break;
    case OP_imod: v = LLVMBuildURem(e->b, x, y, ""); break;
    default: assert(!"an operation on indices");
    }
    return memo_keep(e, key, v);
}

LLVMValueRef
index_wide(Emit *e, Index i)
{
    if (!i.base)
        return int64_of(e, i.offset);
    return i.offset ? shared(e, OP_add, i.base, int64_of(e, i.offset)) : i.base;
}

Index
index_of(Emit *e, const Value *x)
{
    if (x->known)
        return x->index;
    MemoKey key = {TAG_wide, 0, x->v, NULL, NULL};
    LLVMValueRef wide = memo_find(e, key);
    if (!wide)
        wide = memo_keep(e, key, LLVMBuildSExt(e->b, x->v, e->i64, ""));
    return (Index){wide, 1, 0, INT32_MIN, INT32_MAX};
}

static int64_t
gcd(int64_t x, int64_t y)
{
    while (y) {
        int64_t r = x % y;
        x = y;
        y = r;
    }
    return x;
}

Index
index_add(Emit *e, Index a, Index b)
{
    LLVMValueRef base = !a.base ? b.base : !b.base ? a.base : shared(e, OP_add, a.base, b.base);

    return (Index){base, gcd(a.align, b.align), a.offset + b.offset, a.low + b.low,
                   a.high + b.high};
}

Index
index_scale(Emit *e, Index a, int64_t by)
{
    assert(by >= 0);
    if (by == 0)
        return index_constant(0);
    LLVMValueRef base =
        !a.base || by == 1 ? a.base : shared(e, OP_mul, a.base, int64_of(e, by));
    return (Index){base, a.align * by, a.offset * by, a.low * by, a.high * by};
}

static bool
index_fits(Index a)
{
    return a.low >= INT32_MIN && a.high <= INT32_MAX;
}

bool
index_residue(Index a, int64_t modulus, int64_t *ret)
{
    if (a.base && a.align % modulus)
        return false;
    *ret = ((a.offset % modulus) + modulus) % modulus;
    return true;
}

static int64_t
floor_div(int64_t x, int64_t y)
{
    return x / y - (x % y != 0 && (x < 0) != (y < 0));
}

Index
index_divide(Emit *e, Index a, int64_t by)
{
    Index r = {.low = floor_div(a.low, by), .high = floor_div(a.high, by)};

    if (by == 1)
        return a;
    if (!a.base || a.align % by == 0) {
        r.base = a.base ? shared(e, OP_div, a.base, int64_of(e, by)) : NULL;
        r.align = a.align / by;
        r.offset = floor_div(a.offset, by);
        return r;
    }
    r.base = shared(e, OP_idiv, index_wide(e, a), int64_of(e, by));
    r.align = 1;
    return r;
}

static Index
remainder_of(Emit *e, Index a, int64_t by)
{
    int64_t residue;

    if (a.low >= 0 && a.high < by)
        return a;
    if (index_residue(a, by, &residue))
        return index_constant(residue);
    return (Index){shared(e, OP_imod, index_wide(e, a), int64_of(e, by)), 1, 0, 0, by - 1};
}

static Index
difference(Emit *e, Index a, Index b)
{
    LLVMValueRef base = a.base;
    int64_t align = gcd(a.align, b.align);

    if (b.base)
        base = a.base == b.base ? NULL
                                : shared(e, OP_sub, a.base ? a.base : int64_of(e, 0), b.base);
    if (!base)
        return a.base == b.base ? index_constant(a.offset - b.offset) : index_constant(0);
    return (Index){base, align, a.offset - b.offset, a.low - b.high, a.high - b.low};
}

static bool
product(Emit *e, Index x, Index y, Index *ret)
{
    if (!x.base && x.offset >= 0)
        *ret = index_scale(e, y, x.offset);
    else if (!y.base && y.offset >= 0)
        *ret = index_scale(e, x, y.offset);
    else
        return false;
    return true;
}

/* a & mask, the mask positive and one less than a power of two, or minus such a power. */
static bool
masked(Emit *e, Index a, int64_t mask, Index *ret)
{
    int64_t by = mask < 0 ? -mask : mask + 1, residue;

    if (by & (by - 1))
        return false;
    if (mask > 0) {
        *ret = remainder_of(e, a, by);
        return true;
    }
    if (!index_residue(a, by, &residue))
        return false;
    *ret = index_add(e, a, index_constant(-residue));
    return true;
}

static bool
is_constant(Index x)
{
    return !x.base;
}

/* op on indices gives an index. */
static bool
fold_index(Emit *e, Op op, Index x, Index y, Index *ret)
{
    bool positive = is_constant(y) && y.offset > 0 && x.low >= 0;
    bool shift = is_constant(y) && y.offset >= 0 && y.offset < 31;

    switch (op) {
    case OP_add: *ret = index_add(e, x, y); return true;
    case OP_sub: *ret = difference(e, x, y); return true;
    case OP_mul: return product(e, x, y, ret);
    case OP_shl:
        if (shift)
            *ret = index_scale(e, x, INT64_C(1) << y.offset);
        return shift;
    case OP_lshr:
    case OP_ashr:
        if (shift && x.low >= 0)
            *ret = index_divide(e, x, INT64_C(1) << y.offset);
        return shift && x.low >= 0;
    case OP_idiv:
        if (positive)
            *ret = index_divide(e, x, y.offset);
        return positive;
    case OP_imod:
        if (positive)
            *ret = remainder_of(e, x, y.offset);
        return positive;
    case OP_and:
        return (positive || (is_constant(y) && y.offset < 0)) && masked(e, x, y.offset, ret);
    case OP_min:
    case OP_max:
        if (x.high <= y.low)
            *ret = op == OP_min ? x : y;
        else if (y.high <= x.low)
            *ret = op == OP_min ? y : x;
        else
            return false;
        return true;
    default: return false;
    }
}

/* Whether a comparison is decided by bounds: 1, 0, or -1 for not. */
static int
decide(Op op, Index x, Index y)
{
    bool same = x.base == y.base;
    bool below = same ? x.offset < y.offset : x.high < y.low;
    bool above = same ? x.offset > y.offset : x.low > y.high;
    bool not_below = same ? !below : x.low >= y.high;
    bool not_above = same ? !above : x.high <= y.low;

    switch (op) {
    case OP_lt: return below ? 1 : not_below ? 0 : -1;
    case OP_ge: return below ? 0 : not_below ? 1 : -1;
    case OP_gt: return above ? 1 : not_above ? 0 : -1;
    case OP_le: return above ? 0 : not_above ? 1 : -1;
    case OP_eq: return below || above ? 0 : same ? 1 : -1;
    case OP_ne: return below || above ? 1 : same ? 0 : -1;
    default: return -1;
    }
}

bool
index_pointwise(Emit *e, Op op, Index x, Index y, Value *ret)
{
    int known = decide(op, x, y);
    Index r;

    if (known >= 0) {
        *ret = uniform_value(LLVMConstInt(e->i1, (unsigned long long)known, false));
        return true;
    }
    if (!fold_index(e, op, x, y, &r) || !index_fits(r))
        return false;
    *ret = index_value(r);
    return true;
}
