/* SPDX-License-Identifier: Apache-2.0
 *
 * test_training.c -- phases of training steps give the bits of the interpreter
 *
 * test_training [first seed] [programs]: programs by hand and random ones, for several batches,
 * numbers of lanes and levels.  A failure prints the seed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/llvm/random_training.h"
#include "tests/llvm/training.h"

/* A layer of its own, a bias, a loss, and what a sampler inside needs: draws in a `for` that
 * goes through a product. */
static const char network[] =
    "func @train(%1: f32[40] point chain \"x\", %2: f32[24, 40] param uniform \"w\",\n"
    "    %3: f32[24] param uniform \"b\", %4: f32[24, 40] memory uniform \"m\",\n"
    "    %5: f32 hyper uniform \"lr\", %6: i32 step uniform \"t\", %7: f32[40] point chain "
    "\"slot\") {\n"
    "  %10: i32 = const 0\n  %11: i32 = const 3\n  %12: f32[40, 24] = transpose[1, 0] %2\n"
    "  %19: f32 = const 0.1\n  %18: f32[40] = broadcast[] %19\n"
    "  %20: (f32[40]) = for[3] %10, %11, %7 (%13: i32, %14: f32[40]) {\n"
    "    %15: f32[24] = contract \"ij,j->i\" %2, %14\n    %16: f32[24] = add %15, %3\n"
    "    %17: f32[24] = tanh %16\n    %21: f32[40] = contract \"ij,j->i\" %12, %17\n"
    "    %22: f32[40] = draw[normal, region 0, word 0, blocks 10] %13\n"
    "    %23: f32[40] = mul %21, %18\n    %24: f32[40] = sub %14, %23\n"
    "    %25: f32[40] = mul %22, %18\n    %26: f32[40] = add %24, %25\n    yield %26\n  }\n"
    "  %27: f32[40] = get[0] %20\n"
    "  %30: f32[24] = contract \"ij,j->i\" %2, %1\n  %31: f32[24] = add %30, %3\n"
    "  %32: f32[24] = tanh %31\n  %33: f32 = sum[0] %32\n"
    "  %34: f32[24] = contract \"ij,j->i\" %2, %27\n  %35: f32[24] = tanh %34\n"
    "  %36: f32 = sum[0] %35\n  %37: f32 = sub %33, %36\n  %38: f64 = convert %37\n"
    "  %39: f32[24] = mul %32, %32\n  %40: f32[24] = mul %35, %35\n"
    "  %41: f32[24, 40] = broadcast[0] %39\n  %42: f32[24, 40] = broadcast[1] %1\n"
    "  %43: f32[24, 40] = mul %41, %42\n  %44: f32[24, 40] = batch_sum[@B@] %43\n"
    "  %45: f32[24] = batch_sum[@B@] %40\n  %46: f32[24, 40] = broadcast[] %5\n"
    "  %47: f32 = const 0.9\n  %48: f32[24, 40] = broadcast[] %47\n"
    "  %49: f32[24, 40] = mul %4, %48\n  %50: f32[24, 40] = add %49, %44\n"
    "  %51: f32[24, 40] = mul %50, %46\n  %52: f32[24, 40] = sub %2, %51\n"
    "  %53: f32[24] = broadcast[] %5\n  %54: f32[24] = mul %45, %53\n  %55: f32[24] = sub %3, "
    "%54\n"
    "  %56: f64[24, 40] = convert %44\n  %57: f64[24, 40] = mul %56, %56\n"
    "  %58: f64 = sum[0, 1] %57\n  %59: f64 = sqrt %58\n  %60: i32 = chain_index\n"
    "  %61: f64 = convert %60\n"
    "  yield %38 \"loss\", %52 \"w\" param, %55 \"b\" param, %50 \"m\" memory, %27 \"slot\" "
    "slot,\n"
    "    %59 \"gradient_norm\" report, %61 \"number\" report\n}\n"
    "func @memory() {\n  %1: f32 = const 0\n  %2: f32[24, 40] = broadcast[] %1\n"
    "  yield %2 \"m\" memory\n}\n"
    "func @slots() {\n"
    "  %1: i32 = const 0\n"
    "  %2: f32[40] = draw[normal, region 1, word 0, blocks 10] %1\n"
    "  yield %2 \"slot\" slot\n}\n";

/* A crossing in both directions, whose second half is over the points again; two columns. */
static const char crossing[] =
    "func @train(%1: f32[2] point chain \"x\", %2: f32[4, 2] param uniform \"w\",\n"
    "    %3: f32 hyper uniform \"lr\", %4: f32[4] param uniform \"b\", %5: f32[17, 3] memory "
    "uniform \"m\") {\n"
    "  %6: f32[4] = contract \"ij,j->i\" %2, %1\n  %7: f32[4] = add %6, %4\n"
    "  %8: f32[4] = tanh %7\n  %9: f32 = sum[0] %8\n  %10: f32[4] = batch_sum[@B@] %8\n"
    "  %11: f32[4] = sub %8, %10\n  %12: f32[4, 2] = broadcast[0] %11\n"
    "  %13: f32[4, 2] = broadcast[1] %1\n  %14: f32[4, 2] = mul %12, %13\n"
    "  %15: f32[4, 2] = batch_sum[@B@] %14\n  %16: f32[4] = batch_sum[@B@] %11\n"
    "  %17: f32[4, 2] = broadcast[] %3\n  %18: f32[4, 2] = mul %17, %15\n"
    "  %19: f32[4, 2] = sub %2, %18\n  %20: f32[4] = sub %4, %16\n  %21: f64 = convert %9\n"
    "  %22: f32[17, 3] = mul %5, %5\n  %23: f32 = sum[0, 1] %22\n  %24: f32 = amax[0, 1] %5\n"
    "  yield %21 \"loss\", %19 \"w\" param, %20 \"b\" param, %22 \"m\" memory, %23 \"s\" "
    "report,\n"
    "    %24 \"largest\" report\n}\n";

/* A `for` that carries arrays: one whose elements are made of others of it, one added to at its
 * own, and two that get a row a turn, one of them read meanwhile. */
static const char carried[] =
    "func @train(%1: f32[40] point chain \"x\", %2: f32[40] param uniform \"w\") {\n"
    "  %3: i32 = const 0\n  %4: i32 = const 3\n  %5: f32 = const 0.5\n"
    "  %6: f32[3, 40] = broadcast[] %5\n  %7: f32[40] = mul %1, %2\n"
    "  %30: f32[3, 40] = broadcast[1] %1\n"
    "  %8: (f32[40], f32[40], f32[3, 40], f32[3, 40]) = for[3] %3, %4, %1, %7, %6, %30\n"
    "      (%9: i32, %10: f32[40], %11: f32[40], %12: f32[3, 40], %31: f32[3, 40]) {\n"
    "    %13: f32[20] = slice[20, 1] %10\n    %14: f32[20] = slice[0, 1] %10\n"
    "    %15: f32[40] = concat[0] %13, %14\n    %16: f32[40] = sub %10, %15\n"
    "    %17: f32[40] = tanh %16\n    %18: f32[40] = add %11, %17\n"
    "    %19: f32[40] = mul %17, %2\n    %20: f32[3, 40] = update[1] %12, %19, %9\n"
    "    %32: f32[40] = at[1] %31, %3\n    %37: f32[20] = slice[20, 1] %32\n"
    "    %38: f32[20] = slice[0, 1] %32\n    %39: f32[40] = concat[0] %37, %38\n"
    "    %33: f32[40] = add %19, %39\n"
    "    %34: f32[3, 40] = update[1] %31, %33, %9\n"
    "    yield %17, %18, %20, %34\n  }\n"
    "  %21: f32[40] = get[0] %8\n  %22: f32[40] = get[1] %8\n  %23: f32[3, 40] = get[2] %8\n"
    "  %35: f32[3, 40] = get[3] %8\n  %36: f32[3, 40] = mul %23, %35\n"
    "  %24: f32 = sum[0, 1] %36\n  %25: f64 = convert %24\n  %26: f32[40] = add %21, %22\n"
    "  %27: f32[40] = batch_sum[@B@] %26\n  %28: f32[40] = sub %2, %27\n"
    "  yield %25 \"loss\", %28 \"w\" param\n}\n";

/* With large batches, products that threads share, whose last rows are less than a piece: one
 * over the batch, what is made of it row by row, its norm, a product of its rows with one
 * another, and what depends on both; results that are the same, and one that is a parameter of
 * the phase. */
static const char shared[] =
    "func @train(%1: f32[40] point chain \"x\", %2: f32[40, 40] param uniform \"w\",\n"
    "    %3: f32[40, 40] memory uniform \"m\", %4: f32 hyper uniform \"lr\") {\n"
    "  %5: f32[40] = contract \"ij,j->i\" %2, %1\n  %6: f32[40] = tanh %5\n"
    "  %7: f32 = sum[0] %6\n  %8: f64 = convert %7\n"
    "  %9: f32[40, 40] = broadcast[0] %6\n  %10: f32[40, 40] = broadcast[1] %1\n"
    "  %11: f32[40, 40] = mul %9, %10\n  %12: f32[40, 40] = batch_sum[@B@] %11\n"
    "  %13: f32 = const 0.9\n  %14: f32[40, 40] = broadcast[] %13\n"
    "  %15: f32[40, 40] = mul %3, %14\n  %16: f32[40, 40] = add %15, %12\n"
    "  %17: f32[40, 40] = mul %16, %16\n  %18: f32 = sum[0, 1] %17\n  %19: f32 = sqrt %18\n"
    "  %20: f32[40, 40] = contract \"ab,cb->ac\" %16, %16\n"
    "  %21: f32[40, 40] = broadcast[] %19\n  %22: f32[40, 40] = div %20, %21\n"
    "  %23: f32[40, 40] = broadcast[] %4\n  %24: f32[40, 40] = mul %22, %23\n"
    "  %25: f32[40, 40] = sub %2, %24\n  %26: f64 = convert %19\n"
    "  yield %8 \"loss\", %25 \"w\" param, %16 \"m\" memory, %16 \"same\" memory,\n"
    "    %2 \"old\" memory, %26 \"gradient_norm\" report\n}\n";

typedef struct Run {
    uint64_t first, n;
    unsigned failed, seed;
    Arena arena;
} Run;

typedef struct Check {
    const char *name;
    const char *text; /* or a random program */
    uint64_t seed;
    uint32_t batch;
    KernelSpec spec;
    Arena arena;
    unsigned failures;
} Check;

static void
check_one(void *user)
{
    Check *c = user;
    Module *m = c->text ? training_read(&c->arena, c->text, c->batch)
                        : random_training(&c->arena, c->seed, c->batch);

    c->failures = 1;
    if (!c->text && getenv("SHOW"))
        ir_print(m, stdout);
    if (!m || !ir_verify(m, stdout))
        return;
    Module *loops = training_loops(&c->arena, m);
    if (loops && getenv("SHOW_LOOPS"))
        ir_print(loops, stdout);
    if (loops)
        c->failures = training_check(&c->arena, c->name, m, loops, &c->spec);
}

static bool
is_runnable(const KernelSpec *spec)
{
    return strcmp(spec->cpu, "x86-64-v4") != 0 ||
           (__builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
}

/* Most pairs of a batch and a target, or a few of them. */
static unsigned
check_program(const char *name, const char *text, uint64_t seed, bool all)
{
    static const KernelSpec specs[] = {
        {.cpu = "x86-64-v4", .lanes = 0, .level = 1},
        {.cpu = "x86-64-v3", .lanes = 8, .level = 1},
        {.cpu = "x86-64-v3", .lanes = 4, .level = 0},
        {.cpu = "x86-64-v3", .lanes = 16, .level = 1},
        {.cpu = "x86-64-v4", .lanes = 16, .level = 0},
        {.cpu = "x86-64-v4", .lanes = 32, .level = 1},
    };
    static const uint32_t batches[] = {17, 1, 256, 600};
    unsigned failures = 0;

    for (size_t s = 0; s < sizeof specs / sizeof *specs; s++)
        for (size_t b = 0; b < sizeof batches / sizeof *batches; b++) {
            Check c = {.name = name, .text = text, .seed = seed, .batch = batches[b]};
            c.spec = specs[s];
            c.spec.batch = c.batch;
            bool some = all ? (s + b) % 3 != 2 : b < 3 && (s + b + seed) % 6 == 0;
            if (!is_runnable(&c.spec) || !some)
                continue;
            arena_guard(&c.arena, check_one, &c);
            failures += c.failures != 0;
            arena_free(&c.arena);
        }
    return failures;
}

int
main(int argc, char **argv)
{
    uint64_t first = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    uint64_t n = argc > 2 ? strtoull(argv[2], NULL, 10) : 40;
    unsigned failed = 0;

    if (first == 0) {
        failed += check_program("network", network, 0, true);
        failed += check_program("crossing", crossing, 0, true);
        failed += check_program("carried", carried, 0, true);
        failed += check_program("shared", shared, 0, true);
    }
    for (uint64_t seed = first; seed < first + n; seed++) {
        char name[32];
        snprintf(name, sizeof name, "seed %llu", (unsigned long long)seed);
        failed += check_program(name, NULL, seed, false);
        fflush(stdout);
    }
    printf("%llu random programs, %u failed\n", (unsigned long long)n, failed);
    return failed != 0;
}
