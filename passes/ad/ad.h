/* SPDX-License-Identifier: Apache-2.0
 *
 * ad.h -- differentiation, inside.
 *
 * A derivative is written into a new function: the source's nodes are copied, and next to them
 * stand their tangents (forward, jvp.c) or, afterwards and backwards, their cotangents
 * (reverse, vjp.c).  What is written are ordinary nodes, so that derivatives of derivatives
 * need nothing more.  Source functions are free of calls: derive.c inlines them first.
 *
 * Forward mode has two parts.  Part 0 is the tangent; with `columns` set it is that many
 * tangents side by side in one further, last axis.  Part 1 exists for Laplacians alone: the
 * second-order term, of the value's own type.
 */
#ifndef EBM_PASSES_AD_AD_H
#define EBM_PASSES_AD_AD_H

#include "passes/rebuild.h"

enum { MAX_PARTS = 2 };

/* What depends on the active arguments. */
typedef struct Activity {
    bool *node;    /* by id */
    bool **result; /* by id of a node with several results */
} Activity;

/* What the reverse sweep of a `for` or `while` finds of the forward one. */
typedef struct Tape {
    Ref turns; /* how many there were */
    Ref from;  /* index of the first */
    Ref *kept; /* array over the turns for each carried value, or NO_REF */
} Tape;

/* What the reverse of a `for` or `while` needs of the forward one. */
typedef struct Needs {
    bool *value;  /* by carried value: what it was at each turn */
    bool ordered; /* what turns hand on is used: they are run through from the last on */
} Needs;

typedef struct Ad {
    Rebuild copy; /* of the source; copy.b is where everything goes */
    const Function *f;
    PassContext *ctx;
    Activity active;
    /* forward: tangents by part and id */
    unsigned parts, part;
    uint32_t columns; /* 0: one tangent, without the further axis */
    Ref *tan[MAX_PARTS];
    Ref **tans[MAX_PARTS];
    Ref seed; /* the identity matrix of tangents that a Laplacian starts with, or NO_REF */
    /* reverse: cotangents by id */
    Ref *cot;
    Ref **cots;
    Tape *tape;
    bool *leaf;   /* `at` nodes whose cotangent is collected and not scattered */
    Needs **need; /* by id of a loop; shared by copies */
} Ad;

/* ---- the analysis */

/* False after a diagnostic: the derivative of an op that has none is asked for. */
bool ad_activity(PassContext *ctx, const Function *f, const bool *active_param, Activity *ret);

/* Nodes outside `region` that are used in it (only_active: those that are active), ascending.
 */
uint32_t ad_captures(const Ad *a, RegionId region, bool only_active, uint32_t **ret);

/* Is any result of the node active? */
bool ad_is_active(const Ad *a, uint32_t id);

/* ---- pointwise ops: the table's columns */

/* For each operand k in `mask`, the partial times g[k]; NO_REF where it is 0. */
void ad_partials(Builder *b, Op op, unsigned mask, const Ref x[3], Ref r, const Ref g[3],
                 Ref ret[3]);
/* Operands by which the derivative of a pointwise op is not 0, and those by which it has none.
 */
unsigned ad_smooth(Op op);
unsigned ad_nondiff(Op op);

/* ---- forward */

/* Copies f's body to b with arguments `arg` and tangents `tan` (NO_REF: 0); tangents of the
 * results (NO_REF: 0) into ret_tan, values into ret_value.  False after a diagnostic. */
bool ad_forward(PassContext *ctx, Builder *b, const Function *f, const Ref *arg, const Ref *tan,
                Ref *ret_value, Ref *ret_tan);

/* Walks the nodes of a region, its parameters being mapped. */
void ad_forward_nodes(Ad *a, RegionId region);

/* Operand k and its tangent in the part at hand. */
Ref ad_arg(const Ad *a, const Node *n, uint32_t k);
Ref ad_tan(const Ad *a, const Node *n, uint32_t k);
/* The same, 0 made explicit. */
Ref ad_tan_full(Ad *a, const Node *n, uint32_t k);
/* Has the part at hand the further axis?  The type of a tangent of a value of type t. */
bool ad_is_wide(const Ad *a);
Type ad_tan_type(const Ad *a, Type t);

/* The second-order term that comes of first-order ones, NO_REF when there is none
 * (laplacian.c). */
Ref ad_second(Ad *a, const Node *n);
Ref ad_second_contract(Ad *a, const Node *n);

/* ---- reverse */

/* Copies f's body to b, then cotangents of the parameters (NO_REF: 0) from those of the results
 * (NO_REF: 0).  False after a diagnostic. */
bool ad_reverse(PassContext *ctx, Builder *b, const Function *f, const Ref *arg,
                const bool *active, const Ref *cot, Ref *ret_value, Ref *ret_cot);

/* Copies a region's nodes, with tapes for the loops among them. */
void ad_copy_taped(Ad *a, RegionId region);
void ad_copy_turns(Ad *a, uint32_t id);
/* Runs through a region backwards; what it yields has its cotangents. */
void ad_reverse_region(Ad *a, RegionId region);
/* Forgets the cotangents of a region's nodes. */
void ad_clear_cot(Ad *a, RegionId region);
/* Adds to the cotangent of a node of the source. */
void ad_give(Ad *a, Ref to, Ref term);
/* The cotangent, 0 made explicit. */
Ref ad_cot_full(Ad *a, uint32_t id);

/* ---- shared by rules */

Ref ad_zero(Builder *b, Type t);
Ref ad_index(Builder *b, int64_t i);
/* The sum; NO_REF is 0. */
Ref ad_add(Builder *b, Ref x, Ref y);
/* A scratch function with parameters of the operands' types. */
Function *ad_scratch(Ad *a, Builder *ret_b);
/* d reduction / d x for prod, amax and amin: what each element counts for (reduce.c). */
Ref ad_reduce_slope(Builder *b, Op op, Ref x, Ref r, const Attr *axes);
/* r, repeated along the reduced axes of x. */
Ref ad_unreduce(Builder *b, Ref r, Type x, const Attr *axes);

/* One rule a structural op, in each mode.  Rules of nodes with regions handle all parts and
 * results themselves and return NO_REF; the others give the tangent of the part at hand. */
typedef Ref JvpRule(Ad *a, const Node *n);
/* g: cotangents of the results, of which at least one is not NO_REF. */
typedef void VjpRule(Ad *a, const Node *n, const Ref *g);
#define STRUCTURAL(name, ...) \
    JvpRule jvp_##name; \
    VjpRule vjp_##name;
#include "ir/ops.def"

/* ---- whole functions */

/* New functions of `out`; `f` may not be one of them.  NULL after a diagnostic. */
Function *ad_vjp(PassContext *ctx, Module *out, const Function *f, const char *name, uint32_t n,
                 const int64_t *active);
Function *ad_jvp(PassContext *ctx, Module *out, const Function *f, const char *name, uint32_t n,
                 const int64_t *active);
Function *ad_laplacian(PassContext *ctx, Module *out, const Function *f, const char *name,
                       int64_t active);

#endif
