/* SPDX-License-Identifier: Apache-2.0
 *
 * test_store.c -- files, summaries and the compile cache through the C API
 */
#include <CUnit/Basic.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/api/use.h"

static char folder[] = "/tmp/ebm-test-XXXXXX";

static const char *
path_of(const char *name)
{
    static char path[4][256];
    static int turn;
    char *p = path[turn++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

/* ---- the machine's limit */

/* Figures as measured, but 1e9 a second of everything: a limit is then 1e9 over the work. */
static void
write_round_figures(void)
{
    char head[256] = "";
    FILE *f = fopen(path_of("limit/speed"), "r");

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_PTR_NOT_NULL(fgets(head, sizeof head, f));
    fclose(f);
    f = fopen(path_of("limit/speed"), "w");
    fprintf(f, "%s1\n", head);
    for (int i = 0; i < 18; i++)
        fprintf(f, "1e9\n");
    fclose(f);
}

/* Operations of a step of one chain, as the limit says. */
static double
work_of(Use use, const char *dir)
{
    EbmRunOptions p = EBM_RUN_OPTIONS_INIT;

    p.threads = 1;
    EbmRun *run = use_run(use_kernel(&use), p);
    double limit = ebm_run_limit(run, dir);
    ebm_run_free(run);
    return 1e9 / limit;
}

static void
test_limit(void)
{
    const char *bowl = "energy Bowl(x: real[100]) -> real = sum(x^2) / 2";
    const char *loop =
        "sampler thrice[S...](E: energy(real[S...]), x: real[S...], n: int = 3) {"
        " step { for i in 0..n { x -= 0.1 * grad(E)(x) } } }\n"
        "energy Bowl(x: real[100]) -> real = sum(x^2) / 2";
    const char *wait = "sampler far[S...](E: energy(real[S...]), x: real[S...]) {"
                       " step { while sum(x^2) > 1, at most 9 { x = 0.5 * x } } }\n"
                       "energy Bowl(x: real[100]) -> real = sum(x^2) / 2";
    Use use = {.source = bowl, .sampler = "gradient_descent"};
    EbmSpeed speed = EBM_SPEED_INIT;
    char dir[256];

    snprintf(dir, sizeof dir, "%s", path_of("limit"));
    ebm_speed(dir, 0, &speed);
    CU_ASSERT_EQUAL(speed.f32, 0);
    CU_ASSERT_TRUE(isnan(work_of(use, dir)));
    worked(ebm_machine_measure(dir, NULL), NULL);
    ebm_speed(dir, 1, &speed);
    CU_ASSERT_TRUE(speed.f32 > 1e9 && speed.f64 > 5e8 && speed.f64 < speed.f32);
    write_round_figures();
    CU_ASSERT_EQUAL(work_of(use, dir), 100); /* x - h x, rounded once */
    use = (Use){.source = loop, .sampler = "thrice"};
    CU_ASSERT_EQUAL(work_of(use, dir), 300);
    use.options[0] = (EbmSetting){"n", "70"};
    CU_ASSERT_DOUBLE_EQUAL(work_of(use, dir), 7000, 1e-6);
    use = (Use){.source = wait, .sampler = "far"};
    CU_ASSERT_TRUE(isnan(work_of(use, dir)));
    use = (Use){.source = bowl, .sampler = "gradient_descent", .interpreter = true};
    CU_ASSERT_TRUE(isnan(work_of(use, dir)));
    FILE *f = fopen(path_of("limit/speed"), "w");
    fputs("ebmc speed 1, another machine, avx2\n", f);
    fclose(f);
    use.interpreter = false;
    CU_ASSERT_TRUE(isnan(work_of(use, dir)));
}

/* ---- the cache */

static EbmCacheInfo
cache_info(void)
{
    EbmCacheInfo info = EBM_CACHE_INFO_INIT;

    CU_ASSERT_EQUAL(ebm_cache_info(path_of("cache/deep"), &info, NULL, NULL), EBM_OK);
    return info;
}

/* One kernel; was it read from the disk?  Its file's name if asked for. */
static bool
cached(const Use *use, char path[512])
{
    EbmKernel *kernel = use_kernel(use);
    EbmKernelInfo info = EBM_KERNEL_INFO_INIT;

    CU_ASSERT_PTR_NOT_NULL_FATAL(kernel);
    ebm_kernel_info(kernel, &info);
    CU_ASSERT_PTR_NOT_NULL_FATAL(info.cache_path);
    CU_ASSERT_TRUE(info.image_bytes > 0 && info.state_bytes > 0 && info.seconds > 0);
    if (path)
        snprintf(path, 512, "%s", info.cache_path);
    ebm_kernel_free(kernel);
    return info.from_cache;
}

static float *
some_draws(const Use *use)
{
    EbmRunOptions p = EBM_RUN_OPTIONS_INIT;

    p.chains = 20, p.steps = 10;
    EbmRun *run = use_run(use_kernel(use), p);
    float *draws = use_sample(run, 20, 10, 2, EBM_TYPE_f32);
    ebm_run_free(run);
    return draws;
}

static void
test_cache(void)
{
    Use use = {.energy = "DoubleWell", .sampler = "mala", .cache_dir = path_of("cache/deep")};
    Use other = use;

    CU_ASSERT_EQUAL(cache_info().entries, 0);
    CU_ASSERT_FALSE(cached(&use, NULL));
    CU_ASSERT_TRUE(cached(&use, NULL));
    float *fresh = some_draws(&use);
    other.lanes = 4;
    CU_ASSERT_FALSE(cached(&other, NULL));
    other.lanes = 0, other.level = 2;
    CU_ASSERT_FALSE(cached(&other, NULL));
    other = use;
    other.dtype = EBM_TYPE_f64;
    CU_ASSERT_FALSE(cached(&other, NULL));
    other = use;
    other.numbers[0] = (EbmSetting){"barrier_height", "3.5"};
    CU_ASSERT_TRUE(cached(&other, NULL)); /* a number is no part of the machine code */
    other.statics[0] = (EbmSetting){"d", "3"};
    CU_ASSERT_FALSE(cached(&other, NULL));
    CU_ASSERT_EQUAL(cache_info().entries, 5);
    float *stored = some_draws(&use);
    CU_ASSERT_EQUAL(memcmp(fresh, stored, 400 * sizeof *fresh), 0);
    free(fresh);
    free(stored);
}

static void
write_bytes(const char *path, const unsigned char *bytes, size_t size, mode_t mode)
{
    unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    CU_ASSERT_TRUE_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, bytes, size), (ssize_t)size);
    fchmod(fd, mode);
    close(fd);
}

/* A file that differs in any bit, is cut short, or belongs to another key is not run. */
static void
test_damaged_cache(void)
{
    static unsigned char bytes[1 << 16], changed[1 << 16];
    Use use = {.energy = "Harmonic", .sampler = "langevin", .cache_dir = path_of("cache/deep")};
    char path[512], other[512];

    cached(&use, path);
    int fd = open(path, O_RDONLY);
    size_t size = (size_t)read(fd, bytes, sizeof bytes);
    close(fd);
    CU_ASSERT_TRUE_FATAL(size > 1000 && size < sizeof bytes);
    CU_ASSERT_TRUE(cached(&use, NULL));
    for (size_t i = 0; i < size; i += i < 200 ? 1 : 97) {
        memcpy(changed, bytes, size);
        changed[i] ^= (unsigned char)(1u << i % 8);
        write_bytes(path, changed, size, 0600);
        CU_ASSERT_FALSE(cached(&use, NULL));
        if (i > 40 && i < 190)
            i += 9;
    }
    for (size_t cut = 0; cut < size; cut += size / 7) {
        write_bytes(path, bytes, cut, 0600);
        CU_ASSERT_FALSE(cached(&use, NULL));
    }
    write_bytes(path, bytes, size, 0622);
    CU_ASSERT_FALSE(cached(&use, NULL)); /* others could have written it */
    use.statics[0] = (EbmSetting){"d", "7"};
    cached(&use, other);
    write_bytes(other, bytes, size, 0600);
    CU_ASSERT_FALSE(cached(&use, NULL)); /* another key's */
    CU_ASSERT_TRUE(cached(&use, NULL));
}

static void
test_clear_cache(void)
{
    EbmCacheInfo info = EBM_CACHE_INFO_INIT;

    CU_ASSERT_EQUAL(ebm_cache_clear(path_of("cache/deep"), &info, NULL), EBM_OK);
    CU_ASSERT_TRUE(info.entries > 0 && info.bytes > 0);
    CU_ASSERT_EQUAL(cache_info().entries, 0);
    /* A folder that cannot be made costs the cache, nothing else. */
    Use use = {.energy = "Harmonic", .sampler = "langevin", .cache_dir = "/dev/null/cache"};
    EbmKernel *kernel = use_kernel(&use);
    EbmKernelInfo known = EBM_KERNEL_INFO_INIT;
    ebm_kernel_info(kernel, &known);
    CU_ASSERT_PTR_NULL(known.cache_path);
    ebm_kernel_free(kernel);
}

/* ---- files */

static EbmArray
read_back(const char *path, const char *name, EbmFile **ret_file)
{
    EbmNamed n = {NULL, {EBM_TYPE_none, 0, {0}, {0}, NULL}};
    EbmReport *report = NULL;
    EbmStatus status = ebm_file_read(path, ret_file, &report);

    if (!worked(status, report))
        return n.array;
    for (size_t i = 0; i < ebm_file_count(*ret_file); i++) {
        ebm_file_get(*ret_file, i, &n);
        if (strcmp(n.name, name) == 0)
            return n.array;
    }
    CU_FAIL("the file lacks the array");
    return n.array;
}

static float draws[3][4][2];

static EbmArray
draw_array(void)
{
    for (int i = 0; i < 24; i++)
        (&draws[0][0][0])[i] = 0.1f * (float)i;
    return ebm_array(EBM_TYPE_f32, 3, (uint64_t[]){3, 4, 2}, draws);
}

static void
test_draws_npy(void)
{
    EbmArray all = draw_array(), part = all, found;
    EbmFile *file = NULL;

    part.shape[1] = 3; /* a run that was stopped */
    CU_ASSERT_EQUAL(ebm_draws_write(path_of("d.npy"), "x", &part, NULL, 0, NULL), EBM_OK);
    found = read_back(path_of("d.npy"), "", &file);
    CU_ASSERT_TRUE(found.type == EBM_TYPE_f32 && found.rank == 3 && found.shape[1] == 3);
    for (int c = 0; c < 3; c++)
        CU_ASSERT_EQUAL(memcmp((float *)found.data + c * 6, draws[c], 6 * sizeof(float)), 0);
    ebm_file_free(file);
}

static void
test_draws_npz(void)
{
    double rate[4] = {0.5, 1, 0.25, 0};
    EbmArray all = draw_array();
    EbmNamed more = {"acceptance_rate", ebm_array(EBM_TYPE_f64, 1, (uint64_t[]){4}, rate)};
    EbmReport *report = NULL;
    EbmFile *file = NULL;

    CU_ASSERT_EQUAL(ebm_draws_write(path_of("d.npz"), "x", &all, &more, 1, NULL), EBM_OK);
    EbmArray found = read_back(path_of("d.npz"), "acceptance_rate", &file);
    CU_ASSERT_EQUAL(memcmp(found.data, rate, sizeof rate), 0);
    ebm_file_free(file);
    EbmStatus status = ebm_draws_write(path_of("d.npy"), "x", &all, &more, 1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "only .npz");
}

static void
test_draws_csv(void)
{
    EbmArray all = draw_array();
    EbmFile *file = NULL;
    char line[64] = "";

    CU_ASSERT_EQUAL(ebm_draws_write(path_of("d.csv"), "x", &all, NULL, 0, NULL), EBM_OK);
    FILE *f = fopen(path_of("d.csv"), "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof line, f));
    fclose(f);
    CU_ASSERT_STRING_EQUAL(line, "chain,draw,x[0],x[1]\n");
    EbmArray found = read_back(path_of("d.csv"), "", &file);
    CU_ASSERT_TRUE(found.rank == 2 && found.shape[0] == 12 && found.shape[1] == 4);
    const double *row = (const double *)found.data + 4 * 7;
    CU_ASSERT_TRUE(row[0] == 1 && row[1] == 3 && (float)row[3] == draws[1][3][1]);
    ebm_file_free(file);
}

/* A table of several arrays has their names, and each is read back by its own. */
static void
test_tables(void)
{
    int32_t label[2] = {7, 8};
    float x[2][2][2] = {{{0.1f, 2}, {3, 4}}, {{5, 6}, {7, 8}}};
    EbmNamed all[] = {{"x", ebm_array(EBM_TYPE_f32, 3, (uint64_t[]){2, 2, 2}, x)},
                      {"label", ebm_array(EBM_TYPE_i32, 1, (uint64_t[]){2}, label)}};
    EbmFile *file = NULL;
    EbmReport *report = NULL;

    CU_ASSERT_EQUAL(ebm_file_write(path_of("t.csv"), all, 2, NULL), EBM_OK);
    EbmArray found = read_back(path_of("t.csv:x"), "", &file);
    CU_ASSERT_TRUE(found.rank == 3 && found.shape[0] == 2 && found.shape[2] == 2);
    CU_ASSERT_TRUE(((double *)found.data)[0] == 0.1 && ((double *)found.data)[7] == 8);
    ebm_file_free(file);
    found = read_back(path_of("t.csv:label"), "", &file);
    CU_ASSERT_TRUE(found.rank == 1 && ((double *)found.data)[1] == 8);
    ebm_file_free(file);
    all[1].array.shape[0] = 1;
    EbmStatus status = ebm_file_write(path_of("t.csv"), all, 2, &report);
    refused(status, report, EBM_SHAPE_ERROR, "'label' has 1 rows, and 'x' has 2");
    all[1].array.rank = 0;
    status = ebm_file_write(path_of("t.csv"), all, 2, &report);
    refused(status, report, EBM_SHAPE_ERROR, "'label' is one number");
    status = ebm_file_write(path_of("t.npy"), all, 2, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "holds one array");
}

static void
test_files(void)
{
    int32_t label[3] = {1, 2, 3};
    EbmNamed one = {"label", ebm_array(EBM_TYPE_i32, 1, (uint64_t[]){3}, label)};
    EbmFile *file = NULL;
    EbmReport *report = NULL;

    CU_ASSERT_EQUAL(ebm_file_write(path_of("w.safetensors"), &one, 1, NULL), EBM_OK);
    one.array.stride[0] = -4;
    one.array.data = label + 2;
    CU_ASSERT_EQUAL(ebm_file_write(path_of("l.npy"), &one, 1, NULL), EBM_OK);
    EbmArray found = read_back(path_of("l.npy"), "", &file);
    CU_ASSERT_TRUE(((int32_t *)found.data)[0] == 3 && ((int32_t *)found.data)[2] == 1);
    ebm_file_free(file);
    EbmStatus status = ebm_file_write(path_of("l.txt"), &one, 1, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "ends in");
    status = ebm_file_write("/nonexistent/l.npy", &one, 1, &report);
    refused(status, report, EBM_NOT_FOUND, "/nonexistent/l.npy");
    status = ebm_file_read(path_of("none.npy"), &file, &report);
    refused(status, report, EBM_NOT_FOUND, "none.npy");
    status = ebm_file_check("/nonexistent/l.npy", &report);
    refused(status, report, EBM_NOT_FOUND, "/nonexistent/l.npy");
    status = ebm_file_check(path_of("l.xyz"), &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "ends in");
    CU_ASSERT_EQUAL(ebm_file_check(path_of("new.npy"), NULL), EBM_OK);
    CU_ASSERT_NOT_EQUAL(access(path_of("new.npy"), F_OK), 0);
    CU_ASSERT_EQUAL(ebm_file_check(path_of("l.npy"), NULL), EBM_OK);
    CU_ASSERT_EQUAL(access(path_of("l.npy"), F_OK), 0);
}

/* ---- summaries */

static void
test_summary(void)
{
    enum { CHAINS = 4, DRAWS = 1000, X = 3 };
    static double x[CHAINS][DRAWS][X];
    EbmSummary one[X], two[X];
    EbmReport *report = NULL;
    uint64_t seed = 1;

    for (int i = 0; i < CHAINS * DRAWS * X; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        (&x[0][0][0])[i] = (double)(seed >> 11) * 0x1p-53 + i % X;
    }
    EbmArray all = ebm_array(EBM_TYPE_f64, 3, (uint64_t[]){CHAINS, DRAWS, X}, x);
    CU_ASSERT_EQUAL(ebm_summarize(&all, 0, X, 1, one, NULL), EBM_OK);
    CU_ASSERT_EQUAL(ebm_summarize(&all, 0, X, 3, two, NULL), EBM_OK);
    CU_ASSERT_EQUAL(memcmp(one, two, sizeof one), 0);
    for (int i = 0; i < X; i++) {
        CU_ASSERT_DOUBLE_EQUAL(one[i].mean, i + 0.5, 5 * one[i].mcse_mean);
        CU_ASSERT_DOUBLE_EQUAL(one[i].sd, sqrt(1.0 / 12), 0.01);
        CU_ASSERT_TRUE(fabs(one[i].r_hat - 1) < 0.02 && one[i].ess_bulk > 2000);
    }
    CU_ASSERT_EQUAL(ebm_summarize(&all, 2, 1, 0, two, NULL), EBM_OK);
    CU_ASSERT_EQUAL(memcmp(&one[2], &two[0], sizeof one[0]), 0);
    EbmStatus status = ebm_summarize(&all, 2, 2, 0, two, &report);
    refused(status, report, EBM_ARGUMENT_ERROR, "3 elements");
}

static void
test_machine(void)
{
    EbmMachine m = EBM_MACHINE_INIT;

    ebm_machine(&m);
    CU_ASSERT_TRUE(m.threads >= 1 && m.memory > 0 && m.available <= m.memory && m.has_llvm);
    CU_ASSERT_TRUE(*m.cpu != '\0');
    CU_ASSERT_STRING_EQUAL(ebm_version(), "0.1.0");
    CU_ASSERT_STRING_EQUAL(ebm_status_name((EbmStatus)99), "?");
}

static int
open_folder(void)
{
    return mkdtemp(folder) == NULL;
}

static int
close_folder(void)
{
    char command[64];

    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

int
main(void)
{
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("store", open_folder, close_folder);
    CU_ADD_TEST(suite, test_limit);
    CU_ADD_TEST(suite, test_cache);
    CU_ADD_TEST(suite, test_damaged_cache);
    CU_ADD_TEST(suite, test_clear_cache);
    CU_ADD_TEST(suite, test_draws_npy);
    CU_ADD_TEST(suite, test_draws_npz);
    CU_ADD_TEST(suite, test_draws_csv);
    CU_ADD_TEST(suite, test_tables);
    CU_ADD_TEST(suite, test_files);
    CU_ADD_TEST(suite, test_summary);
    CU_ADD_TEST(suite, test_machine);
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    int failed = (int)CU_get_number_of_failures();
    CU_cleanup_registry();
    return failed != 0;
}
