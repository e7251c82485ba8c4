/* SPDX-License-Identifier: Apache-2.0
 *
 * fold.c -- what folds do with two values and with their partial results
 */
#include "backends/llvm/emit.h"

LLVMValueRef
combine_folds(Emit *e, FoldKind kind, DType d, LLVMValueRef x, LLVMValueRef y)
{
    return build_op(e, (Op)fold_op[kind], d, x, y, NULL);
}

/* ---- partial results */

typedef LLVMValueRef JoinFn(Emit *e, FoldKind kind, DType d, LLVMValueRef x, LLVMValueRef y);

static LLVMValueRef
join_numbers(Emit *e, FoldKind kind, DType d, LLVMValueRef x, LLVMValueRef y)
{
    return extreme_number(e, d, kind == FOLD_max, x, y);
}

/* p[i] = p[i] (op) p[i + s] for s in 8, 4, 2, 1, as far as there are partial results. */
static LLVMValueRef
join_all(Emit *e, JoinFn *join, FoldKind kind, DType d, LLVMValueRef *p, unsigned n)
{
    for (unsigned s = FOLD_PARTIALS / 2; s; s /= 2)
        for (unsigned i = 0; i < s; i++)
            if (i + s < n)
                p[i] = join(e, kind, d, p[i], p[i + s]);
    return p[0];
}

/* Where some p is NaN: a comparison tests two. */
static LLVMValueRef
any_nan(Emit *e, LLVMValueRef *p, unsigned n)
{
    LLVMValueRef numbers = NULL;

    for (unsigned i = 0; i < n; i += 2) {
        LLVMValueRef two = LLVMBuildFCmp(e->b, LLVMRealORD, p[i], p[i + 1 < n ? i + 1 : i], "");
        numbers = numbers ? LLVMBuildAnd(e->b, numbers, two, "") : two;
    }
    return LLVMBuildNot(e->b, numbers, "");
}

LLVMValueRef
fold_partials(Emit *e, FoldKind kind, DType d, LLVMValueRef *p, uint64_t total)
{
    unsigned n = total < FOLD_PARTIALS ? (unsigned)total : FOLD_PARTIALS;

    if ((kind != FOLD_max && kind != FOLD_min) || !dtype_is_float(d))
        return join_all(e, combine_folds, kind, d, p, n);
    LLVMValueRef nan = any_nan(e, p, n);
    return nan_where(e, d, nan, join_all(e, join_numbers, kind, d, p, n));
}
