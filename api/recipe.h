/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.h -- what makes a run or a training.
 *
 * Lines "name = value" say what was chosen, and a key says what program came of it.  A state
 * that was kept is taken up only where both are the same; where lines differ, they are what
 * the refusal names.  Nothing of the machine is in them, nor what changes no bit.
 */
#ifndef EBM_API_RECIPE_H
#define EBM_API_RECIPE_H

#include <stdio.h>

#include "api/training.h"

typedef struct Recipe {
    const char *lines;
    RtKey program;
} Recipe;

/* `column`: those of the program, or NULL. */
void recipe_write(const Values *values, const Column *column, FILE *out);

/* What the program's text and sizes come down to; false: no memory. */
bool recipe_program_key(const EbmProgram *program, RtKey *ret);

/* EBM_FORMAT_ERROR, naming the file and what differs, unless they are the same.  `kind`: "run"
 * or "training". */
EbmStatus recipe_compare(const Recipe *there, const Recipe *here, const char *path,
                         const char *kind, EbmReport **ret_report);

#endif
