/* SPDX-License-Identifier: Apache-2.0
 *
 * use.h -- short ways to use the C API in its tests
 *
 * What should succeed and does not is a failed check with the report's text.
 */
#ifndef EBM_TESTS_API_USE_H
#define EBM_TESTS_API_USE_H

#include <ebm/ebm.h>
#include <stdbool.h>

/* A kernel of an energy of the standard library, or of `source` if that is not NULL. */
typedef struct Use {
    const char *source, *energy, *sampler;
    EbmSetting statics[4], numbers[4], options[4]; /* up to the first without a name */
    const EbmNamed *inputs;
    size_t n_inputs;
    EbmInit init;
    EbmType dtype; /* none: f32 */
    bool interpreter;
    unsigned lanes, level; /* level 2 stands for 0 */
    const char *cache_dir; /* NULL: no cache */
} Use;

EbmProgram *use_program(const Use *use);
EbmKernel *use_kernel(const Use *use);

/* Like ebm_run_create; takes the kernel, which the run keeps. */
EbmRun *use_run(EbmKernel *kernel, EbmRunOptions plan);

/* True for EBM_OK, and a failed check otherwise; frees the report. */
bool worked(EbmStatus status, EbmReport *report);

/* A check that the call failed like this, with `words` in its text; frees the report. */
void refused(EbmStatus status, EbmReport *report, EbmStatus expected, const char *words);

/* Draws of a whole run [chains, kept, ...x] in the program's dtype, for free(). */
void *use_sample(EbmRun *run, uint64_t chains, uint64_t kept, uint64_t x, EbmType type);

#endif
