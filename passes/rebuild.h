/* SPDX-License-Identifier: Apache-2.0
 *
 * rebuild.h -- copying a function node by node, with a rule.
 *
 * The walk is written once.  Only what is live is copied: dead nodes, unused results of nodes
 * with regions and carried values that feed nothing vanish on the way, so that every pass
 * compacts. The results of a node are read right after it, whatever region the source read them
 * in.
 */
#ifndef EBM_PASSES_REBUILD_H
#define EBM_PASSES_REBUILD_H

#include "passes/pass.h"

/* What a function needs for its results. */
typedef struct Live {
    bool *node;    /* by id */
    bool **result; /* by id of a node with several results: is result i read, or carried? */
} Live;

Live live_find(const Function *f, Arena *arena);
/* Everything: for those who want each result of a node to have its copy. */
Live live_all(const Function *f, Arena *arena);

typedef struct Rebuild Rebuild;

/* Makes the node `id` of r->from in another way: sets r->map[id], or r->many[id] for several
 * results, and returns true.  False: it is copied. */
typedef bool Rule(Rebuild *r, uint32_t id);

/* The regions that are open in the copy, from the inside out. */
typedef struct Scope {
    RegionId region;
    Op op;     /* of the node that owns it */
    bool once; /* it is run at least once */
    struct Scope *outer;
} Scope;

struct Rebuild {
    const Module *in; /* for callees; NULL when there are none */
    const Function *from;
    Builder b;  /* where copies go */
    Ref *map;   /* by id: the copy of a single value */
    Ref **many; /* by id: the copies of several; unused ones are NO_REF */
    Live live;
    const uint8_t *vary; /* by id, as ir_variance gives it */
    Scope *scope;
    Rule *rule; /* or NULL */
    void *user;
    PassContext *ctx;
};

Rebuild rebuild_of(const Module *in, const Function *from, Builder b, PassContext *ctx);

/* Copies the nodes of a region to where the builder is; its parameters are mapped already. */
void rebuild_region(Rebuild *r, RegionId region);

/* One node.  rebuild_copy does not ask the rule. */
void rebuild_node(Rebuild *r, uint32_t id);
void rebuild_copy(Rebuild *r, uint32_t id);

/* The same with another attribute, as long as the source's. */
void rebuild_copy_with(Rebuild *r, uint32_t id, Attr attr);

/* A rule: makes what no turn of a loop changes outside the loop.  What costs more than a few
 * operations leaves only loops that are run at least once; nothing leaves a branch. */
bool rebuild_hoisted(Rebuild *r, uint32_t id);

/* A rule for `for` and `while`: what each turn hands on unchanged is not carried but used from
 * outside. */
bool rebuild_turns(Rebuild *r, uint32_t id);

/* Puts the body of `callee` (of r->in) in place of call `id`, under r's rule. */
void rebuild_inline(Rebuild *r, uint32_t id, const Function *callee);

/* Gives the function of the builder the parameters of the source. */
void rebuild_params(Rebuild *r);

/* Yields and names the results as in the source. */
void rebuild_results(Rebuild *r);

/* All of it: parameters, body, results. */
void rebuild_function(Rebuild *r);

/* Every function of a module, in order, with a rule. */
Module *rebuild_module(const Module *in, PassContext *ctx, Rule *rule, void *user);

static inline Ref
rebuild_arg(const Rebuild *r, const Node *n, uint32_t i)
{
    return r->map[n->arg[i].id];
}

#endif
