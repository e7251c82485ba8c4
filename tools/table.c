/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c -- what a run found, as a table or as JSON
 */
#include "tools/table.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_SCALARS = 24 };
#define SUMMARY_VALUES \
    (UINT64_C(1) << 23) /* more than these are summarised from the first chains alone */

static uint64_t
scalars_of(const EbmArray *draws)
{
    uint64_t n = 1;

    for (uint32_t k = 2; k < draws->rank; k++)
        n *= draws->shape[k];
    return n;
}

/* x, x[3], x[1,2]: the element with a row-major index. */
static void
name_element(char *to, size_t size, const char *name, const EbmArray *draws, uint64_t index)
{
    uint64_t at[EBM_MAX_RANK];
    size_t used = (size_t)snprintf(to, size, "%s", name);

    for (uint32_t k = draws->rank; k-- > 2; index /= draws->shape[k])
        at[k] = index % draws->shape[k];
    for (uint32_t k = 2; k < draws->rank && used < size; k++)
        used += (size_t)snprintf(to + used, size - used, "%s%" PRIu64 "%s", k == 2 ? "[" : ",",
                                 at[k], k + 1 == draws->rank ? "]" : "");
}

/* A number in nine columns: as many digits as fit. */
static void
print_number(FILE *out, double v)
{
    if (isnan(v))
        fprintf(out, " %9s", "-");
    else if (v != 0 && (fabs(v) >= 1e6 || fabs(v) < 1e-3))
        fprintf(out, " %9.2e", v);
    else
        fprintf(out, " %9.4g", v);
}

static void
print_row(FILE *out, const char *name, const EbmSummary *s)
{
    const double column[] = {s->mean, s->sd, s->q5, s->q50, s->q95, s->mcse_mean};

    fprintf(out, "%-12s", name);
    for (size_t i = 0; i < sizeof column / sizeof *column; i++)
        print_number(out, column[i]);
    if (isnan(s->ess_bulk))
        fprintf(out, " %9s %9s", "-", "-");
    else
        fprintf(out, " %9.0f %9.0f", s->ess_bulk, s->ess_tail);
    if (isnan(s->r_hat))
        fprintf(out, " %7s\n", "-");
    else
        fprintf(out, " %7.3f\n", s->r_hat);
}

/* The first chains, when all of them are more than a summary is worth waiting for. */
static EbmArray
subset_of(const EbmArray *draws, uint64_t shown)
{
    EbmArray some = *draws;
    uint64_t chain = draws->shape[1] * shown,
             most = chain ? SUMMARY_VALUES / chain : draws->shape[0];

    most = most < 4 ? 4 : most;
    some.shape[0] = draws->shape[0] < most ? draws->shape[0] : most;
    return some;
}

int
print_draws(FILE *out, const char *name, const EbmArray *draws, uint32_t threads)
{
    uint64_t n = scalars_of(draws), shown = n < SHOWN_SCALARS ? n : SHOWN_SCALARS;
    EbmArray some = subset_of(draws, shown);
    EbmSummary summary[SHOWN_SCALARS];
    EbmReport *report = NULL;
    EbmStatus status = ebm_summarize(&some, 0, shown, threads, summary, &report);
    char label[128];

    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    fprintf(out, "%-12s %9s %9s %9s %9s %9s %9s %9s %9s %7s\n", "", "mean", "sd", "5%", "50%",
            "95%", "mcse", "ess_bulk", "ess_tail", "r_hat");
    for (uint64_t i = 0; i < shown; i++) {
        name_element(label, sizeof label, name, draws, i);
        print_row(out, label, &summary[i]);
    }
    if (shown < n)
        fprintf(out, "... and %" PRIu64 " more\n", n - shown);
    if (some.shape[0] < draws->shape[0])
        fprintf(out, "(summarised: the first %" PRIu64 " of %" PRIu64 " chains)\n",
                some.shape[0], draws->shape[0]);
    return EXIT_done;
}

static double
mean_report(const Result *r, size_t index, size_t n_reports)
{
    double sum = 0;
    uint64_t n = 0;

    for (uint64_t k = 0; k < r->kept; k++) {
        double v = r->reports[k * n_reports + index];
        sum += isnan(v) ? 0 : v; /* no chain had one */
        n += !isnan(v);
    }
    return n ? sum / (double)n : NAN;
}

static void
print_reports(FILE *out, const Result *r)
{
    size_t n = ebm_program_count(r->session->program, EBM_LIST_reports);

    for (size_t i = 0; r->reports && i < n; i++) {
        EbmValueInfo v;
        ebm_program_value(r->session->program, EBM_LIST_reports, i, &v);
        double mean = mean_report(r, i, n);
        if (isnan(mean))
            fprintf(out, "%-20s -\n", v.name);
        else
            fprintf(out, "%-20s %.4g\n", v.name, mean);
    }
    if (r->rejected.total)
        fprintf(out,
                "%-20s %" PRIu64 " in %" PRIu64 " chains, first at step %" PRIu64
                " of chain %" PRIu64 "; those steps were not taken\n",
                "non-finite steps", r->rejected.total, r->rejected.chains,
                r->rejected.first_step, r->rejected.first_chain);
}

static double
rate_of(const Result *r)
{
    return r->seconds > 0 ? (double)r->chains * (double)r->steps / r->seconds : NAN;
}

/* Of what this machine could do; NaN where that is not known. */
static double
fraction_of(const Result *r)
{
    return rate_of(r) / ebm_run_limit(r->session->run, NULL);
}

int
print_table(FILE *out, const Result *r)
{
    EbmValueInfo x;
    double fraction = fraction_of(r);
    int code = EXIT_done;

    ebm_program_value(r->session->program, EBM_LIST_x, 0, &x);
    if (r->draws.data && r->kept)
        code = print_draws(out, x.name, &r->draws, 0);
    print_reports(out, r);
    if (r->steps)
        fprintf(out,
                "%-20s %.3g chain-steps/s (%" PRIu64 " chains x %" PRIu64
                " steps in %.3g s, %u thread%s)\n",
                "speed", rate_of(r), r->chains, r->steps, r->seconds,
                ebm_run_threads(r->session->run),
                ebm_run_threads(r->session->run) == 1 ? "" : "s");
    if (isfinite(fraction))
        fprintf(out, "%-20s %.0f %% of this machine's limit\n", "", 100 * fraction);
    fprintf(out, "%-20s %.3g s%s\n", "compile time", r->compile_seconds,
            r->from_cache ? " (from the cache)" : "");
    fprintf(out, "%-20s %" PRIu64 "\n", "seed", r->seed);
    if (r->path)
        fprintf(out, "%-20s %s [%" PRIu64 " chains, %" PRIu64 " draws, ...]\n", "draws",
                r->path, r->chains, r->kept);
    return code;
}

void
print_exactly(FILE *out, double v)
{
    enum { LEAST = 15, MOST = 17 }; /* decimals that survive being read, and that always do */
    char text[40];

    for (int digits = LEAST; digits <= MOST; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
    fputs(text, out);
}

void
print_json_number(FILE *out, const char *name, double v)
{
    fprintf(out, "\"%s\": ", name);
    if (isfinite(v))
        print_exactly(out, v);
    else
        fputs("null", out);
    fputs(", ", out);
}

void
print_json(FILE *out, const Result *r)
{
    size_t n = ebm_program_count(r->session->program, EBM_LIST_reports);

    fprintf(out,
            "{\"chains\": %" PRIu64 ", \"draws\": %" PRIu64 ", \"steps\": %" PRIu64
            ", \"seed\": %" PRIu64 ", ",
            r->chains, r->kept, r->steps, r->seed);
    print_json_number(out, "seconds", r->seconds);
    print_json_number(out, "chain_steps_per_second", rate_of(r));
    print_json_number(out, "fraction_of_limit", fraction_of(r));
    print_json_number(out, "compile_seconds", r->compile_seconds);
    for (size_t i = 0; r->reports && i < n; i++) {
        EbmValueInfo v;
        ebm_program_value(r->session->program, EBM_LIST_reports, i, &v);
        print_json_number(out, v.name, mean_report(r, i, n));
    }
    fprintf(out, "\"from_cache\": %s, \"non_finite_steps\": %" PRIu64 ", \"threads\": %u}\n",
            r->from_cache ? "true" : "false", r->rejected.total,
            ebm_run_threads(r->session->run));
}
