/* SPDX-License-Identifier: Apache-2.0
 *
 * harness.h -- derivatives of a function against differences and against each other
 */
#ifndef EBM_TESTS_PASSES_HARNESS_H
#define EBM_TESTS_PASSES_HARNESS_H

#include "ir/interp.h"
#include "passes/pass.h"

/* A module under test and where its arguments are drawn from. */
typedef struct Subject {
    const char *name;
    Arena *arena;
    Module *m;
    double low, high; /* of real arguments */
    uint64_t seed;    /* of arguments and directions */
    double step;      /* of differences; 0: 1e-5 */
    double tolerance; /* relative; 0: 1e-6 */
} Subject;

/* A function of s->m with its real arguments in order: its vjp (by all of them, and cotangents
 * as further arguments; results: the gradients) or jvp (results: the tangents), as a function.
 */
Function *harness_vjp(Subject *s, const Function *f);
Function *harness_jvp(Subject *s, const Function *f);
/* x -> laplacian by argument 0. */
Function *harness_laplacian(Subject *s, const Function *f);

/* Checks reverse and forward mode against central differences of f; prints what differs.
 * Returns how many comparisons fail. */
int harness_check(Subject *s, const Function *f);

/* Checks the Laplacian by argument 0 against the trace of its Hessian by jvp(grad). */
int harness_check_laplacian(Subject *s, const Function *f);

/* Checks that simplify and merge give f's results to the bit (NaN being NaN). */
int harness_check_exact(Subject *s, const Function *f);

/* f, f where its first argument is another, and its gradients, side by side. */
Function *harness_beside(Subject *s, const Function *f);

/* Random bits, uniform reals. */
uint64_t harness_bits(uint64_t *state);

#endif
