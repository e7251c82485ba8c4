/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h -- what a run that was stopped needs to go on.
 *
 * A .npz of every value a chain keeps (x first), the next step and the seed.  A run that goes
 * on from it gives the draws that it would have given.
 */
#ifndef EBM_TOOLS_STATE_H
#define EBM_TOOLS_STATE_H

#include "tools/session.h"

int state_save(const Session *s, const EbmRunOptions *plan, const char *path);

/* Also checks that chains and seed are those of the plan. */
int state_load(const Session *s, const EbmRunOptions *plan, const char *path);

#endif
