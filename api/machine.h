/* SPDX-License-Identifier: Apache-2.0
 *
 * machine.h -- what the machine gives to a run or a training.
 */
#ifndef EBM_API_MACHINE_H
#define EBM_API_MACHINE_H

#include "api/report.h"

/* Replaces 0, "as many as there are", by that number; more threads than there may be are
 * reported. */
EbmStatus machine_threads(uint32_t *threads, EbmReport **ret_report);

#endif
