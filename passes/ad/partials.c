/* SPDX-License-Identifier: Apache-2.0
 *
 * partials.c -- derivatives of pointwise ops: the columns of ops.def
 */
#include "passes/ad/ad.h"

#include <string.h>

#include "passes/ad/vocabulary.h"

void
ad_partials(Builder *b, Op op, unsigned mask, const Ref arg[3], Ref result, const Ref cot[3],
            Ref ret[3])
{
    V x = {b, arg[0]}, y = {b, arg[1]}, z = {b, arg[2]}, r = {b, result}, out[3] = {{0}};
    DType d = (DType)ir_type(b->function, result).dtype;

    (void)z;
    // clang-format off
#define tie_(first, both) share_tie_(first, both, d)
#define NONE ((V){b, NO_REF})
#define ZERO ((V){b, NO_REF})
#define NONDIFF ((V){b, NO_REF})
    switch (op) {
#define PARTIAL(k, expression) if (mask >> k & 1) { V g = {b, cot[k]}; (void)g; out[k] = expression; }
#define POINTWISE(name, arity, class, eval, llvm, dx, dy, dz, ...) \
    case OP_##name: PARTIAL(0, dx) PARTIAL(1, dy) PARTIAL(2, dz) break;
#include "ir/ops.def"
    default: assert(!"a pointwise op");
    }
#undef NONE
#undef ZERO
#undef NONDIFF
    // clang-format on
    for (unsigned k = 0; k < 3; k++)
        ret[k] = out[k].r;
}

/* What stands in a partial's column, by its first token. */
enum { COLUMN_NONE, COLUMN_ZERO, COLUMN_NONDIFF, COLUMN_SMOOTH };

// clang-format off
#define COLUMN_TEXT(dx) #dx
#define POINTWISE(name, arity, class, eval, llvm, dx, dy, dz, ...) \
    [OP_##name] = {COLUMN_TEXT(dx), COLUMN_TEXT(dy), COLUMN_TEXT(dz)},
static const char *const column[OP_COUNT][3] = {
#include "ir/ops.def"
};
// clang-format on

static int
column_kind(const char *text)
{
    return !text || strcmp(text, "NONE") == 0 ? COLUMN_NONE
           : strcmp(text, "ZERO") == 0        ? COLUMN_ZERO
           : strcmp(text, "NONDIFF") == 0     ? COLUMN_NONDIFF
                                              : COLUMN_SMOOTH;
}

static unsigned
columns_of(Op op, int kind)
{
    unsigned mask = 0;

    for (unsigned k = 0; k < 3; k++)
        mask |= (unsigned)(column_kind(column[op][k]) == kind) << k;
    return mask;
}

unsigned
ad_smooth(Op op)
{
    return columns_of(op, COLUMN_SMOOTH);
}

unsigned
ad_nondiff(Op op)
{
    return columns_of(op, COLUMN_NONDIFF);
}
