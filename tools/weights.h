/* SPDX-License-Identifier: Apache-2.0
 *
 * weights.h -- what a training learnt, as a file.
 */
#ifndef EBM_TOOLS_WEIGHTS_H
#define EBM_TOOLS_WEIGHTS_H

#include "tools/session.h"

/* Can weights be written to that name? */
int weights_check(const char *path);

/* Writes every parameter by its dotted name, or its moving average where the optimizer keeps
 * one.  *ret_numbers: how many numbers they are; *ret_averaged: they are averages. */
int weights_write(EbmTraining *training, const char *path, uint64_t *ret_numbers,
                  bool *ret_averaged);

#endif
