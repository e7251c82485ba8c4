/* SPDX-License-Identifier: Apache-2.0
 *
 * fft.c -- Fourier transforms of a power of two, for autocovariances
 *
 * Radix 2, decimation in frequency forward and in time backward, so that no step reorders.
 * The recursion finishes one half before it begins the other: whatever the size of the cache,
 * most of the work is within it.
 */
#include "runtime/fft.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

static void
forward(const RtFft *fft, size_t n, double *re, double *im)
{
    size_t half = n / 2;

    if (n < 2)
        return;
    const double *c = fft->cosine + half - 1, *s = fft->sine + half - 1;
    double *restrict re0 = re, *restrict re1 = re + half;
    double *restrict im0 = im, *restrict im1 = im + half;
    for (size_t k = 0; k < half; k++) {
        double x = re0[k] - re1[k], y = im0[k] - im1[k];
        re0[k] += re1[k];
        im0[k] += im1[k];
        re1[k] = x * c[k] + y * s[k];
        im1[k] = y * c[k] - x * s[k];
    }
    forward(fft, half, re, im);
    forward(fft, half, re + half, im + half);
}

static void
backward(const RtFft *fft, size_t n, double *re, double *im)
{
    size_t half = n / 2;

    if (n < 2)
        return;
    const double *c = fft->cosine + half - 1, *s = fft->sine + half - 1;
    backward(fft, half, re, im);
    backward(fft, half, re + half, im + half);
    double *restrict re0 = re, *restrict re1 = re + half;
    double *restrict im0 = im, *restrict im1 = im + half;
    for (size_t k = 0; k < half; k++) {
        double x = re1[k] * c[k] - im1[k] * s[k];
        double y = im1[k] * c[k] + re1[k] * s[k];
        re1[k] = re0[k] - x;
        im1[k] = im0[k] - y;
        re0[k] += x;
        im0[k] += y;
    }
}

bool
rt_fft_create(RtFft *ret, size_t size)
{
    *ret = (RtFft){.size = size};
    if (size > SIZE_MAX / sizeof(double))
        return false;
    ret->cosine = malloc(size * sizeof(double));
    ret->sine = malloc(size * sizeof(double));
    if (!ret->cosine || !ret->sine) {
        rt_fft_clear(ret);
        return false;
    }
    for (size_t half = 1; half < size; half *= 2) {
        for (size_t k = 0; k < half; k++) {
            double angle = 3.14159265358979323846 * (double)k / (double)half;
            ret->cosine[half - 1 + k] = cos(angle);
            ret->sine[half - 1 + k] = sin(angle);
        }
    }
    return true;
}

void
rt_fft_clear(RtFft *fft)
{
    free(fft->cosine);
    free(fft->sine);
    *fft = (RtFft){0};
}

void
rt_fft_forward(const RtFft *fft, double *re, double *im)
{
    forward(fft, fft->size, re, im);
}

void
rt_fft_backward(const RtFft *fft, double *re, double *im)
{
    backward(fft, fft->size, re, im);
}
