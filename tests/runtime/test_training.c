/* SPDX-License-Identifier: Apache-2.0
 *
 * test_training.c -- training steps of an engine whose phases are C functions
 *
 * A straight line is fitted to points by gradient descent with momentum; a buffer counts how
 * often each slot was held.
 */
#include "check.h"

#include <math.h>

#include "engine.h"
#include "runtime/permute.h"
#include "runtime/training.h"

/* ---- permutations */

static void
test_bijection(void)
{
    static const uint64_t sizes[] = {1,  2,   3,   5,    16,   17,   63,    64,   65,
                                     99, 256, 257, 1000, 4096, 4097, 20000, 70000};
    static const uint32_t key[2] = {7, 9};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        RtPermutation p = rt_permutation(sizes[s], key, s);
        unsigned char *seen = calloc(sizes[s], 1);
        uint64_t distinct = 0;
        for (uint64_t i = 0; i < sizes[s]; i++) {
            uint64_t to = rt_permute(&p, i);
            CU_ASSERT_FATAL(to < sizes[s]);
            distinct += !seen[to];
            seen[to] = 1;
        }
        CU_ASSERT_EQUAL(distinct, sizes[s]);
        free(seen);
    }
}

/* Beyond 32 bits: values in range that differ. */
static void
test_large(void)
{
    static const uint32_t key[2] = {1, 2};
    static const uint64_t sizes[] = {(UINT64_C(1) << 32) + 1, UINT64_C(1) << 62, UINT64_MAX};

    for (size_t s = 0; s < 3; s++) {
        RtPermutation p = rt_permutation(sizes[s], key, 5);
        uint64_t a = rt_permute(&p, 0), b = rt_permute(&p, sizes[s] - 1);
        CU_ASSERT(a < sizes[s] && b < sizes[s] && a != b);
    }
}

/* Chi-square of where place `i` goes, over many permutations, as standard deviations from what
 * chance gives. */
static double
deviation(uint64_t n, uint64_t i, uint64_t times)
{
    static const uint32_t key[2] = {11, 13};
    double *count = calloc(n, sizeof *count), chi = 0.0;

    for (uint64_t k = 0; k < times; k++) {
        RtPermutation p = rt_permutation(n, key, k);
        count[rt_permute(&p, i)]++;
    }
    for (uint64_t j = 0; j < n; j++) {
        double expected = (double)times / (double)n, d = count[j] - expected;
        chi += d * d / expected;
    }
    free(count);
    return (chi - (double)(n - 1)) / sqrt(2.0 * (double)(n - 1));
}

static void
test_uniform(void)
{
    static const uint64_t sizes[] = {2, 3, 5, 10, 64, 100, 1000};

    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        CU_ASSERT(fabs(deviation(sizes[s], 0, 200 * sizes[s])) < 5.0);
        CU_ASSERT(fabs(deviation(sizes[s], sizes[s] - 1, 200 * sizes[s])) < 5.0);
    }
}

/* Neighbours go to places that have nothing to do with one another, nor with where they came
 * from, nor with the next permutation's. */
static void
test_uncorrelated(void)
{
    enum { N = 10000 };
    static const uint32_t key[2] = {3, 4};
    RtPermutation p = rt_permutation(N, key, 0), q = rt_permutation(N, key, 1);
    double place = 0, neighbour = 0, other = 0, middle = (N - 1) / 2.0, one = N * N / 12.0;

    for (uint64_t i = 0; i < N; i++) {
        double x = (double)rt_permute(&p, i) - middle;
        place += x * ((double)i - middle) / one / N;
        neighbour += x * ((double)rt_permute(&p, (i + 1) % N) - middle) / one / N;
        other += x * ((double)rt_permute(&q, i) - middle) / one / N;
    }
    CU_ASSERT(fabs(place) < 0.05 && fabs(neighbour) < 0.05 && fabs(other) < 0.05);
}

/* ---- batches */

static void
test_epochs(void)
{
    Fit *f = fit_create(1, RT_POLICY_stop);
    uint64_t place = 0;

    for (uint64_t epoch = 0; epoch < 20; epoch++) {
        unsigned seen[FIT_ROWS] = {0};
        for (unsigned i = 0; i < FIT_ROWS; i++, place++)
            seen[rt_training_row(f->training, place / FIT_BATCH, place % FIT_BATCH)]++;
        for (unsigned i = 0; i < FIT_ROWS; i++)
            CU_ASSERT_EQUAL(seen[i], 1);
    }
    CU_ASSERT_EQUAL(rt_training_rows(f->training), FIT_ROWS);
    CU_ASSERT_EQUAL(rt_training_epoch_steps(f->training), 2);
    fit_clear(f);
}

/* ---- steps */

/* The same, in plain C. */
static void
expect_steps(Fit *f, unsigned steps)
{
    float w[3], m[3] = {0.25f, 0.25f, 0.25f};

    memcpy(w, fit_first, sizeof w);
    for (unsigned t = 0; t < steps; t++) {
        RtStepResult r;
        RtError error = {0};
        double loss[16] = {0}, norm = 0.0;
        float g[3] = {0};
        for (unsigned i = 0; i < FIT_BATCH; i++) {
            uint64_t row = rt_training_row(f->training, t, i);
            float d = fit_residual(w, f->x[row], (float)f->y[row]);
            loss[i % 16] += (double)d * (double)d;
            for (unsigned k = 0; k < 3; k++)
                g[k] += fit_slope(d, f->x[row], k);
        }
        for (unsigned s = 8; s; s /= 2)
            for (unsigned i = 0; i < s; i++)
                loss[i] += loss[i + s];
        for (unsigned k = 0; k < 3; k++) {
            fit_move(&w[k], &m[k], g[k]);
            norm += (double)g[k] * (double)g[k];
        }
        CHECK_OK(rt_training_step(f->training, &r, &error), error);
        CU_ASSERT(r.committed && r.step == t);
        CU_ASSERT_EQUAL(r.loss, loss[0] / FIT_BATCH);
        CU_ASSERT_EQUAL(r.gradient_norm, sqrt(norm));
    }
    CU_ASSERT(memcmp(rt_training_held(f->training, 0).data, w, sizeof w) == 0);
    CU_ASSERT(memcmp(rt_training_held(f->training, 1).data, m, sizeof m) == 0);
}

static void
test_steps(void)
{
    Fit *f = fit_create(1, RT_POLICY_stop);
    RtError error = {0};

    CHECK_OK(rt_training_start(f->training, &error), error);
    expect_steps(f, 50);
    CU_ASSERT_EQUAL(rt_training_next(f->training), 50);
    fit_clear(f);
}

/* Every array held, as bytes. */
static unsigned char *
all_bytes(const RtTraining *t, size_t *ret_size)
{
    unsigned char *bytes = NULL;
    size_t size = 0;

    for (uint32_t i = 0; i < rt_training_held_count(t); i++) {
        RtHeld h = rt_training_held(t, i);
        bytes = realloc(bytes, size + h.bytes);
        memcpy(bytes + size, h.data, h.bytes);
        size += h.bytes;
    }
    *ret_size = size;
    return bytes;
}

static unsigned char *
bytes_after(unsigned threads, unsigned steps, size_t *ret_size)
{
    Fit *f = fit_create(threads, RT_POLICY_stop);
    RtError error = {0};
    RtStepResult r;

    CHECK_OK(rt_training_start(f->training, &error), error);
    for (unsigned i = 0; i < steps; i++)
        CHECK_OK(rt_training_step(f->training, &r, &error), error);
    unsigned char *bytes = all_bytes(f->training, ret_size);
    fit_clear(f);
    return bytes;
}

static void
test_threads(void)
{
    size_t size, other;
    unsigned char *one = bytes_after(1, 30, &size);

    for (unsigned threads = 2; threads < 6; threads++) {
        unsigned char *many = bytes_after(threads, 30, &other);
        CU_ASSERT(size == other && memcmp(one, many, size) == 0);
        free(many);
    }
    free(one);
}

/* Slot i starts as i, and gains one whenever it is held. */
static void
test_slots(void)
{
    Fit *f = fit_create(3, RT_POLICY_stop);
    RtError error = {0};
    RtStepResult r;
    float expected[FIT_SLOTS][2];

    CHECK_OK(rt_training_start(f->training, &error), error);
    for (unsigned i = 0; i < FIT_SLOTS; i++)
        expected[i][0] = expected[i][1] = (float)i;
    for (unsigned t = 0; t < 40; t++) {
        unsigned seen[FIT_SLOTS] = {0};
        CHECK_OK(rt_training_step(f->training, &r, &error), error);
        for (unsigned i = 0; i < FIT_BATCH; i++) {
            uint64_t slot = rt_training_slot(f->training, 2, t, i);
            CU_ASSERT_EQUAL(seen[slot]++, 0);
            expected[slot][0] += 1.0f;
            expected[slot][1] += 1.0f;
        }
    }
    RtHeld buffer = rt_training_held(f->training, 2);
    CU_ASSERT(buffer.role == EBM_ROLE_slot && buffer.rows == FIT_SLOTS);
    CU_ASSERT(memcmp(buffer.data, expected, sizeof expected) == 0);
    fit_clear(f);
}

/* ---- steps that are not finite */

static void
test_stop(void)
{
    Fit *f = fit_create(2, RT_POLICY_stop);
    RtError error = {0};
    RtStepResult r = {.committed = true};
    size_t size, other;
    uint64_t bad = rt_training_row(f->training, 1, 9);
    char text[64];

    CHECK_OK(rt_training_start(f->training, &error), error);
    f->y[bad] = INFINITY;
    while (r.committed && rt_training_next(f->training) < 2) {
        unsigned char *before = all_bytes(f->training, &size);
        bool done = rt_training_step(f->training, &r, &error);
        CU_ASSERT(done == r.committed);
        unsigned char *after = all_bytes(f->training, &other);
        CU_ASSERT(done || (size == other && memcmp(before, after, size) == 0));
        free(before);
        free(after);
    }
    uint64_t at = r.step;
    CU_ASSERT_EQUAL(rt_training_next(f->training), at);
    CU_ASSERT_STRING_EQUAL(r.broken.term, "residual");
    CU_ASSERT_EQUAL(r.broken.row, bad);
    CU_ASSERT_EQUAL(rt_training_row(f->training, at, r.broken.point), bad);
    snprintf(text, sizeof text, "(row %u of the data)", (unsigned)bad);
    CHECK_ERROR(false, error, RT_NOT_FINITE, text);
    fit_clear(f);
}

static void
test_skip(void)
{
    Fit *f = fit_create(2, RT_POLICY_skip);
    RtError error = {0};
    RtStepResult r;
    unsigned skipped = 0;

    CHECK_OK(rt_training_start(f->training, &error), error);
    f->y[5] = NAN;
    for (unsigned i = 0; i < 20; i++) {
        CHECK_OK(rt_training_step(f->training, &r, &error), error);
        bool holds = false;
        for (unsigned p = 0; p < FIT_BATCH; p++)
            holds |= rt_training_row(f->training, i, p) == 5;
        CU_ASSERT(r.committed == !holds);
        skipped += !r.committed;
    }
    CU_ASSERT(skipped > 0 && skipped < 20);
    CU_ASSERT_EQUAL(rt_training_skipped(f->training), skipped);
    CU_ASSERT_EQUAL(rt_training_next(f->training), 20);
    fit_clear(f);
}

/* A loss that is finite where its gradient is not; a parameter that overflows. */
static void
test_terms(void)
{
    static const struct {
        double number;
        const char *term;
    } cases[] = {
        {FIT_STEEP, "gradient of w"}, {FIT_FAR, "parameter w"}, {FIT_WORN, "buffer replay"}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Fit *f = fit_create(1, RT_POLICY_stop);
        RtError error = {0};
        RtStepResult r;
        CHECK_OK(rt_training_start(f->training, &error), error);
        rt_training_hyper(f->training)[0] = cases[i].number;
        CHECK_ERROR(rt_training_step(f->training, &r, &error), error, RT_NOT_FINITE,
                    cases[i].term);
        CU_ASSERT_STRING_EQUAL(r.broken.term, cases[i].term);
        CU_ASSERT(!r.committed);
        fit_clear(f);
    }
}

/* ---- requests that cannot be carried out */

static void
test_refused(void)
{
    Fit *f = fit_open(&fit_engine, 1, RT_POLICY_stop);
    RtError error = {0};
    RtStepResult r;
    RtView view = {
        .type = RT_f32, .rank = 2, .shape = {FIT_ROWS, 4}, .stride = {16, 4}, .data = f->x};

    CHECK_ERROR(rt_training_allocate(f->training, &error), error, RT_ARGUMENT,
                "'replay' has no number of slots");
    CHECK_ERROR(rt_training_set_slots(f->training, "replay", FIT_BATCH - 1, &error), error,
                RT_ARGUMENT, "fewer than the 21 data points");
    CHECK_ERROR(rt_training_set_slots(f->training, "x", 99, &error), error, RT_ARGUMENT,
                "no buffer 'x'");
    CHECK_OK(rt_training_set_slots(f->training, "replay", FIT_SLOTS, &error), error);
    CHECK_ERROR(rt_training_allocate(f->training, &error), error, RT_ARGUMENT,
                "column 'x' of the data is not set");
    CHECK_ERROR(rt_training_set_data(f->training, "x", &view, &error), error, RT_SHAPE, "'x'");
    CHECK_ERROR(rt_training_set_data(f->training, "replay", &view, &error), error, RT_ARGUMENT,
                "no column");
    view.shape[1] = 2;
    CHECK_OK(rt_training_set_data(f->training, "x", &view, &error), error);
    view.rank = 1;
    view.shape[0] = FIT_ROWS + 1;
    CHECK_ERROR(rt_training_set_data(f->training, "y", &view, &error), error, RT_SHAPE,
                "has 38 rows, and others have 37");
    CHECK_ERROR(rt_training_step(f->training, &r, &error), error, RT_ARGUMENT, "not started");
    CHECK_ERROR(rt_training_start(f->training, &error), error, RT_ARGUMENT, "no memory");
    CHECK_OK(rt_training_set_slots(f->training, "replay", UINT64_MAX / 2, &error), error);
    view.shape[0] = FIT_ROWS;
    CHECK_OK(rt_training_set_data(f->training, "y", &view, &error), error);
    CU_ASSERT_EQUAL(rt_training_bytes(f->training), UINT64_MAX);
    CHECK_ERROR(rt_training_allocate(f->training, &error), error, RT_MEMORY, "training needs");
    fit_clear(f);
}

int
main(void)
{
    static CU_TestInfo tests[] = {
        {"permutations are bijections", test_bijection},
        {"large permutations", test_large},
        {"permutations are uniform", test_uniform},
        {"permutations are uncorrelated", test_uncorrelated},
        {"an epoch has every row once", test_epochs},
        {"steps are those of plain C", test_steps},
        {"any threads give the same bits", test_threads},
        {"slots are distinct and put back", test_slots},
        {"a broken step stops", test_stop},
        {"a broken step is skipped", test_skip},
        {"what broke is named", test_terms},
        {"refused requests", test_refused},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"training", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
