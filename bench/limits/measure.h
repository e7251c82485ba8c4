/* SPDX-License-Identifier: Apache-2.0
 *
 * measure.h -- how long a workload takes, in one line of JSON.
 *
 * The clock is this process's CPU time, so that what else a machine does disturbs less; wall
 * time is printed beside it.
 */
#ifndef EBM_BENCH_MEASURE_H
#define EBM_BENCH_MEASURE_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

/* Does the work `turns` times over; returns a number that depends on all of it. */
typedef double Workload(long turns);

static inline double
clock_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Finds how many turns take about `seconds`, then times them. */
static inline void
measure(const char *name, const char *unit, double work, double seconds, Workload *run)
{
    long turns = 1;
    double cpu, wall, check;
    for (double took = 0; took < seconds / 10; turns *= 2) {
        cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID);
        run(turns);
        took = clock_now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
        if (took >= seconds / 10) {
            turns = (long)((double)turns * seconds / took) + 1;
            break;
        }
    }
    wall = clock_now(CLOCK_MONOTONIC), cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID);
    check = run(turns);
    cpu = clock_now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = clock_now(CLOCK_MONOTONIC) - wall;
    printf("{\"name\": \"%s\", \"unit\": \"%s\", \"rate\": %.6g, \"cpu_s\": %.6g, "
           "\"wall_s\": %.6g, \"check\": %.8g}\n",
           name, unit, work * (double)turns / cpu, cpu, wall, check);
}

/* In large pages, where the system has them: a core that reads on and on waits for the
 * addresses of small ones. */
static inline void *
large_memory(size_t size)
{
    const size_t page = (size_t)2 << 20, room = (size / page + 1) * page;
    void *p = aligned_alloc(page, room);
    if (p)
        (void)madvise(p, room, MADV_HUGEPAGE);
    return p;
}

/* How long to measure: the first argument, or 0.4 s. */
static inline double
seconds_wanted(int argc, char **argv)
{
    return argc > 1 ? atof(argv[1]) : 0.4;
}

#endif
