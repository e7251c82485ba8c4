/* SPDX-License-Identifier: Apache-2.0
 *
 * use.c -- short ways to use the C API in its tests
 */
#include "tests/api/use.h"

#include <CUnit/CUnit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t
count_settings(const EbmSetting *s)
{
    size_t n = 0;

    while (n < 4 && s[n].name)
        n++;
    return n;
}

bool
worked(EbmStatus status, EbmReport *report)
{
    CU_ASSERT_EQUAL(status, EBM_OK);
    if (status != EBM_OK)
        fprintf(stderr, "%s", ebm_report_text(report));
    ebm_report_free(report);
    return status == EBM_OK;
}

void
refused(EbmStatus status, EbmReport *report, EbmStatus expected, const char *words)
{
    bool said = strstr(ebm_report_text(report), words) != NULL;

    CU_ASSERT_EQUAL(status, expected);
    CU_ASSERT_TRUE(said);
    if (status != expected || !said)
        fprintf(stderr, "expected '%s' (%s), found (%s) %s\n", words, ebm_status_name(expected),
                ebm_status_name(status), ebm_report_text(report));
    CU_ASSERT_EQUAL(ebm_report_status(report), expected);
    ebm_report_free(report);
}

EbmProgram *
use_program(const Use *use)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmProgram *program = NULL;
    EbmReport *report = NULL;

    o.source = use->source;
    o.source_size = use->source ? strlen(use->source) : 0;
    o.energy = use->energy;
    o.sampler = use->sampler;
    o.statics = use->statics, o.n_statics = count_settings(use->statics);
    o.energy_settings = use->numbers, o.n_energy_settings = count_settings(use->numbers);
    o.sampler_settings = use->options, o.n_sampler_settings = count_settings(use->options);
    o.inputs = use->inputs, o.n_inputs = use->n_inputs;
    o.init = use->init;
    o.dtype = use->dtype ? use->dtype : EBM_TYPE_f32;
    EbmStatus status = ebm_program_create(&o, &program, &report);
    return worked(status, report) ? program : NULL;
}

EbmKernel *
use_kernel(const Use *use)
{
    EbmKernelOptions o = EBM_KERNEL_OPTIONS_INIT;
    EbmProgram *program = use_program(use);
    EbmKernel *kernel = NULL;
    EbmReport *report = NULL;

    if (!program)
        return NULL;
    o.backend = use->interpreter ? EBM_BACKEND_interpreter : EBM_BACKEND_llvm;
    o.cache = use->cache_dir ? EBM_CACHE_on : EBM_CACHE_off;
    o.cache_dir = use->cache_dir;
    o.lanes = use->lanes;
    o.level = use->level == 2 ? 0 : 1;
    EbmStatus status = ebm_kernel_create(program, &o, &kernel, &report);
    ebm_program_free(program);
    return worked(status, report) ? kernel : NULL;
}

EbmRun *
use_run(EbmKernel *kernel, EbmRunOptions plan)
{
    EbmRun *run = NULL;
    EbmReport *report = NULL;

    if (!kernel)
        return NULL;
    EbmStatus status = ebm_run_create(kernel, &plan, &run, &report);
    ebm_kernel_free(kernel);
    return worked(status, report) ? run : NULL;
}

void *
use_sample(EbmRun *run, uint64_t chains, uint64_t kept, uint64_t x, EbmType type)
{
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    EbmReport *report = NULL;
    void *draws = calloc(chains * kept * x + 1, ebm_type_size(type));

    o.draws = ebm_array(type, 3, (uint64_t[]){chains, kept, x}, draws);
    EbmStatus status = ebm_run_sample(run, &o, &report);
    worked(status, report);
    return draws;
}
