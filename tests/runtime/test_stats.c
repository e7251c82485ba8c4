/* SPDX-License-Identifier: Apache-2.0
 *
 * test_stats.c -- summaries of draws against ArviZ
 *
 * usage: test_stats stats_golden.json
 * The draws are made here as draws.py makes them; make_stats_golden.py wrote what ArviZ says.
 */
#include "runtime/stats.h"

#include <CUnit/Basic.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/fft.h"

/* ---- draws.py in C */

static double
uniform(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static double
transform(const char *kind, double x, size_t chain, size_t draw)
{
    if (!strcmp(kind, "ties"))
        return nearbyint(x * 2);
    if (!strcmp(kind, "heavy"))
        return x * x * x / (0.01 + (x - 0.5) * (x - 0.5));
    if (!strcmp(kind, "apart"))
        return x + (double)chain;
    if (!strcmp(kind, "constant"))
        return 1.5;
    if (!strcmp(kind, "steps"))
        return (double)chain;
    if (!strcmp(kind, "signs"))
        return x > 0 ? 1 : -1;
    if (!strcmp(kind, "infinite"))
        return draw == 7 ? INFINITY : x;
    if (!strcmp(kind, "missing"))
        return draw == 3 && chain == 0 ? NAN : x;
    if (!strcmp(kind, "drift"))
        return x + (double)draw * 0.001;
    return x;
}

static double *
make_draws(const char *kind, size_t chains, size_t draws, double phi, uint64_t seed)
{
    double *value = malloc(chains * draws * sizeof *value);

    for (size_t c = 0; c < chains; c++) {
        double x = 0;
        for (size_t d = 0; d < draws; d++) {
            double noise = uniform(&seed);
            noise += uniform(&seed);
            noise += uniform(&seed);
            x = phi * x + (noise - 1.5);
            value[c * draws + d] = transform(kind, x, c, d);
        }
    }
    return value;
}

/* ---- comparing */

static const char *golden_path;

static bool
close_to(double x, double expected, double tolerance)
{
    if (isnan(expected))
        return isnan(x);
    if (isinf(expected))
        return x == expected;
    return fabs(x - expected) <= tolerance * fmax(fabs(expected), 1e-3);
}

static double
expected_number(const json_t *expected, const char *name)
{
    const json_t *json = json_object_get(expected, name);

    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    return json_is_string(json) ? strtod(json_string_value(json), NULL)
                                : json_number_value(json);
}

static void
compare(const json_t *test, const char *name, double x)
{
    double expected = expected_number(json_object_get(test, "expected"), name);
    bool ok = close_to(x, expected, 1e-9);

    CU_ASSERT(ok);
    if (!ok)
        fprintf(stderr, "%s seed %lld: %s is %.17g, ArviZ says %.17g\n",
                json_string_value(json_object_get(test, "kind")),
                (long long)json_integer_value(json_object_get(test, "seed")), name, x,
                expected);
}

static size_t
size_member(const json_t *test, const char *name)
{
    return (size_t)json_integer_value(json_object_get(test, name));
}

static void
compare_case(const json_t *test)
{
    size_t chains = size_member(test, "chains"), draws = size_member(test, "draws");
    double *value =
        make_draws(json_string_value(json_object_get(test, "kind")), chains, draws,
                   json_number_value(json_object_get(test, "phi")), size_member(test, "seed"));
    RtDraws view = {value, RT_f64, chains, draws, (ptrdiff_t)draws, 1};
    RtError error = {0};
    RtSummary summary;
    RtStats *stats;

    CU_ASSERT_FATAL(rt_stats_create(chains, draws, &stats, &error));
    rt_stats_summarize(stats, &view, &summary);
    compare(test, "mean", summary.mean);
    compare(test, "sd", summary.sd);
    compare(test, "q5", summary.q5);
    compare(test, "q50", summary.q50);
    compare(test, "q95", summary.q95);
    compare(test, "mcse_mean", summary.mcse_mean);
    compare(test, "ess_bulk", summary.ess_bulk);
    compare(test, "ess_tail", summary.ess_tail);
    compare(test, "r_hat", summary.r_hat);
    rt_stats_free(stats);
    free(value);
}

static void
test_golden(void)
{
    json_error_t error;
    json_t *json = json_load_file(golden_path, 0, &error);
    json_t *test;
    size_t i;

    CU_ASSERT_PTR_NOT_NULL_FATAL(json);
    CU_ASSERT(json_array_size(json_object_get(json, "cases")) >= 20);
    json_array_foreach(json_object_get(json, "cases"), i, test)
    {
        compare_case(test);
    }
    json_decref(json);
}

static bool
same_summary(const RtSummary *x, const RtSummary *y)
{
    return memcmp(x, y, sizeof *x) == 0;
}

/* A workspace gives the same whatever it did before, through whatever strides. */
static void
test_strides(void)
{
    enum { CHAINS = 3, DRAWS = 77, VARIABLES = 5 };
    static double table[DRAWS][CHAINS][VARIABLES];
    RtSummary plain, strided;
    RtError error = {0};
    RtStats *stats;

    CU_ASSERT_FATAL(rt_stats_create(CHAINS, DRAWS, &stats, &error));
    for (size_t v = 0; v < VARIABLES; v++) {
        double *value = make_draws("smooth", CHAINS, DRAWS, 0.5, 100 + v);
        for (size_t c = 0; c < CHAINS; c++) {
            for (size_t d = 0; d < DRAWS; d++)
                table[d][c][v] = value[c * DRAWS + d];
        }
        RtDraws view = {value, RT_f64, CHAINS, DRAWS, DRAWS, 1};
        rt_stats_summarize(stats, &view, &plain);
        view = (RtDraws){&table[0][0][v], RT_f64, CHAINS, DRAWS, VARIABLES, CHAINS * VARIABLES};
        rt_stats_summarize(stats, &view, &strided);
        CU_ASSERT(same_summary(&plain, &strided));
        view = (RtDraws){&table[DRAWS - 1][0][v], RT_f64, CHAINS, DRAWS, VARIABLES,
                         -CHAINS * VARIABLES};
        rt_stats_summarize(stats, &view, &strided);
        CU_ASSERT_DOUBLE_EQUAL(plain.q95, strided.q95, 0);
        CU_ASSERT(close_to(strided.ess_bulk, plain.ess_bulk, 1e-9));
        free(value);
    }
    rt_stats_free(stats);
}

static void
test_narrow(void)
{
    enum { CHAINS = 2, DRAWS = 300 };
    float narrow[CHAINS * DRAWS];
    double wide[CHAINS * DRAWS];
    RtSummary x, y;
    RtError error = {0};
    RtStats *stats;
    double *value = make_draws("heavy", CHAINS, DRAWS, 0.5, 5);

    for (size_t i = 0; i < CHAINS * DRAWS; i++)
        wide[i] = (double)(narrow[i] = (float)value[i]);
    CU_ASSERT_FATAL(rt_stats_create(CHAINS, DRAWS, &stats, &error));
    RtDraws view = {narrow, RT_f32, CHAINS, DRAWS, DRAWS, 1};
    rt_stats_summarize(stats, &view, &x);
    view.data = wide;
    view.type = RT_f64;
    rt_stats_summarize(stats, &view, &y);
    CU_ASSERT(same_summary(&x, &y));
    rt_stats_free(stats);
    free(value);
}

static void
test_errors(void)
{
    RtError error = {0};
    RtStats *stats = NULL;

    CU_ASSERT_FALSE(rt_stats_create(0, 10, &stats, &error));
    CU_ASSERT_EQUAL(error.code, RT_SHAPE);
    CU_ASSERT_FALSE(rt_stats_create(SIZE_MAX / 2, 10, &stats, &error));
    CU_ASSERT_EQUAL(error.code, RT_SHAPE);
    rt_stats_free(NULL);
}

static void
test_normal(void)
{
    /* Against erfc, which is independent of the rational functions. */
    for (double p = 1e-300; p < 0.999; p = p < 1e-3 ? p * 1.9 : p + 0.0007) {
        double x = rt_normal_quantile(p);
        CU_ASSERT(close_to(erfc(-x / sqrt(2)) / 2 / p, 1, 1e-12));
    }
    CU_ASSERT_EQUAL(rt_normal_quantile(0.5), 0);
    CU_ASSERT_EQUAL(rt_normal_quantile(0), -INFINITY);
    CU_ASSERT_EQUAL(rt_normal_quantile(1), INFINITY);
    CU_ASSERT(isnan(rt_normal_quantile(-0.1)));
    CU_ASSERT(isnan(rt_normal_quantile(NAN)));
    CU_ASSERT(close_to(rt_normal_quantile(0.975), 1.959963984540054, 1e-15));
}

static size_t
reverse_bits(size_t i, size_t size)
{
    size_t reversed = 0;

    for (size_t bit = 1; bit < size; bit *= 2)
        reversed = reversed * 2 + (i & bit ? 1 : 0);
    return reversed;
}

static void
test_fft(void)
{
    enum { SIZE = 64 };
    double re[SIZE], im[SIZE], re0[SIZE], im0[SIZE];
    uint64_t state = 1;
    RtFft fft;

    CU_ASSERT_FATAL(rt_fft_create(&fft, SIZE));
    for (size_t i = 0; i < SIZE; i++) {
        re[i] = re0[i] = uniform(&state);
        im[i] = im0[i] = uniform(&state);
    }
    rt_fft_forward(&fft, re, im);
    for (size_t k = 0; k < SIZE; k++) {
        double x = 0, y = 0;
        for (size_t i = 0; i < SIZE; i++) {
            double angle = -2 * acos(-1) * (double)(i * k % SIZE) / SIZE;
            x += re0[i] * cos(angle) - im0[i] * sin(angle);
            y += re0[i] * sin(angle) + im0[i] * cos(angle);
        }
        CU_ASSERT_DOUBLE_EQUAL(re[reverse_bits(k, SIZE)], x, 1e-12);
        CU_ASSERT_DOUBLE_EQUAL(im[reverse_bits(k, SIZE)], y, 1e-12);
    }
    rt_fft_backward(&fft, re, im);
    for (size_t i = 0; i < SIZE; i++) {
        CU_ASSERT_DOUBLE_EQUAL(re[i] / SIZE, re0[i], 1e-14);
        CU_ASSERT_DOUBLE_EQUAL(im[i] / SIZE, im0[i], 1e-14);
    }
    rt_fft_clear(&fft);
}

int
main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: test_stats stats_golden.json\n");
        return 2;
    }
    golden_path = argv[1];
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("stats", NULL, NULL);
    CU_ADD_TEST(suite, test_golden);
    CU_ADD_TEST(suite, test_strides);
    CU_ADD_TEST(suite, test_narrow);
    CU_ADD_TEST(suite, test_errors);
    CU_ADD_TEST(suite, test_normal);
    CU_ADD_TEST(suite, test_fft);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
