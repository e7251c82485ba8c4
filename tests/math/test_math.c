/* SPDX-License-Identifier: Apache-2.0
 *
 * test_math.c -- the mathematical functions against MPFR, f32 and f64, within their guaranteed
 * bounds.
 *
 * Inputs are spread over all bit patterns, over every exponent, around the thresholds of each
 * function, and over the interval where functions bend.  The numbers are from a fixed sequence,
 * so that a failure repeats.
 */
#include <CUnit/Basic.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <mpfr.h>

#include "ir/math/math.h"
#include "tests/math/ulp.h"

typedef int (*Exact1)(mpfr_ptr, mpfr_srcptr, mpfr_rnd_t);

static int
exact_lgamma(mpfr_ptr r, mpfr_srcptr x, mpfr_rnd_t rounding)
{
    int sign;
    return mpfr_lgamma(r, &sign, x, rounding);
}

static int
exact_sigmoid(mpfr_ptr r, mpfr_srcptr x, mpfr_rnd_t rounding)
{
    mpfr_neg(r, x, rounding);
    mpfr_exp(r, r, rounding);
    mpfr_add_ui(r, r, 1, rounding);
    return mpfr_ui_div(r, 1, r, rounding);
}

/* e^x, or x, where 1 + e^x is no more than 1, or than e^x, to the precision at hand. */
static int
exact_softplus(mpfr_ptr r, mpfr_srcptr x, mpfr_rnd_t rounding)
{
    mpfr_exp(r, x, rounding);
    return mpfr_inf_p(r) && !mpfr_inf_p(x) ? mpfr_set(r, x, rounding)
                                           : mpfr_log1p(r, r, rounding);
}

static const Exact1 exact1[MATH_COUNT] = {
    [MATH_exp] = mpfr_exp, [MATH_expm1] = mpfr_expm1,      [MATH_exp_flush] = mpfr_exp,
    [MATH_log] = mpfr_log, [MATH_log1p] = mpfr_log1p,      [MATH_sin] = mpfr_sin,
    [MATH_cos] = mpfr_cos, [MATH_sigmoid] = exact_sigmoid, [MATH_softplus] = exact_softplus,
    [MATH_tan] = mpfr_tan, [MATH_tanh] = mpfr_tanh,        [MATH_atan] = mpfr_atan,
    [MATH_erf] = mpfr_erf, [MATH_lgamma] = exact_lgamma,   [MATH_digamma] = mpfr_digamma,
};

/* One run over inputs: the worst error, and where. */
typedef struct Run {
    MathFn fn;
    bool wide; /* f64 */
    mpfr_t x, y, r;
    long double worst;
    double at[2];
} Run;

static bool
in_domain(const Run *run, double x)
{
    const MathInfo *info = &math_info[run->fn];
    bool near = fabs(x) <= (run->wide ? info->most64 : info->most32);
    return near && (!info->positive || x > 0) && !(run->fn == MATH_digamma && isinf(x));
}

/* Rounds to the format of the run. */
static double
rounded(const Run *run, double x)
{
    return run->wide ? x : (double)(float)x;
}

static void
try_pair(Run *run, double x, double y)
{
    if (isnan(x) || !in_domain(run, x))
        return;
    y = rounded(run, y);
    mpfr_set_d(run->x, x, MPFR_RNDN);
    mpfr_set_d(run->y, y, MPFR_RNDN);
    if (run->fn == MATH_pow)
        mpfr_pow(run->r, run->x, run->y, MPFR_RNDN);
    else
        exact1[run->fn](run->r, run->x, MPFR_RNDN);
    long double exact = mpfr_get_ld(run->r, MPFR_RNDN);
    long double e;
    if (run->wide)
        e = ulp_error_f64(math_f64(run->fn, x, y), exact);
    else
        e = ulp_error_f32(math_f32(run->fn, (float)x, (float)y), exact);
    if (e > run->worst) {
        run->worst = e;
        run->at[0] = x, run->at[1] = y;
    }
}

static double
from_bits(const Run *run, uint64_t bits)
{
    double x;
    float narrow;
    uint32_t half = (uint32_t)(bits >> 32);
    if (!run->wide) {
        memcpy(&narrow, &half, sizeof narrow);
        return (double)narrow;
    }
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* The sequence of SplitMix64. */
static uint64_t
next_bits(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static double
next_unit(uint64_t *state)
{
    return (double)(next_bits(state) >> 11) * 0x1p-53;
}

/* Where results overflow, vanish, saturate or change formula; neighbours on both sides are
 * tried too. */
// clang-format off
static const double places[] = {
    0, 0x1p-149, 0x1p-126, 0x1p-1022, 0x1p-1074, 0x1p-25, 0x1p-54, 0.25, 0.5, 0.625,
    0.70710678118654752, 0.75, 1, 1.4142135623730951, 1.4616321449683623, 1.5, 2, 2.5, 3,
    3.9296875, 5.9296875, 9, 9.0109, 19.06, 16.63, 17.33, 36.74, 37.43, 87.3365, 88.72283, 89,
    103.2789, 103.97208, 708.39642, 709.78271, 744.44007, 745.13322, 0.78539816339744831,
    1.5707963267948966, 3.1415926535897932, 6.2831853071795865, 1e5, 0x1p20, 0x1p40,
    0x1.fffffep127, 0x1.fffffffffffffp1023, 4.0850034e36, 2.55e305, 1e10, 1e30, INFINITY,
};
// clang-format on

static double
step_from(const Run *run, double x, int steps)
{
    for (int i = 0; i < abs(steps); i++)
        x = run->wide ? nextafter(x, steps > 0 ? INFINITY : -INFINITY)
                      : (double)nextafterf((float)x, steps > 0 ? INFINITY : -INFINITY);
    return x;
}

static void
try_places(Run *run)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        for (int k = -3; k <= 3; k++) {
            double x = step_from(run, rounded(run, places[i]), k);
            try_pair(run, x, 0.5);
            try_pair(run, -x, 3);
        }
    int most = run->wide ? 1024 : 128;
    for (int e = -most; e < most; e++)
        for (int k = 0; k < 3; k++) {
            double x = rounded(run, ldexp(1 + 0.37 * k, e));
            try_pair(run, x, rounded(run, 90.0 / (e + 0.5)));
            try_pair(run, -x, 5);
        }
}

enum { SAMPLES = 8000 };

static void
try_samples(Run *run)
{
    uint64_t state = (uint64_t)run->fn;
    for (int i = 0; i < SAMPLES; i++) {
        double y = rounded(run, 4 * next_unit(&state) - 2);
        try_pair(run, from_bits(run, next_bits(&state)), y);
        try_pair(run, rounded(run, 8 * next_unit(&state) - 4), 30 * y);
        try_pair(run, rounded(run, (run->wide ? 760 : 106) * (2 * next_unit(&state) - 1)), y);
    }
}

static void
check(MathFn fn, bool wide)
{
    Run run = {.fn = fn, .wide = wide};
    double bound = wide ? math_info[fn].ulp64 : math_info[fn].ulp32;

    mpfr_inits2(80, run.x, run.y, run.r, (mpfr_ptr)0);
    try_places(&run);
    try_samples(&run);
    mpfr_clears(run.x, run.y, run.r, (mpfr_ptr)0);
    printf("\n    %-8s f%s %.3Lf ulp at %a, %a ", math_info[fn].name, wide ? "64" : "32",
           run.worst, run.at[0], run.at[1]);
    CU_ASSERT(run.worst <= bound);
}

static void
test_f32_is_within_its_bounds(void)
{
    for (int fn = 0; fn < MATH_COUNT; fn++)
        check((MathFn)fn, false);
}

static void
test_f64_is_within_its_bounds(void)
{
    for (int fn = 0; fn < MATH_COUNT; fn++)
        check((MathFn)fn, true);
}

static void
test_nan_stays_nan(void)
{
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        CU_ASSERT(isnan(math_f32((MathFn)fn, NAN, 2)));
        CU_ASSERT(isnan(math_f64((MathFn)fn, NAN, 2)));
    }
}

static bool
same(double x, double y)
{
    return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

/* All pairs of special values, as the C library has them. */
static void
test_pow_has_the_special_cases_of_c(void)
{
    static const double v[] = {0,   -0.0, 1,    -1,    2,        -2,        3,  -3,
                               0.5, -0.5, 1e30, -1e30, INFINITY, -INFINITY, NAN};
    enum { N = sizeof v / sizeof *v };

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double exact = pow(v[i], v[j]);
            double wide = math_f64(MATH_pow, v[i], v[j]),
                   narrow = math_f32(MATH_pow, (float)v[i], (float)v[j]);
            CU_ASSERT(same(wide, exact) || ulp_error_f64(wide, exact) <= 1);
            exact = powf((float)v[i], (float)v[j]);
            CU_ASSERT(same(narrow, exact) || ulp_error_f32((float)narrow, exact) <= 1);
        }
}

/* Near the zeros of lgamma and digamma on the negative axis no bound in ulp holds; an absolute
 * one does. */
static void
test_gamma_functions_are_close_on_the_negative_axis(void)
{
    mpfr_t x, r;
    mpfr_inits2(80, x, r, (mpfr_ptr)0);
    for (int i = 1; i < 4000; i++) {
        double at = -i / 256.0 - 1.0 / 1024;
        mpfr_set_d(x, at, MPFR_RNDN);
        exact_lgamma(r, x, MPFR_RNDN);
        double l = mpfr_get_d(r, MPFR_RNDN);
        mpfr_digamma(r, x, MPFR_RNDN);
        double d = mpfr_get_d(r, MPFR_RNDN);
        CU_ASSERT(fabs(math_f64(MATH_lgamma, at, 0) - l) < 2e-15 * (1 + fabs(l)));
        CU_ASSERT(fabs(math_f32(MATH_lgamma, (float)at, 0) - l) < 1e-6 * (1 + fabs(l)));
        CU_ASSERT(fabs(math_f64(MATH_digamma, at, 0) - d) < 2e-15 * (1 + fabs(d)));
        CU_ASSERT(fabs(math_f32(MATH_digamma, (float)at, 0) - d) < 1e-6 * (1 + fabs(d)));
    }
    mpfr_clears(x, r, (mpfr_ptr)0);
    for (int i = 1; i < 10; i++) {
        CU_ASSERT(math_f64(MATH_lgamma, -i, 0) == INFINITY);
        CU_ASSERT(isnan(math_f64(MATH_digamma, -i, 0)));
    }
    CU_ASSERT(math_f32(MATH_lgamma, -1e37f, 0) == INFINITY);
    CU_ASSERT(math_f64(MATH_lgamma, -1e307, 0) == INFINITY);
    CU_ASSERT(math_f64(MATH_lgamma, 0, 0) == INFINITY &&
              math_f64(MATH_lgamma, -0.0, 0) == INFINITY);
    CU_ASSERT(math_f64(MATH_digamma, 0, 0) == -INFINITY &&
              math_f64(MATH_digamma, INFINITY, 0) == INFINITY);
}

static void
test_turns_beyond_the_limit_are_nan(void)
{
    static const MathFn turn[] = {MATH_sin, MATH_cos, MATH_tan};
    for (int i = 0; i < 3; i++) {
        CU_ASSERT(isnan(math_f32(turn[i], step_from(&(Run){.wide = false}, 0x1p20, 1), 0)));
        CU_ASSERT(isnan(math_f64(turn[i], step_from(&(Run){.wide = true}, -0x1p40, -1), 0)));
        CU_ASSERT(isnan(math_f32(turn[i], INFINITY, 0)));
    }
}

/* As exp to the bit, down to the smallest normal number; 0 below. */
static void
test_exp_flush_gives_normal_numbers_or_0(void)
{
    for (float x = -110; x < 95; x += 0x1.8p-8f) {
        float y = math_f32(MATH_exp, x, 0), flushed = math_f32(MATH_exp_flush, x, 0);
        CU_ASSERT_EQUAL(flushed, y < FLT_MIN ? 0 : y);
    }
    for (double x = -760; x < 720; x += 0x1.8p-6) {
        double y = math_f64(MATH_exp, x, 0), flushed = math_f64(MATH_exp_flush, x, 0);
        CU_ASSERT_EQUAL(flushed, y < DBL_MIN ? 0 : y);
    }
    CU_ASSERT_EQUAL(math_f32(MATH_exp_flush, -0x1.5d589ep+6f, 0),
                    math_f32(MATH_exp, -0x1.5d589ep+6f, 0));
    CU_ASSERT_EQUAL(math_f32(MATH_exp_flush, -0x1.5d58a0p+6f, 0), 0);
    CU_ASSERT_EQUAL(math_f32(MATH_exp_flush, -INFINITY, 0), 0);
    CU_ASSERT(isinf(math_f32(MATH_exp_flush, INFINITY, 0)));
}

static void
test_logistic_functions_end_in_0_and_1(void)
{
    CU_ASSERT_EQUAL(math_f32(MATH_sigmoid, -88, 0), 0);
    CU_ASSERT_EQUAL(math_f32(MATH_sigmoid, 88, 0), 1);
    CU_ASSERT_EQUAL(math_f64(MATH_sigmoid, -INFINITY, 0), 0);
    CU_ASSERT_DOUBLE_EQUAL(math_f64(MATH_sigmoid, INFINITY, 0), 1, 4 * DBL_EPSILON);
    CU_ASSERT_EQUAL(math_f32(MATH_softplus, -88, 0), 0);
    CU_ASSERT_EQUAL(math_f32(MATH_softplus, 88, 0), 88);
    CU_ASSERT_EQUAL(math_f64(MATH_softplus, -709, 0), 0);
    CU_ASSERT_EQUAL(math_f64(MATH_softplus, 709, 0), 709);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("math", NULL, NULL);
    CU_ADD_TEST(suite, test_f32_is_within_its_bounds);
    CU_ADD_TEST(suite, test_f64_is_within_its_bounds);
    CU_ADD_TEST(suite, test_nan_stays_nan);
    CU_ADD_TEST(suite, test_pow_has_the_special_cases_of_c);
    CU_ADD_TEST(suite, test_gamma_functions_are_close_on_the_negative_axis);
    CU_ADD_TEST(suite, test_turns_beyond_the_limit_are_nan);
    CU_ADD_TEST(suite, test_exp_flush_gives_normal_numbers_or_0);
    CU_ADD_TEST(suite, test_logistic_functions_end_in_0_and_1);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
