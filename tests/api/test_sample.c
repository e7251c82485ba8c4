/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sample.c -- sampling through the C API: the same bits however the work is divided
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/api/use.h"

enum { D = 3 };

static EbmRunOptions
plan(uint64_t chains, uint64_t steps, unsigned threads)
{
    EbmRunOptions p = EBM_RUN_OPTIONS_INIT;

    p.chains = chains, p.steps = steps, p.warmup = 5, p.thin = 2, p.seed = 42;
    p.threads = threads;
    return p;
}

/* Samplers with draws, states and caches, rejections, loops. */
static const char *const samplers[] = {"langevin", "mala", "hmc", "nesterov", "baoab"};
enum { SAMPLERS = sizeof samplers / sizeof *samplers };

static Use
wells(const char *sampler)
{
    return (Use){.energy = "DoubleWell", .sampler = sampler, .statics = {{"d", "3"}}};
}

static float *
sample(const Use *use, EbmRunOptions p)
{
    EbmRun *run = use_run(use_kernel(use), p);
    float *draws = run ? use_sample(run, p.chains, p.steps / p.thin, D, EBM_TYPE_f32) : NULL;

    ebm_run_free(run);
    return draws;
}

static size_t
bytes(EbmRunOptions p)
{
    return p.chains * (p.steps / p.thin) * D * sizeof(float);
}

/* Are the draws numbers, and not all one number? */
static bool
vary(const float *draws, size_t size)
{
    bool moved = false;

    for (size_t i = 0; i < size / sizeof *draws; i++) {
        if (!isfinite(draws[i]))
            return false;
        moved |= draws[i] != draws[0];
    }
    return moved;
}

static void
test_threads(void)
{
    for (int s = 0; s < SAMPLERS; s++) {
        Use use = wells(samplers[s]);
        float *one = sample(&use, plan(1000, 20, 1));
        CU_ASSERT_TRUE(vary(one, bytes(plan(1000, 20, 1))));
        for (unsigned threads = 2; threads <= 5; threads += 3) {
            float *more = sample(&use, plan(1000, 20, threads));
            CU_ASSERT_EQUAL(memcmp(one, more, bytes(plan(1000, 20, 1))), 0);
            free(more);
        }
        free(one);
    }
}

static void
test_chains_beside(void)
{
    static const uint64_t chains[] = {1, 17, 1000};

    for (int s = 0; s < SAMPLERS; s++) {
        Use use = wells(samplers[s]);
        float *all = sample(&use, plan(1000, 20, 2));
        for (int i = 0; i < 3; i++) {
            float *some = sample(&use, plan(chains[i], 20, 2));
            CU_ASSERT_EQUAL(memcmp(all, some, bytes(plan(chains[i], 20, 1))), 0);
            free(some);
        }
        free(all);
    }
}

static void
test_interpreter(void)
{
    static const unsigned lanes[] = {4, 8, 16};

    for (int s = 0; s < SAMPLERS; s++) {
        Use use = wells(samplers[s]);
        use.interpreter = true;
        float *expected = sample(&use, plan(17, 20, 2));
        use.interpreter = false;
        for (int i = 0; i < 6; i++) {
            use.lanes = lanes[i % 3];
            use.level = i < 3 ? 1 : 2;
            float *found = sample(&use, plan(17, 20, 2));
            CU_ASSERT_EQUAL(memcmp(expected, found, bytes(plan(17, 20, 1))), 0);
            free(found);
        }
        free(expected);
    }
}

static void
test_f64(void)
{
    EbmRunOptions p = plan(17, 20, 2);
    double *draws[2];

    for (int i = 0; i < 2; i++) {
        Use use = wells("mala");
        use.dtype = EBM_TYPE_f64;
        use.interpreter = i;
        EbmRun *run = use_run(use_kernel(&use), p);
        draws[i] = use_sample(run, p.chains, p.steps / p.thin, D, EBM_TYPE_f64);
        ebm_run_free(run);
    }
    CU_ASSERT_EQUAL(memcmp(draws[0], draws[1], 17 * 10 * D * sizeof(double)), 0);
    CU_ASSERT_NOT_EQUAL(draws[0][0], (double)(float)draws[0][0]);
    free(draws[0]);
    free(draws[1]);
}

/* Moves a run to `last`, keeping draws from the first on that is not kept yet. */
static void
go_on(EbmRun *run, uint64_t last, float *draws, EbmRunOptions p, double *reports,
      uint64_t n_reports)
{
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    EbmReport *report = NULL;

    o.last_step = last;
    o.draws = ebm_array(EBM_TYPE_f32, 3, (uint64_t[]){p.chains, p.steps / p.thin, D}, draws);
    if (reports)
        o.reports =
            ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){p.steps / p.thin, n_reports}, reports);
    EbmStatus status = ebm_run_sample(run, &o, &report);
    worked(status, report);
}

static void
test_two_calls(void)
{
    for (int s = 0; s < SAMPLERS; s++) {
        Use use = wells(samplers[s]);
        EbmRunOptions p = plan(33, 20, 2);
        float *whole = sample(&use, p);
        EbmRun *run = use_run(use_kernel(&use), p);
        float *parts = calloc(1, bytes(p));
        for (uint64_t last = 3; last <= 25; last += 11)
            go_on(run, last, parts, p, NULL, 0);
        go_on(run, UINT64_MAX, parts, p, NULL, 0);
        CU_ASSERT_EQUAL(ebm_run_step(run), 25);
        CU_ASSERT_EQUAL(ebm_run_kept(run), 10);
        CU_ASSERT_EQUAL(memcmp(whole, parts, bytes(p)), 0);
        ebm_run_free(run);
        free(parts);
        free(whole);
    }
}

/* All states of a run, as a checkpoint holds them. */
static size_t
take_states(EbmRun *run, EbmKernel *kernel, uint64_t chains, EbmArray *ret)
{
    size_t n = ebm_kernel_state_count(kernel);

    for (size_t i = 0; i < n; i++) {
        EbmValueInfo info;
        EbmReport *report = NULL;
        ebm_kernel_state(kernel, i, &info);
        uint64_t shape[EBM_MAX_RANK] = {chains}, count = chains;
        for (uint32_t k = 0; k < info.rank; k++) {
            shape[k + 1] = info.shape[k];
            count *= info.shape[k];
        }
        ret[i] =
            ebm_array(info.type, info.rank + 1, shape, calloc(count, ebm_type_size(info.type)));
        EbmStatus status = ebm_run_get_state(run, i, &ret[i], &report);
        worked(status, report);
    }
    return n;
}

static void
test_resume(void)
{
    for (int s = 0; s < SAMPLERS; s++) {
        Use use = wells(samplers[s]);
        EbmRunOptions p = plan(33, 20, 2);
        float *whole = sample(&use, p), *parts = calloc(1, bytes(p));
        EbmKernel *kernel = use_kernel(&use);
        EbmArray state[8];
        EbmRun *first, *second;
        EbmReport *report = NULL;

        ebm_run_create(kernel, &p, &first, NULL);
        go_on(first, 14, parts, p, NULL, 0);
        size_t n = take_states(first, kernel, p.chains, state);
        ebm_run_free(first);
        p.threads = 1;
        ebm_run_create(kernel, &p, &second, NULL);
        EbmStatus status = ebm_run_resume(second, 14, state, n, &report);
        worked(status, report);
        go_on(second, UINT64_MAX, parts, p, NULL, 0);
        CU_ASSERT_EQUAL(memcmp(whole, parts, bytes(p)), 0);
        status = ebm_run_resume(second, 14, state, n - 1, &report);
        refused(status, report, EBM_SHAPE_ERROR, "states");
        status = ebm_run_resume(second, 1000, state, n, &report);
        refused(status, report, EBM_ARGUMENT_ERROR, "cannot go on at 1000");
        ebm_run_free(second);
        for (size_t i = 0; i < n; i++)
            free(state[i].data);
        ebm_kernel_free(kernel);
        free(parts);
        free(whole);
    }
}

/* The recipe tells runs whose draws differ, and no others: not by lanes, level nor threads. */
static void
test_recipe(void)
{
    Use use = wells("mala"), other = use;
    EbmRunOptions p = plan(33, 20, 2);
    EbmKernel *kernel = use_kernel(&use);
    EbmRun *run, *same, *differs;
    EbmText *recipe = NULL;
    EbmReport *report = NULL;

    other.lanes = 4, other.level = 0;
    EbmKernel *again = use_kernel(&other);
    ebm_run_create(kernel, &p, &run, NULL);
    p.threads = 1, p.steps = 30;
    ebm_run_create(again, &p, &same, NULL);
    ebm_run_create(kernel, &p, &differs, NULL);
    ebm_run_set_number(differs, EBM_OWNER_sampler, "step_size", 0.125, NULL);
    EbmStatus status = ebm_run_recipe(run, &recipe, &report);
    worked(status, report);
    status = ebm_run_check_recipe(same, "s", ebm_text_data(recipe), &report);
    worked(status, report);
    status = ebm_run_check_recipe(differs, "s", ebm_text_data(recipe), &report);
    refused(status, report, EBM_FORMAT_ERROR, "and 0.125 here");
    status = ebm_run_check_recipe(run, "s", "program = 12\n", &report);
    refused(status, report, EBM_FORMAT_ERROR, "'s' is not the state of a run");
    ebm_text_free(recipe);
    ebm_run_free(run), ebm_run_free(same), ebm_run_free(differs);
    ebm_kernel_free(kernel), ebm_kernel_free(again);
}

/* Any strides, f64 for f32 draws, a window of the draws, and reports. */
static void
test_layout(void)
{
    enum { CHAINS = 21, KEPT = 10 };
    Use use = wells("mala");
    EbmRunOptions p = plan(CHAINS, 20, 2);
    float *dense = sample(&use, p);
    double *reports = calloc(KEPT, sizeof *reports);
    static double turned[D][4][CHAINS];
    EbmRun *run = use_run(use_kernel(&use), p);
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;

    o.draws = ebm_array(EBM_TYPE_f64, 3, (uint64_t[]){CHAINS, 4, D}, turned);
    o.draws.stride[0] = sizeof(double);
    o.draws.stride[1] = CHAINS * sizeof(double);
    o.draws.stride[2] = 4 * CHAINS * sizeof(double);
    o.first_draw = 3;
    CU_ASSERT_EQUAL(ebm_run_sample(run, &o, NULL), EBM_OK);
    for (int c = 0; c < CHAINS; c++)
        for (int k = 0; k < 4; k++)
            for (int e = 0; e < D; e++)
                CU_ASSERT_EQUAL(turned[e][k][c], (double)dense[(c * KEPT + k + 3) * D + e]);
    ebm_run_restart(run);
    go_on(run, UINT64_MAX, dense, p, reports, 1);
    for (int k = 0; k < KEPT; k++)
        CU_ASSERT_TRUE(reports[k] >= 0 && reports[k] <= 1 &&
                       fabs(reports[k] * CHAINS - rint(reports[k] * CHAINS)) < 1e-9);
    ebm_run_free(run);
    free(reports);
    free(dense);
}

static int
stop_soon(void *user, const EbmProgress *progress)
{
    uint64_t *seen = user;

    *seen = progress->step;
    return 1;
}

static void
test_cancel(void)
{
    Use use = wells("langevin");
    EbmRunOptions p = plan(64, 2000000, 2);
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    EbmReport *report = NULL;
    uint64_t seen = 0;
    EbmRun *run = use_run(use_kernel(&use), p);

    o.progress = stop_soon;
    o.progress_user = &seen;
    EbmStatus status = ebm_run_sample(run, &o, &report);
    refused(status, report, EBM_CANCELLED, "stopped before step");
    CU_ASSERT_TRUE(seen > 0 && seen == ebm_run_step(run) && seen < p.steps);
    ebm_run_cancel(run);
    status = ebm_run_sample(run, &o, &report);
    refused(status, report, EBM_CANCELLED, "stopped before step");
    CU_ASSERT_EQUAL(seen, ebm_run_step(run));
    o.progress = NULL;
    o.last_step = seen + 10;
    CU_ASSERT_EQUAL(ebm_run_sample(run, &o, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_run_step(run), seen + 10);
    ebm_run_free(run);
}

/* A state that is not finite stays where it was, and is counted. */
static void
test_rejected(void)
{
    Use use = {
        .source = "energy Cliff(x: real[1]) -> real = sqrt(1.0 - x[0])",
        .sampler = "langevin",
        .options = {{"step_size", "0.5"}},
    };
    EbmRunOptions p = plan(40, 50, 2);
    uint64_t per_chain[40], sum = 0;
    EbmRejected all = EBM_REJECTED_INIT;
    EbmRun *run = use_run(use_kernel(&use), p);
    float *draws = use_sample(run, 40, 25, 1, EBM_TYPE_f32);

    for (int i = 0; i < 40 * 25; i++)
        CU_ASSERT_TRUE(isfinite(draws[i]));
    ebm_run_rejected(run, &all, per_chain);
    for (int i = 0; i < 40; i++)
        sum += per_chain[i];
    CU_ASSERT_TRUE(all.total > 0 && all.total == sum && all.chains <= 40);
    CU_ASSERT_TRUE(all.first_chain < 40 && per_chain[all.first_chain] > 0);
    ebm_run_free(run);
    free(draws);
}

/* The break of the run's first lost step, as text; worked. */
static void
check_explained(EbmRun *run, const char *words, const char *line)
{
    EbmReport *report = NULL;
    EbmDiagnostic d;

    CU_ASSERT_EQUAL(ebm_run_explain(run, &report), EBM_OK);
    CU_ASSERT_EQUAL_FATAL(ebm_report_count(report), 1);
    ebm_report_get(report, 0, &d);
    CU_ASSERT_TRUE(d.is_warning && d.place.line == 1);
    CU_ASSERT_STRING_EQUAL(d.code, "step_not_finite");
    CU_ASSERT_PTR_NOT_NULL(strstr(d.message, words));
    CU_ASSERT_PTR_NOT_NULL(strstr(ebm_report_text(report), line));
    ebm_report_free(report);
}

static char *
explanation(EbmRun *run)
{
    EbmReport *report = NULL;

    CU_ASSERT_EQUAL(ebm_run_explain(run, &report), EBM_OK);
    char *text = strdup(ebm_report_text(report));
    ebm_report_free(report);
    return text;
}

/* The same operation and numbers from a kernel, from the interpreter, and from a run that goes
 * on in the middle; none where nothing was lost. */
static void
test_explained(void)
{
    Use use = {
        .source = "energy Cliff(x: real[2]) -> real = sum(sqrt(1.0 - x)) / 3",
        .sampler = "langevin",
        .options = {{"step_size", "0.002"}},
    };
    EbmRunOptions p = plan(1000, 50, 1);
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    EbmRejected lost = EBM_REJECTED_INIT;
    static float x[1000][2], zero[1000][2];
    EbmArray state = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){1000, 2}, x);
    EbmArray start = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){1000, 2}, zero);
    char *text[3];

    p.threads = 2;
    for (int i = 0; i < 2; i++) {
        use.interpreter = i;
        EbmRun *run = use_run(use_kernel(&use), p);
        CU_ASSERT_EQUAL(ebm_run_resume(run, 2, &start, 1, NULL), EBM_OK);
        text[2] = explanation(run);
        CU_ASSERT_STRING_EQUAL(text[2], "");
        free(text[2]);
        o.last_step = 5;
        CU_ASSERT_EQUAL(ebm_run_sample(run, &o, NULL), EBM_OK);
        CU_ASSERT_EQUAL(ebm_run_get_state(run, 0, &state, NULL), EBM_OK);
        o.last_step = UINT64_MAX;
        CU_ASSERT_EQUAL(ebm_run_sample(run, &o, NULL), EBM_OK);
        check_explained(run, "sqrt(-",
                        "|                                        ^~~~~~~~~~~~~\n");
        ebm_run_rejected(run, &lost, NULL);
        CU_ASSERT_TRUE(lost.first_step > 5);
        text[i] = explanation(run);
        ebm_run_free(run);
    }
    CU_ASSERT_STRING_EQUAL(text[0], text[1]);
    use.interpreter = false;
    EbmRun *run = use_run(use_kernel(&use), p);
    CU_ASSERT_EQUAL(ebm_run_resume(run, 5, &state, 1, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_run_sample(run, &o, NULL), EBM_OK);
    text[2] = explanation(run);
    CU_ASSERT_STRING_EQUAL(text[0], text[2]);
    for (int i = 0; i < 3; i++)
        free(text[i]);
    ebm_run_free(run);
}

/* ---- a kernel shared by threads */

typedef struct Sharer {
    EbmKernel *kernel;
    uint64_t seed;
    float *draws;
    pthread_t thread;
} Sharer;

static void *
share(void *user)
{
    Sharer *s = user;
    EbmRunOptions p = plan(100, 20, 1);
    EbmSampleOptions o = EBM_SAMPLE_OPTIONS_INIT;
    EbmRun *run = NULL;

    p.seed = s->seed;
    s->draws = calloc(1, bytes(p));
    o.draws = ebm_array(EBM_TYPE_f32, 3, (uint64_t[]){100, 10, D}, s->draws);
    if (ebm_run_create(s->kernel, &p, &run, NULL) == EBM_OK)
        ebm_run_sample(run, &o, NULL);
    ebm_run_free(run);
    return NULL;
}

static void
test_shared_kernel(void)
{
    enum { SHARERS = 8 };
    Use use = wells("hmc");
    EbmKernel *kernel = use_kernel(&use);
    Sharer sharer[SHARERS];

    for (int i = 0; i < SHARERS; i++) {
        sharer[i] = (Sharer){.kernel = kernel, .seed = (uint64_t)i % 4};
        pthread_create(&sharer[i].thread, NULL, share, &sharer[i]);
    }
    for (int i = 0; i < SHARERS; i++)
        pthread_join(sharer[i].thread, NULL);
    for (int i = 0; i < 4; i++) {
        CU_ASSERT_TRUE(vary(sharer[i].draws, bytes(plan(100, 20, 1))));
        CU_ASSERT_EQUAL(memcmp(sharer[i].draws, sharer[i + 4].draws, bytes(plan(100, 20, 1))),
                        0);
        CU_ASSERT_NOT_EQUAL(
            memcmp(sharer[i].draws, sharer[(i + 1) % 4].draws, bytes(plan(100, 20, 1))), 0);
    }
    for (int i = 0; i < SHARERS; i++)
        free(sharer[i].draws);
    ebm_kernel_free(kernel);
}

/* Chains that start where the caller says. */
static void
test_given_start(void)
{
    Use use = wells("gradient_descent");
    float point[D] = {0.5f, -0.25f, 3.0f}, found[20][D];
    EbmArray one = ebm_array(EBM_TYPE_f32, 1, (uint64_t[]){D}, point);
    EbmArray all = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){20, D}, found);
    EbmReport *report = NULL;

    use.init = EBM_INIT_given;
    EbmRun *run = use_run(use_kernel(&use), plan(20, 20, 2));
    EbmStatus status = ebm_run_sample(run, NULL, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "not set");
    CU_ASSERT_EQUAL(ebm_run_set_start(run, &one, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_run_get_state(run, 0, &all, NULL), EBM_OK);
    for (int c = 0; c < 20; c++)
        CU_ASSERT_EQUAL(memcmp(found[c], point, sizeof point), 0);
    CU_ASSERT_EQUAL(ebm_run_sample(run, NULL, NULL), EBM_OK);
    status = ebm_run_set_start(run, &one, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "before the chains start");
    ebm_run_free(run);
}

/* A condition of each chain's own: its draws are those of that chain where all have it. */
static void
test_condition_of_each(void)
{
    static const char source[] = "energy E(x: real[3], given m: real[3]) -> real =\n"
                                 "    0.5 * sqnorm(x - m)\n";
    float mean[33][D], alike[D] = {1, -2, 3};
    EbmNamed each = {"m", ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){33, D}, mean)};
    EbmNamed all = {"m", ebm_array(EBM_TYPE_f32, 1, (uint64_t[]){D}, alike)};
    Use use = {.source = source, .sampler = "hmc", .inputs = &each, .n_inputs = 1};
    EbmRunOptions p = plan(33, 20, 2);
    EbmReport *report = NULL;

    for (int c = 0; c < 33; c++)
        for (int i = 0; i < D; i++)
            mean[c][i] = c == 17 ? alike[i] : (float)c;
    EbmRun *run = use_run(use_kernel(&use), p);
    EbmStatus status = ebm_run_set_array(run, "m", &all.array, &report);
    refused(status, report, EBM_SHAPE_ERROR, "[3] for each");
    CU_ASSERT_EQUAL(ebm_run_set_array(run, "m", &each.array, NULL), EBM_OK);
    float *draws = use_sample(run, p.chains, 10, D, EBM_TYPE_f32);
    ebm_run_free(run);
    use.inputs = &all;
    run = use_run(use_kernel(&use), p);
    CU_ASSERT_EQUAL(ebm_run_set_array(run, "m", &all.array, NULL), EBM_OK);
    float *others = use_sample(run, p.chains, 10, D, EBM_TYPE_f32);
    ebm_run_free(run);
    for (size_t c = 0; c < 33; c++)
        CU_ASSERT_EQUAL(
            memcmp(draws + c * 10 * D, others + c * 10 * D, 10 * D * sizeof(float)) == 0,
            c == 17);
    free(draws);
    free(others);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("sampling", NULL, NULL);
    CU_ADD_TEST(suite, test_threads);
    CU_ADD_TEST(suite, test_chains_beside);
    CU_ADD_TEST(suite, test_interpreter);
    CU_ADD_TEST(suite, test_f64);
    CU_ADD_TEST(suite, test_two_calls);
    CU_ADD_TEST(suite, test_resume);
    CU_ADD_TEST(suite, test_recipe);
    CU_ADD_TEST(suite, test_layout);
    CU_ADD_TEST(suite, test_cancel);
    CU_ADD_TEST(suite, test_rejected);
    CU_ADD_TEST(suite, test_explained);
    CU_ADD_TEST(suite, test_shared_kernel);
    CU_ADD_TEST(suite, test_given_start);
    CU_ADD_TEST(suite, test_condition_of_each);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
