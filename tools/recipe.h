/* SPDX-License-Identifier: Apache-2.0
 *
 * recipe.h -- options that a model's file gives.
 *
 * `train { batch = 256 }` stands for `--batch 256` of the command `train`, `sample { ... }` for
 * options of `sample`; what the command line says goes before it.
 */
#ifndef EBM_TOOLS_RECIPE_H
#define EBM_TOOLS_RECIPE_H

#include "tools/args.h"

/* Adds the lines of the model's recipe for the command, if it has one.  EXIT_done, or reported,
 * as is what is wrong with the file: without its recipe nothing that a command misses can be
 * told. */
int apply_recipe(Args *args);

#endif
