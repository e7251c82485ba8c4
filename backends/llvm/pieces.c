/* SPDX-License-Identifier: Apache-2.0
 *
 * pieces.c -- what threads share of a phase over the whole batch
 *
 * Each thread makes some rows of every array, the same ones of arrays that are equally long: a
 * piece is 16 rows.  What is not an array is made by all threads, and given by the first.
 */
#include <stddef.h>

#include "backends/llvm/emit.h"

void
pieces_open(Emit *e, uint32_t n)
{
    e->pieces = (Pieces){.n = n};
    if (n == 1)
        return;
    e->pieces.first = load_field(e, offsetof(EbmLaunch, first_block), e->i64);
    e->pieces.last = load_field(e, offsetof(EbmLaunch, last_block), e->i64);
}

void
pieces_close(Emit *e)
{
    e->pieces = (Pieces){.n = 1};
}

/* Where a bound of this launch's pieces falls among n. */
static LLVMValueRef
bound(Emit *e, LLVMValueRef piece, int64_t n)
{
    if (n == e->pieces.n)
        return piece;
    piece = LLVMBuildMul(e->b, piece, int64_of(e, n), "");
    return LLVMBuildUDiv(e->b, piece, int64_of(e, e->pieces.n), "");
}

static LLVMValueRef
lesser(Emit *e, LLVMValueRef x, LLVMValueRef y)
{
    return LLVMBuildSelect(e->b, LLVMBuildICmp(e->b, LLVMIntULT, x, y, ""), x, y, "");
}

void
each_piece(Emit *e, int64_t rows, PieceBody *body, void *user)
{
    int64_t whole = rows / PIECE, n = whole + (rows % PIECE != 0);
    LLVMValueRef first = bound(e, e->pieces.first, n), last = bound(e, e->pieces.last, n);

    if (whole) {
        LLVMValueRef end = whole == n ? last : lesser(e, last, int64_of(e, whole));
        Turns t = turns_open(e, first, end, 1, false);
        body(e, index_scale(e, (Index){t.i, 1, 0, 0, whole - 1}, PIECE), PIECE, user);
        turns_close(e, &t);
    }
    if (whole == n)
        return;
    When w = when_open(e, LLVMBuildICmp(e->b, LLVMIntEQ, last, int64_of(e, n), ""));
    body(e, index_constant(whole * PIECE), rows % PIECE, user);
    when_close(e, &w);
}

/* ---- results */

void
put_first(Emit *e, LLVMValueRef number, const Value *to, const Value *x, Type type)
{
    When w = when_open(e, LLVMBuildIsNull(e->b, number, ""));

    put(e, to, x, type);
    when_close(e, &w);
}

typedef struct Copy {
    const Value *to, *from;
    Type type;
} Copy;

static void
copy_piece(Emit *e, Index first, int64_t rows, void *user)
{
    const Copy *c = user;
    int64_t each = (int64_t)type_size(c->type) / c->type.dim[0];

    copy_dense(e, c->to, c->from, (DType)c->type.dtype, index_scale(e, first, each),
               (uint64_t)(rows * each));
}

void
put_pieces(Emit *e, const Value *to, const Value *x, Type type)
{
    Copy c = {to, x, type};

    if (e->pieces.n == 1)
        put(e, to, x, type);
    else if (!type.rank)
        put_first(e, e->pieces.first, to, x, type);
    else if (to->v != x->v)
        each_piece(e, type.dim[0], copy_piece, &c);
}
