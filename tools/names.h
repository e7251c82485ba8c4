/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h -- what the names on a command line mean, and were meant to be.
 *
 * A model is a file, or an energy of the library; an option that the table does not have is a
 * hyperparameter of the sampler, whose declaration says which there are.
 */
#ifndef EBM_TOOLS_NAMES_H
#define EBM_TOOLS_NAMES_H

#include "tools/session.h"

bool is_file(const char *model);

/* Is there such a file or energy of the library?  A mistyped command ends here too. */
int check_model(const Args *args);

/* Are the options that are in no table hyperparameters of the sampler? */
int check_options(const Session *s);

/* Nothing fixes a static parameter: says which -S would.  False: none would. */
bool help_with_statics(const Session *s);

#endif
