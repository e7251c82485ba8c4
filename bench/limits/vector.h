/* SPDX-License-Identifier: Apache-2.0
 *
 * vector.h -- vectors of floats, and the functions and random numbers that samplers need of
 * them.
 *
 * What a limit may use and a kernel may not: approximate reciprocals, products fused wherever
 * they occur, 23 bits of a uniform, functions to some 1e-7 without a bound to keep.
 */
#ifndef EBM_BENCH_VECTOR_H
#define EBM_BENCH_VECTOR_H

#include <immintrin.h>
#include <stdint.h>

#ifdef __AVX512F__
enum { LANES = 16 };
typedef float Vec __attribute__((vector_size(64)));
typedef int32_t VecI __attribute__((vector_size(64)));
typedef uint32_t VecU __attribute__((vector_size(64)));
typedef uint64_t VecW __attribute__((vector_size(64)));
#else
enum { LANES = 8 };
typedef float Vec __attribute__((vector_size(32)));
typedef int32_t VecI __attribute__((vector_size(32)));
typedef uint32_t VecU __attribute__((vector_size(32)));
typedef uint64_t VecW __attribute__((vector_size(32)));
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE Vec
splat(float x)
{
    return x - (Vec){0};
}

INLINE Vec
vec_select(VecI mask, Vec yes, Vec no)
{
    return (Vec)(((VecI)yes & mask) | ((VecI)no & ~mask));
}

INLINE float
vec_sum(Vec x)
{
    float sum = 0;
    for (int i = 0; i < LANES; i++)
        sum += x[i];
    return sum;
}

#ifdef __AVX512F__
/* 1/x within 2 ulp: an estimate of 14 bits and one Newton step. */
INLINE Vec
vec_rcp(Vec x)
{
    Vec y = (Vec)_mm512_rcp14_ps((__m512)x);
    return y + y * (1.0f - x * y);
}

INLINE Vec
vec_ldexp(Vec x, Vec n)
{
    return (Vec)_mm512_scalef_ps((__m512)x, (__m512)n);
}
#else
INLINE Vec
vec_rcp(Vec x)
{
    return 1.0f / x;
}

INLINE Vec
vec_ldexp(Vec x, Vec n)
{
    return x * (Vec)((__builtin_convertvector(n, VecI) + 127) << 23);
}
#endif

/* exp(x), relative error 2e-7, for -87 < x < 88. */
INLINE Vec
vec_exp(Vec x)
{
    Vec n = __builtin_elementwise_rint(x * 1.44269504f);
    Vec f = x - n * 0.693359375f + n * 2.12194440e-4f;
    Vec p = splat(1.9875691500e-4f);
    p = p * f + 1.3981999507e-3f;
    p = p * f + 8.3334519073e-3f;
    p = p * f + 4.1665795894e-2f;
    p = p * f + 1.6666665459e-1f;
    p = p * f + 5.0000001201e-1f;
    return vec_ldexp(p * (f * f) + f + 1.0f, n);
}

/* 2^x, relative error 1e-7 for -126 < x < 127, 0 far below where vec_ldexp can say so. */
INLINE Vec
vec_exp2(Vec x)
{
    Vec n = __builtin_elementwise_rint(x), f = x - n;
    Vec p = splat(1.32765e-3f);
    p = p * f + 9.67554e-3f;
    p = p * f + 5.550713e-2f;
    p = p * f + 2.402212e-1f;
    p = p * f + 6.9314697e-1f;
    p = p * f + 1.0f;
    return vec_ldexp(p, n);
}

INLINE Vec
vec_exp_clamped(Vec x)
{
    return vec_exp(
        __builtin_elementwise_max(__builtin_elementwise_min(x, splat(88)), splat(-87)));
}

/* log(x) of positive normal x, by the polynomial of Cephes' logf. */
INLINE Vec
vec_log(Vec x)
{
    VecI bits = (VecI)x, e = (bits - 0x3f3504f3) >> 23;
    Vec f = (Vec)(bits - (e << 23)) - 1.0f, f2 = f * f;
    Vec p = splat(7.0376836292e-2f);
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    return p * (f2 * f) - 0.5f * f2 + f + __builtin_convertvector(e, Vec) * 0.693147180559945f;
}

/* Sine and cosine of 2 pi r / 2^32: two bits of r are the quadrant, thirty the angle in it. */
INLINE void
vec_sincos_turn(VecU r, Vec *ret_sin, Vec *ret_cos)
{
    VecI quadrant = (VecI)(r >> 30);
    Vec t = __builtin_convertvector((VecI)(r << 2), Vec) * (0x1p-32f * 1.57079633f);
    Vec t2 = t * t;
    Vec s = splat(-1.9515295891e-4f), c = splat(2.443315711809948e-5f);
    s = (s * t2 + 8.3321608736e-3f) * t2 - 1.6666654611e-1f;
    s = s * (t2 * t) + t;
    c = (c * t2 - 1.388731625493765e-3f) * t2 + 4.166664568298827e-2f;
    c = c * (t2 * t2) - 0.5f * t2 + 1.0f;
    VecI swap = (quadrant & 1) != 0;
    *ret_sin = (Vec)((VecI)vec_select(swap, c, s) ^ ((quadrant & 2) << 30));
    *ret_cos = (Vec)((VecI)vec_select(swap, s, c) ^ (((quadrant + 1) & 2) << 30));
}

/* Two normals from two words (Box and Muller 1958). */
INLINE void
vec_normals(VecU a, VecU b, Vec *ret_first, Vec *ret_second)
{
    Vec u = __builtin_convertvector((VecI)(a >> 9), Vec) * 0x1p-23f + 0x1p-24f;
    Vec radius = __builtin_elementwise_sqrt(-2.0f * vec_log(u)), s, c;
    vec_sincos_turn(b, &s, &c);
    *ret_first = radius * s;
    *ret_second = radius * c;
}

/* vec_mul_low: the low words of 64-bit lanes times b, whole.  vec_high: their high words, by a
 * shuffle, because shifts use the port that multiplications need. */
#ifdef __AVX512F__
INLINE VecW
vec_mul_low(VecW a, uint32_t b)
{
    return (VecW)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
}

INLINE VecW
vec_high(VecW a)
{
    return (VecW)_mm512_shuffle_epi32((__m512i)a, 0xf5);
}
#else
INLINE VecW
vec_mul_low(VecW a, uint32_t b)
{
    return (VecW)_mm256_mul_epu32((__m256i)a, _mm256_set1_epi64x(b));
}

INLINE VecW
vec_high(VecW a)
{
    return (VecW)_mm256_shuffle_epi32((__m256i)a, 0xf5);
}
#endif

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_K0 0x9E3779B9u
#define PHILOX_K1 0xBB67AE85u

/* Philox4x32-10 (Salmon et al. 2011) of counters that differ in their last word alone: `chain`
 * holds one in each 64-bit lane.  The first two rounds are therefore mostly scalar. */
INLINE void
philox(const uint32_t counter[3], VecW chain, uint32_t k0, uint32_t k1, VecW ret[4])
{
    uint64_t p0 = (uint64_t)counter[0] * PHILOX_M0, p1 = (uint64_t)counter[2] * PHILOX_M1;
    uint32_t s0 = (uint32_t)(p1 >> 32) ^ counter[1] ^ k0, s1 = (uint32_t)p1, s3 = (uint32_t)p0;
    VecW c2 = chain ^ ((uint32_t)(p0 >> 32) ^ k1);
    k0 += PHILOX_K0, k1 += PHILOX_K1;
    uint64_t q0 = (uint64_t)s0 * PHILOX_M0;
    VecW q1 = vec_mul_low(c2, PHILOX_M1);
    VecW c0 = vec_high(q1) ^ (uint64_t)(s1 ^ k0), c1 = q1;
    c2 = ((uint32_t)(q0 >> 32) ^ s3 ^ k1) - (VecW){0};
    VecW c3 = (uint32_t)q0 - (VecW){0};
    UNROLL
    for (int round = 2; round < 10; round++) {
        k0 += PHILOX_K0, k1 += PHILOX_K1;
        VecW m0 = vec_mul_low(c0, PHILOX_M0), m1 = vec_mul_low(c2, PHILOX_M1);
        c0 = vec_high(m1) ^ c1 ^ k0, c1 = m1;
        c2 = vec_high(m0) ^ c3 ^ k1, c3 = m0;
    }
    ret[0] = c0, ret[1] = c1, ret[2] = c2, ret[3] = c3;
}

/* The low words of even and odd chains, side by side. */
INLINE VecU
interleave(VecW even, VecW odd)
{
    VecU a = (VecU)even, b = (VecU)odd;
#ifdef __AVX512F__
    return __builtin_shufflevector(a, b, 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14,
                                   30);
#else
    return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14);
#endif
}

/* Four words for each of LANES chains from `first_chain` on. */
INLINE void
random_words(uint32_t group, uint32_t step, uint32_t first_chain, VecU ret[4])
{
    VecW lane, even[4], odd[4];
    for (int i = 0; i < LANES / 2; i++)
        lane[i] = 2 * (uint64_t)i;
    __asm__(
        ""
        : "+v"(lane)); /* were its high words known to be 0, a full product would be taken */
    const uint32_t counter[3] = {group, step, 7};
    philox(counter, lane + first_chain, 1, 2, even);
    philox(counter, lane + (first_chain + 1), 1, 2, odd);
    UNROLL
    for (int i = 0; i < 4; i++)
        ret[i] = interleave(even[i], odd[i]);
}

INLINE void
random_normals(uint32_t group, uint32_t step, uint32_t first_chain, Vec ret[4])
{
    VecU word[4];
    random_words(group, step, first_chain, word);
    vec_normals(word[0], word[1], &ret[0], &ret[1]);
    vec_normals(word[2], word[3], &ret[2], &ret[3]);
}

#endif
