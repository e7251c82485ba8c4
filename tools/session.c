/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c -- from the command line to a program, a kernel and a run
 */
#include "tools/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/choices.h"
#include "tools/commands.h"
#include "tools/names.h"

static int
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
    case EBM_NOT_FINITE: return EXIT_not_finite;
    default: return EXIT_internal;
    }
}

/* Options' texts are places whose file begins with a dash. */
static bool
is_option(const EbmPlace *place)
{
    return place->file && place->file[0] == '-' && place->file[1];
}

/* Is message i about what the command line chose, rather than about the program's text?  That
 * can be an error in the text which notes an option's place. */
static bool
is_of_options(const EbmReport *report, size_t i, const EbmDiagnostic *d)
{
    EbmPlace place;

    if (is_option(&d->place))
        return true;
    for (size_t n = 0; n < d->notes; n++) {
        ebm_report_note(report, i, n, &place);
        if (is_option(&place))
            return true;
    }
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
        of_options += !d.is_warning && is_of_options(report, i, &d);
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

/* ---- data */

/* Is it what a `data` declaration of the model reads, rather than a column? */
static bool
is_declared_data(Session *s, const char *name)
{
    size_t ignored;

    if (!name || !s->choice.file)
        return false;
    open_own(&s->declarations, s->choice.file);
    return find_declaration(&s->declarations, "data", name, &ignored) != NULL;
}

static int
read_input(Session *s, const Pair *pair, EbmFile **file)
{
    bool trains = s->args->command->groups & GROUP_training;
    EbmArray array;

    if (!pair->name && !trains) {
        complain("--data: expected NAME=FILE, found '%s'", pair->value);
        return EXIT_usage;
    }
    int code = read_array(pair->value, file, &array);
    if (code)
        return code;
    if (trains && !is_declared_data(s, pair->name))
        s->columns[s->choice.n_columns++] = (EbmNamed){pair->name, array};
    else
        s->inputs[s->choice.n_inputs++] = (EbmNamed){pair->name, array};
    return EXIT_done;
}

static int
read_inputs(Session *s)
{
    const PairList *data = &s->args->data;

    s->data_file = calloc(data->n + 1, sizeof *s->data_file);
    s->inputs = calloc(data->n + 1, sizeof *s->inputs);
    s->columns = calloc(data->n + 1, sizeof *s->columns);
    if (!s->data_file || !s->inputs || !s->columns)
        return EXIT_memory;
    s->choice.inputs = s->inputs;
    s->choice.columns = s->columns;
    for (size_t i = 0; i < data->n; i++) {
        const Pair *pair = &data->pair[i];
        int code = names_dataset(pair) ? EXIT_done : read_input(s, pair, &s->data_file[i]);
        if (code != EXIT_done)
            return code;
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

static int
choose_batch(Session *s)
{
    uint64_t batch = 256;

    if (!parse_count("batch", s->args->batch, 1, 1 << 20, &batch))
        return EXIT_usage;
    s->choice.batch = (uint32_t)batch;
    return EXIT_done;
}

int
session_open(Session *s, const Args *args)
{
    *s = (Session){.args = args, .choice = EBM_PROGRAM_OPTIONS_INIT};
    int code = check_model(args);

    code = code ? code : choose_names(s);
    code = code ? code : choose_dtype(s);
    code = code ? code : choose_batch(s);
    code = code ? code : choose_kernel(s);
    code = code ? code : choose_init(s);
    return code ? code : read_inputs(s);
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
    int code = choose_settings(s);

    if (code != EXIT_done)
        return code;
    EbmStatus status = ebm_program_create(&s->choice, &s->program, &report);
    bool open = mentions(report, "elab_open_static");
    size_t wrapper = wrapper_in(s, ebm_report_text(report));
    code = finish_report(status, report);
    if (code)
        help_with_wrapper(wrapper);
    return open && help_with_statics(s) ? EXIT_usage : code;
}

/* Each gives the run, or the training, one of the session's arrays. */
typedef EbmStatus GiveArray(const Session *s, const EbmNamed *array, EbmReport **report);

static EbmStatus
give_input(const Session *s, const EbmNamed *a, EbmReport **report)
{
    return s->training ? ebm_training_set_array(s->training, a->name, &a->array, report)
                       : ebm_run_set_array(s->run, a->name, &a->array, report);
}

static EbmStatus
give_column(const Session *s, const EbmNamed *a, EbmReport **report)
{
    return ebm_training_set_data(s->training, a->name, &a->array, report);
}

static int
give_all(const Session *s, const EbmNamed *arrays, size_t n, GiveArray *give)
{
    int code = EXIT_done;

    for (size_t i = 0; i < n && !code; i++) {
        EbmReport *report = NULL;
        EbmStatus status = give(s, &arrays[i], &report);
        code = finish_report(status, report);
    }
    return code;
}

static bool
is_given(const Session *s, const char *column, bool first)
{
    for (size_t i = 0; i < s->choice.n_columns; i++)
        if (s->columns[i].name ? strcmp(s->columns[i].name, column) == 0 : first)
            return true;
    return false;
}

void
help_with_columns(const Session *s)
{
    size_t n = s->choice.dataset ? 0 : ebm_program_count(s->program, EBM_LIST_columns);

    for (size_t i = 0; i < n; i++) {
        EbmValueInfo v;
        ebm_program_value(s->program, EBM_LIST_columns, i, &v);
        if (!is_given(s, v.name, i == 0))
            fprintf(stderr, "  = help: --data %s=FILE gives '%s'\n", v.name, v.name);
    }
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
    if (named && n == 1 && !*named[0].name) {
        complain("--weights: '%s' holds an array without a name: expected .safetensors or .npz",
                 s->args->weights);
        free(named);
        return EXIT_data;
    }
    status = s->training ? ebm_training_set_params(s->training, named, n, &report)
                         : ebm_run_set_params(s->run, named, n, &report);
    free(named);
    return finish_report(status, report);
}

/* Weights that nobody trained are told, as what comes of them looks like any other result. */
static void
note_of_weights(const Session *s, uint64_t seed)
{
    if (!s->args->weights && !s->args->quiet &&
        ebm_program_count(s->program, EBM_LIST_params) > 0)
        fprintf(stderr,
                "note: the weights are the initial ones, of seed %" PRIu64
                "; --weights FILE reads trained ones\n",
                seed);
}

static int
bind_start(Session *s)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_run_set_start(s->run, &s->start, &report);

    return finish_report(status, report);
}

static int
make_kernel(Session *s)
{
    EbmReport *report = NULL;
    EbmStatus status = ebm_kernel_create(s->program, &s->kernel_options, &s->kernel, &report);

    return finish_report(status, report);
}

int
session_run(Session *s, const EbmRunOptions *plan)
{
    EbmReport *report = NULL;
    int code = make_kernel(s);

    if (code)
        return code;
    EbmStatus status = ebm_run_create(s->kernel, plan, &s->run, &report);
    code = finish_report(status, report);
    code = code ? code : give_all(s, s->inputs, s->choice.n_inputs, give_input);
    code = code || s->choice.init != EBM_INIT_given ? code : bind_start(s);
    if (!code)
        note_of_weights(s, plan->seed);
    return code || !s->args->weights ? code : bind_weights(s);
}

int
session_train(Session *s, const EbmTrainingOptions *plan)
{
    EbmReport *report = NULL;
    int code = make_kernel(s);

    if (code)
        return code;
    EbmStatus status = ebm_training_create(s->kernel, plan, &s->training, &report);
    code = finish_report(status, report);
    code = code ? code : give_all(s, s->columns, s->choice.n_columns, give_column);
    code = code ? code : give_all(s, s->inputs, s->choice.n_inputs, give_input);
    return code || !s->args->weights ? code : bind_weights(s);
}

void
session_close(Session *s)
{
    if (!s->args)
        return;
    ebm_run_free(s->run);
    ebm_training_free(s->training);
    ebm_kernel_free(s->kernel);
    ebm_program_free(s->program);
    for (size_t i = 0; s->data_file && i < s->args->data.n; i++)
        ebm_file_free(s->data_file[i]);
    ebm_file_free(s->start_file);
    ebm_file_free(s->weights_file);
    close_choices(s);
    free(s->data_file);
    free(s->inputs);
    free(s->columns);
}
