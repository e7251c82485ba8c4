/* SPDX-License-Identifier: Apache-2.0
 *
 * run.h -- what a run is to the other parts of the C API.
 */
#ifndef EBM_API_RUN_H
#define EBM_API_RUN_H

#include "api/values.h"

struct EbmRun {
    EbmKernel *kernel;
    RtRun *run;
    Values values;
    RtArray start; /* points, of x's type, [chains, ...x] or [...x] */
    bool has_start;
    bool given; /* the conditions of each chain are in their places */
};

#endif
