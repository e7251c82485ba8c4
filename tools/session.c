/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c -- from the command line to a program, a kernel and a run
 */
#include "tools/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/names.h"

int
exit_code(EbmStatus status)
{
    switch (status) {
    case EBM_OK: return EXIT_done;
    case EBM_PROGRAM_ERROR: return EXIT_program;
    case EBM_ARGUMENT_ERROR: return EXIT_usage;
    case EBM_IO_ERROR:
    case EBM_NOT_FOUND:
    case EBM_FORMAT_ERROR:
    case EBM_SHAPE_ERROR:
    case EBM_TYPE_ERROR:
    case EBM_RANGE_ERROR: return EXIT_data;
    case EBM_MEMORY_ERROR: return EXIT_memory;
    case EBM_NO_SPACE: return EXIT_output;
    case EBM_CANCELLED: return EXIT_cancelled;
    default: return EXIT_internal;
    }
}

/* Is it about what the command line chose, rather than about the program's text?  Options'
 * texts are places whose file begins with a dash. */
static bool
is_of_options(const EbmDiagnostic *d)
{
    if (d->place.file && d->place.file[0] == '-' && d->place.file[1])
        return true;
    return strcmp(d->code, "elab_no_data") == 0 ||
           (!d->place.file &&
            (strcmp(d->code, "elab_no_decl") == 0 || strcmp(d->code, "elab_no_hyper") == 0));
}

static int
program_code(const EbmReport *report)
{
    size_t n = ebm_report_count(report), of_options = 0, errors = 0;

    for (size_t i = 0; i < n; i++) {
        EbmDiagnostic d;
        ebm_report_get(report, i, &d);
        if (strcmp(d.code, "elab_data_shape") == 0)
            return EXIT_data;
        errors += !d.is_warning;
        of_options += !d.is_warning && is_of_options(&d);
    }
    return errors && errors == of_options ? EXIT_usage : EXIT_program;
}

int
finish_report(EbmStatus status, EbmReport *report)
{
    const char *text = ebm_report_text(report);
    int code = status == EBM_PROGRAM_ERROR ? program_code(report) : exit_code(status);

    if (*text)
        fputs(text, stderr);
    else if (status != EBM_OK)
        complain("%s", ebm_status_name(status));
    ebm_report_free(report);
    return code;
}

EbmArray
no_array(void)
{
    return (EbmArray){.type = EBM_TYPE_none};
}

static EbmSetting *
settings_of(const PairList *list, char **names)
{
    EbmSetting *s = calloc(list->n + 1, sizeof *s);

    for (size_t i = 0; s && i < list->n; i++)
        s[i] = (EbmSetting){names ? names[i] : list->pair[i].name, list->pair[i].value};
    return s;
}

static int
choose_dtype(Session *s)
{
    const char *dtype = s->args->dtype;

    if (!dtype || strcmp(dtype, "f32") == 0)
        s->choice.dtype = EBM_TYPE_f32;
    else if (strcmp(dtype, "f64") == 0)
        s->choice.dtype = EBM_TYPE_f64;
    else {
        complain("--dtype: expected f32 or f64, found '%s'", dtype);
        return EXIT_usage;
    }
    return EXIT_done;
}

/* The one array of a file. */
static int
read_array(const char *path, EbmFile **file, EbmArray *ret)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_file_read(path, file, &report);
    EbmNamed named;

    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    if (ebm_file_count(*file) != 1) {
        complain("'%s' holds %zu arrays: choose one as '%s:NAME'", path, ebm_file_count(*file),
                 path);
        return EXIT_data;
    }
    ebm_file_get(*file, 0, &named);
    *ret = named.array;
    return EXIT_done;
}

static int
choose_init(Session *s)
{
    const char *init = s->args->init;
    char rest;

    if (!init)
        return EXIT_done;
    if (strcmp(init, "normal") == 0) {
        s->choice.init = EBM_INIT_normal;
        return EXIT_done;
    }
    if (strcmp(init, "zeros") == 0) {
        s->choice.init = EBM_INIT_zeros;
        return EXIT_done;
    }
    s->choice.init = EBM_INIT_uniform;
    if (sscanf(init, " uniform ( %lf , %lf ) %c", &s->choice.init_low, &s->choice.init_high,
               &rest) == 2) {
        if (s->choice.init_low < s->choice.init_high)
            return EXIT_done;
        complain("--init: expected uniform(a, b) with a < b, found '%s'", init);
        return EXIT_usage;
    }
    s->choice.init = EBM_INIT_given;
    if (!is_file(init)) {
        complain(
            "--init: expected normal, zeros, uniform(a, b) or a file of points, found '%s'",
            init);
        return EXIT_usage;
    }
    return read_array(init, &s->start_file, &s->start);
}

static int
read_inputs(Session *s)
{
    const PairList *data = &s->args->data;

    s->data_file = calloc(data->n + 1, sizeof *s->data_file);
    s->inputs = calloc(data->n + 1, sizeof *s->inputs);
    for (size_t i = 0; i < data->n; i++) {
        int code = read_array(data->pair[i].value, &s->data_file[i], &s->inputs[i].array);
        if (code != EXIT_done)
            return code;
        s->inputs[i].name = data->pair[i].name;
    }
    return EXIT_done;
}

static int
choose_kernel(Session *s)
{
    const Args *a = s->args;
    uint64_t lanes = 0, level = 1;

    s->kernel_options = (EbmKernelOptions)EBM_KERNEL_OPTIONS_INIT;
    if (!parse_count("lanes", a->lanes, 0, 16, &lanes) ||
        !parse_count("level", a->level, 0, 1, &level))
        return EXIT_usage;
    s->kernel_options.lanes = (uint32_t)lanes;
    s->kernel_options.level = (uint32_t)level;
    s->kernel_options.cache = a->no_cache ? EBM_CACHE_off : EBM_CACHE_on;
    if (lanes != 0 && lanes != 4 && lanes != 8 && lanes != 16) {
        complain("--lanes: expected 4, 8 or 16, found '%s'", a->lanes);
        return EXIT_usage;
    }
    if (a->backend && strcmp(a->backend, "interpreter") == 0)
        s->kernel_options.backend = EBM_BACKEND_interpreter;
    else if (a->backend && strcmp(a->backend, "llvm") != 0) {
        complain("--backend: expected llvm or interpreter, found '%s'", a->backend);
        return EXIT_usage;
    }
    if (a->device && strcmp(a->device, "cpu") != 0) {
        complain("--device: expected cpu, found '%s'", a->device);
        return EXIT_usage;
    }
    return EXIT_done;
}

static void
name_choices(Session *s)
{
    const Args *a = s->args;

    s->names = calloc(a->hyper.n + 1, sizeof *s->names);
    for (size_t i = 0; i < a->hyper.n; i++)
        s->names[i] = language_name(a->hyper.pair[i].name);
    s->statics = settings_of(&a->statics, NULL);
    s->energy_settings = settings_of(&a->set, NULL);
    s->sampler_settings = settings_of(&a->hyper, s->names);
    s->choice.statics = s->statics;
    s->choice.n_statics = a->statics.n;
    s->choice.energy_settings = s->energy_settings;
    s->choice.n_energy_settings = a->set.n;
    s->choice.sampler_settings = s->sampler_settings;
    s->choice.n_sampler_settings = a->hyper.n;
}

int
session_open(Session *s, const Args *args)
{
    *s = (Session){.args = args, .choice = EBM_PROGRAM_OPTIONS_INIT};
    int code = check_model(args);
    if (code)
        return code;
    if (is_file(args->model))
        s->choice.file = args->model;
    s->choice.energy = s->choice.file ? args->energy : args->model;
    s->choice.sampler = args->sampler;
    name_choices(s);
    code = choose_dtype(s);
    code = code ? code : choose_kernel(s);
    code = code ? code : choose_init(s);
    code = code ? code : read_inputs(s);
    s->choice.inputs = s->inputs;
    s->choice.n_inputs = code ? 0 : args->data.n;
    return code;
}

/* ---- program, kernel, run
 * ------------------------------------------------------------------------------- */

static bool
mentions(const EbmReport *report, const char *code)
{
    for (size_t i = 0; i < ebm_report_count(report); i++) {
        EbmDiagnostic d;
        ebm_report_get(report, i, &d);
        if (strcmp(d.code, code) == 0)
            return true;
    }
    return false;
}

int
session_program(Session *s)
{
    EbmReport *report = NULL;
    int code = check_options(s);

    if (code != EXIT_done)
        return code;
    EbmStatus status = ebm_program_create(&s->choice, &s->program, &report);
    bool open = mentions(report, "elab_open_static");
    code = finish_report(status, report);
    return open && help_with_statics(s) ? EXIT_usage : code;
}

static int
bind_weights(Session *s)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_file_read(s->args->weights, &s->weights_file, &report);

    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    size_t n = ebm_file_count(s->weights_file);
    EbmNamed *named = calloc(n + 1, sizeof *named);
    for (size_t i = 0; named && i < n; i++)
        ebm_file_get(s->weights_file, i, &named[i]);
    status = ebm_run_set_params(s->run, named, n, &report);
    free(named);
    return finish_report(status, report);
}

static int
bind_arrays(Session *s)
{
    EbmReport *report = NULL;
    EbmStatus status = EBM_OK;

    for (size_t i = 0; i < s->args->data.n && status == EBM_OK; i++) {
        ebm_report_free(report);
        report = NULL;
        status = ebm_run_set_array(s->run, s->inputs[i].name, &s->inputs[i].array, &report);
    }
    if (status == EBM_OK && s->choice.init == EBM_INIT_given) {
        ebm_report_free(report);
        report = NULL;
        status = ebm_run_set_start(s->run, &s->start, &report);
    }
    return finish_report(status, report);
}

int
session_run(Session *s, const EbmRunOptions *plan)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_kernel_create(s->program, &s->kernel_options, &s->kernel, &report);

    if (status != EBM_OK)
        return finish_report(status, report);
    ebm_report_free(report);
    report = NULL;
    status = ebm_run_create(s->kernel, plan, &s->run, &report);
    int code = finish_report(status, report);
    code = code ? code : bind_arrays(s);
    return code || !s->args->weights ? code : bind_weights(s);
}

void
session_close(Session *s)
{
    if (!s->args)
        return;
    ebm_run_free(s->run);
    ebm_kernel_free(s->kernel);
    ebm_program_free(s->program);
    for (size_t i = 0; s->data_file && i < s->args->data.n; i++)
        ebm_file_free(s->data_file[i]);
    for (size_t i = 0; s->names && i < s->args->hyper.n; i++)
        free(s->names[i]);
    ebm_file_free(s->start_file);
    ebm_file_free(s->weights_file);
    free(s->data_file);
    free(s->inputs);
    free(s->names);
    free(s->statics);
    free(s->energy_settings);
    free(s->sampler_settings);
}
