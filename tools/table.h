/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h -- what a run found, as a table or as JSON.
 */
#ifndef EBM_TOOLS_TABLE_H
#define EBM_TOOLS_TABLE_H

#include <stdio.h>

#include "tools/session.h"

/* A finished run. */
typedef struct Result {
    const Session *session;
    EbmArray draws;               /* [chains, draws, ...x]; no data: nothing was kept */
    const double *reports;        /* [draws, reports] */
    uint64_t chains, kept, steps; /* steps made, with warm-up */
    uint64_t seed;
    double seconds, compile_seconds;
    bool from_cache;
    const char *path; /* where the draws are, or NULL */
    EbmRejected rejected;
} Result;

/* Mean, sd, quantiles, MCSE, ESS and R-hat of each scalar of `draws`, under the name. */
int print_draws(FILE *out, const char *name, const EbmArray *draws, uint32_t threads);

/* As few digits as read back to the same number. */
void print_exactly(FILE *out, double v);
/* `"name": v, `, and null for what is not finite. */
void print_json_number(FILE *out, const char *name, double v);

int print_table(FILE *out, const Result *r);
void print_json(FILE *out, const Result *r);

#endif
