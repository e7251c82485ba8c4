/* SPDX-License-Identifier: Apache-2.0
 *
 * program.h -- what a program is to the other parts of the C API.
 */
#ifndef EBM_API_PROGRAM_H
#define EBM_API_PROGRAM_H

#include <stdatomic.h>

#include "api/reading.h"
#include "runtime/kernel.h"

/* Nothing changes after it is made, its owners' number excepted. */
struct EbmProgram {
    atomic_uint owners; /* the client, and every kernel made from it */
    Reading reading;
    Program program;
    double seconds; /* that making it took */
};

EbmProgram *program_keep(const EbmProgram *program);

/* Does `value` suit the hyperparameter's type and range?  Else reported. */
EbmStatus check_hyper(const ProgramHyper *hyper, double value, EbmReport **ret_report);

/* Seconds of a clock that only goes forward. */
double clock_seconds(void);

#endif
