/* SPDX-License-Identifier: Apache-2.0
 *
 * speed.c -- how fast this machine computes, when nothing else holds it up
 *
 * Each kind of operation in a loop of its own: twelve registers, none waiting for another, long
 * enough to fill every unit that can do it.
 */
#include "runtime/speed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/cpu.h"
#include "runtime/pool.h"

#if defined(__x86_64__)

enum { REGISTERS = 12 };

/* One instruction on each register, and a register that stays. */
#define EACH(instruction) \
    instruction(0) instruction(1) instruction(2) instruction(3) instruction(4) instruction(5) \
        instruction(6) instruction(7) instruction(8) instruction(9) instruction(10) \
            instruction(11)
#define TWO(name, k) #name " %%" REGISTER "13, %%" REGISTER #k ", %%" REGISTER #k "\n\t"
#define ONE(name, k) #name " %%" REGISTER #k ", %%" REGISTER #k "\n\t"
#define CLOBBERS \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", \
        "xmm11", "xmm13", "cc"

/* All registers start as ones: nothing is subnormal, infinite or NaN. */
#define BODY(line, one) \
    __asm__ volatile(one EACH(START) "1:\n\t" EACH(line) "dec %0\n\tjnz 1b\n\tvzeroupper" \
                     : "+r"(turns) \
                     : "r"(UINT64_C(0x3FF000003F800000)) \
                     : CLOBBERS)
#define START(k) "vmovaps %%" REGISTER "13, %%" REGISTER #k "\n\t"
#define ONES32 "vmovd %k1, %%xmm13\n\tvpbroadcastd %%xmm13, %%" REGISTER "13\n\t"
#define ONES64 \
    "vmovq %1, %%xmm13\n\tvpsrlq $32, %%xmm13, %%xmm13\n\tvpsllq $32, %%xmm13, %%xmm13\n\t" \
    "vpbroadcastq %%xmm13, %%" REGISTER "13\n\t"

#define LOOPS(suffix) \
    static void float32_##suffix(uint64_t turns) \
    { \
        BODY(FLOAT32, ONES32); \
    } \
    static void float64_##suffix(uint64_t turns) \
    { \
        BODY(FLOAT64, ONES64); \
    } \
    static void int32_##suffix(uint64_t turns) \
    { \
        BODY(INT32, ONES32); \
    } \
    static void multiply_##suffix(uint64_t turns) \
    { \
        BODY(MULTIPLY, ONES32); \
    } \
    static void wide_##suffix(uint64_t turns) \
    { \
        BODY(WIDE, ONES32); \
    } \
    static void divide32_##suffix(uint64_t turns) \
    { \
        BODY(DIVIDE32, ONES32); \
    } \
    static void divide64_##suffix(uint64_t turns) \
    { \
        BODY(DIVIDE64, ONES64); \
    } \
    static void root32_##suffix(uint64_t turns) \
    { \
        BODY(ROOT32, ONES32); \
    } \
    static void root64_##suffix(uint64_t turns) \
    { \
        BODY(ROOT64, ONES64); \
    }
#define ADD(name, k) #name " %%" REGISTER "13, %%" REGISTER "13, %%" REGISTER #k "\n\t"
#define FLOAT32(k) ADD(vfmadd231ps, k)
#define FLOAT64(k) ADD(vfmadd231pd, k)
#define INT32(k) TWO(vpaddd, k)
#define MULTIPLY(k) TWO(vpmulld, k)
#define WIDE(k) TWO(vpmuludq, k)
#define DIVIDE32(k) TWO(vdivps, k)
#define DIVIDE64(k) TWO(vdivpd, k)
#define ROOT32(k) ONE(vsqrtps, k)
#define ROOT64(k) ONE(vsqrtpd, k)

#define REGISTER "zmm"
LOOPS(avx512)
#undef REGISTER
#define REGISTER "ymm"
LOOPS(avx2)
#undef REGISTER

typedef void Loop(uint64_t turns);

/* Elements that an instruction works on, of 64 bytes. */
static const struct {
    Loop *avx512, *avx2;
    unsigned elements;
} kind[EBM_WORK_COUNT] = {
#define KIND(name, elements) [EBM_WORK_##name] = {name##_avx512, name##_avx2, elements}
    KIND(float32, 16),  KIND(float64, 8),  KIND(int32, 16),  KIND(multiply, 16), KIND(wide, 8),
    KIND(divide32, 16), KIND(divide64, 8), KIND(root32, 16), KIND(root64, 8),
};

/* Seconds that this thread has had a processor. */
static double
busy(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

enum { TRIES = 5 };
#define TRY_SECONDS 0.01

/* The best of several tries: others may use the machine, too. */
static double
measure(Loop *loop, double operations)
{
    uint64_t turns = 1000;
    double best = 0;

    for (int i = 0; i < TRIES;) {
        double begin = busy();
        loop(turns);
        double seconds = busy() - begin, rate = (double)turns * operations / seconds;
        if (seconds < TRY_SECONDS) {
            turns *= 4;
            continue;
        }
        best = rate > best ? rate : best;
        i++;
    }
    return best;
}

typedef struct Measuring {
    RtSpeed *each; /* one a worker */
    bool wide;
} Measuring;

static void
measure_all(void *user, unsigned worker, unsigned workers)
{
    Measuring *m = user;

    (void)workers;
    for (unsigned k = 0; k < EBM_WORK_COUNT; k++) {
        double elements = m->wide ? kind[k].elements : kind[k].elements / 2;
        m->each[worker].rate[k] =
            measure(m->wide ? kind[k].avx512 : kind[k].avx2, elements * REGISTERS);
    }
}

static bool
measure_with(RtPool *pool, unsigned threads, RtSpeed *ret, RtError *error)
{
    Measuring m = {calloc(threads, sizeof *m.each), strcmp(rt_cpu_vectors(), "avx512") == 0};

    if (!m.each)
        return rt_fail_memory(error, "measuring", threads * sizeof *m.each);
    rt_pool_run(pool, rt_pool_threads(pool), measure_all, &m);
    *ret = (RtSpeed){{0}};
    for (unsigned t = 0; t < threads; t++)
        for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
            ret->rate[k] += m.each[t].rate[k];
    free(m.each);
    return true;
}

bool
rt_speed_measure(unsigned threads, RtSpeed *ret, RtError *error)
{
    RtPool *pool = NULL;

    if (!*rt_cpu_vectors())
        return rt_fail(error, RT_DEVICE, "this processor has no AVX2 and FMA");
    if (!rt_pool_create(threads, &pool, error))
        return false;
    bool done = measure_with(pool, threads, ret, error);
    rt_pool_free(pool);
    return done;
}

#else

bool
rt_speed_measure(unsigned threads, RtSpeed *ret, RtError *error)
{
    (void)threads, (void)ret;
    return rt_fail(error, RT_DEVICE, "this processor has no AVX2 and FMA");
}

#endif

double
rt_speed_steps(const RtSpeed *speed, const double work[EBM_WORK_COUNT])
{
    double ports = 0, divider = 0;

    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        *(k >= EBM_WORK_divide32 ? &divider : &ports) += work[k] / speed->rate[k];
    return 1 / fmax(ports, divider);
}
