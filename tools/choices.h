/* SPDX-License-Identifier: Apache-2.0
 *
 * choices.h -- what is chosen by name, and with which settings: a session's first part.
 */
#ifndef EBM_TOOLS_CHOICES_H
#define EBM_TOOLS_CHOICES_H

#include "tools/session.h"

/* Each gives EXIT_done, or reports and gives what the process should return. */
int choose_names(Session *s);    /* energy, sampler, loss, optimizer, data set */
int choose_settings(Session *s); /* whose hyperparameter each option is */
void close_choices(Session *s);

/* The -S whose name a complaint about sizes mentions, or NULL. */
const Pair *static_in(const Session *s, const char *text);

/* `--ema` and its like set hyperparameters of optimizers that the user has not named: the one
 * that a complaint is of, if any, and the line that says which option it is. */
size_t wrapper_in(const Session *s, const char *text);
void help_with_wrapper(size_t wrapper);

/* Is it `--data two_moons`, which draws, rather than a file's name? */
bool names_dataset(const Pair *pair);

#endif
