/* SPDX-License-Identifier: Apache-2.0
 *
 * ulp_all.c -- the error of the f32 functions over all 2^32 inputs: ulp_all [-s STEP] [-t
 * THREADS] [NAME ...].
 *
 * Run by hand.  The exact value is taken from the C library's double functions (digamma: ours),
 * whose own error is below 2^-28 ulp of f32; these are held against MPFR by test_math.c.
 * Prints, a function, the largest error over positive and negative inputs, up to the limit of
 * its domain, and where it is.  Fails if a guaranteed bound does not hold.
 */
#include "ir/math/math.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/math/ulp.h"

typedef struct Part {
    MathFn fn;
    uint64_t from, to, step;
    double worst[2]; /* negative, positive */
    float where[2];
} Part;

static double
digamma_f64(double x)
{
    return math_f64(MATH_digamma, x, 0);
}

static double
lgamma_f64(double x)
{
    int sign;
    return lgamma_r(x, &sign);
}

static double
sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double
softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double (*const exact[MATH_COUNT])(double) = {
    [MATH_exp] = exp, [MATH_expm1] = expm1,       [MATH_exp_flush] = exp,
    [MATH_log] = log, [MATH_log1p] = log1p,       [MATH_sin] = sin,
    [MATH_cos] = cos, [MATH_sigmoid] = sigmoid,   [MATH_softplus] = softplus,
    [MATH_tan] = tan, [MATH_tanh] = tanh,         [MATH_atan] = atan,
    [MATH_erf] = erf, [MATH_lgamma] = lgamma_f64, [MATH_digamma] = digamma_f64,
};

/* ulp_error_f32 in double, for the common case. */
static double
error_of(float y, double r)
{
    if (!isfinite(y) || !isfinite(r) || r == 0 || y == 0)
        return (double)ulp_error_f32(y, r);
    uint64_t bits;
    memcpy(&bits, &r, sizeof bits);
    bits &= UINT64_C(0x7ff0000000000000);
    const uint64_t least = (UINT64_C(1023) - 126) << 52;
    bits = bits > least ? bits : least;
    bits -= UINT64_C(23) << 52;
    double unit;
    memcpy(&unit, &bits, sizeof unit);
    return fabs(y - r) / unit;
}

static void *
measure(void *user)
{
    Part *p = user;
    for (uint64_t i = p->from; i < p->to; i += p->step) {
        uint32_t bits = (uint32_t)i;
        float x;
        memcpy(&x, &bits, sizeof x);
        if (fabsf(x) > (float)math_info[p->fn].most32)
            continue;
        double e = error_of(math_f32(p->fn, x, 0), exact[p->fn](x));
        int side = !signbit(x);
        if (e > p->worst[side]) {
            p->worst[side] = e;
            p->where[side] = x;
        }
    }
    return NULL;
}

static bool
report(MathFn fn, unsigned threads, uint64_t step)
{
    Part part[64] = {0};
    pthread_t thread[64];
    uint64_t size = (UINT64_C(1) << 32) / threads;
    for (unsigned i = 0; i < threads; i++) {
        part[i] = (Part){.fn = fn, .from = i * size, .to = (i + 1) * size, .step = step};
        if (pthread_create(&thread[i], NULL, measure, &part[i]))
            exit(1);
    }
    Part total = {0};
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(thread[i], NULL);
        for (int side = 0; side < 2; side++)
            if (part[i].worst[side] > total.worst[side]) {
                total.worst[side] = part[i].worst[side];
                total.where[side] = part[i].where[side];
            }
    }
    printf("%-8s x > 0: %.4f ulp at %a   x < 0: %.4g ulp at %a\n", math_info[fn].name,
           total.worst[1], (double)total.where[1], total.worst[0], (double)total.where[0]);
    fflush(stdout);
    const MathInfo *info = &math_info[fn];
    return total.worst[1] <= info->ulp32 && (info->positive || total.worst[0] <= info->ulp32);
}

int
main(int argc, char **argv)
{
    unsigned threads = 2;
    uint64_t step = 1;
    int first = 1, status = 0;
    for (; first + 1 < argc && argv[first][0] == '-'; first += 2) {
        if (argv[first][1] == 's')
            step = strtoull(argv[first + 1], NULL, 10);
        else
            threads = (unsigned)strtoul(argv[first + 1], NULL, 10);
    }
    if (step < 1 || threads < 1 || threads > 64)
        return 2;
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        int wanted = first == argc;
        for (int i = first; i < argc; i++)
            wanted |= !strcmp(argv[i], math_info[fn].name);
        if (wanted && exact[fn])
            status |= !report((MathFn)fn, threads, step);
    }
    return status;
}
