/* SPDX-License-Identifier: Apache-2.0
 *
 * bench.h -- what the programs share that time kernels: their arguments, the clock, the line.
 *
 * As for the limits, the clock of one thread is CPU time; of several, wall time.
 */
#ifndef EBM_BENCH_BENCH_H
#define EBM_BENCH_BENCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "ebm/ebm.h"

enum { MAX_GIVEN = 16 };

/* Up to MAX_GIVEN settings of one kind. */
typedef struct Settings {
    EbmSetting given[MAX_GIVEN];
    size_t n;
} Settings;

typedef struct Timing {
    double seconds; /* how long to measure */
    uint64_t steps;
    double cpu, wall; /* what these took */
} Timing;

/* Takes that many steps. */
typedef EbmStatus StepsFn(void *user, uint64_t steps);

/* Cuts an argument in two at the first of `signs`, which it returns; 0: there is none. */
static inline char
cut_argument(char *text, const char *signs, char **ret_value)
{
    size_t n = strcspn(text, signs);
    char sign = text[n];

    *ret_value = text + n + (sign != 0);
    text[n] = 0;
    return sign;
}

static inline EbmStatus
add_setting(Settings *s, const char *name, const char *value)
{
    if (s->n == MAX_GIVEN)
        return EBM_ARGUMENT_ERROR;
    s->given[s->n++] = (EbmSetting){name, value};
    return EBM_OK;
}

static inline double
now(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline EbmStatus
time_steps(Timing *t, uint64_t steps, StepsFn *take, void *user)
{
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    EbmStatus status = take(user, steps);

    t->steps = steps;
    t->cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    t->wall = now(CLOCK_MONOTONIC) - wall;
    return status;
}

/* Finds how many steps take about t->seconds, then times them. */
static inline EbmStatus
time_long(Timing *t, StepsFn *take, void *user)
{
    uint64_t steps = 1;
    EbmStatus status = time_steps(t, 1, take, user);

    for (t->wall = 0; status == EBM_OK && t->wall < t->seconds / 10; steps *= 2)
        status = time_steps(t, steps, take, user);
    if (status != EBM_OK)
        return status;
    steps = 1 + (uint64_t)((double)steps / 2 * t->seconds / t->wall);
    return time_steps(t, steps, take, user);
}

/* One line of JSON; `units` are what a step does, `check` is a number that depends on all of
 * it. */
static inline void
print_timing(const Timing *t, const char *unit, double units, uint32_t threads, double check,
             uint64_t rejected, const EbmKernel *kernel)
{
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;
    struct rusage usage;

    ebm_kernel_info(kernel, &info);
    getrusage(RUSAGE_SELF, &usage);
    printf("{\"unit\": \"%s\", \"rate\": %.6g, \"cpu_s\": %.6g, \"wall_s\": %.6g, "
           "\"check\": %.8g, \"rejected\": %llu, \"compile_s\": %.6g, \"from_cache\": %s, "
           "\"rss_bytes\": %ld}\n",
           unit, units * (double)t->steps / (threads == 1 ? t->cpu : t->wall), t->cpu, t->wall,
           check, (unsigned long long)rejected, info.seconds,
           info.from_cache ? "true" : "false", usage.ru_maxrss * 1024);
}

#endif
