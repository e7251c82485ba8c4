/* SPDX-License-Identifier: Apache-2.0
 *
 * stop.h -- Ctrl-C, SIGTERM and the end of the terminal while something runs.
 *
 * The first asks the run to stop between two steps; a second one ends the process as usual.
 */
#ifndef EBM_TOOLS_STOP_H
#define EBM_TOOLS_STOP_H

typedef void CancelFn(void *user); /* may be called from a signal handler */

/* Until catch_nothing; one at a time. */
void catch_signals(CancelFn *cancel, void *user);
void catch_nothing(void);

#endif
