/* SPDX-License-Identifier: Apache-2.0
 *
 * test_csv.c -- tables as text: what is read, what is refused and where, what is written
 *
 * usage: test_csv fixtures
 */
#include "check.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <unistd.h>

static const char *fixtures;
static char directory[] = "/tmp/ebm-test-XXXXXX";

static bool
read_text(const char *text, const char *column, RtArray *ret, RtError *error)
{
    RtSource source;

    *error = (RtError){0};
    rt_source_memory(&source, "t.csv", text, strlen(text));
    bool ok = rt_csv_read(&source, column, ret, error);
    rt_source_close(&source);
    return ok;
}

/* Expects `rows` x `columns` with the numbers 1, 2, 3, ... in order. */
static void
check_counting(const char *text, uint64_t rows, uint64_t columns)
{
    RtArray array;
    RtError error;

    CHECK_OK(read_text(text, NULL, &array, &error), error);
    CU_ASSERT_EQUAL(array.type, RT_f64);
    CU_ASSERT_EQUAL(array.rank, columns > 1 ? 2 : 1);
    CU_ASSERT_EQUAL(array.shape[0], rows);
    CU_ASSERT(columns == 1 || array.shape[1] == columns);
    CU_ASSERT_EQUAL_FATAL(rt_array_count(&array), rows * columns);
    for (uint64_t i = 0; i < rows * columns; i++)
        CU_ASSERT_EQUAL(rt_array_get(&array, i), (double)(i + 1));
    rt_array_clear(&array);
}

static void
test_separators(void)
{
    check_counting("1,2,3\n4,5,6\n", 2, 3);
    check_counting("1;2;3\n4;5;6", 2, 3);
    check_counting("1\t2\t3\r\n4\t5\t6\r\n", 2, 3);
    check_counting("1 2   3\r  4 \t5 6  \r", 2, 3);
    check_counting("1 , 2 ,\t3\n4,5,6\n", 2, 3);
    check_counting("1\n2\n3\n", 3, 1);
    check_counting("1,2", 1, 2);
    check_counting("1", 1, 1);
}

static void
test_headers(void)
{
    check_counting("a,b,c\n1,2,3\n4,5,6\n", 2, 3);
    check_counting("\xef\xbb\xbf"
                   "a\n1\n2\n",
                   2, 1);
    check_counting("height of tree,b\n1,2\n", 1, 2);
    check_counting("\"height of tree\"\n1\n2\n", 2, 1);
    check_counting("\"1st\"\n1\n2\n", 2, 1);
    check_counting("\"x[0,1]\",\"say \"\"hi\"\"\"\n1,2\n", 1, 2);
    check_counting(",a\n1,2\n", 1, 2);
    check_counting("# a comment, with; separators\n\n  \t\n1,2 # and\n\n3,4\n#\n", 2, 2);
    check_counting("# a b\n1 2\n3 4\n", 2, 2);
    check_counting("\"1\",\"2\"\n3,\"4\"\n", 2, 2);
}

static void
test_numbers(void)
{
    static const double expected[] = {0.1, -2500, INFINITY, -INFINITY, 5e-324, 1e308, 0.5, 7};
    RtArray array;
    RtError error;

    CHECK_OK(read_text("0.1 -2.5e3 inf -Infinity 5e-324 1E+308 .5 +7. nan NaN", NULL, &array,
                       &error),
             error);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        CU_ASSERT_EQUAL(rt_array_get(&array, i), expected[i]);
    CU_ASSERT(isnan(rt_array_get(&array, 8)) && isnan(rt_array_get(&array, 9)));
    rt_array_clear(&array);
}

static void
test_columns(void)
{
    static const char text[] = "id,name,\"a,b\",\"q\"\"\"\n1,tom,2,3\n4,\"tim, jr\",5,6\n";
    RtArray array;
    RtError error;

    CHECK_OK(read_text(text, "a,b", &array, &error), error);
    CU_ASSERT(array.rank == 1 && array.shape[0] == 2);
    CU_ASSERT(rt_array_get(&array, 0) == 2 && rt_array_get(&array, 1) == 5);
    rt_array_clear(&array);
    CHECK_OK(read_text(text, "q\"", &array, &error), error);
    CU_ASSERT(rt_array_get(&array, 1) == 6);
    rt_array_clear(&array);
    CHECK_ERROR(read_text(text, "none", &array, &error), error, RT_NOT_FOUND, "'none'");
    CHECK_ERROR(read_text("1,2\n", "1", &array, &error), error, RT_NOT_FOUND, "'1'");
    CHECK_ERROR(read_text(text, "name", &array, &error), error, RT_FORMAT, "'tom'");
    CHECK_OK(rt_file_read(path_of("%s/savetxt.csv", fixtures), &array, &error), error);
    CU_ASSERT(array.shape[0] == 6 && array.shape[1] == 4);
    CU_ASSERT_EQUAL(rt_array_get(&array, 5), 0 + 5 / 4.0);
    rt_array_clear(&array);
}

/* An array is the columns of its elements. */
static void
test_arrays(void)
{
    static const char flat[] = "chain,x[0],x[1],label\n0,1,2,7\n1,3,4,8\n";
    static const char deep[] = "\"m[0,0]\",\"m[0,1]\",\"m[1,0]\",\"m[1,1]\",n\n1,2,3,4,5\n";
    static const char *const broken[] = {
        "x[1],x[0]\n1,2\n",
        "x[0],x[2]\n1,2\n",
        "x[0],y,x[1]\n1,2,3\n",
        "x[0],x[0]\n1,2\n",
        "x[0],\"x[0,1]\"\n1,2\n",
        "x[18446744073709551615]\n1\n",
        "\"x[6148914691236517205,2]\"\n1\n",
    };
    RtArray array;
    RtError error;

    CHECK_OK(read_text(flat, "x", &array, &error), error);
    CU_ASSERT(array.rank == 2 && array.shape[0] == 2 && array.shape[1] == 2);
    for (unsigned i = 0; i < 4; i++)
        CU_ASSERT_EQUAL(rt_array_get(&array, i), i + 1);
    rt_array_clear(&array);
    CHECK_OK(read_text(flat, "x[1]", &array, &error), error);
    CU_ASSERT(array.rank == 1 && rt_array_get(&array, 1) == 4);
    rt_array_clear(&array);
    CHECK_OK(read_text(deep, "m", &array, &error), error);
    CU_ASSERT(array.rank == 3 && array.shape[0] == 1 && array.shape[1] == 2);
    CU_ASSERT_EQUAL(rt_array_get(&array, 3), 4);
    rt_array_clear(&array);
    CHECK_OK(read_text("x[0]\n5\n", "x", &array, &error), error);
    CU_ASSERT(array.rank == 2 && array.shape[1] == 1);
    rt_array_clear(&array);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++)
        CHECK_ERROR(read_text(broken[i], "x", &array, &error), error, RT_FORMAT,
                    "the elements of 'x'");
    CHECK_ERROR(read_text("x[a],x[0\n1,2\n", "x", &array, &error), error, RT_NOT_FOUND, "'x'");
}

static void
test_refusals(void)
{
    static const struct {
        const char *text, *wanted;
    } tables[] = {
        {"1,2\n3\n", "line 2: 2 columns expected, 1 found"},
        {"a,b\n1,2\n\n3,4,5\n", "line 4: 2 columns expected, 3 found"},
        {"1,2\r\n3,x\r\n", "line 2, column 2: expected a number, found 'x'"},
        {"1,2\n3,\n", "line 2, column 2: empty cell"},
        {"1,x\n", "line 1, column 2: expected a number, found 'x'"},
        {"1.2.3\n4\n", "line 1, column 1: expected a number, found '1.2.3'"},
        {"1 2\n3\n", "line 2: 2 columns expected, 1 found"},
        {"1 2\n3,4\n", "line 1, column 1: expected a number, found '1 2'"},
        {"a b\n3\n", "line 2: 2 columns expected, 1 found"},
        {"NA\n1\n", "line 1, column 1: expected a number, found 'NA'"},
        {"1\n0x10\n", "line 2, column 1"},
        {"1\n1e999\n", "line 2, column 1"},
        {"1\nnan(7)\n", "line 2, column 1"},
        {"1,5;2\n", "found '1,5'"},
        {"1\n\"2\n", "a quote is not closed"},
        {"1 2\n2 3e\n", "line 2, column 2"},
        {"a,b\n", "no numbers below its header"},
        {"", "holds no numbers"},
        {"# only\n\n", "holds no numbers"},
        {"\xff\xfe"
         "1",
         "UTF-16"},
    };
    RtArray array;
    RtError error;

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        CHECK_ERROR(read_text(tables[i].text, NULL, &array, &error), error, RT_FORMAT,
                    tables[i].wanted);
    RtSource source;
    rt_source_memory(&source, "t.csv", "1\0002", 3);
    CHECK_ERROR(rt_csv_read(&source, NULL, &array, &error), error, RT_FORMAT, "NUL");
}

/* The written text of one row, in storage that the next call overwrites. */
static const char *
write_row(const double *values, size_t columns, const char *const *names, bool narrow)
{
    static char kept[4096];
    const char *path = path_of("%s/row.csv", directory);
    RtCsvWriter writer;
    RtError error = {0};
    size_t size;

    CHECK_OK(rt_csv_open(&writer, path, names, columns, narrow, &error), error);
    CHECK_OK(rt_csv_row(&writer, values, &error), error);
    CHECK_OK(rt_csv_commit(&writer, &error), error);
    char *text = slurp(path, &size);
    CU_ASSERT_FATAL(size < sizeof kept);
    memcpy(kept, text, size + 1);
    free(text);
    unlink(path);
    return kept;
}

static void
test_written_text(void)
{
    static const char *const names[] = {"chain", "x[0]", "x[0,1]", "say \"hi\"", "m/s"};
    static const double values[] = {3, 0.1, -1e300, NAN, -INFINITY};
    static const double exact[] = {1 / 3.0, -0.0, 5e-324, 1e15, 123456789012345.0};
    static const double narrow[] = {(double)0.1F, (double)16777216.0F, 0, 1e30F, 1e-45F};

    CU_ASSERT_STRING_EQUAL(write_row(values, 5, names, false),
                           "chain,x[0],\"x[0,1]\",\"say \"\"hi\"\"\",m/s\n"
                           "3,0.1,-1e+300,nan,-inf\n");
    CU_ASSERT_STRING_EQUAL(write_row(exact, 5, NULL, false),
                           "0.3333333333333333,-0,5e-324,1e+15,123456789012345\n");
    CU_ASSERT_STRING_EQUAL(write_row(narrow, 5, NULL, true), "0.1,16777216,0,1e+30,1e-45\n");
}

static void
check_values(const double *values, size_t rows, size_t columns, bool narrow)
{
    const char *path = path_of("%s/t.csv", directory);
    RtCsvWriter writer;
    RtArray array;
    RtError error = {0};

    CHECK_OK(rt_csv_open(&writer, path, NULL, columns, narrow, &error), error);
    for (size_t i = 0; i < rows; i++)
        CHECK_OK(rt_csv_row(&writer, values + i * columns, &error), error);
    CHECK_OK(rt_csv_commit(&writer, &error), error);
    CHECK_OK(rt_file_read(path, &array, &error), error);
    CU_ASSERT_EQUAL_FATAL(rt_array_count(&array), rows * columns);
    for (size_t i = 0; i < rows * columns; i++) {
        double x = rt_array_get(&array, i);
        CU_ASSERT(narrow ? (float)x == (float)values[i] : x == values[i]);
    }
    rt_array_clear(&array);
    unlink(path);
}

/* Random bits, hence all exponents. */
static void
test_round_trips(void)
{
    enum { COUNT = 4000 };
    static double wide[COUNT], narrow[COUNT];
    uint64_t state = 7;

    for (size_t i = 0; i < COUNT;) {
        float x;
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t bits = state ^ state >> 31;
        uint32_t half = (uint32_t)(bits >> 13);
        memcpy(&wide[i], &bits, sizeof bits);
        memcpy(&x, &half, sizeof half);
        narrow[i] = (double)x;
        i += isfinite(wide[i]) && isfinite(x);
    }
    wide[0] = DBL_MAX;
    wide[1] = DBL_MIN;
    narrow[0] = (double)FLT_MAX;
    narrow[1] = (double)FLT_MIN;
    check_values(wide, COUNT / 4, 4, false);
    check_values(narrow, COUNT, 1, true);
}

/* A program that has chosen a decimal comma still reads and writes points. */
static void
test_locale(void)
{
    static const double values[] = {0.5, 2.25};
    static const char *const commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    bool found = false;

    for (size_t i = 0; !found && i < sizeof commas / sizeof *commas; i++)
        found = setlocale(LC_ALL, commas[i]) != NULL;
    CU_ASSERT_STRING_EQUAL(write_row(values, 2, NULL, false), "0.5,2.25\n");
    check_values(values, 1, 2, false);
    setlocale(LC_ALL, "C");
}

int
main(int argc, char **argv)
{
    if (argc != 2 || !mkdtemp(directory)) {
        fprintf(stderr, "usage: test_csv fixtures\n");
        return 2;
    }
    fixtures = argv[1];
    CU_initialize_registry();
    CU_pSuite suite = CU_add_suite("csv", NULL, NULL);
    CU_ADD_TEST(suite, test_separators);
    CU_ADD_TEST(suite, test_headers);
    CU_ADD_TEST(suite, test_numbers);
    CU_ADD_TEST(suite, test_columns);
    CU_ADD_TEST(suite, test_arrays);
    CU_ADD_TEST(suite, test_refusals);
    CU_ADD_TEST(suite, test_written_text);
    CU_ADD_TEST(suite, test_round_trips);
    CU_ADD_TEST(suite, test_locale);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    rmdir(directory);
    return failures != 0;
}
