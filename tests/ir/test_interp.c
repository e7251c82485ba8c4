/* SPDX-License-Identifier: Apache-2.0
 *
 * test_interp.c -- the interpreter as a library: streams of random numbers, sampling, limits
 *
 * What single operations mean is tested by the goldens ir_ops.txt and ir_run.txt.
 */
#include <CUnit/Basic.h>

#include "base/text.h"
#include "ir/interp.h"
#include "base/philox.h"
#include "ir/math/math.h"
#include "tests/ir/text.h"

/* Runs `test` with an arena of its own. */
static void
with_arena(void (*test)(void *))
{
    Arena arena = {0};

    CU_ASSERT_TRUE(arena_guard(&arena, test, &arena));
    arena_free(&arena);
}

/* ---- random numbers
 * ------------------------------------------------------------------------------------- */

static void
block(const InterpPlace *at, uint32_t region, uint32_t index, uint32_t ret_word[4])
{
    uint32_t counter[4] = {index, (uint32_t)at->step,
                           region << 20 | (uint32_t)(at->step >> 32 & 0x3FF) << 10 |
                               (uint32_t)(at->chain >> 32 & 0x3FF),
                           (uint32_t)at->chain};

    rng_philox4x32(counter, at->key, ret_word);
}

static void
draw_all(void *user)
{
    const Module *m =
        test_read(user, "func @f(%1: i32) {\n"
                        "%2: f32[3] = draw[normal, region 5, word 2, blocks 4] %1\n"
                        "%3: f64[3] = draw[normal, region 5, word 8, blocks 4] %1\n"
                        "%4: f32[2] = draw[uniform, region 5, word 3, blocks 4] %1\n"
                        "%5: f64 = draw[uniform, region 5, word 5, blocks 4] %1\n"
                        "yield %2, %3, %4, %5 }");
    Interp *s = interp_new(m, NULL);
    InterpPlace at = {.step = UINT64_C(0x123456789AB), .chain = UINT64_C(0x2FFFFFFFF7)};
    uint32_t w[16];
    float normal[3], uniform[2];
    double normal64[3], uniform64;
    int32_t iteration = 3;

    interp_key(42, PURPOSE_loss, at.key);
    CU_ASSERT_EQUAL(interp_run(s, m->function[0], &at, (const void *[]){&iteration},
                               (void *[]){normal, normal64, uniform, &uniform64}),
                    INTERP_OK);
    for (uint32_t k = 0; k < 4; k++)
        block(&at, 5, 3 * 4 + k, w + 4 * k);
    for (int e = 0; e < 3; e++) {
        int pair = e & ~1;
        CU_ASSERT_EQUAL(normal[e], rng_normal_f32(w[2 + pair], w[3 + pair], e & 1));
        CU_ASSERT_EQUAL(normal64[e], rng_normal_f64(w + 8 + 2 * pair, e & 1));
    }
    CU_ASSERT_EQUAL(uniform[0], rng_uniform_f32(w[3]));
    CU_ASSERT_EQUAL(uniform[1], rng_uniform_f32(w[4]));
    CU_ASSERT_EQUAL(uniform64, rng_uniform_f64(w[5], w[6]));
    interp_free(s);
}

static void
test_draws_are_made_of_the_words_that_are_documented(void)
{
    with_arena(draw_all);
}

/* ---- sampling
 * ----------------------------------------------------------------------------------------- */

static const char walk[] =
    "func @start(%1: f32 hyper uniform \"scale\") {\n"
    "%2: i32 = const 0\n"
    "%3: f32[3] = draw[normal, region 0, word 0, blocks 1] %2\n"
    "%4: f32[3] = broadcast[] %1\n"
    "%5 = mul %3, %4\n"
    "%6 = sum[0] %5\n"
    "yield %5 \"x\", %6 \"total\" }\n"
    "func @step(%1: f32[3] x chain \"x\", %2: f32 state chain \"total\", %3: i32 step uniform "
    "\"t\",\n"
    "           %4: f32 hyper uniform \"scale\", %5: f32[3] data uniform \"drift\",\n"
    "           %6: f32 given chain \"weight\") {\n"
    "%7: i32 = const 0\n"
    "%8: f32[3] = draw[normal, region 0, word 0, blocks 1] %7\n"
    "%9: f32[3] = broadcast[] %6\n"
    "%10 = fma %8, %9, %1\n"
    "%11 = add %10, %5\n"
    "%12 = sum[0] %11\n"
    "%13: f32 = const 3\n"
    "%14 = gt %12, %13\n"
    "%15: f32 = const inf\n"
    "%16 = select %14, %15, %2\n"
    "%17 = max %16, %12\n"
    "yield %11 \"x\", %17 \"total\", %3 \"turn\" report, %12 \"sum\" report }\n";

enum {
    CHAINS = 5,
    STEPS = 23,
    WARMUP = 4,
    THIN = 3,
    KEPT = (STEPS - WARMUP) / THIN,
    FIRST = 7
};

typedef struct Run {
    float x[CHAINS][3], total[CHAINS];
    float draws[CHAINS][KEPT][3];
    double reports[CHAINS][KEPT][2];
    uint64_t rejected[CHAINS], first_rejected[CHAINS];
} Run;

static const double scale = 0.5;
static const float drift[3] = {0.1f, 0.05f, 0.0f};
static const float weight[CHAINS] = {0.1f, 0.2f, 0.3f, 0.4f, 0.5f};

static const InterpInput inputs[] = {
    {"scale", INPUT_hyper, &scale, 0},
    {"drift", INPUT_data, drift, 0},
    {"weight", INPUT_given, weight, sizeof(float)},
};

static InterpStatus
move(const Module *m, Interp *s, Run *run, uint64_t first_step, uint64_t last_step)
{
    void *state[] = {run->x, run->total};
    InterpSample in = {.start = m->function[0],
                       .step = m->function[1],
                       .seed = 9,
                       .first_chain = FIRST,
                       .n_chains = CHAINS,
                       .first_step = first_step,
                       .last_step = last_step,
                       .n_steps = STEPS,
                       .n_warmup = WARMUP,
                       .thin = THIN,
                       .input = inputs,
                       .n_inputs = 3,
                       .state = state,
                       .draws = (unsigned char *)run->draws,
                       .reports = &run->reports[0][0][0],
                       .kept_room = KEPT,
                       .rejected = run->rejected,
                       .first_rejected = run->first_rejected};

    memset(run->first_rejected, 0xFF, sizeof run->first_rejected);
    return interp_sample(s, &in);
}

/* The same by hand: what @step does, written in C. */
static void
move_by_hand(Run *run)
{
    uint32_t w[4];
    InterpPlace at = {.step = 0};

    memset(run, 0, sizeof *run);
    memset(run->first_rejected, 0xFF, sizeof run->first_rejected);
    for (int c = 0; c < CHAINS; c++) {
        float *x = run->x[c], z[3];
        at.chain = (uint64_t)(FIRST + c);
        at.step = 0;
        interp_key(9, PURPOSE_init, at.key);
        block(&at, 0, 0, w);
        for (int k = 0; k < 3; k++)
            x[k] = 0.5f * rng_normal_f32(w[k & ~1], w[(k & ~1) + 1], k & 1);
        run->total[c] = x[0] + x[2] + x[1];
        interp_key(9, PURPOSE_sample, at.key);
        for (int t = 0; t < STEPS; t++) {
            at.step = (uint64_t)t;
            block(&at, 0, 0, w);
            for (int k = 0; k < 3; k++) {
                float n = rng_normal_f32(w[k & ~1], w[(k & ~1) + 1], k & 1);
                z[k] = __builtin_fmaf(n, weight[c], x[k]) + drift[k];
            }
            float sum = z[0] + z[2] + z[1];
            if (sum > 3) {
                run->first_rejected[c] =
                    run->rejected[c]++ ? run->first_rejected[c] : (uint64_t)t;
            } else {
                memcpy(x, z, sizeof z);
                run->total[c] = run->total[c] > sum ? run->total[c] : sum;
            }
            if (t >= WARMUP && (t - WARMUP + 1) % THIN == 0) {
                int kept = (t - WARMUP) / THIN;
                memcpy(run->draws[c][kept], x, sizeof z);
                run->reports[c][kept][0] = t;
                run->reports[c][kept][1] = (double)sum;
            }
        }
    }
}

static void
sample_walk(void *user)
{
    const Module *m = test_read(user, walk);
    Interp *s = interp_new(m, NULL);
    Run run = {0}, expected;

    move_by_hand(&expected);
    CU_ASSERT_EQUAL(move(m, s, &run, 0, STEPS), INTERP_OK);
    CU_ASSERT_EQUAL(memcmp(&run, &expected, sizeof run), 0);
    CU_ASSERT(run.rejected[0] + run.rejected[1] + run.rejected[2] + run.rejected[3] > 0);
    interp_free(s);
}

static void
test_sampling_is_the_step_by_hand(void)
{
    with_arena(sample_walk);
}

static void
resume_walk(void *user)
{
    const Module *m = test_read(user, walk);
    Interp *s = interp_new(m, NULL);
    Run whole = {0}, parts = {0};

    CU_ASSERT_EQUAL(move(m, s, &whole, 0, STEPS), INTERP_OK);
    CU_ASSERT_EQUAL(move(m, s, &parts, 0, 11), INTERP_OK);
    CU_ASSERT_EQUAL(move(m, s, &parts, 11, STEPS), INTERP_OK);
    CU_ASSERT_EQUAL(memcmp(whole.x, parts.x, sizeof whole.x), 0);
    CU_ASSERT_EQUAL(memcmp(whole.total, parts.total, sizeof whole.total), 0);
    /* the second part counts its kept draws from its first step on */
    CU_ASSERT_EQUAL(memcmp(whole.draws[0][2], parts.draws[0][0], sizeof whole.draws[0][0]), 0);
    interp_free(s);
}

static void
test_a_run_that_was_split_equals_one_that_was_not(void)
{
    with_arena(resume_walk);
}

/* ---- limits
 * -------------------------------------------------------------------------------------------
 */

static InterpStatus
status_of(Arena *arena, const char *text, size_t memory)
{
    const Module *m = test_read(arena, text);
    Interp *s = interp_new(m, &(InterpOptions){.memory = memory});
    float result;
    InterpStatus status =
        interp_run(s, m->function[0], &(InterpPlace){.chain = 0}, NULL, (void *[]){&result});

    interp_free(s);
    return status;
}

static void
exceed(void *user)
{
    static const char large[] =
        "func @f() { %1: f32 = const 1 %2: f32[2000000] = broadcast[] %1\n"
        "%3 = sum[0] %2 yield %3 }";
    Text calls = {.arena = user};

    CU_ASSERT_EQUAL(status_of(user, large, 0), INTERP_OK);
    CU_ASSERT_EQUAL(status_of(user, large, 1000000), INTERP_MEMORY);
    CU_ASSERT_EQUAL(status_of(user,
                              "func @f() { %1: f32 = const 1\n"
                              "%2: f32[2000000000] = broadcast[] %1\n"
                              "%3 = sum[0] %2 yield %3 }",
                              0),
                    INTERP_MEMORY);
    for (int i = 0; i < 5000; i++) /* callees first: such text can be read */
        text_printf(
            &calls,
            i ? "func @f%d(%%1: f32) { %%2 = call @f%d %%1 %%3 = get[0] %%2 yield %%3 }\n"
              : "func @main() { %%1: f32 = const 1 yield %%1 }\n"
                "func @f%d(%%1: f32) { yield %%1 }\n",
            i, i - 1);
    const Module *m = test_read(user, text_str(&calls));
    CU_ASSERT_PTR_NOT_NULL_FATAL(m);
    Interp *s = interp_new(m, NULL);
    float x = 2, y = 0;
    InterpPlace at = {.chain = 0};
    CU_ASSERT_EQUAL(
        interp_run(s, module_find(m, "f4999"), &at, (const void *[]){&x}, (void *[]){&y}),
        INTERP_DEPTH);
    CU_ASSERT_EQUAL(
        interp_run(s, module_find(m, "f1999"), &at, (const void *[]){&x}, (void *[]){&y}),
        INTERP_OK);
    CU_ASSERT_EQUAL(y, 2);
    interp_free(s);
    interp_free(NULL);
}

static void
test_limits_are_answers(void)
{
    with_arena(exceed);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("interpreter", NULL, NULL);
    CU_ADD_TEST(suite, test_draws_are_made_of_the_words_that_are_documented);
    CU_ADD_TEST(suite, test_sampling_is_the_step_by_hand);
    CU_ADD_TEST(suite, test_a_run_that_was_split_equals_one_that_was_not);
    CU_ADD_TEST(suite, test_limits_are_answers);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
