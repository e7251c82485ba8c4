/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bits.c -- every way to run a program gives the same bits
 *
 * test_bits PROGRAMS.ebm PART PARTS [WORD]: every energy of the standard library with every
 * sampler of it, and the programs below, in f32 and f64.  What the interpreter makes of a
 * program is what machine code must make of it, at any number of lanes, level, threads and
 * chains, whole or in pieces, observed or not.  Of the tasks, one in PARTS is run, beginning at
 * PART; with WORD, of those whose names contain it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/kernels/library.h"

enum { CHAINS = 17 };

/* ---- what is compared */

typedef struct Variant {
    const char *name;
    Way way;
} Variant;

/* Of one kernel. The first is what the interpreter is compared with. */
static const Variant variants[] = {
    {"one thread", {.threads = 1, .chains = CHAINS, .with_draws = true, .with_reports = true}},
    {"one chain", {.threads = 1, .chains = 1, .with_draws = true, .with_reports = true}},
    {"1000 chains, two threads", {.threads = 2, .chains = 1000, .with_draws = true}},
    {"five threads, no draws", {.threads = 5, .chains = 100, .with_reports = true}},
    {"in two halves",
     {.threads = 1, .chains = CHAINS, .cut = 5, .with_draws = true, .with_reports = true}},
    {"resumed",
     {.threads = 1,
      .chains = CHAINS,
      .cut = 4,
      .resume = true,
      .with_draws = true,
      .with_reports = true}},
    {"unobserved", {.threads = 1, .chains = CHAINS}},
};

/* Other machine code of the same program; run as the first variant. Of a program of the library
 * each in turn. */
static const Way codes[] = {
    {.lanes = 16, .level = 0},
    {.lanes = 8, .level = 1},
    {.lanes = 4, .level = 1},
    {.lanes = 8, .level = 0, .cpu = "x86-64-v3"},
};

typedef struct Tally {
    const char *file, *word;
    unsigned part, parts; /* every parts-th task is ours */
    unsigned seen, tasks, failures, comparisons;
    bool library;
} Tally;

static void
compare(Tally *t, const Task *task, const char *way, const Outcome *want, const Outcome *have)
{
    t->comparisons++;
    t->failures += !outcome_same(task->name, way, want, have);
}

/* Makes a kernel and runs it; NULL, and a failure, where that does not work. */
static Outcome *
run_once(Tally *t, const Task *task, const EbmProgram *program, const Way *way)
{
    EbmKernel *kernel = task_kernel(task, program, way);
    Outcome *out = kernel ? task_run(task, program, kernel, way) : NULL;

    ebm_kernel_free(kernel);
    if (!out)
        t->failures++;
    return out;
}

static void
check_codes(Tally *t, const Task *task, const EbmProgram *program, const Outcome *want)
{
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        Way way = variants[0].way;
        char name[64];
        if (t->library && i != t->seen / 2 % (sizeof codes / sizeof *codes))
            continue;
        way.lanes = codes[i].lanes;
        way.level = codes[i].level;
        way.cpu = codes[i].cpu;
        snprintf(name, sizeof name, "lanes %u, level %u%s", way.lanes, way.level,
                 way.cpu ? ", AVX2" : "");
        Outcome *have = run_once(t, task, program, &way);
        if (have)
            compare(t, task, name, want, have);
        outcome_free(have);
    }
}

static void
check_variants(Tally *t, const Task *task, const EbmProgram *program, const Outcome *want)
{
    Way way = variants[0].way;

    way.level = 1;
    EbmKernel *kernel = task_kernel(task, program, &way);
    if (!kernel)
        t->failures++;
    Outcome *many = NULL;
    for (size_t i = 0; kernel && i < sizeof variants / sizeof *variants; i++) {
        Outcome *have = task_run(task, program, kernel, &variants[i].way);
        if (!have)
            t->failures++;
        else
            compare(t, task, variants[i].name, want, have);
        if (have && many && have->chains > CHAINS)
            compare(t, task, variants[i].name, many, have);
        if (have && have->chains == 1000)
            many = have;
        else
            outcome_free(have);
    }
    outcome_free(many);
    ebm_kernel_free(kernel);
}

static void
check_task(Tally *t, const Task *task)
{
    if ((t->word && !strstr(task->name, t->word)) || t->seen++ % t->parts != t->part)
        return;
    t->tasks++;
    EbmProgram *program = task_program(task);
    if (!program) {
        t->failures++;
        return;
    }
    Way way = variants[0].way;
    way.backend = EBM_BACKEND_interpreter;
    Outcome *want = run_once(t, task, program, &way);
    if (want) {
        check_variants(t, task, program, want);
        check_codes(t, task, program, want);
    }
    outcome_free(want);
    ebm_program_free(program);
}

static void
check_both_types(Tally *t, const Task *task)
{
    static const EbmType types[] = {EBM_TYPE_f32, EBM_TYPE_f64};

    for (size_t i = 0; i < 2; i++) {
        Task typed = *task;
        char name[160];
        snprintf(name, sizeof name, "%s %s", task->name, ebm_type_name(types[i]));
        typed.name = name;
        typed.dtype = types[i];
        check_task(t, &typed);
    }
}

static void
check_of_library(void *user, const Task *task)
{
    check_both_types(user, task);
}

/* ---- programs of our own */

enum { ROWS = 53, COLUMNS = 7, MANY_ROWS = 20011, MANY_COLUMNS = 53 };

static double rows[ROWS][COLUMNS], condition[3] = {0.5, -1.25, 2.0};
static int32_t outcomes[ROWS];
static float many_rows[MANY_ROWS][MANY_COLUMNS]; /* more than kernels take for cached */
static int32_t many_outcomes[MANY_ROWS];

static double
next_number(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 40) * 0x1p-23 - 1;
}

static void
fill_data(void)
{
    uint64_t state = 1;

    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++)
            rows[i][j] = next_number(&state);
        outcomes[i] = rows[i][0] + rows[i][1] > 0.1;
    }
    for (int i = 0; i < MANY_ROWS; i++) {
        for (int j = 0; j < MANY_COLUMNS; j++)
            many_rows[i][j] = (float)next_number(&state);
        many_outcomes[i] = many_rows[i][0] > 0;
    }
}

#define SCHEDULES \
    {"step_size", "cosine(t, 0.03, 0.005, 4)"}, \
    { \
        "noise_scale", "linear(t, 1.0, 0.1, 5)" \
    }

static const Task programs[] = {
    {.name = "Moons langevin", .energy = "Moons", .sampler = "langevin"},
    {.name = "Moons mala", .energy = "Moons", .sampler = "mala"},
    {.name = "Moons hmc", .energy = "Moons", .sampler = "hmc"},
    {.name = "Deep langevin", .energy = "Deep", .sampler = "langevin"},
    {.name = "Normed mala", .energy = "Normed", .sampler = "mala"},
    {.name = "Counted hmc", .energy = "Counted", .sampler = "hmc"},
    {.name = "Branches mala", .energy = "Branches", .sampler = "mala"},
    {.name = "Lattice baoab", .energy = "Lattice", .sampler = "baoab"},
    {.name = "Pairs langevin", .energy = "Pairs", .sampler = "langevin"},
    {.name = "Matrix hmc", .energy = "Matrix", .sampler = "hmc"},
    {.name = "Prior mala", .energy = "Prior", .sampler = "mala"},
    {.name = "Special langevin", .energy = "Special", .sampler = "langevin"},
    {.name = "Special walk", .energy = "Special", .sampler = "random_walk"},
    {.name = "TwoGaussians langevin", .energy = "TwoGaussians", .sampler = "langevin"},
    {.name = "TwoGaussians mala", .energy = "TwoGaussians", .sampler = "mala"},
    {.name = "TwoGaussians hmc", .energy = "TwoGaussians", .sampler = "hmc"},
    {.name = "Positive langevin",
     .energy = "Positive",
     .sampler = "langevin",
     .init = EBM_INIT_uniform,
     .low = 0.5,
     .high = 2},
    {.name = "Positive hmc",
     .energy = "Positive",
     .sampler = "hmc",
     .init = EBM_INIT_uniform,
     .low = 0.5,
     .high = 2},
    {.name = "Counts mala", .energy = "Counts", .sampler = "mala"},
    {.name = "DoubleWell scheduled",
     .energy = "DoubleWell",
     .sampler = "langevin",
     .statics = {{"d", "7"}},
     .sampler_settings = {SCHEDULES},
     .steps = 12},
    {.name = "DoubleWell clamped",
     .energy = "DoubleWell",
     .sampler = "langevin",
     .sampler_settings = {{"low", "-0.5"}, {"high", "0.75"}, {"step_size", "0.2"}}},
    {.name = "Harmonic mass",
     .energy = "Harmonic",
     .sampler = "hmc",
     .statics = {{"d", "3"}},
     .sampler_settings = {{"mass", "[0.5, 2.0, 3.0]"}}},
    {.name = "Harmonic scalar mass",
     .energy = "Harmonic",
     .sampler = "hmc",
     .statics = {{"d", "3"}},
     .sampler_settings = {{"mass", "2.5"}}},
    {.name = "Harmonic baoab mass",
     .energy = "Harmonic",
     .sampler = "baoab",
     .statics = {{"d", "3"}},
     .sampler_settings = {{"mass", "[0.5, 2.0, 3.0]"}}},
    {.name = "Rosenbrock scheduled mala",
     .energy = "Rosenbrock",
     .sampler = "mala",
     .sampler_settings = {{"step_size",
                           "multi_step(t, 0.01, [2, 4]) + warmup(t, |s| 0.001, 3)"}},
     .steps = 12},
    {.name = "Harmonic decay",
     .energy = "Harmonic",
     .sampler = "gradient_descent",
     .sampler_settings = {{"step_size", "exponential_decay(t, 0.5, 0.9)"}},
     .steps = 12},
    {.name = "DoubleWell wide",
     .energy = "DoubleWell",
     .sampler = "langevin",
     .statics = {{"d", "100"}}},
    {.name = "Gaussian wide", .energy = "Gaussian", .sampler = "hmc", .statics = {{"d", "33"}}},
};

static void
check_programs(Tally *t)
{
    const EbmArray X = ebm_array(EBM_TYPE_f64, 2, (uint64_t[]){ROWS, COLUMNS}, rows);
    const EbmArray y = ebm_array(EBM_TYPE_i32, 1, (uint64_t[]){ROWS}, outcomes);
    const EbmArray c = ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){3}, condition);
    static const char *const samplers[] = {"mala", "hmc", "langevin", "random_walk"};
    char name[64];

    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        Task task = programs[i];
        task.file = t->file;
        check_both_types(t, &task);
    }
    for (size_t i = 0; i < sizeof samplers / sizeof *samplers; i++) {
        Task task = {.file = t->file, .energy = "Logistic", .sampler = samplers[i]};
        snprintf(name, sizeof name, "Logistic %s", samplers[i]);
        task.name = name;
        task.inputs[0] = (EbmNamed){"X", X};
        task.inputs[1] = (EbmNamed){"y", y};
        check_both_types(t, &task);
        task.energy = "Given";
        snprintf(name, sizeof name, "Given %s", samplers[i]);
        task.inputs[0] = (EbmNamed){"c", c};
        task.inputs[1] = (EbmNamed){0};
        check_both_types(t, &task);
    }
}

/* Data that is read in strips, and few chains that share registers with its rows. */
static void
check_large_data(Tally *t)
{
    const EbmArray X =
        ebm_array(EBM_TYPE_f32, 2, (uint64_t[]){MANY_ROWS, MANY_COLUMNS}, many_rows);
    const EbmArray y = ebm_array(EBM_TYPE_i32, 1, (uint64_t[]){MANY_ROWS}, many_outcomes);
    const Task task = {.name = "Logistic many rows",
                       .file = t->file,
                       .energy = "Logistic",
                       .sampler = "mala",
                       .sampler_settings = {{"step_size", "0.0001"}},
                       .inputs = {{"X", X}, {"y", y}},
                       .dtype = EBM_TYPE_f32};

    check_task(t, &task);
}

int
main(int argc, char **argv)
{
    Tally t = {0};

    if (argc < 4) {
        fprintf(stderr, "usage: test_bits PROGRAMS.ebm PART PARTS [WORD]\n");
        return 2;
    }
    t.file = argv[1];
    t.part = (unsigned)atoi(argv[2]);
    t.parts = (unsigned)atoi(argv[3]);
    t.word = argc > 4 ? argv[4] : NULL;
    fill_data();
    check_programs(&t);
    check_large_data(&t);
    t.library = true;
    t.failures += !library_visit(check_of_library, &t);
    printf("%u tasks, %u comparisons, %u failures\n", t.tasks, t.comparisons, t.failures);
    return t.failures > 0 || t.tasks == 0;
}
