/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h -- what a run is to the other parts of the C API.
 */
#ifndef EBM_API_RUN_H
#define EBM_API_RUN_H

#include "api/kernel.h"
#include "api/report.h"

/* A value that the kernel may read: data, a condition or a parameter. */
typedef struct Bound {
    const char *name;
    Type type;
    const ProgramData *range; /* NULL for parameters */
    RtArray value;            /* no data: not set */
    bool set;
    uint32_t input; /* index in the manifest; UINT32_MAX: the kernel does not read it */
} Bound;

struct EbmRun {
    EbmKernel *kernel;
    RtRun *run;
    uint64_t seed, params_seed;
    Bound *bound; /* data, then conditions, then parameters */
    size_t n_bound, first_param;
    bool *hyper_set; /* one a hyperparameter of the manifest */
    RtArray start;   /* points, of x's type, [chains, ...x] or [...x] */
    bool has_start;
    bool params_made; /* all of them have values */
};

/* Hands arrays to the kernel, drawing parameters that nobody set; reports what is missing. */
EbmStatus run_bind(EbmRun *run, EbmReport **ret_report);

/* What may be set only before chains move. */
EbmStatus run_check_waiting(const EbmRun *run, EbmReport **ret_report);

/* The run's values before the first is set. */
bool run_list_values(EbmRun *run);
void run_clear_values(EbmRun *run);

#endif
