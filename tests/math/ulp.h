/* SPDX-License-Identifier: Apache-2.0
 *
 * ulp.h -- the error of a result, in units in the last place of the exact value.
 */
#ifndef EBM_TESTS_MATH_ULP_H
#define EBM_TESTS_MATH_ULP_H

#include <math.h>

/* |y - exact| in ulp of a format with `digits` bits, smallest exponent `low` (1 ulp there is
 * 2^(low - digits)) and largest finite exponent `high`, in frexp's sense.  The exact value may
 * be rounded to any much wider format.  Infinity stands for 2^high; a wrong NaN, a wrong
 * infinity and a wrong sign of zero are infinitely wrong. */
static inline long double
ulp_error(long double y, long double exact, int digits, int low, int high)
{
    if (isnan(y) || isnan(exact))
        return isnan(y) && isnan(exact) ? 0 : INFINITY;
    if (isinf(exact))
        return y == exact ? 0 : INFINITY;
    if (exact == 0)
        return y == 0 && signbit(y) == signbit(exact) ? 0 : INFINITY;
    if (signbit(y) != signbit(exact))
        return INFINITY;
    long double bound = ldexpl(1, high);
    if (isinf(y))
        y = copysignl(bound, y);
    if (fabsl(exact) >= bound)
        exact = copysignl(bound, exact);
    int e;
    frexpl(exact, &e);
    return fabsl(y - exact) / ldexpl(1, (e > low ? e : low) - digits);
}

static inline long double
ulp_error_f32(float y, long double exact)
{
    return ulp_error(y, exact, 24, -125, 128);
}

static inline long double
ulp_error_f64(double y, long double exact)
{
    return ulp_error(y, exact, 53, -1021, 1024);
}

#endif
