/* SPDX-License-Identifier: Apache-2.0
 *
 * peak.c -- what one core can do at all: fused multiply-adds, normal random numbers, and
 * reading memory.
 *
 * Memory is read from 20 MB, the rows of the regression, and from 1 GiB, which no cache holds.
 */
#include "measure.h"
#include "vector.h"

enum { CHAINS = 16, FMA_TURNS = 1000 };

static double
run_fma(long turns)
{
    Vec a[CHAINS], scale = splat(0.999f), shift = splat(0.001f);
    for (int i = 0; i < CHAINS; i++)
        a[i] = splat(1.0f + 0.01f * (float)i);
    for (long turn = 0; turn < turns * FMA_TURNS; turn++)
        UNROLL
    for (int i = 0; i < CHAINS; i++) /* opaque, so that no two turns are folded into one */
        __asm__ volatile("vfmadd213ps %2, %1, %0" : "+v"(a[i]) : "v"(scale), "v"(shift));
    Vec sum = a[0];
    for (int i = 1; i < CHAINS; i++)
        sum += a[i];
    return vec_sum(sum) / (CHAINS * LANES);
}

static double
run_normals(long turns)
{
    Vec sum[4] = {0};
    for (long turn = 0; turn < turns * FMA_TURNS; turn++) {
        Vec z[4];
        random_normals(0, (uint32_t)turn, 0, z);
        UNROLL
        for (int i = 0; i < 4; i++)
            sum[i] += z[i];
    }
    return vec_sum(sum[0] + sum[1] + sum[2] + sum[3]) / (4 * LANES);
}

static Vec *memory;
static size_t memory_size;

static double
run_read(long turns)
{
    Vec sum[8] = {0};
    size_t n = memory_size / sizeof(Vec) / 8 * 8;
    for (long turn = 0; turn < turns; turn++) {
        const Vec *from = memory;
        __asm__ volatile("" : "+r"(from) : : "memory");
        for (size_t i = 0; i < n; i += 8)
            UNROLL
        for (int k = 0; k < 8; k++)
            sum[k] += from[i + (size_t)k];
    }
    for (int k = 1; k < 8; k++)
        sum[0] += sum[k];
    return vec_sum(sum[0]) / LANES;
}

static int
measure_read(const char *name, size_t size, double seconds)
{
    memory_size = size;
    memory = large_memory(size);
    if (!memory)
        return 1;
    for (size_t i = 0; i < size / sizeof(Vec); i++)
        memory[i] = splat(1e-9f);
    measure(name, "B/s", (double)size, seconds, run_read);
    free(memory);
    return 0;
}

int
main(int argc, char **argv)
{
    double seconds = seconds_wanted(argc, argv);
    measure("fma", "flop/s", 2.0 * LANES * CHAINS * FMA_TURNS, seconds, run_fma);
    measure("normals", "1/s", 4.0 * LANES * FMA_TURNS, seconds, run_normals);
    return measure_read("read_20MB", (size_t)20 * 1000 * 1024, seconds) ||
           measure_read("read_1GiB", (size_t)1 << 30, seconds);
}
