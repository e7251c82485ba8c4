/* SPDX-License-Identifier: Apache-2.0
 *
 * lower.h -- bulk operations become loops over scalars.
 *
 * In what comes out, the loop form, operations are on numbers: `at` reads elements, loops yield
 * numbers.  Arrays are what a loop stores and what control flow yields or carries, constants
 * and inputs; only `update` may put one into another one, as a row.
 *
 * A region is lowered in three steps.  plan.c decides which arrays exist in memory and in which
 * loop each is computed: nodes of one index space that can run together share an Item.
 * element.c says what one element of an array is, as scalar code: arrays that need not exist
 * are evaluated where they are read.  emit.c walks the items in order and writes the loops.
 */
#ifndef EBM_PASSES_LOWER_LOWER_H
#define EBM_PASSES_LOWER_LOWER_H

#include "ir/ir.h"

typedef enum Place {
    PLACE_scalar,  /* one number: emitted when asked for */
    PLACE_leaf,    /* an array that exists already: a parameter, a constant, a result of control
                      flow */
    PLACE_virtual, /* evaluated element by element where it is read */
    PLACE_grouped, /* a member of an item's loop */
    PLACE_control, /* an item of its own: control flow, linear algebra, updates */
} Place;

/* What the plan knows of a node of the function that is lowered. */
typedef struct Info {
    uint8_t place;
    bool live;
    bool stored;     /* grouped: read outside its loop or at other indices, hence in memory */
    bool whole;      /* must exist as an array: yielded, carried, updated */
    bool contracted; /* read by a contraction: each element many times */
    uint8_t rate;   /* 0 uniform and fixed for the run, 1 uniform, 2 per chain: loops do not mix
                       them */
    uint32_t uses;  /* by live nodes and yields */
    uint32_t user;  /* the last one; meaningful when uses == 1 */
    uint32_t last;  /* greatest id of a user in its own region */
    uint32_t item;  /* grouped, control: its item in its region's plan */
    uint32_t ready; /* first item that may read it whole */
} Info;

/* Members of one loop nest, or one control node. */
typedef struct Item {
    bool control;
    uint8_t rate;
    Type space; /* extents, when not control */
    uint32_t *member;
    size_t n, cap;
} Item;

typedef struct Plan {
    Item *item;
    size_t n, cap;
} Plan;

typedef struct Lower {
    const Function *in;
    Builder b;
    Arena *arena;  /* scratch of this function's lowering */
    Info *info;    /* by node of `in` */
    Ref *value;    /* what a scalar or a whole array has become */
    Ref *element;  /* of a grouped node, inside the loop of its item */
    bool inside;   /* a loop of items is open */
    uint32_t item; /* the item whose loop is open */
    Plan *plan;    /* of the region that is lowered */
    bool by_rate;  /* what is fixed is planned before what moves, whatever the program order */
    Ref index[MAX_RANK]; /* of the open loop */
    unsigned rank;
} Lower;

static inline const Node *
lower_node(const Lower *l, Ref r)
{
    return &l->in->node[r.id];
}

/* Plans region r: sets info[] of its nodes. */
Plan lower_plan(Lower *l, RegionId r);

/* Fills info[].live, uses, whole, contracted, rate for the whole function. */
void lower_survey(Lower *l);

/* Is node id computed before any loop of r's plan, i.e. outside region r? */
bool lower_is_outer(const Lower *l, uint32_t id, RegionId r);

/* Element `index` (one scalar i32 an axis) of node r of `in`, as scalar code at the builder. */
Ref lower_element(Lower *l, Ref r, const Ref *index);

/* A scalar by its op's rule: the element of an array of rank 0. */
Ref lower_scalar_element(Lower *l, const Node *n);

/* The scalar, or the whole array, that r has become; emits a scalar that is not there yet. */
Ref lower_value(Lower *l, Ref r);

/* Emits every scalar that elements of r need, outside of the loops that will need them. */
void lower_prefetch(Lower *l, Ref r);

/* Lowers the nodes of region r of `in` into the builder's region and returns its yields,
 * scalars or whole arrays. */
void lower_region(Lower *l, RegionId r, Ref *ret_yield);

/* Items of their own: emits node id and sets value[]. */
void lower_control(Lower *l, uint32_t id);
void lower_linalg(Lower *l, uint32_t id);

/* A new array holding the elements of r. */
Ref lower_copy(Lower *l, Ref whole, Type type);

/* Small index arithmetic. */
Ref lower_int(Lower *l, int64_t value);
Ref lower_add(Lower *l, Ref i, int64_t c);
Ref lower_linear(Lower *l, Type shape, const Ref *index);
FoldKind lower_fold_kind(Op op);

#endif
