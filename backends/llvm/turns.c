/* SPDX-License-Identifier: Apache-2.0
 *
 * turns.c -- loops of LLVM that count, and what is done only sometimes
 */
#include "backends/llvm/emit.h"

LLVMValueRef
phi_at(Emit *e, LLVMBasicBlockRef head, LLVMValueRef first, LLVMBasicBlockRef from)
{
    LLVMBasicBlockRef here = LLVMGetInsertBlock(e->b);
    LLVMValueRef at = LLVMGetFirstInstruction(head);

    if (at)
        LLVMPositionBuilderBefore(e->b, at);
    else
        LLVMPositionBuilderAtEnd(e->b, head);
    LLVMValueRef phi = LLVMBuildPhi(e->b, LLVMTypeOf(first), "");
    LLVMAddIncoming(phi, &first, &from, 1);
    LLVMPositionBuilderAtEnd(e->b, here);
    return phi;
}

Turns
turns_open(Emit *e, LLVMValueRef from, LLVMValueRef to, int64_t by, bool at_least_once)
{
    Turns t = {
        .before = LLVMGetInsertBlock(e->b), .to = to, .by = by, .at_least_once = at_least_once};

    t.head = new_block(e, "head");
    t.body = at_least_once ? t.head : new_block(e, "body");
    t.done = new_block(e, "done");
    LLVMBuildBr(e->b, t.head);
    LLVMPositionBuilderAtEnd(e->b, t.head);
    t.i = LLVMBuildPhi(e->b, e->i64, "");
    LLVMAddIncoming(t.i, &from, &t.before, 1);
    if (!at_least_once) {
        LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, t.i, to, ""), t.body, t.done);
        LLVMPositionBuilderAtEnd(e->b, t.body);
    }
    t.mark = memo_open(e);
    return t;
}

LLVMBasicBlockRef
turns_close(Emit *e, Turns *t)
{
    LLVMBasicBlockRef end = LLVMGetInsertBlock(e->b);
    LLVMValueRef next = LLVMBuildAdd(e->b, t->i, int64_of(e, t->by), "");

    LLVMAddIncoming(t->i, &next, &end, 1);
    if (t->at_least_once)
        LLVMBuildCondBr(e->b, LLVMBuildICmp(e->b, LLVMIntSLT, next, t->to, ""), t->head,
                        t->done);
    else
        LLVMBuildBr(e->b, t->head);
    LLVMPositionBuilderAtEnd(e->b, t->done);
    memo_close(e, t->mark);
    return end;
}

When
when_open(Emit *e, LLVMValueRef condition)
{
    When w = {.after = new_block(e, "after")};
    LLVMBasicBlockRef inside = new_block(e, "when");

    LLVMBuildCondBr(e->b, condition, inside, w.after);
    LLVMPositionBuilderAtEnd(e->b, inside);
    w.mark = memo_open(e);
    return w;
}

void
when_close(Emit *e, const When *w)
{
    LLVMBuildBr(e->b, w->after);
    memo_close(e, w->mark);
    LLVMPositionBuilderAtEnd(e->b, w->after);
}
