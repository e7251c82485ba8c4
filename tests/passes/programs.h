/* SPDX-License-Identifier: Apache-2.0
 *
 * programs.h -- small functions that between them use every op with a derivative
 */
#ifndef EBM_TESTS_PASSES_PROGRAMS_H
#define EBM_TESTS_PASSES_PROGRAMS_H

#include "ir/ir.h"

typedef struct Program {
    const char *name;
    void (*build)(Builder *b); /* parameters, body, yield */
    double low, high;          /* of the arguments */
    bool twice;                /* is the second derivative continuous where it is tested? */
} Program;

extern const Program programs[];
extern const size_t n_programs;

#endif
