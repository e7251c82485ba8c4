/* SPDX-License-Identifier: Apache-2.0
 *
 * test_train.c -- training through the C API: the same bits however the work is divided, and
 * after a checkpoint
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/use.h"

static const char *const model =
    "energy Bowl(x: real[2]) -> real {\n"
    "    param m: real[2] ~ normal(0, 0.1)\n"
    "    return 0.5 * sqnorm(x - m)\n"
    "}\n"
    "loss squares[S...](E: energy(real[S...]), x: real[S...], weight: real > 0 = 1.0,\n"
    "                   more: real >= 0 = 0.0) -> real {\n"
    "    report size = sqnorm(x)\n"
    "    return weight * E(x) + (if more > 0 { more * sqnorm(grad(E)(x)) } else { 0.0 })\n"
    "}\n"
    "loss own[S...](E: energy(real[S...]), x: real[S...]) -> real {\n"
    "    param c: real = 0.5\n"
    "    return E(x) + (c - 1)^2\n"
    "}\n"
    "loss stored[S...](E: energy(real[S...]), x: real[S...]) -> real {\n"
    "    buffer last[64]: real[S...] ~ normal(0, 1)\n"
    "    let slot = last.draw()\n"
    "    let before = slot.value\n"
    "    slot.value = x\n"
    "    return E(x) - 0.5 * E(before)\n"
    "}\n";

static EbmProgram *
make_program(const char *loss, const char *dataset)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmSetting lr = {"lr", "0.05"};
    EbmProgram *program = NULL;
    EbmReport *report = NULL;

    o.source = model, o.source_size = strlen(model);
    o.loss = loss, o.dataset = dataset;
    o.optimizer = "adam", o.optimizer_settings = &lr, o.n_optimizer_settings = 1;
    o.batch = 32;
    EbmStatus status = ebm_program_create(&o, &program, &report);
    return worked(status, report) ? program : NULL;
}

static EbmKernel *
make_kernel(const char *loss, const char *dataset, bool interpreter)
{
    EbmKernelOptions o = EBM_KERNEL_OPTIONS_INIT;
    EbmProgram *program = make_program(loss, dataset);
    EbmKernel *kernel = NULL;
    EbmReport *report = NULL;

    if (!program)
        return NULL;
    o.backend = interpreter ? EBM_BACKEND_interpreter : EBM_BACKEND_llvm;
    o.cache = EBM_CACHE_off;
    EbmStatus status = ebm_kernel_create(program, &o, &kernel, &report);
    ebm_program_free(program);
    return worked(status, report) ? kernel : NULL;
}

/* Takes the kernel, which the training keeps. */
static EbmTraining *
make_training(EbmKernel *kernel, uint64_t steps, unsigned threads)
{
    EbmTrainingOptions o = EBM_TRAINING_OPTIONS_INIT;
    EbmTraining *training = NULL;
    EbmReport *report = NULL;

    if (!kernel)
        return NULL;
    o.steps = steps, o.threads = threads, o.seed = 7;
    EbmStatus status = ebm_training_create(kernel, &o, &training, &report);
    ebm_kernel_free(kernel);
    return worked(status, report) ? training : NULL;
}

static bool
train(EbmTraining *t, uint64_t last)
{
    EbmTrainOptions o = EBM_TRAIN_OPTIONS_INIT;
    EbmReport *report = NULL;

    o.last_step = last;
    EbmStatus status = ebm_training_run(t, &o, &report);
    return worked(status, report);
}

/* The first parameter, of two numbers. */
static void
weights(EbmTraining *t, float ret[2])
{
    EbmArray to = ebm_array(EBM_TYPE_f32, 1, (uint64_t[]){2}, ret);
    EbmReport *report = NULL;
    EbmHeldKind kind = EBM_HELD_buffer;
    EbmValueInfo v;
    size_t i = 0;

    for (; i < ebm_training_held_count(t); i++) {
        ebm_training_held(t, i, &kind, &v);
        if (kind == EBM_HELD_param)
            break;
    }
    CU_ASSERT_STRING_EQUAL(v.name, "m");
    EbmStatus status = ebm_training_get(t, i, &to, &report);
    worked(status, report);
}

static bool
same(const float a[2], const float b[2])
{
    return memcmp(a, b, 2 * sizeof *a) == 0;
}

/* ---- tests */

static void
test_same_bits(void)
{
    static const char *const loss[] = {"squares", "stored"};

    for (int i = 0; i < 2; i++) {
        float one[2], more[2];
        EbmTraining *a = make_training(make_kernel(loss[i], "two_moons", false), 40, 1);
        EbmTraining *b = make_training(make_kernel(loss[i], "two_moons", true), 40, 3);
        if (!a || !b)
            return;
        train(a, UINT64_MAX);
        for (uint64_t step = 0; step <= 40; step += 10)
            train(b, step);
        weights(a, one);
        weights(b, more);
        CU_ASSERT_TRUE(same(one, more));
        CU_ASSERT_EQUAL(ebm_training_step(b), 40);
        ebm_training_free(a);
        ebm_training_free(b);
    }
}

typedef struct Seen {
    EbmTraining *training;
    uint64_t steps, stop;
    double first, last;
} Seen;

static int
see(void *user, const EbmTrainingStep *s)
{
    Seen *seen = user;

    CU_ASSERT_EQUAL(s->step, seen->steps);
    CU_ASSERT_TRUE(s->committed && isfinite(s->loss) && s->gradient_norm >= 0);
    seen->first = seen->steps ? seen->first : s->loss;
    seen->last = s->loss;
    seen->steps++;
    if (seen->steps == 20)
        ebm_training_cancel(seen->training);
    return seen->steps == seen->stop;
}

static void
test_progress_and_stopping(void)
{
    EbmTrainOptions o = EBM_TRAIN_OPTIONS_INIT;
    EbmTraining *t = make_training(make_kernel("squares", "two_moons", false), 200, 1);
    Seen seen = {.training = t, .stop = 10};
    EbmReport *report = NULL;

    if (!t)
        return;
    o.progress = see, o.progress_user = &seen;
    EbmStatus status = ebm_training_run(t, &o, &report);
    refused(status, report, EBM_CANCELLED, "stopped before step 10");
    status = ebm_training_run(t, &o, &report);
    refused(status, report, EBM_CANCELLED, "stopped before step 20");
    status = ebm_training_run(t, &o, &report);
    worked(status, report);
    CU_ASSERT_EQUAL(seen.steps, 200);
    CU_ASSERT_TRUE(seen.last < seen.first);
    CU_ASSERT_EQUAL(ebm_training_report_count(t), 2);
    CU_ASSERT_STRING_EQUAL(ebm_training_report(t, 0), "size");
    CU_ASSERT_TRUE(ebm_training_seconds(t) > 0);
    ebm_training_free(t);
}

static void
set_points(EbmTraining *t, float bad)
{
    float x[100][2];
    EbmReport *report = NULL;

    for (int i = 0; i < 100; i++)
        x[i][0] = (float)(i % 7), x[i][1] = i == 60 ? bad : (float)(i % 3);
    EbmArray data = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){100, 2}, x);
    EbmStatus status = ebm_training_set_data(t, NULL, &data, &report);
    worked(status, report);
}

static void
test_data(void)
{
    EbmTraining *t = make_training(make_kernel("squares", NULL, false), 400, 2);
    EbmReport *report = NULL;
    double wrong[9] = {0};
    float w[2];

    if (!t)
        return;
    EbmArray data = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){3, 3}, wrong);
    EbmStatus status = ebm_training_run(t, NULL, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "'x' is not set");
    status = ebm_training_set_data(t, "x", &data, &report);
    refused(status, report, EBM_SHAPE_ERROR, "expected the shape [rows, 2], found [3, 3]");
    status = ebm_training_set_data(t, "y", &data, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "no column 'y'");
    set_points(t, 1);
    CU_ASSERT_EQUAL(ebm_training_rows(t), 100);
    train(t, UINT64_MAX);
    weights(t, w);
    CU_ASSERT_DOUBLE_EQUAL(w[0], 2.95, 0.2); /* the means of the columns */
    CU_ASSERT_DOUBLE_EQUAL(w[1], 0.99, 0.2);
    status = ebm_training_set_number(t, EBM_OWNER_optimizer, "lr", 0.1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "before the training starts");
    ebm_training_free(t);
}

static void
test_numbers(void)
{
    EbmTraining *t = make_training(make_kernel("squares", "two_moons", false), 1, 1);
    EbmReport *report = NULL;
    float w[2], from[2] = {3, 4};
    EbmNamed m = {"m", ebm_array(EBM_TYPE_f32, 1, (uint64_t[]){2}, from)};

    if (!t)
        return;
    EbmStatus status = ebm_training_set_number(t, EBM_OWNER_optimizer, "lr", -1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "expected lr >= 0, found -1");
    status = ebm_training_set_number(t, EBM_OWNER_loss, "wight", 1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "did you mean 'weight'?");
    status = ebm_training_set_number(t, EBM_OWNER_loss, "more", 1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "'more' is compiled in");
    status = ebm_training_set_number(t, EBM_OWNER_optimizer, "lr", 0, &report);
    worked(status, report);
    status = ebm_training_set_params(t, &m, 1, &report);
    worked(status, report);
    train(t, UINT64_MAX);
    weights(t, w);
    CU_ASSERT_TRUE(same(w, from)); /* a learning rate of 0 */
    ebm_training_free(t);
}

static void
test_checkpoints(void)
{
    char path[] = "/tmp/ebm-test-XXXXXX";
    EbmTraining *a = make_training(make_kernel("stored", "two_moons", false), 50, 1);
    EbmTraining *b = make_training(make_kernel("stored", "two_moons", false), 50, 2);
    EbmTraining *other = make_training(make_kernel("squares", "two_moons", false), 50, 1);
    EbmReport *report = NULL;
    float whole[2], resumed[2];
    int fd = mkstemp(path);

    if (!a || !b || !other || fd < 0)
        return;
    close(fd);
    train(a, 20);
    EbmStatus status = ebm_training_save(a, path, &report);
    worked(status, report);
    train(a, UINT64_MAX);
    weights(a, whole);
    status = ebm_training_load(other, path, &report);
    refused(status, report, EBM_FORMAT_ERROR, "loss is stored there and squares here");
    status = ebm_training_load(b, path, &report);
    worked(status, report);
    CU_ASSERT_EQUAL(ebm_training_step(b), 20);
    train(b, UINT64_MAX);
    weights(b, resumed);
    CU_ASSERT_TRUE(same(whole, resumed));
    status = ebm_training_load(other, "/nowhere/at/all", &report);
    refused(status, report, EBM_NOT_FOUND, "/nowhere/at/all");
    ebm_training_free(a);
    ebm_training_free(b);
    ebm_training_free(other);
    unlink(path);
}

static void
test_not_finite(void)
{
    EbmTraining *t = make_training(make_kernel("squares", NULL, false), 50, 1);
    EbmBroken broken = EBM_BROKEN_INIT;
    EbmReport *report = NULL;
    float w[2];

    if (!t)
        return;
    set_points(t, NAN);
    EbmStatus status = ebm_training_run(t, NULL, &report);
    refused(status, report, EBM_NOT_FINITE, "row 60 of the data");
    ebm_training_broken(t, &broken);
    CU_ASSERT_EQUAL(broken.row, 60);
    CU_ASSERT_EQUAL(broken.step, ebm_training_step(t));
    CU_ASSERT_TRUE(isnan(broken.value) && *broken.term);
    weights(t, w);
    CU_ASSERT_TRUE(isfinite(w[0]) && isfinite(w[1]));
    ebm_training_free(t);
}

static void
test_what_is_held(void)
{
    EbmTraining *t = make_training(make_kernel("own", "two_moons", false), 5, 1);
    unsigned of[EBM_HELD_buffer + 1] = {0};

    if (!t)
        return;
    for (size_t i = 0; i < ebm_training_held_count(t); i++) {
        EbmHeldKind kind;
        EbmValueInfo v;
        ebm_training_held(t, i, &kind, &v);
        of[kind]++;
        CU_ASSERT_TRUE(kind != EBM_HELD_loss_param || strcmp(v.name, "own.c") == 0);
    }
    CU_ASSERT_EQUAL(of[EBM_HELD_param], 1);
    CU_ASSERT_EQUAL(of[EBM_HELD_loss_param], 1);
    CU_ASSERT_EQUAL(of[EBM_HELD_memory], 4); /* adam's two for each */
    ebm_training_free(t);
}

static void
test_queries(void)
{
    EbmProgram *p = make_program("stored", "two_moons");
    EbmValueInfo v;

    if (!p)
        return;
    CU_ASSERT_STRING_EQUAL(ebm_program_loss(p), "stored");
    CU_ASSERT_STRING_EQUAL(ebm_program_optimizer(p), "adam");
    CU_ASSERT_STRING_EQUAL(ebm_program_dataset(p), "two_moons");
    CU_ASSERT_EQUAL(ebm_program_batch(p), 32);
    CU_ASSERT_EQUAL(ebm_program_count(p, EBM_LIST_buffers), 1);
    ebm_program_value(p, EBM_LIST_buffers, 0, &v);
    CU_ASSERT_EQUAL(v.rank, 2);
    CU_ASSERT_EQUAL(v.shape[0], 64);
    ebm_program_free(p);
    p = make_program("squares", NULL);
    CU_ASSERT_EQUAL(ebm_program_count(p, EBM_LIST_columns), 1);
    ebm_program_value(p, EBM_LIST_columns, 0, &v);
    CU_ASSERT_STRING_EQUAL(v.name, "x");
    ebm_program_free(p);
}

static void
test_refusals(void)
{
    EbmKernel *trains = make_kernel("squares", "two_moons", true);
    Use use = {.energy = "Gaussian",
               .sampler = "langevin",
               .statics = {{"d", "2"}},
               .interpreter = true};
    EbmKernel *samples = use_kernel(&use);
    EbmTrainingOptions o = EBM_TRAINING_OPTIONS_INIT;
    EbmTraining *t = NULL;
    EbmRun *run = NULL;
    EbmReport *report = NULL;

    EbmStatus status = ebm_training_create(samples, NULL, &t, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "does not train");
    status = ebm_run_create(trains, NULL, &run, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "this program trains");
    o.threads = 100000;
    status = ebm_training_create(trains, &o, &t, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "threads");
    o.size = 0;
    status = ebm_training_create(trains, &o, &t, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "without their initial value");
    ebm_kernel_free(samples);
    ebm_kernel_free(trains);
}

static void
test_a_data_set_alone(void)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmProgram *program = NULL;
    EbmKernel *kernel = NULL;
    EbmReport *report = NULL;
    float x[20][2];
    int32_t label[20];

    o.dataset = "gaussian_mixture(components = 3)";
    EbmStatus status = ebm_program_create(&o, &program, &report);
    if (!worked(status, report))
        return;
    EbmKernelOptions interpreter = EBM_KERNEL_OPTIONS_INIT;
    interpreter.backend = EBM_BACKEND_interpreter;
    status = ebm_kernel_create(program, &interpreter, &kernel, &report);
    ebm_program_free(program);
    worked(status, report);
    EbmRunOptions plan = EBM_RUN_OPTIONS_INIT;
    plan.chains = 20;
    EbmRun *run = use_run(kernel, plan);
    EbmArray points = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){20, 2}, x),
             labels = ebm_array(EBM_TYPE_i32, 1, (uint64_t[]){20}, label);
    status = ebm_run_get_state(run, 0, &points, &report);
    worked(status, report);
    status = ebm_run_get_state(run, 1, &labels, &report);
    worked(status, report);
    for (int i = 0; i < 20; i++)
        CU_ASSERT_TRUE(fabsf(x[i][0]) < 2 && label[i] >= 0 && label[i] < 3);
    ebm_run_free(run);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("training", NULL, NULL);
    CU_ADD_TEST(s, test_same_bits);
    CU_ADD_TEST(s, test_progress_and_stopping);
    CU_ADD_TEST(s, test_data);
    CU_ADD_TEST(s, test_numbers);
    CU_ADD_TEST(s, test_checkpoints);
    CU_ADD_TEST(s, test_not_finite);
    CU_ADD_TEST(s, test_what_is_held);
    CU_ADD_TEST(s, test_queries);
    CU_ADD_TEST(s, test_refusals);
    CU_ADD_TEST(s, test_a_data_set_alone);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures() + CU_get_number_of_tests_failed();
    CU_cleanup_registry();
    return failed > 0;
}
