/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_rules.h -- what the type rules share; private to ir/shape*.c
 */
#ifndef EBM_IR_SHAPE_RULES_H
#define EBM_IR_SHAPE_RULES_H

#include "ir/shapes.h"

/* A rule: fills `ret`, returns NULL or what is wrong. */
typedef const char *ShapeRule(Arena *arena, const ShapeQuery *q, ShapeResult *ret);

/* One for each structural op: a missing one does not link. */
#define STRUCTURAL(name, ...) ShapeRule shape_##name;
#include "ir/ops.def"

static inline Type
shape_arg_type(const ShapeQuery *q, uint32_t i)
{
    return q->function->node[q->arg[i].id].type;
}

static inline Type
shape_ref_type(const ShapeQuery *q, Ref r)
{
    return q->function->node[r.id].type;
}

static inline const Region *
shape_own_region(const ShapeQuery *q, uint32_t i)
{
    return &q->function->region[q->own[i]];
}

static inline bool
shape_is_index(Type t)
{
    return t.rank == 0 && t.dtype == DT_i32;
}

#endif
