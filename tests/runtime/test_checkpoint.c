/* SPDX-License-Identifier: Apache-2.0
 *
 * test_checkpoint.c -- a training put into a file and taken up from it
 */
#include "engine.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/checkpoint.h"

enum { KILLS = 100 };

static char directory[] = "/tmp/ebm-test-XXXXXX";

static const RtCheckpointHead head = {.seed = UINT64_MAX,
                                      .program = {{UINT64_C(0xfedcba9876543210), 5}},
                                      .recipe = "lr = 1e-3\n\"\303\244\""};

static Fit *
fit_after(unsigned threads, unsigned steps)
{
    Fit *f = fit_create(threads, RT_POLICY_stop);
    RtError error = {0};
    RtStepResult r;

    CHECK_OK(rt_training_start(f->training, &error), error);
    for (unsigned i = 0; i < steps; i++)
        CHECK_OK(rt_training_step(f->training, &r, &error), error);
    return f;
}

static bool
same_held(const RtTraining *a, const RtTraining *b)
{
    for (uint32_t i = 0; i < rt_training_held_count(a); i++) {
        RtHeld x = rt_training_held(a, i), y = rt_training_held(b, i);
        if (x.bytes != y.bytes || memcmp(x.data, y.data, x.bytes) != 0)
            return false;
    }
    return rt_training_next(a) == rt_training_next(b);
}

/* ---- there and back */

static void
test_resume(void)
{
    const char *path = path_of("%s/run.ckpt", directory);
    Fit *whole = fit_after(1, 25), *first = fit_after(2, 11),
        *second = fit_create(3, RT_POLICY_stop);
    RtCheckpoint c;
    RtError error = {0};
    RtStepResult r;

    CHECK_OK(rt_checkpoint_write(path, first->training, &head, &error), error);
    CHECK_OK(rt_checkpoint_read(path, &c, &error), error);
    CU_ASSERT(c.head.step == 11 && c.head.skipped == 0 && c.head.seed == head.seed);
    CU_ASSERT(c.head.batch == FIT_BATCH && c.head.n_steps == 1000);
    CU_ASSERT(memcmp(&c.head.program, &head.program, sizeof head.program) == 0);
    CU_ASSERT_STRING_EQUAL(c.head.recipe, head.recipe);
    CU_ASSERT(!same_held(first->training, second->training));
    CHECK_OK(rt_checkpoint_resume(&c, second->training, &error), error);
    CU_ASSERT(same_held(first->training, second->training));
    for (unsigned i = 11; i < 25; i++)
        CHECK_OK(rt_training_step(second->training, &r, &error), error);
    CU_ASSERT(same_held(whole->training, second->training));
    rt_checkpoint_clear(&c);
    fit_clear(whole);
    fit_clear(first);
    fit_clear(second);
}

/* Written twice, it is the same file; anyone's reader of .safetensors can read the weights. */
static void
test_file(void)
{
    const char *path = path_of("%s/run.ckpt", directory);
    const char *renamed = path_of("%s/run.safetensors", directory);
    Fit *f = fit_after(1, 3);
    RtError error = {0};
    size_t size[2], count;
    char *text[2];
    RtNamed *named;

    for (unsigned i = 0; i < 2; i++) {
        CHECK_OK(rt_checkpoint_write(path, f->training, &head, &error), error);
        text[i] = slurp(path, &size[i]);
    }
    CU_ASSERT(size[0] == size[1] && memcmp(text[0], text[1], size[0]) == 0);
    spill(renamed, text[0], size[0]);
    CHECK_OK(rt_file_read_all(renamed, &named, &count, &error), error);
    CU_ASSERT_EQUAL_FATAL(count, 4);
    CU_ASSERT_STRING_EQUAL(named[0].name, "w");
    CU_ASSERT_STRING_EQUAL(named[1].name, "memory/m.w");
    CU_ASSERT_STRING_EQUAL(named[2].name, "buffer/replay");
    CU_ASSERT(named[2].array.shape[0] == FIT_SLOTS && named[2].array.shape[1] == 2);
    rt_named_free(named, count);
    unlink(renamed);
    free(text[0]);
    free(text[1]);
    fit_clear(f);
}

/* ---- damage */

static bool
reads(const void *bytes, size_t size)
{
    RtSource source;
    RtCheckpoint c;
    RtError error = {0};

    rt_source_memory(&source, "checkpoint", bytes, size);
    bool good = rt_checkpoint_verify(&source, &error);
    rt_source_memory(&source, "checkpoint", bytes, size);
    good = good && rt_checkpoint_decode(&source, &c, &error);
    if (good)
        rt_checkpoint_clear(&c);
    else
        CU_ASSERT(error.code == RT_FORMAT && error.message[0]);
    return good;
}

static void
test_damage(void)
{
    static const unsigned char flips[] = {1, 0x80, 0xff};
    const char *path = path_of("%s/run.ckpt", directory);
    Fit *f = fit_after(1, 3);
    RtError error = {0};
    size_t size;

    CHECK_OK(rt_checkpoint_write(path, f->training, &head, &error), error);
    char *text = slurp(path, &size);
    text = realloc(text, size + 1);
    CU_ASSERT(reads(text, size));
    for (size_t i = 0; i < size; i++) {
        for (unsigned k = 0; k < 3; k++) {
            text[i] = (char)(text[i] ^ flips[k]);
            CU_ASSERT(!reads(text, size));
            text[i] = (char)(text[i] ^ flips[k]);
        }
        CU_ASSERT(!reads(text, i));
    }
    text[size] = 0;
    CU_ASSERT(!reads(text, size + 1));
    CU_ASSERT(reads(text, size));
    free(text);
    fit_clear(f);
}

/* Files that are sound and yet not what is wanted. */
static void
test_other_files(void)
{
    const char *path = path_of("%s/run.ckpt", directory);
    Fit *f = fit_after(1, 3);
    RtCheckpoint c;
    RtError error = {0};
    RtSource source;
    RtStepResult r;
    char name[] = "w", other[] = "v";
    float w[3] = {1, 2, 3};
    RtNamed named = {name, {.type = RT_f32, .rank = 1, .shape = {3}, .data = w, .bytes = 12}};

    CHECK_OK(rt_safetensors_write(path, &named, 1, &error), error);
    CHECK_OK(rt_source_open(&source, path, &error), error);
    CHECK_ERROR(rt_checkpoint_decode(&source, &c, &error), error, RT_FORMAT,
                "not a checkpoint");
    rt_source_close(&source);
    CHECK_ERROR(rt_checkpoint_read(path, &c, &error), error, RT_FORMAT, "checksum is wrong");
    CHECK_OK(rt_checkpoint_write(path, f->training, &head, &error), error);
    CHECK_OK(rt_checkpoint_read(path, &c, &error), error);
    c.head.batch++;
    CHECK_ERROR(rt_checkpoint_resume(&c, f->training, &error), error, RT_ARGUMENT,
                "batch has 22 data points");
    c.head.batch--;
    c.count--;
    CHECK_ERROR(rt_checkpoint_resume(&c, f->training, &error), error, RT_SHAPE,
                "another model");
    c.count++;
    c.named[0].array.shape[0] = 2;
    CHECK_ERROR(rt_checkpoint_resume(&c, f->training, &error), error, RT_SHAPE,
                "'w' has another shape");
    c.named[0].name[0] = other[0];
    CHECK_ERROR(rt_checkpoint_resume(&c, f->training, &error), error, RT_SHAPE, "no 'w'");
    CHECK_ERROR(rt_training_step(f->training, &r, &error), error, RT_ARGUMENT, "not started");
    CHECK_ERROR(rt_checkpoint_write(path, f->training, &head, &error), error, RT_ARGUMENT,
                "not started");
    rt_checkpoint_clear(&c);
    fit_clear(f);
}

/* ---- writing that fails, and that ends in the middle */

static void
test_full(void)
{
    Fit *f = fit_after(1, 1);
    RtError error = {0};

    CHECK_ERROR(rt_checkpoint_write("/dev/full", f->training, &head, &error), error,
                RT_NO_SPACE, "/dev/full");
    fit_clear(f);
}

/* Writes checkpoints until it is killed. */
static void
write_forever(RtTraining *training, const char *path)
{
    RtError error = {0};
    RtStepResult r;

    while (rt_training_step(training, &r, &error) &&
           rt_checkpoint_write(path, training, &head, &error)) {
    }
    _exit(1);
}

static void
remove_files(void)
{
    DIR *list = opendir(directory);

    for (struct dirent *entry; list && (entry = readdir(list));)
        if (entry->d_name[0] != '.' || entry->d_name[1] == 'e')
            unlink(path_of("%s/%s", directory, entry->d_name));
    if (list)
        closedir(list);
}

static void
test_kill(void)
{
    const char *path = path_of("%s/run.ckpt", directory);
    char kept[4096];
    Fit *f = fit_after(1, 0);
    RtError error = {0};
    RtCheckpoint c;
    uint64_t least = 0;

    snprintf(kept, sizeof kept, "%s", path);
    CHECK_OK(rt_checkpoint_write(kept, f->training, &head, &error), error);
    for (unsigned i = 0; i < KILLS; i++) {
        pid_t child = fork();
        CU_ASSERT_FATAL(child >= 0);
        if (child == 0)
            write_forever(f->training, kept);
        int status;
        usleep(500 + i * 37 % 3000);
        CU_ASSERT(kill(child, SIGKILL) == 0 && waitpid(child, &status, 0) == child);
        CU_ASSERT(WIFSIGNALED(status));
        CHECK_OK(rt_checkpoint_read(kept, &c, &error), error);
        CHECK_OK(rt_checkpoint_resume(&c, f->training, &error), error);
        CU_ASSERT(c.head.step >= least);
        least = c.head.step;
        rt_checkpoint_clear(&c);
    }
    CU_ASSERT(least > 0);
    Fit *straight = fit_after(1, (unsigned)least);
    CU_ASSERT(same_held(straight->training, f->training));
    fit_clear(straight);
    fit_clear(f);
}

int
main(void)
{
    static CU_TestInfo tests[] = {
        {"resumed, it goes on to the same bits", test_resume},
        {"the file is reproducible and readable", test_file},
        {"damage is refused", test_damage},
        {"other files are refused", test_other_files},
        {"a full disk", test_full},
        {"killed while writing, none is lost", test_kill},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"checkpoint", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};

    if (!mkdtemp(directory))
        return 2;
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_set_mode(CU_BRM_VERBOSE);
    CU_basic_run_tests();
    unsigned failed = CU_get_number_of_failures();
    CU_cleanup_registry();
    remove_files();
    rmdir(directory);
    return failed != 0;
}
