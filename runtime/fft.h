/* SPDX-License-Identifier: Apache-2.0
 *
 * fft.h -- Fourier transforms of a power of two, for autocovariances.
 */
#ifndef EBM_RUNTIME_FFT_H
#define EBM_RUNTIME_FFT_H

#include <stdbool.h>
#include <stddef.h>

/* Roots of unity for transforms of up to `size` points. */
typedef struct RtFft {
    size_t size;
    double *cosine, *sine; /* for 2, 4, ... size points one after the other: n/2 each */
} RtFft;

/* `size` is a power of two; false when there is no memory. */
bool rt_fft_create(RtFft *ret, size_t size);
void rt_fft_clear(RtFft *fft);

/* Transforms `size` points in place.  Forward gives bit-reversed order, backward takes it and
 * gives natural order, without the factor 1/size: a product of spectra needs no other. */
void rt_fft_forward(const RtFft *fft, double *re, double *im);
void rt_fft_backward(const RtFft *fft, double *re, double *im);

#endif
