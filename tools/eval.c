/* SPDX-License-Identifier: Apache-2.0
 *
 * eval.c -- energies and gradients at given points
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"

typedef struct Values {
    uint64_t n;
    EbmArray energy, grad;
} Values;

static bool
make_values(const Session *s, const EbmArray *points, bool grad, Values *ret)
{
    EbmValueInfo x;
    uint64_t shape[EBM_MAX_RANK] = {0}, count = 1;

    ebm_program_value(s->program, EBM_LIST_x, 0, &x);
    ret->n = points->shape[0];
    shape[0] = ret->n;
    for (uint32_t k = 0; k < x.rank; k++) {
        shape[1 + k] = x.shape[k];
        count *= x.shape[k];
    }
    ret->energy = ebm_array(EBM_TYPE_f64, 1, &ret->n, calloc(ret->n + 1, sizeof(double)));
    ret->grad = grad ? ebm_array(x.type, x.rank + 1, shape,
                                 calloc(ret->n * count + 1, ebm_type_size(x.type)))
                     : no_array();
    if (ret->energy.data && (!grad || ret->grad.data))
        return true;
    complain("no memory for the values of %" PRIu64 " points", ret->n);
    return false;
}

static int
write_values(const Args *args, const Values *v)
{
    EbmNamed named[2] = {{"energy", v->energy}, {"grad", v->grad}};
    EbmReport *report = NULL;

    if (!args->output) {
        for (uint64_t i = 0; i < v->n; i++) {
            double e = ((double *)v->energy.data)[i];
            printf("%.17g\n", isnan(e) ? (double)NAN : e); /* a NaN's sign means nothing */
        }
        return EXIT_done;
    }
    EbmStatus status = ebm_file_write(args->output, named, args->grad ? 2 : 1, &report);
    return finish_report(status, report) ? EXIT_output : EXIT_done;
}

static bool
has_shape(const EbmArray *points, uint32_t leading, const EbmValueInfo *x)
{
    if (points->rank != leading + x->rank)
        return false;
    for (uint32_t k = 0; k < x->rank; k++)
        if (points->shape[leading + k] != x->shape[k])
            return false;
    return true;
}

static void
print_shape(char *to, size_t size, const char *first, const uint64_t *shape, uint32_t rank)
{
    size_t used = (size_t)snprintf(to, size, "[%s", first);

    for (uint32_t k = 0; k < rank && used < size; k++)
        used += (size_t)snprintf(to + used, size - used, "%s%" PRIu64, k || *first ? ", " : "",
                                 shape[k]);
    if (used < size)
        snprintf(to + used, size - used, "]");
}

/* Makes [n, ...x] of what a file may hold: that, one point, or a column of numbers for an x
 * of one element. */
static bool
arrange_points(const Session *s, EbmArray *points)
{
    EbmValueInfo x;
    uint64_t count = 1;
    char expected[160], one[160], found[160];

    ebm_program_value(s->program, EBM_LIST_x, 0, &x);
    if (has_shape(points, 1, &x))
        return true;
    for (uint32_t k = 0; k < x.rank; k++)
        count *= x.shape[k];
    bool column = count == 1 && points->rank == 1 && x.rank < EBM_MAX_RANK;
    if (!column && (!has_shape(points, 0, &x) || x.rank == EBM_MAX_RANK)) {
        print_shape(expected, sizeof expected, "n", x.shape, x.rank);
        print_shape(one, sizeof one, "", x.shape, x.rank);
        print_shape(found, sizeof found, "", points->shape, points->rank);
        complain("'%s': expected points of the shape %s, or %s for one, found %s", s->args->at,
                 expected, one, found);
        return false;
    }
    EbmArray given = *points;
    points->rank = x.rank + 1;
    points->shape[0] = column ? given.shape[0] : 1;
    points->stride[0] = column ? given.stride[0] : 0;
    for (uint32_t k = 0; k < x.rank; k++) {
        points->shape[k + 1] = column ? 1 : given.shape[k];
        points->stride[k + 1] = column ? 0 : given.stride[k];
    }
    return true;
}

static int
evaluate(Session *s, EbmArray *points)
{
    Values v;
    EbmReport *report = NULL;

    if (!arrange_points(s, points))
        return EXIT_data;
    if (!make_values(s, points, s->args->grad, &v))
        return EXIT_memory;
    EbmStatus status = ebm_run_evaluate(s->run, points, &v.energy, &v.grad, &report);
    int code = finish_report(status, report);
    code = code ? code : write_values(s->args, &v);
    free(v.energy.data);
    free(v.grad.data);
    return code;
}

static int
eval_session(Session *s)
{
    EbmRunOptions plan = EBM_RUN_OPTIONS_INIT;
    EbmFile *file = NULL;
    EbmReport *report = NULL;
    uint64_t threads = 0;

    if (!parse_count("seed", s->args->seed, 0, UINT64_MAX, &plan.seed) ||
        !parse_count("threads", s->args->threads, 0, 4096, &threads))
        return EXIT_usage;
    plan.threads = (uint32_t)threads;
    EbmStatus status = ebm_file_read(s->args->at, &file, &report);
    int code = finish_report(status, report);
    code = code ? code : session_run(s, &plan);
    if (!code && ebm_file_count(file) != 1) {
        complain("'%s' holds %zu arrays: choose one as '%s:NAME'", s->args->at,
                 ebm_file_count(file), s->args->at);
        code = EXIT_data;
    }
    if (!code) {
        EbmNamed points;
        ebm_file_get(file, 0, &points);
        code = evaluate(s, &points.array);
    }
    ebm_file_free(file);
    return code;
}

int
command_eval(const Args *args)
{
    Session s = {.args = NULL};
    EbmReport *report = NULL;

    if (args->help)
        return command_help(args);
    if (args->emit)
        return command_emit(args);
    if (!args->at) {
        complain("eval: expected --at FILE, the points");
        return EXIT_usage;
    }
    if (args->grad && !args->output) {
        complain("eval --grad: expected -o FILE.npz");
        return EXIT_usage;
    }
    if (args->grad && !strstr(args->output, ".npz") && !strstr(args->output, ".safetensors")) {
        complain("eval --grad: '%s' holds one array; expected -o FILE.npz", args->output);
        return EXIT_usage;
    }
    if (args->output && finish_report(ebm_file_check(args->output, &report), report))
        return EXIT_output;
    int code = session_open(&s, args);
    code = code ? code : session_program(&s);
    code = code ? code : eval_session(&s);
    session_close(&s);
    return code;
}
