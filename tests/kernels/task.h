/* SPDX-License-Identifier: Apache-2.0
 *
 * task.h -- a program, a way to run it, and all bits that come out
 *
 * Clients of the C API.  What a run leaves is held chain by chain, so that runs of different
 * numbers of chains can be compared.  Any failure to run is told on stderr and gives NULL.
 */
#ifndef EBM_TESTS_KERNELS_TASK_H
#define EBM_TESTS_KERNELS_TASK_H

#include <stdbool.h>

#include "ebm/ebm.h"

enum { TASK_SETTINGS = 4, TASK_INPUTS = 4 };

typedef struct Task {
    const char *name; /* for messages */
    const char *file; /* or NULL: the standard library */
    const char *energy, *sampler;
    EbmSetting statics[TASK_SETTINGS], energy_settings[TASK_SETTINGS],
        sampler_settings[TASK_SETTINGS]; /* each ends at a NULL name */
    EbmNamed inputs[TASK_INPUTS];        /* ends at a NULL name */
    EbmType dtype;
    EbmInit init;
    double low, high; /* of EBM_INIT_uniform */
    uint64_t steps;   /* 0: as the test likes */
} Task;

typedef struct Way {
    EbmBackend backend;
    uint32_t lanes, level, threads;
    uint64_t chains;
    uint64_t cut;      /* 0, or the step at which the run is interrupted */
    bool resume;       /* go on in a new run, from the states of the first */
    bool with_reports; /* ask for them */
    bool with_draws;
    const char *cpu;
} Way;

/* What each chain kept and holds, as bytes: [chain][size]. */
typedef struct Outcome {
    uint64_t chains, draw_bytes, state_bytes, value_bytes;
    unsigned char *draws;  /* NULL: not asked for */
    unsigned char *states; /* x, states, caches, one after another */
    unsigned char *values; /* energy and gradient where the chain ends */
    double *reports;       /* [kept][n_reports], NULL: not asked for, or none */
    uint64_t report_bytes;
    uint64_t *rejected; /* [chain] */
} Outcome;

EbmProgram *task_program(const Task *task);

EbmKernel *task_kernel(const Task *task, const EbmProgram *program, const Way *way);

/* The steps of a run that does not say. */
enum { TASK_STEPS = 7, TASK_WARMUP = 2, TASK_THIN = 2 };

Outcome *task_run(const Task *task, const EbmProgram *program, const EbmKernel *kernel,
                  const Way *way);
void outcome_free(Outcome *outcome);

/* Says on stderr what differs first, in the chains that both have. */
bool outcome_same(const char *name, const char *way, const Outcome *want, const Outcome *have);

#endif
