/* SPDX-License-Identifier: Apache-2.0
 *
 * test_program.c -- programs, values, evaluation and what bad requests get
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/api/use.h"

static const EbmRunOptions plan = EBM_RUN_OPTIONS_INIT;

/* ---- programs */

static EbmStatus
create(const char *source, const char *energy, const char *sampler, EbmSetting option,
       EbmReport **report)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmProgram *program = NULL;

    o.source = source;
    o.source_size = source ? strlen(source) : 0;
    o.energy = energy;
    o.sampler = sampler;
    o.sampler_settings = &option;
    o.n_sampler_settings = option.name ? 1 : 0;
    EbmStatus status = ebm_program_create(&o, &program, report);
    ebm_program_free(program);
    return status;
}

static void
test_program_errors(void)
{
    EbmSetting none = {NULL, NULL};
    EbmReport *report = NULL;
    EbmDiagnostic d;
    EbmStatus status;

    status = create("energy E(x: real[2]) -> real = sqt(x[0])\n", NULL, NULL, none, &report);
    CU_ASSERT_EQUAL(status, EBM_PROGRAM_ERROR);
    CU_ASSERT_EQUAL_FATAL(ebm_report_count(report), 1);
    ebm_report_get(report, 0, &d);
    CU_ASSERT_FALSE(d.is_warning);
    CU_ASSERT_EQUAL(d.place.line, 1);
    CU_ASSERT_EQUAL(d.place.column, 32);
    CU_ASSERT_STRING_EQUAL(d.place.file, "input.ebm");
    CU_ASSERT_PTR_NOT_NULL_FATAL(d.help);
    CU_ASSERT_TRUE(strstr(d.help, "sqrt") != NULL);
    CU_ASSERT_STRING_EQUAL(d.message, ebm_report_message(report));
    refused(status, report, EBM_PROGRAM_ERROR, "^~~");

    status = create(NULL, "DoubleWell", "langevni", none, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "langevin");
    status = create(NULL, "DoubleWell", "langevin", (EbmSetting){"step_size", "-1"}, &report);
    CU_ASSERT_NOT_EQUAL(status, EBM_OK);
    refused(status, report, status, "step_size");
    status = create(NULL, "DoubleWell", "langevin", (EbmSetting){"step_size", "1 +"}, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "expected");
    status = create("\xff\xfe\x01", NULL, NULL, none, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "error");
    status = create("", NULL, NULL, none, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "energ");
    CU_ASSERT_EQUAL(create("energy", NULL, NULL, none, NULL), EBM_PROGRAM_ERROR);
}

static void
test_bad_options(void)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmProgram *program = NULL;
    EbmReport *report = NULL;
    EbmStatus status;

    o.size = 0;
    status = ebm_program_create(&o, &program, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "initial value");
    o.size = sizeof o;
    o.file = "/nonexistent/model.ebm";
    status = ebm_program_create(&o, &program, &report);
    refused(status, report, EBM_NOT_FOUND, "/nonexistent/model.ebm");
    o.file = NULL;
    o.energy = "DoubleWell";
    o.dtype = EBM_TYPE_i32;
    status = ebm_program_create(&o, &program, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "f32 or f64");
    o.dtype = EBM_TYPE_f32;
    o.init = EBM_INIT_uniform;
    o.init_low = 1, o.init_high = 1;
    status = ebm_program_create(&o, &program, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "low < high");
    uint64_t huge = UINT64_C(1) << 40;
    EbmNamed input = {"X", ebm_array(EBM_TYPE_f32, 1, &huge, NULL)};
    o.init = EBM_INIT_default;
    o.inputs = &input, o.n_inputs = 1;
    status = ebm_program_create(&o, &program, &report);
    refused(status, report, EBM_SHAPE_ERROR, "'X'");
    CU_ASSERT_PTR_NULL(program);
}

static void
test_queries(void)
{
    Use use = {.energy = "DoubleWell",
               .sampler = "mala",
               .statics = {{"d", "5"}},
               .options = {{"step_size", "cosine(t, 0.03, 0.005, 100)"}}};
    EbmProgram *program = use_program(&use);
    EbmValueInfo v;
    bool seen = false;

    CU_ASSERT_STRING_EQUAL(ebm_program_energy(program), "DoubleWell");
    CU_ASSERT_STRING_EQUAL(ebm_program_sampler(program), "mala");
    CU_ASSERT_EQUAL(ebm_program_dtype(program), EBM_TYPE_f32);
    CU_ASSERT_EQUAL(ebm_program_count(program, EBM_LIST_x), 1);
    ebm_program_value(program, EBM_LIST_x, 0, &v);
    CU_ASSERT_TRUE(v.type == EBM_TYPE_f32 && v.rank == 1 && v.shape[0] == 5);
    CU_ASSERT_EQUAL_FATAL(ebm_program_count(program, EBM_LIST_reports), 1);
    ebm_program_value(program, EBM_LIST_reports, 0, &v);
    CU_ASSERT_STRING_EQUAL(v.name, "acceptance_rate");
    for (size_t i = 0; i < ebm_program_hyper_count(program); i++) {
        EbmHyperInfo h;
        ebm_program_hyper(program, i, &h);
        if (strcmp(h.name, "step_size") == 0)
            CU_ASSERT_TRUE(h.bound_to_t && h.fixed && h.owner == EBM_OWNER_sampler);
        if (strcmp(h.name, "barrier_height") == 0) {
            CU_ASSERT_TRUE(h.has_value && h.value == 2.0 && h.owner == EBM_OWNER_energy);
            seen = true;
        }
    }
    CU_ASSERT_TRUE(seen);
    ebm_program_free(program);
    ebm_program_free(NULL);
}

static void
test_catalog(void)
{
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmCatalog *catalog = NULL;
    bool seen = false;

    CU_ASSERT_EQUAL_FATAL(ebm_catalog_create(&o, &catalog, NULL), EBM_OK);
    for (size_t i = 0; i < ebm_catalog_count(catalog); i++) {
        EbmDecl d;
        ebm_catalog_decl(catalog, i, &d);
        CU_ASSERT_PTR_NOT_NULL(d.kind);
        if (strcmp(d.name, "langevin") != 0)
            continue;
        seen = true;
        CU_ASSERT_STRING_EQUAL(d.kind, "sampler");
        CU_ASSERT_PTR_NOT_NULL(d.doc);
        CU_ASSERT_TRUE(d.line > 1 && d.args > 3);
        for (size_t k = 0; k < d.args; k++) {
            EbmArg a;
            ebm_catalog_arg(catalog, i, k, &a);
            if (strcmp(a.name, "step_size") == 0)
                CU_ASSERT_TRUE(a.is_hyper && a.low == 0 && a.value != NULL);
        }
    }
    CU_ASSERT_TRUE(seen);
    ebm_catalog_free(catalog);
}

static void
test_near_miss(void)
{
    const char *const word[] = {"chains", "steps", "seed"};

    CU_ASSERT_PTR_EQUAL(ebm_near_miss("chians", word, 3), word[0]);
    CU_ASSERT_PTR_EQUAL(ebm_near_miss("sede", word, 3), word[2]);
    CU_ASSERT_PTR_NULL(ebm_near_miss("threads", word, 3));
    CU_ASSERT_PTR_NULL(ebm_near_miss("", word, 3));
    CU_ASSERT_PTR_NULL(ebm_near_miss("chains", word, 0));
}

static void
test_check_and_format(void)
{
    static const char good[] = "energy E(x:real[2])->real=sum(x^2) # a bowl\n";
    static const char bad[] =
        "energy E(x: real[2]) -> real = y\nenergy F(x: real[2]) -> real = z\n";
    EbmProgramOptions o = EBM_PROGRAM_OPTIONS_INIT;
    EbmReport *report = NULL;
    EbmText *once = NULL, *twice = NULL;

    o.source = good, o.source_size = sizeof good - 1;
    EbmStatus status = ebm_check(&o, &report);
    worked(status, report);
    o.source = bad, o.source_size = sizeof bad - 1;
    status = ebm_check(&o, &report);
    CU_ASSERT_EQUAL(ebm_report_count(report), 2);
    refused(status, report, EBM_PROGRAM_ERROR, "'z'");
    CU_ASSERT_EQUAL_FATAL(ebm_format("e.ebm", good, sizeof good - 1, &once, NULL), EBM_OK);
    CU_ASSERT_TRUE(strstr(ebm_text_data(once), "# a bowl") != NULL);
    CU_ASSERT_EQUAL_FATAL(
        ebm_format("e.ebm", ebm_text_data(once), ebm_text_size(once), &twice, NULL), EBM_OK);
    CU_ASSERT_STRING_EQUAL(ebm_text_data(once), ebm_text_data(twice));
    ebm_text_free(once);
    ebm_text_free(twice);
    status = ebm_format("e.ebm", "energy (", 8, &once, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "e.ebm:1");
}

static void
test_emit(void)
{
    static const char *const words[] = {
        "(energy DoubleWell", "vjp", "func @step", "loop[", "define", ".text"};
    Use use = {.energy = "DoubleWell", .sampler = "langevin"};
    EbmProgram *program = use_program(&use);

    for (int stage = EBM_STAGE_ast; stage <= EBM_STAGE_asm; stage++) {
        EbmText *text = NULL;
        EbmReport *report = NULL;
        EbmStatus status = ebm_emit(program, (EbmStage)stage, NULL, &text, &report);
        if (worked(status, report))
            CU_ASSERT_TRUE(strstr(ebm_text_data(text), words[stage]) != NULL);
        ebm_text_free(text);
    }
    ebm_program_free(program);
}

static void
test_passes(void)
{
    Use use = {.energy = "DoubleWell", .sampler = "langevin"};
    EbmProgram *program = use_program(&use);
    EbmOptOptions o = EBM_OPT_OPTIONS_INIT;
    EbmText *ir = NULL, *grad = NULL, *found = NULL, *log = NULL;
    EbmReport *report = NULL;

    CU_ASSERT_EQUAL_FATAL(ebm_emit(program, EBM_STAGE_ir, NULL, &ir, NULL), EBM_OK);
    CU_ASSERT_EQUAL_FATAL(ebm_opt(ebm_text_data(ir), ebm_text_size(ir), &o, &found, &log, NULL),
                          EBM_OK);
    CU_ASSERT_STRING_EQUAL(ebm_text_data(ir), ebm_text_data(found));
    CU_ASSERT_PTR_NULL(log);
    ebm_text_free(found);
    o.passes = "derive,inline";
    o.time = 1;
    EbmStatus status = ebm_opt(ebm_text_data(ir), ebm_text_size(ir), &o, &grad, &log, &report);
    worked(status, report);
    CU_ASSERT_TRUE(strstr(ebm_text_data(grad), "vjp") == NULL);
    CU_ASSERT_TRUE(log && strstr(ebm_text_data(log), "derive") != NULL);
    ebm_text_free(log);
    o.passes = "derive,inlien";
    status = ebm_opt(ebm_text_data(ir), ebm_text_size(ir), &o, &found, NULL, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "did you mean 'inline'?");
    status = ebm_opt("func", 4, NULL, &found, NULL, &report);
    refused(status, report, EBM_PROGRAM_ERROR, "input.ir:1");
    bool seen = false;
    for (size_t i = 0; i < ebm_pass_count(); i++)
        seen |= strcmp(ebm_pass_name(i), "derive") == 0 && *ebm_pass_words(i);
    CU_ASSERT_TRUE(seen);
    ebm_text_free(ir);
    ebm_text_free(grad);
    ebm_program_free(program);
}

/* ---- values */

static void
test_numbers(void)
{
    Use use = {.energy = "DoubleWell", .sampler = "hmc"};
    EbmRun *run = use_run(use_kernel(&use), plan);
    EbmReport *report = NULL;
    float point[2] = {2.0f, 0.0f};
    double energy;
    EbmArray points = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){1, 2}, point);
    EbmArray result = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){1}, &energy);

    EbmStatus status = ebm_run_evaluate(run, &points, &result, NULL, &report);
    worked(status, report);
    CU_ASSERT_EQUAL(energy, 2.0 * (9.0 + 1.0));
    status = ebm_run_set_number(run, EBM_OWNER_energy, "barrier_height", 5.0, &report);
    worked(status, report);
    CU_ASSERT_EQUAL(ebm_run_evaluate(run, &points, &result, NULL, NULL), EBM_OK);
    CU_ASSERT_EQUAL(energy, 5.0 * (9.0 + 1.0));
    status = ebm_run_set_number(run, EBM_OWNER_energy, "barier_height", 5.0, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "did you mean 'barrier_height'?");
    status = ebm_run_set_number(run, EBM_OWNER_sampler, "step_size", -1.0, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "step_size");
    status = ebm_run_set_number(run, EBM_OWNER_sampler, "step_size", NAN, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "step_size");
    status = ebm_run_set_number(run, EBM_OWNER_sampler, "n_leapfrog_steps", 2.5, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "integer");
    ebm_run_free(run);
}

static const char regression[] = "data X: real[n, d]\n"
                                 "data y: int[n] in 0..2\n"
                                 "energy R(b: real[d]) -> real = sum((X @ b - y)^2)\n";

static void
test_data(void)
{
    double X[3][2] = {{1, 2}, {3, 4}, {5, 6}}, y[3] = {0, 1, 1}, bad[3] = {0, 1, 0.5};
    double e, g[2], b[2] = {0.5, -0.25};
    EbmNamed inputs[2] = {{"X", ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){3, 2}, X)},
                          {"y", ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){3}, y)}};
    Use use = {.source = regression, .inputs = inputs, .n_inputs = 2, .dtype = EBM_TYPE_f64};
    EbmRun *run = use_run(use_kernel(&use), plan);
    EbmArray points = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){1, 2}, b);
    EbmArray energy = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){1}, &e);
    EbmArray grad = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){1, 2}, g);
    EbmReport *report = NULL;

    if (!run)
        return;
    EbmStatus status = ebm_run_evaluate(run, &points, &energy, &grad, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "'X' is not set");
    EbmArray flat = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){6}, X);
    status = ebm_run_set_array(run, "X", &flat, &report);
    refused(status, report, EBM_SHAPE_ERROR, "expected the shape [3, 2], found [6]");
    EbmArray broken = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){3}, bad);
    status = ebm_run_set_array(run, "y", &broken, &report);
    refused(status, report, EBM_RANGE_ERROR, "'y'");
    bad[2] = 7;
    status = ebm_run_set_array(run, "y", &broken, &report);
    refused(status, report, EBM_RANGE_ERROR, "its range is");
    status = ebm_run_set_array(run, "z", &broken, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "'z'");
    CU_ASSERT_EQUAL(ebm_run_set_array(run, "X", &inputs[0].array, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_run_set_array(run, "y", &inputs[1].array, NULL), EBM_OK);
    status = ebm_run_evaluate(run, &points, &energy, &grad, &report);
    worked(status, report);
    double r[3], expected = 0, slope[2] = {0};
    for (int i = 0; i < 3; i++) {
        r[i] = X[i][0] * b[0] + X[i][1] * b[1] - y[i];
        expected += r[i] * r[i];
        slope[0] += 2 * r[i] * X[i][0];
        slope[1] += 2 * r[i] * X[i][1];
    }
    CU_ASSERT_DOUBLE_EQUAL(e, expected, 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(g[0], slope[0], 1e-12);
    CU_ASSERT_DOUBLE_EQUAL(g[1], slope[1], 1e-12);
    ebm_run_free(run);
}

static const char network[] = "import \"std/layers\"\n"
                              "energy N(x: real[2]) -> real {\n"
                              "    layer a = Linear[2, 3]\n"
                              "    layer b = Linear[3, 1]\n"
                              "    return (x |> a |> tanh |> b)[0]\n"
                              "}\n";

/* Energy of network() at a point, written out. */
static double
forward(double w[3][2], const double wb[3], const double v[3], double vb, const double x[2])
{
    double sum = vb;

    for (int i = 0; i < 3; i++)
        sum += v[i] * tanh(w[i][0] * x[0] + w[i][1] * x[1] + wb[i]);
    return sum;
}

static void
test_params(void)
{
    double w[3][2], wb[3], v[3], vb[1], again[3][2], e[2], x[2][2] = {{0.3, -1}, {2, 0.5}};
    EbmNamed all[] = {{"a.weight", ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){3, 2}, w)},
                      {"a.bias", ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){3}, wb)},
                      {"b.weight", ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){1, 3}, v)},
                      {"b.bias", ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){1}, vb)}};
    Use use = {.source = network, .dtype = EBM_TYPE_f64};
    EbmRun *run = use_run(use_kernel(&use), plan);
    EbmArray points = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){2, 2}, x);
    EbmArray energy = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){2}, e);
    EbmArray second = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){3, 2}, again);
    EbmReport *report = NULL;
    EbmStatus status;

    if (!run)
        return;
    for (int i = 0; i < 4; i++) {
        status = ebm_run_get_param(run, all[i].name, &all[i].array, &report);
        worked(status, report);
    }
    CU_ASSERT_TRUE(w[0][0] != 0 && w[0][0] != w[0][1] && fabs(w[2][1]) <= 1);
    CU_ASSERT_EQUAL(ebm_run_evaluate(run, &points, &energy, NULL, NULL), EBM_OK);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_DOUBLE_EQUAL(e[i], forward(w, wb, v, vb[0], x[i]), 1e-12);
    CU_ASSERT_EQUAL(ebm_run_init_params(run, 7, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_run_get_param(run, "a.weight", &second, NULL), EBM_OK);
    CU_ASSERT_NOT_EQUAL(memcmp(w, again, sizeof w), 0);
    wb[1] = 0.75;
    status = ebm_run_set_params(run, all, 4, &report);
    worked(status, report);
    CU_ASSERT_EQUAL(ebm_run_evaluate(run, &points, &energy, NULL, NULL), EBM_OK);
    for (int i = 0; i < 2; i++)
        CU_ASSERT_DOUBLE_EQUAL(e[i], forward(w, wb, v, vb[0], x[i]), 1e-12);
    all[1].name = "c.bias";
    all[2].array.shape[1] = 2;
    status = ebm_run_set_params(run, all, 4, &report);
    CU_ASSERT_TRUE(strstr(ebm_report_text(report), "missing 'a.bias'") != NULL);
    CU_ASSERT_TRUE(strstr(ebm_report_text(report),
                          "shape [1, 2] instead of [1, 3] of 'b.weight'") != NULL);
    refused(status, report, EBM_SHAPE_ERROR, "unknown 'c.bias'");
    ebm_run_free(run);
}

/* ---- plans and memory */

static EbmStatus
make_run(const EbmKernel *kernel, EbmRunOptions p, EbmReport **report)
{
    EbmRun *run = NULL;
    EbmStatus status = ebm_run_create(kernel, &p, &run, report);

    ebm_run_free(run);
    return status;
}

static void
test_plans(void)
{
    Use use = {.energy = "DoubleWell", .sampler = "langevin", .statics = {{"d", "100"}}};
    EbmKernel *kernel = use_kernel(&use);
    EbmRunOptions p = plan;
    EbmReport *report = NULL;
    EbmMemory need = EBM_MEMORY_INIT;
    EbmRun *run = NULL;

    p.chains = 0;
    EbmStatus status = make_run(kernel, p, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "chains");
    p.chains = 16, p.thin = 0;
    status = make_run(kernel, p, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "thinning");
    p.thin = 1, p.steps = UINT64_MAX;
    status = make_run(kernel, p, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "steps");
    p.steps = 10, p.threads = 100000;
    status = make_run(kernel, p, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "threads");
    p.threads = 1, p.chains = UINT64_C(1) << 40;
    CU_ASSERT_EQUAL_FATAL(ebm_run_create(kernel, &p, &run, NULL), EBM_OK);
    status = ebm_run_memory(run, 1, &need, &report);
    refused(status, report, EBM_MEMORY_ERROR, "PiB of memory");
    CU_ASSERT_EQUAL(need.draws, p.chains * 10 * 100 * 4);
    CU_ASSERT_EQUAL(need.kept, 10);
    status = ebm_run_sample(run, NULL, &report);
    refused(status, report, EBM_MEMORY_ERROR, "are available");
    ebm_run_free(run);
    ebm_kernel_free(kernel);
}

static void
test_no_sampler(void)
{
    Use use = {.energy = "Gaussian"};
    EbmRun *run = use_run(use_kernel(&use), plan);
    EbmReport *report = NULL;
    EbmStatus status = ebm_run_sample(run, NULL, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "without a sampler");
    float p[3] = {0};
    double e;
    EbmArray points = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){1, 3}, p);
    EbmArray energy = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){1}, &e);
    status = ebm_run_evaluate(run, &points, &energy, NULL, &report);
    refused(status, report, EBM_SHAPE_ERROR, "points");
    ebm_run_free(run);
}

/* Points of every count, strided, against the interpreter, gradients too. */
static void
test_evaluate(void)
{
    enum { N = 37 };
    static double x[N][3], e[2][N];
    static float g[2][N][2];

    for (int i = 0; i < N; i++)
        x[i][0] = 0.1 * i - 2, x[i][2] = 1.5 - 0.07 * i;
    for (int k = 0; k < 2; k++) {
        Use use = {.energy = "Rosenbrock", .interpreter = k};
        EbmRun *run = use_run(use_kernel(&use), plan);
        EbmArray points = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){N, 2}, x);
        points.stride[0] = 3 * sizeof(double);
        points.stride[1] = 2 * sizeof(double);
        EbmArray energy = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){N}, e[k]);
        EbmArray grad = ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){N, 2}, g[k]);
        EbmReport *report = NULL;
        EbmStatus status = ebm_run_evaluate(run, &points, &energy, &grad, &report);
        worked(status, report);
        ebm_run_free(run);
    }
    CU_ASSERT_EQUAL(memcmp(e[0], e[1], sizeof e[0]), 0);
    CU_ASSERT_EQUAL(memcmp(g[0], g[1], sizeof g[0]), 0);
    for (int i = 0; i < N; i++) {
        double a = (float)x[i][0], b = (float)x[i][2];
        double f = (1 - a) * (1 - a) + 100 * (b - a * a) * (b - a * a);
        double slope = -2 * (1 - a) - 400 * a * (b - a * a);
        CU_ASSERT_DOUBLE_EQUAL(e[0][i], f, 1e-4 * (1 + fabs(f)));
        CU_ASSERT_DOUBLE_EQUAL(g[0][i][0], slope, 1e-4 * (1 + fabs(slope)));
    }
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("programs", NULL, NULL);
    CU_ADD_TEST(suite, test_program_errors);
    CU_ADD_TEST(suite, test_bad_options);
    CU_ADD_TEST(suite, test_queries);
    CU_ADD_TEST(suite, test_catalog);
    CU_ADD_TEST(suite, test_near_miss);
    CU_ADD_TEST(suite, test_check_and_format);
    CU_ADD_TEST(suite, test_emit);
    CU_ADD_TEST(suite, test_passes);
    CU_ADD_TEST(suite, test_numbers);
    CU_ADD_TEST(suite, test_data);
    CU_ADD_TEST(suite, test_params);
    CU_ADD_TEST(suite, test_plans);
    CU_ADD_TEST(suite, test_no_sampler);
    CU_ADD_TEST(suite, test_evaluate);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
