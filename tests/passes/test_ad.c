/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ad.c -- differentiation: every op, every nesting
 *
 * test_ad [--seed N] [--only NAME]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <CUnit/Basic.h>

#include "harness.h"
#include "programs.h"
#include "random.h"

static uint64_t seed = 1;
static const char *only;

typedef struct Trial {
    Arena arena;
    Subject s;
    int (*check)(Subject *s, const Function *f);
    const void *what;  /* a Program or a Pointwise */
    const char *modes; /* r: the function becomes its vjp, f: its jvp, l: its Laplacian */
    int failures;
} Trial;

/* ---- pointwise ops: rows of the table */

typedef struct Pointwise {
    Op op;
    const char *name;
    double low, high;
} Pointwise;

// clang-format off
#define INTERVAL(low, high) low, high
#define POINTWISE(name, arity, class, eval, llvm, dx, dy, dz, domain, words) \
    {OP_##name, #name, INTERVAL domain},
static const Pointwise pointwise[] = {
#include "ir/ops.def"
};
// clang-format on

static bool
is_real_op(Op op)
{
    switch (op_info[op].class) {
    case CLASS_F:
    case CLASS_N:
    case CLASS_S:
    case CLASS_Y: return op != OP_stop_gradient;
    default: return false;
    }
}

/* d r = op(x, y, z), elementwise. */
static const Function *
build_pointwise(Subject *s, const Pointwise *p)
{
    Builder b = builder_at(s->m, function_new(s->m, "f"));
    Type t = type_array(DT_f64, 1, (uint32_t[]){4});
    Ref x[3] = {{0}};

    for (unsigned k = 0; k < op_info[p->op].arity; k++)
        x[k] = ir_param(&b, k == 0 && p->op == OP_select ? type_with(t, DT_bool) : t);
    Ref r = ir_pointwise(&b, p->op, x[0], x[1], x[2]);
    ir_yield(&b, 1, &r);
    s->low = p->low;
    s->high = p->high;
    return b.function;
}

/* ---- trials */

static const Function *
nest(Subject *s, const Function *f, const char *modes)
{
    for (; *modes; modes++)
        f = *modes == 'r'   ? harness_vjp(s, f)
            : *modes == 'f' ? harness_jvp(s, f)
                            : harness_laplacian(s, f);
    return f;
}

static void
run_program(void *user)
{
    Trial *t = user;
    const Program *p = t->what;
    Builder b;

    t->s.m = module_new(t->s.arena);
    b = builder_at(t->s.m, function_new(t->s.m, "f"));
    p->build(&b);
    t->s.low = p->low;
    t->s.high = p->high;
    t->failures = t->check(&t->s, nest(&t->s, b.function, t->modes));
}

static void
run_pointwise(void *user)
{
    Trial *t = user;

    t->s.m = module_new(t->s.arena);
    const Function *f = build_pointwise(&t->s, t->what);
    t->failures = t->check(&t->s, nest(&t->s, f, t->modes));
}

static int
try(void (*run)(void *), const char *name, const void *what, const char *modes,
    int (*check)(Subject *, const Function *), uint64_t offset)
{
    Trial t = {.what = what, .modes = modes, .check = check};
    char title[128];

    if (only && strcmp(only, name) != 0)
        return 0;
    snprintf(title, sizeof title, "%s%s%s", name, *modes ? " under " : "", modes);
    t.s = (Subject){.name = title, .arena = &t.arena, .seed = seed + offset};
    t.s.tolerance = 2e-7;
    if (!arena_guard(&t.arena, run, &t))
        t.failures = 1;
    arena_free(&t.arena);
    return t.failures;
}

static void
try_programs(const char *modes, int repeat)
{
    for (size_t i = 0; i < n_programs; i++)
        for (int k = 0; k < repeat; k++)
            CU_ASSERT_EQUAL(try(run_program, programs[i].name, &programs[i], modes,
                                harness_check, (uint64_t)k),
                            0);
}

static void
test_pointwise_ops_have_their_derivatives(void)
{
    for (size_t i = 0; i < sizeof pointwise / sizeof *pointwise; i++)
        for (uint64_t k = 0; is_real_op(pointwise[i].op) && k < 8; k++)
            CU_ASSERT_EQUAL(
                try(run_pointwise, pointwise[i].name, &pointwise[i], "", harness_check, k), 0);
}

static void
test_pointwise_ops_have_their_second_derivatives(void)
{
    for (size_t i = 0; i < sizeof pointwise / sizeof *pointwise; i++)
        for (uint64_t k = 0; is_real_op(pointwise[i].op) && k < 4; k++)
            CU_ASSERT_EQUAL(
                try(run_pointwise, pointwise[i].name, &pointwise[i], "r", harness_check, k), 0);
}

static void
test_programs_have_their_derivatives(void)
{
    try_programs("", 3);
}

static void
test_reverse_mode_is_differentiated(void)
{
    try_programs("r", 1);
}

static void
test_forward_mode_is_differentiated(void)
{
    try_programs("f", 1);
}

static void
test_third_derivatives_nest(void)
{
    try_programs("rr", 1);
    try_programs("rf", 1);
    try_programs("fr", 1);
}

/* The sum of a program's results, as a function of its first argument. */
static void
run_laplacian(void *user)
{
    Trial *t = user;
    const Program *p = t->what;
    Builder b;

    t->s.m = module_new(t->s.arena);
    b = builder_at(t->s.m, function_new(t->s.m, "f"));
    p->build(&b);
    t->s.low = p->low;
    t->s.high = p->high;
    const Region *body = &b.function->region[0];
    Ref sum = ir_number(&b, DT_f64, 0);
    for (uint32_t i = 0; i < body->n_yields; i++)
        sum = ir_add(&b, sum, ir_reduce_all(&b, OP_sum, body->yield[i]));
    ir_yield(&b, 1, &sum);
    t->failures = t->check(&t->s, nest(&t->s, b.function, t->modes));
}

static void
test_laplacians_are_traces(void)
{
    for (size_t i = 0; i < n_programs; i++)
        CU_ASSERT_EQUAL(
            try(run_laplacian, programs[i].name, &programs[i], "", harness_check_laplacian, 0),
            0);
}

static void
test_laplacians_are_differentiated(void)
{
    for (size_t i = 0; i < n_programs; i++)
        CU_ASSERT_EQUAL(
            try(run_laplacian, programs[i].name, &programs[i], "l", harness_check, 0), 0);
}

/* ---- random programs */

static Function *
random_subject(Subject *s)
{
    s->m = module_new(s->arena);
    Builder b = builder_at(s->m, function_new(s->m, "f"));
    random_function(&b, s->seed);
    s->low = -1;
    s->high = 1;
    return b.function;
}

static void
run_random(void *user)
{
    Trial *t = user;
    Function *f = random_subject(&t->s);

    t->s.step = 2e-6;
    t->s.tolerance = 2e-5;
    t->failures = t->check(&t->s, nest(&t->s, f, t->modes));
}

static void
run_random_beside(void *user)
{
    Trial *t = user;
    Function *f = random_subject(&t->s);

    t->failures = t->check(&t->s, harness_beside(&t->s, f));
}

static void
try_random(const char *modes, uint64_t count, int (*check)(Subject *, const Function *))
{
    for (uint64_t k = 0; k < count; k++)
        CU_ASSERT_EQUAL(try(run_random, "random", NULL, modes, check, k), 0);
}

static void
test_random_programs_have_their_derivatives(void)
{
    try_random("", 400, harness_check);
    try_random("r", 60, harness_check);
    try_random("f", 60, harness_check);
    try_random("rr", 10, harness_check);
}

/* The sum of a random program's results, by its vector alone. */
static void
run_random_laplacian(void *user)
{
    Trial *t = user;
    Builder b;

    t->s.m = module_new(t->s.arena);
    Function *inner = function_new(t->s.m, "inner");
    b = builder_at(t->s.m, inner);
    random_function(&b, t->s.seed);
    Type vector = ir_type(inner, inner->region[0].param[1]);
    b = builder_at(t->s.m, function_new(t->s.m, "f"));
    Ref x = ir_param(&b, vector), sum = ir_reduce_all(&b, OP_sum, x);
    Type matrix = ir_type(inner, inner->region[0].param[2]);
    Ref arg[3] = {ir_cos(&b, sum), x, ir_sin(&b, ir_broadcast(&b, x, matrix, (int64_t[]){0}))};
    Ref call = ir_call(&b, OP_call, inner->index, 3, arg, 0, NULL);
    for (uint32_t i = 0; i < 3; i++)
        sum = ir_add(&b, sum, ir_reduce_all(&b, OP_sum, ir_get(&b, call, i)));
    ir_yield(&b, 1, &sum);
    t->s.low = -1;
    t->s.high = 1;
    t->failures = t->check(&t->s, b.function);
}

static void
test_random_laplacians_are_traces(void)
{
    for (uint64_t k = 0; k < 150; k++)
        CU_ASSERT_EQUAL(
            try(run_random_laplacian, "random laplacian", NULL, "", harness_check_laplacian, k),
            0);
}

static void
test_simplifying_changes_no_bit(void)
{
    try_random("", 200, harness_check_exact);
    try_random("r", 60, harness_check_exact);
    for (size_t i = 0; i < n_programs; i++)
        CU_ASSERT_EQUAL(
            try(run_program, programs[i].name, &programs[i], "r", harness_check_exact, 0), 0);
}

static void
test_merging_changes_no_bit(void)
{
    for (uint64_t k = 0; k < 200; k++)
        CU_ASSERT_EQUAL(
            try(run_random_beside, "random beside", NULL, "", harness_check_exact, k), 0);
}

static CU_TestInfo tests[] = {
    {"pointwise ops have their derivatives", test_pointwise_ops_have_their_derivatives},
    {"and their second", test_pointwise_ops_have_their_second_derivatives},
    {"programs have their derivatives", test_programs_have_their_derivatives},
    {"reverse mode is differentiated", test_reverse_mode_is_differentiated},
    {"forward mode is differentiated", test_forward_mode_is_differentiated},
    {"third derivatives nest", test_third_derivatives_nest},
    {"laplacians are traces", test_laplacians_are_traces},
    {"laplacians are differentiated", test_laplacians_are_differentiated},
    {"random programs have their derivatives", test_random_programs_have_their_derivatives},
    {"random laplacians are traces", test_random_laplacians_are_traces},
    {"simplifying changes no bit", test_simplifying_changes_no_bit},
    {"merging changes no bit", test_merging_changes_no_bit},
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"differentiation", NULL, NULL, NULL, NULL, tests},
    CU_SUITE_INFO_NULL,
};

int
main(int argc, char **argv)
{
    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--seed") == 0)
            seed = strtoull(argv[i + 1], NULL, 10);
        else if (strcmp(argv[i], "--only") == 0)
            only = argv[i + 1];
    }
    printf("seed %llu\n", (unsigned long long)seed);
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
