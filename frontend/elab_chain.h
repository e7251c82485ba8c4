/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_chain.h -- samplers and optimizers at work: as they move something, and as values.
 */
#ifndef EBM_FRONTEND_ELAB_CHAIN_H
#define EBM_FRONTEND_ELAB_CHAIN_H

#include "frontend/elab.h"

/* ---- applied to what they move (elab_moves*.c) ---- */

/* One name of a `state` or `cache`. */
typedef struct Kept {
    const char *name;
    Span span;
    Type type; /* of a number */
    bool cache;
    bool anew; /* a cache that every step computes from what is moved: it is not kept */
} Kept;

/* A sampler or an optimizer applied to what it moves: `x` or `w`, the first argument that is an
 * array or a number without a default. */
typedef struct Moves {
    FnVal *fn;
    const Decl *decl;
    const Stmt *step; /* NULL: the body is the step */
    const Param *moved;
    Type type;   /* of what is moved */
    bool lifted; /* an optimizer of one element, given an array: elementwise */
    bool counts; /* `t` counts its steps; else it is that of whoever makes them */
    bool owned;  /* its arguments may change with what its owner keeps */
    Named *arg;  /* the other arguments: values, or expressions evaluated anew at each step */
    uint32_t n_args;
    Kept *kept; /* known once it has started */
    uint32_t n_kept;
    const char **report; /* names, also of those that stand in branches and loops */
    uint32_t n_reports;
} Moves;

/* ... between two steps. */
typedef struct ChainVal {
    const Moves *of;
    Value t;       /* if it counts */
    Value x;       /* what is moved */
    Value *kept;   /* one a Kept: numbers and chains; NO_VALUE where made anew */
    Value *report; /* of the step before, NaN if it made none; NO_VALUE: no step before */
} ChainVal;

bool elab_is_machine(const FnVal *fn); /* a sampler or an optimizer */
/* Applies `fn` to arguments and something of type x; false after an error. */
bool elab_moves_begin(Elab *e, Moves *m, FnVal *fn, const Named *arg, uint32_t n_args, Type x);
/* The chain before its first step. */
Value elab_moves_start(Elab *e, Moves *m, Value x);
/* The chain after one more step.  The values of `change` stand for arguments in this step only;
 * `now` is where the step is asked for, NULL if no argument of the chain is an expression
 * there. */
Value elab_moves_step(Elab *e, const ChainVal *chain, const Named *change, uint32_t n_change,
                      const Env *now);
/* The chain with v in the place of what it moves: its caches follow. */
Value elab_moves_to(Elab *e, const ChainVal *chain, Value v, const Env *now);
/* An argument of the chain as its next step would see it. */
Value elab_moves_argument(Elab *e, const ChainVal *chain, const Param *p, const Env *now);
/* Report i; 0 before the first step. */
Value elab_chain_report(Elab *e, const ChainVal *chain, uint32_t i);
/* What is kept of a chain from step to step, in order: what is moved first; and the names. */
uint32_t elab_chain_leaves(Elab *e, const ChainVal *chain, Value *leaf, const char **name,
                           uint32_t cap);
/* The chain with its leaves replaced, and nothing reported. */
Value elab_chain_with(Elab *e, const ChainVal *chain, const Value *leaf);

/* ---- values of the text (elab_chain.c, elab_run.c) ---- */

/* Is it a number of steps? */
bool elab_is_count(const Elab *e, Value v);
/* What is moved has the dtype of the run, as the state of a chain has; false after an error. */
bool elab_movable(Elab *e, Value *x, Span span);
/* As elab_moves_step, but a sampler's step to what is not finite is not taken. */
Value elab_step_chain(Elab *e, const ChainVal *chain, const Named *change, uint32_t n_change,
                      const Env *now);
/* `using(E, x, mass = m)`: a chain. */
Value elab_make_chain(Elab *e, const Env *env, FnVal *fn, const Expr *x);
/* What a chain moves, its states, reports and arguments; what it moves can be set. */
Value elab_chain_member(Elab *e, const Env *env, const ChainVal *chain, const Expr *x);
/* `c.x = v`, c being that chain. */
void elab_chain_assign(Elab *e, Env *env, const ChainVal *chain, const Expr *x, Value v);
/* `c.step()` */
void elab_run_call(Elab *e, Env *env, const Stmt *s);

/* While a `state` statement is evaluated again in a later step, the chains it made, in order.
 */
typedef struct Keeping {
    const ChainVal **chain; /* NULL: they start now */
    uint32_t n, at;
    bool move; /* what the owner moves was moved by another: they start from it again */
} Keeping;

#endif
