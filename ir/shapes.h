/* SPDX-License-Identifier: Apache-2.0
 *
 * shapes.h -- the type rule of every op.
 *
 * One rule serves the constructor (which asserts), the reader and the verifier (which report).
 */
#ifndef EBM_IR_SHAPES_H
#define EBM_IR_SHAPES_H

#include "ir/ir.h"

/* A node that is to be, or is. */
typedef struct ShapeQuery {
    const Module *module; /* for callees */
    const Function *function;
    Op op;
    Type given; /* for ops whose type does not follow from their operands */
    uint32_t n_args;
    const Ref *arg;
    const Attr *attr;
    uint32_t n_regions;
    const RegionId *own;
} ShapeQuery;

/* What it yields: one type, or several. */
typedef struct ShapeResult {
    Type type; /* DT_none when there are several results */
    uint32_t n_results;
    Type *result;    /* in the arena given */
    const char *why; /* set when the rule is broken: what was expected */
} ShapeResult;

/* False, with `why`, when the node breaks its rule.  Operands must be nodes of the function. */
bool shape_infer(Arena *arena, const ShapeQuery *q, ShapeResult *ret);

/* The letters of "ij,jk->ik".  Operand shapes give the extents. */
typedef struct ContractSpec {
    char x[MAX_RANK + 1], y[MAX_RANK + 1], out[MAX_RANK + 1];
    char sum[2 * MAX_RANK + 1]; /* contracted letters, in the order in which they are run
                                   through: x's, then y's */
} ContractSpec;

/* False when the text is malformed: letters a-z, each at most once an operand, those of the
 * result among the operands'. */
bool contract_parse(const char *text, ContractSpec *ret);

#endif
