/* SPDX-License-Identifier: Apache-2.0
 *
 * test_expand.c -- the expansions as IR give the bits that C gives.
 *
 * The builder folds operations on constants one by one, by the definition of each op; so
 * expanding a function of a constant evaluates the IR that a kernel would get.
 */
#include <CUnit/Basic.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ir/math/expand.h"

// clang-format off
static const double inputs[] = {
    0, -0.0, 0x1p-149, 0x1p-1074, 1e-40, 1e-310, 0x1p-30, 1e-5, 0.1, -0.3, 0.5, 0.7, -0.9, 1, -1,
    1.3, 1.4616, 2, -2.5, 3.7, -5.1, 8.25, 11, -17.5, 23.1, 60, -88, 88.7, 89.5, -103.9, 123.456,
    -700, 709.7, 1e4, -1e5, 1e9, 1e20, 1e300, INFINITY, -INFINITY, NAN,
};
// clang-format on
enum { N_INPUTS = sizeof inputs / sizeof *inputs };

static Scalar
number(DType d, double x)
{
    return scalar_from_double(x, d);
}

static bool
same_bits(Scalar x, Scalar y, DType d)
{
    bool nan = d == DT_f64 ? isnan(x.f64) && isnan(y.f64) : isnan(x.f32) && isnan(y.f32);
    return nan || x.bits == y.bits;
}

static Scalar
by_c(MathFn fn, DType d, double x, double y)
{
    Scalar r = {.bits = 0};
    if (d == DT_f64)
        r.f64 = math_f64(fn, x, y);
    else
        r.f32 = math_f32(fn, (float)x, (float)y);
    return r;
}

/* Compares in a function of its own, which stays small. */
static void
compare(Module *m, MathFn fn, DType d, double x, double y)
{
    Builder b = builder_at(m, function_new(m, "f"));
    Scalar sx = number(d, x), sy = number(d, y), r;
    Ref rx = ir_const(&b, type_scalar(d), &sx), ry = ir_const(&b, type_scalar(d), &sy);
    Ref result = math_expand(&b, fn, rx, ry);
    CU_ASSERT_FATAL(ir_is_splat(b.function, result, &r));
    bool same = same_bits(r, by_c(fn, d, x, y), d);
    if (!same)
        fprintf(stderr, "%s %s(%a, %a)\n", dtype_name[d], math_info[fn].name, x, y);
    CU_ASSERT(same);
}

typedef struct Job {
    Arena *arena;
    DType dtype;
} Job;

static void
compare_all(void *user)
{
    Job *job = user;
    Module *m = module_new(job->arena);
    for (int fn = 0; fn < MATH_COUNT; fn++)
        for (int i = 0; i < N_INPUTS; i++)
            for (int j = 0; j < (math_info[fn].arity == 2 ? N_INPUTS : 1); j++)
                compare(m, (MathFn)fn, job->dtype, inputs[i], inputs[j]);
}

/* Words whose bits are scattered, and the ends. */
static uint32_t
word_at(uint32_t i)
{
    static const uint32_t ends[] = {
        0, 1, UINT32_MAX, UINT32_C(1) << 31, (UINT32_C(1) << 31) - 1, UINT32_C(3) << 30};
    return i < 6 ? ends[i] : i * UINT32_C(0x9e3779b9);
}

static void
compare_random(void *user)
{
    Job *job = user;
    DType d = job->dtype;
    Module *m = module_new(job->arena);
    for (uint32_t i = 0; i < 200; i++) {
        Builder b = builder_at(m, function_new(m, "f"));
        uint32_t w[4] = {word_at(i), word_at(i / 7 + i % 7), word_at(i * 3 % 11),
                         word_at(i + 5)};
        Ref word[4], pair[2];
        for (int k = 0; k < 4; k++) {
            Scalar s = {.bits = w[k]};
            word[k] = ir_const(&b, type_scalar(DT_i32), &s);
        }
        math_expand_normals(&b, d, word, pair);
        for (int which = 0; which < 2; which++) {
            Scalar r, exact = {.bits = 0};
            if (d == DT_f64)
                exact.f64 = rng_normal_f64(w, which);
            else
                exact.f32 = rng_normal_f32(w[0], w[1], which);
            CU_ASSERT_FATAL(ir_is_splat(b.function, pair[which], &r));
            CU_ASSERT(same_bits(r, exact, d));
        }
        Scalar r, exact = {.bits = 0};
        if (d == DT_f64)
            exact.f64 = rng_uniform_f64(w[0], w[1]);
        else
            exact.f32 = rng_uniform_f32(w[0]);
        CU_ASSERT_FATAL(ir_is_splat(b.function, math_expand_uniform(&b, d, word), &r));
        CU_ASSERT(same_bits(r, exact, d));
    }
}

static void
run_both(void (*body)(void *))
{
    static const DType dtypes[] = {DT_f32, DT_f64};
    for (int i = 0; i < 2; i++) {
        Arena arena = {0};
        Job job = {.arena = &arena, .dtype = dtypes[i]};
        CU_ASSERT(arena_guard(&arena, body, &job));
        arena_free(&arena);
    }
}

static void
test_functions_have_the_bits_of_c(void)
{
    run_both(compare_all);
}

static void
test_random_numbers_have_the_bits_of_c(void)
{
    run_both(compare_random);
}

/* A function of arrays, neither folded nor known: only ops without an expansion are left, and
 * the verifier is content. */
static void
expand_arrays(void *user)
{
    Job *job = user;
    for (int fn = 0; fn < MATH_COUNT; fn++) {
        Module *m = module_new(job->arena);
        Builder b = builder_at(m, function_new(m, "f"));
        Type type = type_array(job->dtype, 1, (uint32_t[]){3});
        Ref x = ir_param(&b, type), y = ir_param(&b, type);
        Ref r = math_expand(&b, (MathFn)fn, x, y);
        CU_ASSERT(type_eq(ir_type(b.function, r), type));
        ir_yield(&b, 1, &r);
        CU_ASSERT(ir_verify(m, stderr));
        MathFn left;
        for (size_t i = 1; i < b.function->n; i++)
            CU_ASSERT(!math_of_op((Op)b.function->node[i].op, &left));
    }
}

static void
test_expansions_verify_on_arrays(void)
{
    run_both(expand_arrays);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("expand", NULL, NULL);
    CU_ADD_TEST(suite, test_functions_have_the_bits_of_c);
    CU_ADD_TEST(suite, test_random_numbers_have_the_bits_of_c);
    CU_ADD_TEST(suite, test_expansions_verify_on_arrays);
    CU_basic_run_tests();
    int failures = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
