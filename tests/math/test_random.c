/* SPDX-License-Identifier: Apache-2.0
 *
 * test_random.c -- Philox against Random123's published vectors; the distribution of uniform
 * and normal numbers.
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <string.h>

#include "base/philox.h"
#include "ir/math/math.h"

typedef struct Known {
    uint32_t ctr[4], key[2], out[4];
} Known;

/* Random123, kat_vectors, philox4x32 10. */
static const Known known[] = {
    {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
    {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
     {0xffffffff, 0xffffffff},
     {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
    {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
     {0xa4093822, 0x299f31d0},
     {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
};

static void
test_philox_gives_the_published_vectors(void)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        rng_philox4x32(known[i].ctr, known[i].key, out);
        CU_ASSERT(!memcmp(out, known[i].out, sizeof out));
    }
}

static void
test_uniforms_lie_inside_the_open_interval(void)
{
    CU_ASSERT(rng_uniform_f32(0) == 0x1p-24f);
    CU_ASSERT(rng_uniform_f32(UINT32_MAX) == 1 - 0x1p-24f);
    CU_ASSERT(rng_uniform_f32(UINT32_C(1) << 31) == 0.5f + 0x1p-24f);
    CU_ASSERT(rng_uniform_f64(0, 0) == 0x1p-53);
    CU_ASSERT(rng_uniform_f64(UINT32_MAX, UINT32_MAX) == 1 - 0x1p-53);
    CU_ASSERT(rng_uniform_f64(UINT32_MAX, 0) < 0x1p-32);
}

/* The radius of a pair is sqrt(-2 log u) for u = (w + 1/2) / 2^32, close to 0 and to 1 too. */
static void
test_radius_is_accurate_at_both_ends(void)
{
    for (uint64_t k = 0; k < 4096; k++) {
        uint32_t near = (uint32_t)(k < 2048 ? k : (k - 2048) << 18);
        for (int end = 0; end < 2; end++) {
            uint32_t w = end ? ~near : near;
            double v = (near + 0.5) * 0x1p-32;
            double r = sqrt(-2 * (end ? log1p(-v) : log(v)));
            double x = rng_normal_f32(w, 12345678, 0), y = rng_normal_f32(w, 12345678, 1);
            CU_ASSERT(fabs(hypot(x, y) - r) < 4e-7 * r);
            uint32_t w64[4] = {w, w, 12345678, 87654321};
            double v64 = (((uint64_t)near << 32 | near) + 0.5) * 0x1p-64;
            double r64 = sqrt(-2 * (end ? log1p(-v64) : log(v64)));
            double h = hypot(rng_normal_f64(w64, 0), rng_normal_f64(w64, 1));
            CU_ASSERT(fabs(h - r64) < 2e-15 * r64);
        }
    }
}

/* Angles of equidistant words are equidistant: the points of a regular polygon. */
static void
test_angles_are_equidistant(void)
{
    enum { N = 4096 };
    unsigned char seen[N] = {0};

    for (uint32_t i = 0; i < N; i++) {
        uint32_t w = i * (UINT32_MAX / N + 1) + UINT32_MAX / N / 2;
        double t =
            atan2(rng_normal_f32(77, w, 1), rng_normal_f32(77, w, 0)) / 6.283185307179586 * N;
        CU_ASSERT(fabs(t - floor(t) - 0.5) < 1e-3);
        seen[((int)floor(t) + N) % N]++;
    }
    for (int i = 0; i < N; i++)
        CU_ASSERT(seen[i] == 1);
}

typedef struct Sample {
    double sum[5];
    long beyond[7], below[4];
    long n;
} Sample;

/* Deciles whose probabilities are known to fifteen digits. */
static const double quantile[4] = {-1.2815515655446004, -0.6744897501960817, 0.2533471031357997,
                                   1.6448536269514722};
static const double probability[4] = {0.1, 0.25, 0.6, 0.95};

static void
add_number(Sample *s, double z)
{
    double p = z;
    for (int k = 1; k < 5; k++, p *= z)
        s->sum[k] += p;
    for (int k = 3; k < 7; k++)
        s->beyond[k] += fabs(z) > k;
    for (int k = 0; k < 4; k++)
        s->below[k] += z < quantile[k];
    s->n++;
}

/* Five standard deviations of a mean whose terms have this variance. */
static double
five_sigma(const Sample *s, double variance)
{
    return 5 * sqrt(variance / s->n);
}

static void
check_normal(const Sample *s)
{
    CU_ASSERT(fabs(s->sum[1] / s->n) < five_sigma(s, 1));
    CU_ASSERT(fabs(s->sum[2] / s->n - 1) < five_sigma(s, 2));
    CU_ASSERT(fabs(s->sum[3] / s->n) < five_sigma(s, 15));
    CU_ASSERT(fabs(s->sum[4] / s->n - 3) < five_sigma(s, 96));
    for (int k = 3; k < 7; k++) {
        double p = erfc(k / sqrt(2));
        CU_ASSERT(fabs((double)s->beyond[k] - p * s->n) < 5 * sqrt(p * s->n) + 1);
    }
    CU_ASSERT(s->beyond[5] > 0);
    for (int k = 0; k < 4; k++) {
        double p = probability[k];
        CU_ASSERT(fabs((double)s->below[k] / s->n - p) < five_sigma(s, p * (1 - p)));
    }
}

enum { BLOCKS = 4000000 };

static void
test_normals_are_normal(void)
{
    Sample narrow = {0}, wide = {0};
    double cross = 0;

    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint32_t w[4];
        rng_philox4x32((uint32_t[4]){i, 0, 5, 9}, (uint32_t[2]){1, 2}, w);
        double x = rng_normal_f32(w[0], w[1], 0), y = rng_normal_f32(w[0], w[1], 1);
        add_number(&narrow, x);
        add_number(&narrow, y);
        cross += x * y + (x * x - 1) * (y * y - 1);
        if (i % 4 == 0) {
            add_number(&wide, rng_normal_f64(w, 0));
            add_number(&wide, rng_normal_f64(w, 1));
        }
    }
    check_normal(&narrow);
    check_normal(&wide);
    CU_ASSERT(fabs(cross / BLOCKS) < 5 * sqrt(5.0 / BLOCKS));
}

/* All 2^20 upper halves of the radius word, evenly: the tail beyond t has the mass exp(-t^2 /
 * 2) in radius. */
static void
test_tail_of_the_radius_is_exact(void)
{
    for (int t = 1; t < 6; t++) {
        long count = 0;
        for (uint32_t i = 0; i < UINT32_C(1) << 20; i++) {
            uint32_t w = i << 12 | 0x800;
            count += hypotf(rng_normal_f32(w, 0, 0), rng_normal_f32(w, 0, 1)) > (float)t;
        }
        CU_ASSERT(fabs((double)count - exp(-t * t / 2.0) * 0x1p20) <= 1);
    }
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("random", NULL, NULL);
    CU_ADD_TEST(suite, test_philox_gives_the_published_vectors);
    CU_ADD_TEST(suite, test_uniforms_lie_inside_the_open_interval);
    CU_ADD_TEST(suite, test_radius_is_accurate_at_both_ends);
    CU_ADD_TEST(suite, test_angles_are_equidistant);
    CU_ADD_TEST(suite, test_normals_are_normal);
    CU_ADD_TEST(suite, test_tail_of_the_radius_is_exact);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
