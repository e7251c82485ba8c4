/* SPDX-License-Identifier: Apache-2.0
 *
 * limit.c -- what this machine could do at most, as far as it was measured
 *
 * The figures lie beside the cached kernels, in a text that names the machine they are of;
 * those of another one are as good as none.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/cache.h"
#include "api/run.h"
#include "api/text.h"
#include "runtime/cpu.h"
#include "runtime/speed.h"

/* Of one thread alone, and of as many as there are. */
typedef struct Figures {
    unsigned threads;
    RtSpeed one, all;
} Figures;

/* What the figures belong to. */
static void
describe(char *ret, size_t size)
{
    char cpu[64];

    rt_cpu_name(cpu, sizeof cpu);
    snprintf(ret, size, "ebmc speed 1, %s, %s\n", cpu, rt_cpu_vectors());
}

static char *
figures_path(const char *dir)
{
    char *folder = cache_folder(dir), *path = NULL;

    if (folder && asprintf(&path, "%s/speed", folder) < 0)
        path = NULL;
    free(folder);
    return path;
}

static bool
read_speed(FILE *in, RtSpeed *ret)
{
    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        if (fscanf(in, "%lf", &ret->rate[k]) != 1 || !(ret->rate[k] > 0))
            return false;
    return true;
}

static bool
read_figures(const char *dir, Figures *ret)
{
    char *path = figures_path(dir), expected[160], found[160];
    FILE *in = path ? fopen(path, "re") : NULL;

    describe(expected, sizeof expected);
    bool done = in && fgets(found, sizeof found, in) && strcmp(found, expected) == 0 &&
                fscanf(in, "%u", &ret->threads) == 1 && read_speed(in, &ret->one) &&
                read_speed(in, &ret->all);
    if (in)
        fclose(in);
    free(path);
    return done;
}

static void
write_speed(FILE *out, const RtSpeed *speed)
{
    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        fprintf(out, "%.6g%c", speed->rate[k], k + 1 < EBM_WORK_COUNT ? ' ' : '\n');
}

/* The text of the figures, for free(). */
static char *
figures_text(const Figures *f, size_t *ret_size)
{
    char *text = NULL, head[160];
    FILE *out = open_memstream(&text, ret_size);

    if (!out)
        return NULL;
    describe(head, sizeof head);
    fprintf(out, "%s%u\n", head, f->threads);
    write_speed(out, &f->one);
    write_speed(out, &f->all);
    return text_close(out, &text);
}

static EbmStatus
write_figures(const char *dir, const Figures *f, EbmReport **ret_report)
{
    size_t size = 0;
    char *folder = cache_folder(dir), *path = figures_path(dir), *text = figures_text(f, &size);
    EbmStatus status = EBM_OK;

    if (!text)
        status = report_memory(ret_report);
    else if (!path || !cache_write(folder, path, text, size))
        status = report_say(ret_report, EBM_IO_ERROR, "set EBM_CACHE_DIR",
                            "what was measured cannot be kept: there is no place for a cache");
    free(text);
    free(path);
    free(folder);
    return status;
}

EbmStatus
ebm_machine_measure(const char *dir, EbmReport **ret_report)
{
    Figures f = {.threads = rt_cpu_threads()};
    RtError error = {0};

    if (!rt_speed_measure(1, &f.one, &error) || !rt_speed_measure(f.threads, &f.all, &error))
        return report_error(ret_report, &error);
    EbmStatus status = write_figures(dir, &f, ret_report);
    return status == EBM_OK ? report_nothing(ret_report) : status;
}

/* Threads share what is there: more of them than one make up to all of it. */
static RtSpeed
speed_of(const Figures *f, unsigned threads)
{
    RtSpeed s = f->one;

    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        s.rate[k] =
            threads == 1 ? f->one.rate[k] : fmin(threads * f->one.rate[k], f->all.rate[k]);
    return s;
}

void
ebm_speed(const char *dir, uint32_t threads, EbmSpeed *ret)
{
    EbmSpeed speed = EBM_SPEED_INIT;
    Figures f;

    if (read_figures(dir, &f)) {
        RtSpeed s = speed_of(&f, threads ? threads : f.threads);
        speed.f32 = 2 * s.rate[EBM_WORK_float32];
        speed.f64 = 2 * s.rate[EBM_WORK_float64];
    }
    give_results(ret, &speed, sizeof speed);
}

double
ebm_run_limit(const EbmRun *run, const char *dir)
{
    const EbmManifest *m = run->kernel->engine.manifest;
    Figures f;

    if (!m->work_known || !read_figures(dir, &f))
        return NAN;
    double work[EBM_WORK_COUNT];
    double turns = m->work_hyper < m->n_hyper ? rt_run_hyper(run->run)[m->work_hyper] : 0;
    RtSpeed s = speed_of(&f, rt_run_plan(run->run)->threads);
    for (unsigned k = 0; k < EBM_WORK_COUNT; k++)
        work[k] = m->work[k] + turns * m->work_turn[k];
    double steps = rt_speed_steps(&s, work);
    return isfinite(steps) ? steps : NAN;
}
