/* SPDX-License-Identifier: Apache-2.0
 *
 * test_files.c -- binary files: what NumPy wrote, what we write, and what is damaged
 *
 * usage: test_files fixtures
 * make_fixtures.py wrote the fixtures.
 */
#include "check.h"

#include <errno.h>
#include <math.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "runtime/element.h"

static const char *fixtures;
static char directory[] = "/tmp/ebm-test-XXXXXX";

static bool
read_fixture(const char *name, RtArray *ret, RtError *error)
{
    *error = (RtError){0};
    return rt_file_read(path_of("%s/%s", fixtures, name), ret, error);
}

static bool
read_bytes(const void *bytes, size_t size, RtArray *ret, RtError *error)
{
    RtSource source;

    *error = (RtError){0};
    rt_source_memory(&source, "memory", bytes, size);
    bool ok = rt_npy_read(&source, ret, error);
    rt_source_close(&source);
    return ok;
}

/* The rule of make_fixtures.py. */
static double
rule(size_t i, RtType type)
{
    double x = (double)((i * 7) % 5) + (double)i / 4;

    if (type == RT_bool)
        return x > 2;
    return type == RT_f32 || type == RT_f64 ? x : floor(x);
}

static void
check_fixture(const char *name, RtType type)
{
    RtArray array;
    RtError error;

    CHECK_OK(read_fixture(name, &array, &error), error);
    CU_ASSERT_EQUAL(array.type, type);
    CU_ASSERT_EQUAL(array.rank, 3);
    CU_ASSERT(array.shape[0] == 3 && array.shape[1] == 4 && array.shape[2] == 2);
    CU_ASSERT_EQUAL_FATAL(rt_array_count(&array), 24);
    for (size_t i = 0; i < 24; i++)
        CU_ASSERT_EQUAL(rt_array_get(&array, i), rule(i, type));
    rt_array_clear(&array);
}

static void
test_numpy_reads(void)
{
    static const struct {
        const char *name;
        RtType type;
    } files[] = {
        {"f4", RT_f32}, {"f8", RT_f64}, {"i2", RT_i32}, {"i4", RT_i32},
        {"i8", RT_i64}, {"u2", RT_i32}, {"u4", RT_i64}, {"u8", RT_i64},
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        check_fixture(path_of("little_%s.npy", files[i].name), files[i].type);
        check_fixture(path_of("big_%s.npy", files[i].name), files[i].type);
    }
    check_fixture("half.npy", RT_f32);
    check_fixture("i1.npy", RT_i32);
    check_fixture("u1.npy", RT_u8);
    check_fixture("b1.npy", RT_bool);
    check_fixture("fortran_f8.npy", RT_f64);
    check_fixture("fortran_big_i2.npy", RT_i32);
    check_fixture("version2.npy", RT_f64);
    check_fixture("version3.npy", RT_f64);
    check_fixture("two.npz:x", RT_f64);
    check_fixture("two.npz:y.npy", RT_i32);
}

static void
test_numpy_shapes(void)
{
    RtArray array;
    RtError error;

    CHECK_OK(read_fixture("scalar.npy", &array, &error), error);
    CU_ASSERT(array.rank == 0 && rt_array_get(&array, 0) == 2.5);
    rt_array_clear(&array);
    CHECK_OK(read_fixture("empty.npy", &array, &error), error);
    CU_ASSERT(array.rank == 2 && array.shape[1] == 3 && array.bytes == 0);
    rt_array_clear(&array);
    CHECK_OK(read_fixture("packed.npz", &array, &error), error);
    CU_ASSERT(array.shape[0] == 100 && array.shape[1] == 100);
    rt_array_clear(&array);
}

static void
test_numpy_refusals(void)
{
    static const struct {
        const char *name;
        RtCode code;
        const char *text;
    } files[] = {
        {"complex.npy", RT_TYPE, "complex"},
        {"text.npy", RT_TYPE, "texts"},
        {"object.npy", RT_TYPE, "objects"},
        {"record.npy", RT_TYPE, "structured"},
        {"time.npy", RT_TYPE, "dates"},
        {"large_u8.npy", RT_RANGE, "element 1"},
        {"nine_axes.npy", RT_SHAPE, "8 axes"},
        {"two.npz", RT_NOT_FOUND, "(x, y)"},
        {"two.npz:z", RT_NOT_FOUND, "no array 'z'"},
        {"i1.npy:x", RT_ARGUMENT, "holds one array"},
        {"missing.npy", RT_NOT_FOUND, "missing.npy"},
        {"noextension", RT_ARGUMENT, ".npy, .npz"},
        {"../fixtures", RT_ARGUMENT, ".npy, .npz"},
    };
    RtArray array;
    RtError error;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        bool ok = read_fixture(files[i].name, &array, &error);
        CHECK_ERROR(ok, error, files[i].code, files[i].text);
    }
    CHECK_OK(mkdir(path_of("%s/d.npy", directory), 0777) == 0, error);
    bool ok = rt_file_read(path_of("%s/d.npy", directory), &array, &error);
    CHECK_ERROR(ok, error, RT_IO, "is a directory");
    rmdir(path_of("%s/d.npy", directory));
}

/* A file cut anywhere, and one with a byte more, is an error and nothing worse. */
static void
check_cuts(const char *name, const char *extension)
{
    size_t size;
    RtArray array;
    RtError error;
    char *text = slurp(path_of("%s/%s", fixtures, name), &size);
    const char *path = path_of("%s/cut%s", directory, extension);

    for (size_t cut = 0; cut < size; cut++) {
        error = (RtError){0};
        spill(path, text, cut);
        CU_ASSERT_FALSE(rt_file_read(path, &array, &error));
        CU_ASSERT(error.code == RT_FORMAT || error.code == RT_NOT_FOUND);
        CU_ASSERT(error.message[0] != '\0');
    }
    unlink(path);
    free(text);
}

static void
test_cuts(void)
{
    check_cuts("little_f8.npy", ".npy");
    check_cuts("version3.npy", ".npy");
    check_cuts("fortran_big_i2.npy", ".npy");
    check_cuts("packed.npz", ".npz");
}

/* Every byte of a header replaced by every value: no crash, and the size stays what it was. */
static void
test_flips(void)
{
    size_t size;
    RtArray array;
    RtError error;
    char *text = slurp(path_of("%s/little_i2.npy", fixtures), &size);

    for (size_t i = 0; i < 128; i++) {
        char kept = text[i];
        for (int byte = 0; byte < 256; byte++) {
            text[i] = (char)byte;
            if (!read_bytes(text, size, &array, &error))
                continue;
            CU_ASSERT(rt_array_count(&array) <= size);
            rt_array_clear(&array);
        }
        text[i] = kept;
    }
    free(text);
}

static void
check_header(const char *header, size_t data, RtCode code, const char *wanted)
{
    char bytes[1024] = "\x93NUMPY\x01";
    size_t length = strlen(header);
    RtArray array;
    RtError error;

    bytes[8] = (char)(length & 0xff);
    bytes[9] = (char)(length >> 8);
    memcpy(bytes + 10, header, length);
    bool ok = read_bytes(bytes, 10 + length + data, &array, &error);
    if (code == RT_OK) {
        CHECK_OK(ok, error);
        rt_array_clear(&array);
    } else
        CHECK_ERROR(ok, error, code, wanted);
}

#define HEADER(descr, order, shape) \
    "{'descr': '" descr "', 'fortran_order': " order ", 'shape': " shape "}"

static void
test_headers(void)
{
    RtArray array;
    RtError error;

    check_header(HEADER("<f4", "False", "(2,)"), 8, RT_OK, "");
    check_header(HEADER("<f4", "False", "(2L, 1L)"), 8, RT_OK, "");
    check_header("{\"shape\":(),\"fortran_order\":True,\"descr\":\"=f8\",}\n", 8, RT_OK, "");
    check_header(HEADER("<f4", "False", "(2,)"), 9, RT_FORMAT, "1 bytes follow");
    check_header(HEADER("<f4", "False", "(2,)"), 7, RT_FORMAT, "truncated");
    check_header(HEADER("<f4", "False", "(2,"), 8, RT_FORMAT, "expected");
    check_header(HEADER("<f4", "False", "(-2,)"), 8, RT_FORMAT, "expected a size");
    check_header(HEADER("<f4", "Maybe", "(2,)"), 8, RT_FORMAT, "True or False");
    check_header(HEADER("<f3", "False", "(2,)"), 8, RT_TYPE, "<f3");
    check_header(HEADER("<q9", "False", "(2,)"), 8, RT_TYPE, "<q9");
    check_header(HEADER("", "False", "(2,)"), 8, RT_TYPE, "");
    check_header(HEADER("<f4", "False", "(2,)") "x", 8, RT_FORMAT, "nothing after");
    check_header(HEADER("<f4", "False", "(18446744073709551616,)"), 8, RT_SHAPE, "too large");
    check_header(HEADER("<f4", "False", "(18446744073709551615,)"), 8, RT_SHAPE, "too large");
    check_header(HEADER("<f8", "False", "(4294967296, 4294967296)"), 8, RT_SHAPE, "too large");
    check_header(HEADER("<f8", "False", "(0, 4294967296, 4294967296)"), 0, RT_SHAPE,
                 "too large");
    check_header(HEADER("<f8", "False", "(1099511627776,)"), 8, RT_FORMAT, "truncated");
    check_header(HEADER("<f8", "True", "(0, 1099511627776)"), 0, RT_OK, "");
    check_header("{}", 0, RT_FORMAT, "descr, fortran_order and shape");
    check_header("{'descr': '<f4', 'descr': '<f4'}", 0, RT_FORMAT, "once each");
    check_header("{'other': 1}", 0, RT_FORMAT, "once each");
    check_header("", 0, RT_FORMAT, "expected '{'");
    CHECK_ERROR(read_bytes("hello world", 11, &array, &error), error, RT_FORMAT,
                "not a .npy file");
    CHECK_ERROR(read_bytes("", 0, &array, &error), error, RT_FORMAT, "not a .npy file");
    CHECK_ERROR(read_bytes("\x93NUMPY\x09\0\0\0\0\0", 12, &array, &error), error, RT_FORMAT,
                "version 9.0");
    CHECK_ERROR(read_bytes("\x93NUMPY\x02\0\xff\xff\xff\xff", 12, &array, &error), error,
                RT_FORMAT, "not plausible");
}

static void
fill(RtArray *array)
{
    unsigned char *byte = array->data;

    for (size_t i = 0; i < array->bytes; i++)
        byte[i] = (unsigned char)(array->type == RT_bool ? i & 1 : i * 37 + 11);
}

static bool
same_array(const RtArray *x, const RtArray *y)
{
    return x->type == y->type && x->rank == y->rank && x->bytes == y->bytes &&
           (x->rank == 0 || !memcmp(x->shape, y->shape, x->rank * sizeof *x->shape)) &&
           (x->bytes == 0 || !memcmp(x->data, y->data, x->bytes));
}

/* Every type and rank through .npy, .npz and .safetensors and back. */
static void
test_round_trips(void)
{
    static const uint64_t shape[RT_MAX_RANK] = {3, 1, 2, 5, 1, 1, 2, 1};
    RtNamed named[RT_TYPE_COUNT * (RT_MAX_RANK + 1)] = {0}, *back;
    size_t count = 0, got;
    RtError error = {0};
    RtArray array;

    for (unsigned rank = 0; rank <= RT_MAX_RANK; rank++) {
        for (int type = 0; type < RT_TYPE_COUNT; type++, count++) {
            RtArray *x = &named[count].array;
            named[count].name = strdup(path_of("w%zu.\xc3\xa9", count));
            CHECK_OK(rt_array_create(x, (RtType)type, rank, shape, "x", &error), error);
            fill(x);
            CHECK_OK(rt_npy_write(path_of("%s/x.npy", directory), x, &error), error);
            CHECK_OK(rt_file_read(path_of("%s/x.npy", directory), &array, &error), error);
            CU_ASSERT(same_array(x, &array));
            rt_array_clear(&array);
        }
    }
    CHECK_OK(rt_npz_write(path_of("%s/x.npz", directory), named, count, &error), error);
    CHECK_OK(rt_safetensors_write(path_of("%s/x.safetensors", directory), named, count, &error),
             error);
    for (int format = 0; format < 2; format++) {
        const char *path = path_of("%s/x.%s", directory, format ? "safetensors" : "npz");
        CHECK_OK(rt_file_read_all(path, &back, &got, &error), error);
        CU_ASSERT_EQUAL_FATAL(got, count);
        for (size_t i = 0; i < count; i++) {
            CU_ASSERT_STRING_EQUAL(back[i].name, named[i].name);
            CU_ASSERT(same_array(&back[i].array, &named[i].array));
        }
        rt_named_free(back, got);
        CHECK_OK(rt_file_read(path_of("%s:%s", path, named[7].name), &array, &error), error);
        CU_ASSERT(same_array(&array, &named[7].array));
        rt_array_clear(&array);
        CHECK_ERROR(rt_file_read(path, &array, &error), error, RT_NOT_FOUND, "holds ");
        CHECK_ERROR(rt_file_read(path_of("%s:none", path), &array, &error), error, RT_NOT_FOUND,
                    "'none'");
        unlink(path);
    }
    for (size_t i = 0; i < count; i++) {
        free(named[i].name);
        rt_array_clear(&named[i].array);
    }
    unlink(path_of("%s/x.npy", directory));
    CU_ASSERT_EQUAL(count_entries(directory), 0);
}

/* A run of `rows` rows of [10, 3]. */
static bool
write_rows(const char *path, size_t values, bool shorten, RtError *error)
{
    static const uint64_t shape[2] = {1000000, 3};
    static const float value[300];
    RtNpyWriter writer;

    return rt_npy_open(&writer, path, RT_f32, 2, shape, error) &&
           rt_npy_append(&writer, value, values * sizeof *value, error) &&
           (shorten ? rt_npy_commit_short(&writer, error) : rt_npy_commit(&writer, error));
}

static void
test_short_runs(void)
{
    const char *path = path_of("%s/run.npy", directory);
    RtError error = {0};
    RtArray array;

    CHECK_OK(write_rows(path, 21, true, &error), error);
    CHECK_OK(rt_file_read(path, &array, &error), error);
    CU_ASSERT(array.rank == 2 && array.shape[0] == 7 && array.shape[1] == 3);
    rt_array_clear(&array);
    CHECK_ERROR(write_rows(path, 21, false, &error), error, RT_SHAPE, "announces");
    CHECK_ERROR(write_rows(path, 20, true, &error), error, RT_SHAPE, "announces");
    CHECK_OK(rt_file_read(path, &array, &error), error); /* the old file is still there */
    rt_array_clear(&array);
    unlink(path);
    CU_ASSERT_EQUAL(count_entries(directory), 0);
}

static void
test_overflow(void)
{
    static const uint64_t one = 1, huge[2] = {UINT64_MAX, 2};
    double x[2] = {1, 2};
    RtNpyWriter writer;
    RtError error = {0};
    const char *path = path_of("%s/over.npy", directory);

    CHECK_OK(rt_npy_open(&writer, path, RT_f64, 1, &one, &error), error);
    CHECK_ERROR(rt_npy_append(&writer, x, sizeof x, &error), error, RT_SHAPE, "more data");
    rt_npy_discard(&writer);
    rt_npy_discard(&writer);
    CHECK_ERROR(rt_npy_open(&writer, path, RT_f64, 2, huge, &error), error, RT_SHAPE,
                "too large");
    CU_ASSERT_EQUAL(count_entries(directory), 0);
}

typedef bool Write(const char *path, const RtNamed *named, RtError *error);

static bool
write_npy(const char *path, const RtNamed *named, RtError *error)
{
    return rt_npy_write(path, &named->array, error);
}

static bool
write_npz(const char *path, const RtNamed *named, RtError *error)
{
    return rt_npz_write(path, named, 1, error);
}

static bool
write_safetensors(const char *path, const RtNamed *named, RtError *error)
{
    return rt_safetensors_write(path, named, 1, error);
}

static bool
write_csv(const char *path, const RtNamed *named, RtError *error)
{
    RtCsvWriter writer;
    bool ok = rt_csv_open(&writer, path, NULL, 1, false, error);

    for (uint64_t i = 0; ok && i < rt_array_count(&named->array); i++) {
        double x = rt_array_get(&named->array, i);
        ok = rt_csv_row(&writer, &x, error);
        if (!ok)
            rt_csv_discard(&writer);
    }
    return ok && rt_csv_commit(&writer, error);
}

/* As another user where this one may write anywhere. */
static void
check_unwritable(Write *write, const RtNamed *named)
{
    const char *path = path_of("%s/closed/x", directory);
    RtError error = {0};

    CU_ASSERT_FATAL(mkdir(path_of("%s/closed", directory), 0555) == 0);
    bool root = geteuid() == 0;
    CU_ASSERT_FATAL(!root || (chmod(directory, 0755) == 0 && seteuid(65534) == 0));
    bool ok = write(path, named, &error);
    CU_ASSERT_FATAL(!root || seteuid(0) == 0);
    CHECK_ERROR(ok, error, RT_IO, "Permission denied");
    rmdir(path_of("%s/closed", directory));
}

static void
check_read_only(Write *write, const RtNamed *named)
{
    const char *path = path_of("%s/kept", directory);
    RtError error = {0};
    size_t size;

    spill(path, "old", 3);
    CU_ASSERT_FATAL(chmod(path, 0444) == 0);
    bool root = geteuid() == 0;
    CU_ASSERT_FATAL(!root || (chmod(directory, 0777) == 0 && seteuid(65534) == 0));
    bool ok = write(path, named, &error);
    CU_ASSERT_FATAL(!root || seteuid(0) == 0);
    CHECK_ERROR(ok, error, RT_IO, "kept");
    char *text = slurp(path, &size);
    CU_ASSERT(size == 3 && !memcmp(text, "old", 3));
    free(text);
    unlink(path);
}

/* A link keeps pointing, and a file keeps its mode. */
static void
check_links(Write *write, const RtNamed *named)
{
    const char *path = path_of("%s/real", directory), *link = path_of("%s/link", directory);
    RtError error = {0};
    struct stat status;

    spill(path, "old", 3);
    CU_ASSERT_FATAL(chmod(path, 0640) == 0 && symlink("real", link) == 0);
    CHECK_OK(write(link, named, &error), error);
    CU_ASSERT(lstat(link, &status) == 0 && S_ISLNK(status.st_mode));
    CU_ASSERT(stat(path, &status) == 0 && (status.st_mode & 07777) == 0640);
    CU_ASSERT(status.st_size > 3);
    unlink(link);
    unlink(path);
}

static void
check_failures(Write *write, const RtNamed *named)
{
    struct stat status;
    RtError error = {0};

    CHECK_ERROR(write("/dev/full", named, &error), error, RT_NO_SPACE, "No space left");
    CU_ASSERT(stat("/dev/full", &status) == 0 && S_ISCHR(status.st_mode));
    CHECK_OK(write("/dev/null", named, &error), error);
    CU_ASSERT(stat("/dev/null", &status) == 0 && S_ISCHR(status.st_mode));
    CHECK_ERROR(write(path_of("%s/none/x", directory), named, &error), error, RT_NOT_FOUND,
                "none/x");
    CHECK_ERROR(write(directory, named, &error), error, RT_IO, "directory");
    check_unwritable(write, named);
    check_read_only(write, named);
    check_links(write, named);
    CU_ASSERT_EQUAL(count_entries(directory), 0);
}

static void
test_write_failures(void)
{
    static const uint64_t shape[1] = {4};
    RtNamed named = {.name = strdup("x")};
    RtError error = {0};

    CHECK_OK(rt_array_create(&named.array, RT_f64, 1, shape, "x", &error), error);
    memset(named.array.data, 0, named.array.bytes);
    check_failures(write_npy, &named);
    check_failures(write_npz, &named);
    check_failures(write_safetensors, &named);
    check_failures(write_csv, &named);
    free(named.name);
    rt_array_clear(&named.array);
}

static void
check_tensors(const char *header, size_t data, RtCode code, const char *wanted)
{
    char bytes[1024] = {0};
    size_t length = strlen(header), count;
    RtSource source;
    RtNamed *named;
    RtError error = {0};

    bytes[0] = (char)(length & 0xff);
    bytes[1] = (char)(length >> 8);
    memcpy(bytes + 8, header, length);
    rt_source_memory(&source, "memory", bytes, 8 + length + data);
    bool ok = rt_safetensors_read(&source, &named, &count, &error);
    if (code == RT_OK) {
        CHECK_OK(ok, error);
        rt_named_free(named, count);
    } else
        CHECK_ERROR(ok, error, code, wanted);
}

#define TENSOR(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void
test_tensors(void)
{
    check_tensors("{}", 0, RT_OK, "");
    check_tensors("{\"__metadata__\":{\"a\":\"b\"},\"x\":" TENSOR("F32", "[2]", "0", "8") "}  ",
                  8, RT_OK, "");
    check_tensors(
        "{\"x\":" TENSOR("I16", "[2]", "4", "8") ",\"y\":" TENSOR("U8", "[]", "0", "1") "}", 8,
        RT_FORMAT, "gap");
    check_tensors(
        "{\"x\":" TENSOR("F32", "[]", "0", "4") ",\"y\":" TENSOR("F32", "[]", "2", "6") "}", 8,
        RT_FORMAT, "overlaps");
    check_tensors(
        "{\"x\":" TENSOR("F32", "[0]", "0", "0") ",\"y\":" TENSOR("F32", "[]", "0", "4") "}", 4,
        RT_OK, "");
    check_tensors("{\"x\":" TENSOR("F32", "[2]", "0", "8") "}", 4, RT_FORMAT, "truncated");
    check_tensors("{\"x\":" TENSOR("F32", "[2]", "0", "8") "}", 9, RT_FORMAT, "damaged");
    check_tensors("{\"x\":" TENSOR("F32", "[3]", "0", "8") "}", 8, RT_FORMAT, "offsets");
    check_tensors("{\"x\":" TENSOR("F32", "[-1]", "0", "8") "}", 8, RT_FORMAT, "no count");
    check_tensors("{\"x\":" TENSOR("F32", "[2.0]", "0", "8") "}", 8, RT_FORMAT, "no count");
    check_tensors("{\"x\":" TENSOR("F32", "2", "0", "8") "}", 8, RT_FORMAT, "no shape");
    check_tensors("{\"x\":" TENSOR("F16", "[2]", "0", "4") "}", 4, RT_OK, "");
    check_tensors("{\"x\":" TENSOR("F8_E4M3", "[4]", "0", "4") "}", 4, RT_TYPE, "F8_E4M3");
    check_tensors("{\"__metadata__\":[]}", 0, RT_FORMAT, "metadata is not an object");
    check_tensors("{\"__metadata__\":{\"a\":1}}", 0, RT_FORMAT, "'a' is not a text");
    check_tensors(
        "{\"x\":" TENSOR("F32", "[9223372036854775807,9223372036854775807]", "0", "8") "}", 8,
        RT_FORMAT, "too large");
    check_tensors("{\"x\":" TENSOR("F32", "[2]", "8", "0") "}", 8, RT_FORMAT, "offsets");
    check_tensors("{\"x\":" TENSOR("F32", "[1,1,1,1,1,1,1,1,1]", "0", "4") "}", 4, RT_SHAPE,
                  "8 axes");
    check_tensors("{\"x\":{}}", 0, RT_FORMAT, "no dtype");
    check_tensors("{\"x\":3}", 0, RT_FORMAT, "object");
    check_tensors("{\"x\":1,\"x\":2}", 0, RT_FORMAT, "duplicate");
    check_tensors("[]", 0, RT_FORMAT, "not an object");
    check_tensors("{", 0, RT_FORMAT, "header");
    check_tensors("", 0, RT_FORMAT, "header");
}

/* Numbers of 16 bits: all of binary16 against arithmetic, bfloat16 as the upper half. */
static void
test_short_numbers(void)
{
    static const uint64_t shape[1] = {65536};
    static uint16_t bits[65536];
    RtArray half, brain;
    RtSource source;
    RtError error = {0};

    for (unsigned i = 0; i < 65536; i++)
        bits[i] = (uint16_t)i;
    rt_source_memory(&source, "bits", bits, sizeof bits);
    CHECK_OK(
        rt_element_read(&source, (RtElement){'f', 2, false}, false, 1, shape, &half, &error),
        error);
    rt_source_memory(&source, "bits", bits, sizeof bits);
    CHECK_OK(
        rt_element_read(&source, (RtElement){'g', 2, false}, false, 1, shape, &brain, &error),
        error);
    for (unsigned i = 0; i < 65536; i++) {
        double fraction = i & 1023, sign = i >> 15 ? -1.0 : 1.0;
        int exponent = i >> 10 & 31;
        double x = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        uint32_t upper = i << 16;
        if (exponent == 31)
            x = fraction > 0 ? NAN : INFINITY;
        double got = rt_array_get(&half, i);
        CU_ASSERT(isnan(x) ? isnan(got) : got == sign * x && signbit(got) == (sign < 0));
        CU_ASSERT(memcmp((char *)brain.data + 4 * (size_t)i, &upper, 4) == 0);
    }
    rt_array_clear(&half);
    rt_array_clear(&brain);
}

/* What a file says of itself comes back. */
static void
test_metadata(void)
{
    char name[] = "x", first[] = "format", text[] = "pt", second[] = "\303\244 \"q\"";
    char long_text[] = "line\nline\t\\";
    RtPair pair[] = {{first, text}, {second, long_text}};
    RtMetadata metadata = {pair, 2}, got;
    double number = 4.25;
    RtNamed named = {name, {.type = RT_f64, .data = &number, .bytes = 8}}, *read;
    const char *path = path_of("%s/metadata.safetensors", directory);
    RtOutput output;
    RtSource source;
    RtError error = {0};
    size_t count;

    CHECK_OK(rt_output_open(&output, path, &error), error);
    CHECK_OK(rt_safetensors_head(&output, &metadata, &named, 1, &error), error);
    CHECK_OK(rt_safetensors_data(&output, &named, 1, &error), error);
    CHECK_OK(rt_output_commit(&output, &error), error);
    CHECK_OK(rt_source_open(&source, path, &error), error);
    CHECK_OK(rt_safetensors_read_with(&source, &read, &count, &got, &error), error);
    rt_source_close(&source);
    CU_ASSERT(count == 1 && rt_array_get(&read[0].array, 0) == number);
    CU_ASSERT_EQUAL(got.count, 2);
    CU_ASSERT_STRING_EQUAL(rt_metadata_get(&got, first), text);
    CU_ASSERT_STRING_EQUAL(rt_metadata_get(&got, second), long_text);
    CU_ASSERT_PTR_NULL(rt_metadata_get(&got, "y"));
    rt_metadata_clear(&got);
    rt_named_free(read, count);
}

/* A pickle is refused by its name and by its first bytes, with what to do. */
static void
test_pickles(void)
{
    static const char *const starts[] = {"PK\3\4\24\0\0\0\0\0", "\200\2}q\0.......",
                                         "\200\4\225\1\1\1\1\1\1\1"};
    const char *path = path_of("%s/model.safetensors", directory);
    RtNamed *named;
    size_t count;
    RtError error = {0};
    RtArray array;

    for (size_t i = 0; i < 3; i++) {
        spill(path, starts[i], 10);
        CHECK_ERROR(rt_file_read_all(path, &named, &count, &error), error, RT_FORMAT,
                    "save_file(torch.load(");
    }
    path = path_of("%s/model.pth", directory);
    spill(path, starts[0], 10);
    CHECK_ERROR(rt_file_read_all(path, &named, &count, &error), error, RT_FORMAT,
                "import torch, safetensors.torch\n");
    CHECK_ERROR(rt_file_read(path, &array, &error), error, RT_FORMAT, "pickle");
}

static void
test_convert(void)
{
    static const uint64_t shape[2] = {2, 2};
    RtArray x, y;
    RtError error = {0};

    CHECK_OK(rt_array_create(&x, RT_f64, 2, shape, "x", &error), error);
    double *value = x.data;
    memcpy(value, ((double[]){0, 1, 255, -3}), sizeof(double) * 4);
    for (int type = 0; type <= RT_i64; type++) {
        CHECK_OK(rt_array_convert(&x, (RtType)type, &y, "x", &error), error);
        for (size_t i = 0; i < 4; i++)
            CU_ASSERT_EQUAL(rt_array_get(&y, i), value[i]);
        rt_array_clear(&y);
    }
    CHECK_ERROR(rt_array_convert(&x, RT_u8, &y, "x", &error), error, RT_RANGE, "[1, 1] is -3");
    CHECK_ERROR(rt_array_convert(&x, RT_bool, &y, "x", &error), error, RT_RANGE,
                "[1, 0] is 255");
    value[1] = 0.5;
    CHECK_ERROR(rt_array_convert(&x, RT_i64, &y, "x", &error), error, RT_RANGE,
                "[0, 1] is 0.5");
    value[1] = 0x1p63;
    CHECK_ERROR(rt_array_convert(&x, RT_i64, &y, "x", &error), error, RT_RANGE, "[0, 1]");
    value[1] = 0x1p31;
    CHECK_ERROR(rt_array_convert(&x, RT_i32, &y, "x", &error), error, RT_RANGE, "[0, 1]");
    value[1] = NAN;
    CHECK_ERROR(rt_array_convert(&x, RT_i32, &y, "x", &error), error, RT_RANGE, "nan");
    value[1] = 1e39;
    CHECK_ERROR(rt_array_convert(&x, RT_f32, &y, "x", &error), error, RT_RANGE, "f32");
    value[1] = -INFINITY;
    CHECK_OK(rt_array_convert(&x, RT_f32, &y, "x", &error), error);
    CU_ASSERT_EQUAL(rt_array_get(&y, 1), -INFINITY);
    rt_array_clear(&y);
    rt_array_clear(&x);
}

static void
test_errors(void)
{
    RtError error = {0};
    char text[600];

    for (int code = 0; code < RT_CODE_COUNT; code++) {
        CU_ASSERT(strcmp(rt_code_name((RtCode)code), "?") != 0);
        CU_ASSERT(strcmp(rt_code_text((RtCode)code), "?") != 0);
    }
    CU_ASSERT_STRING_EQUAL(rt_code_name(RT_CODE_COUNT), "?");
    /* A message cut within a character loses the whole character. */
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xc3\xa9", 3);
    CU_ASSERT_FALSE(rt_fail(&error, RT_IO, "%s", text));
    CU_ASSERT_EQUAL(strlen(error.message), 510);
    CU_ASSERT_FALSE(rt_fail_errno(&error, ENOSPC, "p", "write"));
    CU_ASSERT_EQUAL(error.code, RT_NO_SPACE);
    CU_ASSERT_STRING_EQUAL(error.message, "'p': cannot write: No space left on device");
}

/* A stream without a length. */
static void
test_pipe(void)
{
    size_t size;
    RtArray array;
    RtError error = {0};
    char *text = slurp(path_of("%s/little_f8.npy", fixtures), &size);
    int ends[2];

    CU_ASSERT_FATAL(pipe(ends) == 0);
    CU_ASSERT_EQUAL(write(ends[1], text, size), (ssize_t)size);
    close(ends[1]);
    CU_ASSERT_FATAL(
        symlink(path_of("/proc/self/fd/%d", ends[0]), path_of("%s/pipe.npy", directory)) == 0);
    CHECK_OK(rt_file_read(path_of("%s/pipe.npy", directory), &array, &error), error);
    CU_ASSERT_EQUAL(rt_array_count(&array), 24);
    rt_array_clear(&array);
    close(ends[0]);
    unlink(path_of("%s/pipe.npy", directory));
    free(text);
}

int
main(int argc, char **argv)
{
    if (argc != 2 || !mkdtemp(directory)) {
        fprintf(stderr, "usage: test_files fixtures\n");
        return 2;
    }
    fixtures = argv[1];
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("files", NULL, NULL);
    CU_ADD_TEST(suite, test_numpy_reads);
    CU_ADD_TEST(suite, test_numpy_shapes);
    CU_ADD_TEST(suite, test_numpy_refusals);
    CU_ADD_TEST(suite, test_cuts);
    CU_ADD_TEST(suite, test_flips);
    CU_ADD_TEST(suite, test_headers);
    CU_ADD_TEST(suite, test_round_trips);
    CU_ADD_TEST(suite, test_short_runs);
    CU_ADD_TEST(suite, test_overflow);
    CU_ADD_TEST(suite, test_write_failures);
    CU_ADD_TEST(suite, test_tensors);
    CU_ADD_TEST(suite, test_short_numbers);
    CU_ADD_TEST(suite, test_metadata);
    CU_ADD_TEST(suite, test_pickles);
    CU_ADD_TEST(suite, test_convert);
    CU_ADD_TEST(suite, test_errors);
    CU_ADD_TEST(suite, test_pipe);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(directory);
    return failures != 0;
}
