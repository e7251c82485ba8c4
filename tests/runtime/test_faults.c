/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c -- every request to the system made to fail in turn
 *
 * usage: test_faults fixtures
 * The linker puts the functions below between the runtime and libc (--wrap).  The n-th call
 * fails; n grows until a scenario needs fewer.  Each time the scenario must end in an error
 * with a message, leave nothing open or allocated (the sanitizers look), no temporary file, and
 * under the target's name what was there before or all of the new.
 */
#include "check.h"

#include <errno.h>
#include <unistd.h>

#include "engine.h"
#include "runtime/checkpoint.h"
#include "runtime/stats.h"

static const char *fixtures;
static char directory[] = "/tmp/ebm-test-XXXXXX";
static long calls_left = -1; /* negative: nothing fails */

/* Whether the present call is the one to fail. */
static bool
fails(int number)
{
    if (calls_left < 0 || calls_left-- > 0)
        return false;
    errno = number;
    return true;
}

#define WRAP(result, name, parameters, arguments, number, failure) \
    result __real_##name parameters; \
    result __wrap_##name parameters; \
    result __wrap_##name parameters \
    { \
        return fails(number) ? (failure) : __real_##name arguments; \
    }

WRAP(void *, malloc, (size_t n), (n), ENOMEM, NULL)
WRAP(void *, calloc, (size_t n, size_t m), (n, m), ENOMEM, NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), ENOMEM, NULL)
WRAP(void *, aligned_alloc, (size_t a, size_t n), (a, n), ENOMEM, NULL)
WRAP(char *, strdup, (const char *s), (s), ENOMEM, NULL)
WRAP(char *, strndup, (const char *s, size_t n), (s, n), ENOMEM, NULL)
WRAP(size_t, fwrite, (const void *p, size_t s, size_t n, FILE *f), (p, s, n, f), ENOSPC, 0)
WRAP(int, fflush, (FILE * f), (f), ENOSPC, EOF)
WRAP(int, fsync, (int fd), (fd), EIO, -1)
WRAP(int, linkat, (int a, const char *x, int b, const char *y, int f), (a, x, b, y, f), EPERM,
     -1)
WRAP(int, rename, (const char *x, const char *y), (x, y), EACCES, -1)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), EMFILE, NULL)
WRAP(FILE *, fopen, (const char *path, const char *mode), (path, mode), EMFILE, NULL)

/* What fopen is called where file offsets have 64 bits. */
WRAP(FILE *, fopen64, (const char *path, const char *mode), (path, mode), EMFILE, NULL)

typedef bool Scenario(const char *argument, RtError *error);

static bool
read_one(const char *argument, RtError *error)
{
    RtArray array;

    if (!rt_file_read(argument, &array, error))
        return false;
    rt_array_clear(&array);
    return true;
}

static bool
read_all(const char *argument, RtError *error)
{
    RtNamed *named;
    size_t count;

    if (!rt_file_read_all(argument, &named, &count, error))
        return false;
    rt_named_free(named, count);
    return true;
}

static double number = 2.5;
static char name[] = "x";
static const RtNamed scalar = {name, {.type = RT_f64, .data = &number, .bytes = sizeof number}};

static bool
write_npy(const char *argument, RtError *error)
{
    return rt_npy_write(argument, &scalar.array, error);
}

static bool
write_npz(const char *argument, RtError *error)
{
    return rt_npz_write(argument, &scalar, 1, error);
}

static bool
write_safetensors(const char *argument, RtError *error)
{
    return rt_safetensors_write(argument, &scalar, 1, error);
}

static bool
write_csv(const char *argument, RtError *error)
{
    static const char *const names[] = {"a,b"};
    RtCsvWriter writer;

    if (!rt_csv_open(&writer, argument, names, 1, false, error))
        return false;
    if (rt_csv_row(&writer, &number, error))
        return rt_csv_commit(&writer, error);
    rt_csv_discard(&writer);
    return false;
}

static bool
summarize(const char *argument, RtError *error)
{
    RtStats *stats;

    (void)argument;
    if (!rt_stats_create(2, 100, &stats, error))
        return false;
    rt_stats_free(stats);
    return true;
}

/* A training from nothing to its first step. */
static bool
train(const char *argument, RtError *error)
{
    static const RtTrainingPlan plan = {.n_steps = 10, .threads = 1};
    static float x[2], y;
    RtView points = {.type = RT_f32, .rank = 2, .shape = {1, 2}, .stride = {8, 4}, .data = x};
    RtView values = {.type = RT_f32, .rank = 1, .shape = {1}, .stride = {4}, .data = &y};
    RtTraining *t;
    RtStepResult r;

    (void)argument;
    if (!rt_training_create(&fit_engine, &plan, &t, error))
        return false;
    bool done = rt_training_set_slots(t, "replay", FIT_SLOTS, error) &&
                rt_training_set_data(t, "x", &points, error) &&
                rt_training_set_data(t, "y", &values, error) &&
                rt_training_allocate(t, error) && rt_training_start(t, error) &&
                rt_training_step(t, &r, error);
    rt_training_free(t);
    return done;
}

static RtTraining *trained; /* what is put into checkpoints */

static bool
write_checkpoint(const char *argument, RtError *error)
{
    static const RtCheckpointHead head = {.recipe = "r"};

    return rt_checkpoint_write(argument, trained, &head, error);
}

static bool
read_checkpoint(const char *argument, RtError *error)
{
    RtCheckpoint c;

    if (!rt_checkpoint_read(argument, &c, error))
        return false;
    bool done = rt_checkpoint_resume(&c, trained, error) || rt_training_start(trained, error);
    rt_checkpoint_clear(&c);
    return done && error->code == RT_OK;
}

/* Runs the scenario with call n failing; whether there was such a call.  A failed fsync of the
 * directory is the one failure that does not matter. */
static bool
run_failing(Scenario *scenario, const char *argument, long n, RtError *error, bool *ret_ok)
{
    *error = (RtError){0};
    calls_left = n;
    *ret_ok = scenario(argument, error);
    bool reached = calls_left < 0;
    calls_left = -1;
    return reached;
}

/* The scenario with each of its calls failing; the number of calls. */
static long
fail_each(Scenario *scenario, const char *argument)
{
    RtError error;
    bool ok;
    long n = 0;

    for (; run_failing(scenario, argument, n, &error, &ok); n++) {
        if (!ok)
            CU_ASSERT(error.code != RT_OK && error.message[0]);
    }
    CHECK_OK(ok, error);
    return n;
}

static void
test_reads(void)
{
    CU_ASSERT(fail_each(read_one, path_of("%s/little_f8.npy", fixtures)) >= 4);
    CU_ASSERT(fail_each(read_one, path_of("%s/savetxt.csv", fixtures)) >= 5);
    CU_ASSERT(fail_each(read_one, path_of("%s/two.npz:x", fixtures)) >= 4);
    CU_ASSERT(fail_each(read_all, path_of("%s/two.npz", fixtures)) >= 6);
    CU_ASSERT(fail_each(summarize, "") >= 10);
}

/* Every failure leaves the old file, every success the new one, and nothing beside them. */
static void
check_writes(Scenario *scenario, Scenario *reader, const char *path)
{
    RtError error;
    bool ok;
    size_t size;

    CU_ASSERT(fail_each(scenario, path) >= 5);
    for (long n = 0;; n++) {
        spill(path, "old", 3);
        bool reached = run_failing(scenario, path, n, &error, &ok);
        char *text = slurp(path, &size);
        CU_ASSERT(ok ? size > 3 : size == 3 && !memcmp(text, "old", 3));
        free(text);
        CU_ASSERT_EQUAL(count_entries(directory), 1);
        if (ok)
            CHECK_OK(reader(path, &error), error);
        if (!reached)
            break;
    }
    unlink(path);
}

static void
test_writes(void)
{
    check_writes(write_npy, read_one, path_of("%s/x.npy", directory));
    check_writes(write_csv, read_one, path_of("%s/x.csv", directory));
    check_writes(write_npz, read_all, path_of("%s/x.npz", directory));
    check_writes(write_safetensors, read_all, path_of("%s/x.safetensors", directory));
}

static void
test_training(void)
{
    const char *path = path_of("%s/x.ckpt", directory);
    Fit *f = fit_create(1, RT_POLICY_stop);
    RtError error = {0};

    CHECK_OK(rt_training_start(f->training, &error), error);
    trained = f->training;
    CU_ASSERT(fail_each(train, "") >= 20);
    check_writes(write_checkpoint, read_checkpoint, path);
    CHECK_OK(write_checkpoint(path, &error), error);
    CU_ASSERT(fail_each(read_checkpoint, path) >= 10);
    unlink(path);
    fit_clear(f);
}

int
main(int argc, char **argv)
{
    if (argc != 2 || !mkdtemp(directory)) {
        fprintf(stderr, "usage: test_faults fixtures\n");
        return 2;
    }
    fixtures = argv[1];
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("faults", NULL, NULL);
    CU_ADD_TEST(suite, test_reads);
    CU_ADD_TEST(suite, test_writes);
    CU_ADD_TEST(suite, test_training);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(directory);
    return failures != 0;
}
