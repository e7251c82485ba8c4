/* SPDX-License-Identifier: Apache-2.0
 *
 * names.h -- what the names on a command line mean, and were meant to be.
 *
 * A model is a file, or an energy of the library; what draws may also be a data set.
 */
#ifndef EBM_TOOLS_NAMES_H
#define EBM_TOOLS_NAMES_H

#include "tools/session.h"

bool is_file(const char *model);

/* Is there such a file, energy or data set of the library?  A mistyped command ends here too.
 */
int check_model(const Args *args);

/* Nothing fixes a static parameter: says which -S would.  False: none would. */
bool help_with_statics(const Session *s);

#endif
