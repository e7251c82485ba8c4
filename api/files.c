/* SPDX-License-Identifier: Apache-2.0
 *
 * files.c -- arrays in files, for clients
 */
#include "runtime/files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/array.h"
#include "api/report.h"
#include "api/text.h"

struct EbmFile {
    RtNamed *named;
    size_t count;
};

/* ---- reading */

static bool
holds_several(const char *path)
{
    return rt_file_has_extension(path, ".npz") || rt_file_has_extension(path, ".safetensors");
}

static bool
read_one(const char *path, EbmFile *file, RtError *error)
{
    file->named = calloc(1, sizeof *file->named);
    char *name = strdup("");
    if (!file->named || !name) {
        free(name);
        return rt_fail_memory(error, path, sizeof *file->named);
    }
    file->named[0].name = name;
    file->count = 1;
    return rt_file_read(path, &file->named[0].array, error);
}

EbmStatus
ebm_file_read(const char *path, EbmFile **ret, EbmReport **ret_report)
{
    EbmFile *file = calloc(1, sizeof *file);
    RtError error = {0};

    if (!file)
        return report_memory(ret_report);
    bool done = holds_several(path) ? rt_file_read_all(path, &file->named, &file->count, &error)
                                    : read_one(path, file, &error);
    if (!done) {
        ebm_file_free(file);
        return report_error(ret_report, &error);
    }
    *ret = file;
    return report_nothing(ret_report);
}

void
ebm_file_free(EbmFile *file)
{
    if (!file)
        return;
    rt_named_free(file->named, file->count);
    free(file);
}

size_t
ebm_file_count(const EbmFile *file)
{
    return file->count;
}

void
ebm_file_get(const EbmFile *file, size_t index, EbmNamed *ret)
{
    const RtNamed *n = &file->named[index];

    *ret = (EbmNamed){n->name, ebm_array(array_ebm_type(n->array.type), n->array.rank,
                                         n->array.shape, n->array.data)};
}

/* ---- writing */

/* Dense copies of arrays; freed by rt_named_free. */
static bool
copy_named(const EbmNamed *arrays, size_t count, RtNamed **ret, RtError *error)
{
    RtNamed *named = calloc(count + 1, sizeof *named);
    bool done = named != NULL;

    if (!done)
        return rt_fail_memory(error, "arrays", count * sizeof *named);
    for (size_t i = 0; done && i < count; i++) {
        const char *name = arrays[i].name ? arrays[i].name : "";
        named[i].name = strdup(name);
        done = named[i].name ? array_copy(&arrays[i].array, name, &named[i].array, error)
                             : rt_fail_memory(error, name, strlen(name));
    }
    if (!done)
        rt_named_free(named, count);
    *ret = named;
    return done;
}

/* "x[2,0]" for the element of row-major index e; "x" for a number. */
static char *
element_name(const char *name, uint32_t rank, const uint64_t *shape, uint64_t e)
{
    char *text = NULL;
    size_t size = 0;
    uint64_t index[EBM_MAX_RANK];
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    for (uint32_t i = rank; i-- > 0;) {
        index[i] = e % shape[i];
        e /= shape[i];
    }
    fputs(name, out);
    for (uint32_t i = 0; i < rank; i++)
        fprintf(out, "%s%llu%s", i == 0 ? "[" : ",", (unsigned long long)index[i],
                i + 1 == rank ? "]" : "");
    return text_close(out, &text);
}

static void
free_names(char **names, size_t n)
{
    for (size_t i = 0; names && i < n; i++)
        free(names[i]);
    free(names);
}

/* ---- tables: a row of each array is a row of the table */

static size_t
row_size(const RtArray *a)
{
    size_t n = 1;

    for (uint32_t k = 1; k < a->rank; k++)
        n *= (size_t)a->shape[k];
    return n;
}

static bool
check_table(const char *path, const RtNamed *named, size_t count, RtError *error)
{
    for (size_t i = 0; i < count; i++) {
        const RtArray *a = &named[i].array;
        if (a->rank < 1)
            return rt_fail(error, RT_SHAPE, "'%s': a table has rows, and '%s' is one number",
                           path, named[i].name);
        if (a->shape[0] != named[0].array.shape[0])
            return rt_fail(error, RT_SHAPE, "'%s': '%s' has %llu rows, and '%s' has %llu", path,
                           named[i].name, (unsigned long long)a->shape[0], named[0].name,
                           (unsigned long long)named[0].array.shape[0]);
    }
    return true;
}

static char **
table_names(const RtNamed *named, size_t count, size_t columns)
{
    char **names = calloc(columns + 1, sizeof *names);
    bool done = names != NULL;
    size_t at = 0;

    for (size_t i = 0; done && i < count; i++) {
        const RtArray *a = &named[i].array;
        for (size_t e = 0; done && e < row_size(a); e++, at++)
            done =
                (names[at] = element_name(named[i].name, a->rank - 1, a->shape + 1, e)) != NULL;
    }
    if (done)
        return names;
    free_names(names, columns);
    return NULL;
}

static bool
write_rows(RtCsvWriter *writer, const RtNamed *named, size_t count, double *row, RtError *error)
{
    for (uint64_t r = 0; r < named[0].array.shape[0]; r++) {
        size_t at = 0;
        for (size_t i = 0; i < count; i++) {
            size_t n = row_size(&named[i].array);
            for (size_t e = 0; e < n; e++)
                row[at++] = rt_array_get(&named[i].array, r * n + e);
        }
        if (!rt_csv_row(writer, row, error))
            return false;
    }
    return true;
}

/* One array of rows of numbers needs no header; what several are, or one of more axes, its
 * names tell. */
static bool
write_table(const char *path, const RtNamed *named, size_t count, RtError *error)
{
    RtCsvWriter writer;
    size_t columns = 0;
    bool narrow = true; /* integers have all their digits in either way */

    if (!check_table(path, named, count, error))
        return false;
    for (size_t i = 0; i < count; i++) {
        columns += row_size(&named[i].array);
        narrow &= named[i].array.type != RT_f64;
    }
    bool header = count > 1 || named[0].array.rank > 2;
    char **names = header ? table_names(named, count, columns) : NULL;
    double *row = malloc((columns + 1) * sizeof *row);
    bool done =
        (row && (names || !header)) || rt_fail_memory(error, path, columns * sizeof *row);
    done =
        done && rt_csv_open(&writer, path, (const char *const *)names, columns, narrow, error);
    if (done) {
        done = write_rows(&writer, named, count, row, error);
        if (done)
            done = rt_csv_commit(&writer, error);
        else
            rt_csv_discard(&writer);
    }
    free_names(names, columns);
    free(row);
    return done;
}

static bool
is_table(const char *path)
{
    return rt_file_has_extension(path, ".csv");
}

static bool
write_arrays(const char *path, const RtNamed *named, size_t count, RtError *error)
{
    if (rt_file_has_extension(path, ".npz"))
        return rt_npz_write(path, named, count, error);
    if (rt_file_has_extension(path, ".safetensors"))
        return rt_safetensors_write(path, named, count, error);
    bool npy = rt_file_has_extension(path, ".npy");
    if (!npy && !is_table(path))
        return rt_fail(error, RT_ARGUMENT,
                       "'%s': expected a name that ends in .npy, .npz, .csv or .safetensors",
                       path);
    if (count != 1 && (npy || count == 0))
        return rt_fail(error, RT_ARGUMENT,
                       "'%s': holds one array, and %zu are to be written; .npz holds several",
                       path, count);
    return npy ? rt_npy_write(path, &named[0].array, error)
               : write_table(path, named, count, error);
}

EbmStatus
ebm_file_write(const char *path, const EbmNamed *arrays, size_t count, EbmReport **ret_report)
{
    RtNamed *named = NULL;
    RtError error = {0};

    if (!copy_named(arrays, count, &named, &error))
        return report_error(ret_report, &error);
    bool done = write_arrays(path, named, count, &error);
    rt_named_free(named, count);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}

/* What is there already and is no plain file (a pipe, a terminal) is not opened to be tried:
 * that would be seen at its other end. */
EbmStatus
ebm_file_check(const char *path, EbmReport **ret_report)
{
    RtOutput output;
    RtError error = {0};
    struct stat st;
    bool known = rt_file_has_extension(path, ".npy") || is_table(path) || holds_several(path);
    bool special = stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);

    if (!known && !special)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "'%s': expected a name that ends in .npy, .npz, .csv or .safetensors",
                          path);
    if (special)
        return report_nothing(ret_report);
    if (!rt_output_open(&output, path, &error))
        return report_error(ret_report, &error);
    rt_output_discard(&output);
    return report_nothing(ret_report);
}

/* ---- draws */

/* One row of draws: every element of one draw of one chain. */
typedef struct DrawRows {
    RtCells cells;
    size_t size; /* of an element */
    char *row;   /* dense */
} DrawRows;

static bool
open_rows(const EbmArray *draws, DrawRows *ret, RtError *error)
{
    RtView view;

    *ret = (DrawRows){0};
    if (!array_view(draws, "draws", &view, error))
        return false;
    if (view.rank < 2 || (view.type != RT_f32 && view.type != RT_f64))
        return rt_fail(error, RT_SHAPE,
                       "draws are an array [chains, draws, ...] of f32 or f64");
    if (!rt_cells_create(&view, 2, &ret->cells, error))
        return false;
    ret->size = rt_type_size(view.type);
    ret->row = malloc(ret->cells.count * ret->size + 1);
    if (ret->row)
        return true;
    rt_cells_clear(&ret->cells);
    return rt_fail_memory(error, "draws", ret->cells.count * ret->size);
}

static void
close_rows(DrawRows *rows)
{
    free(rows->row);
    rt_cells_clear(&rows->cells);
}

static void
take_row(DrawRows *rows, uint64_t chain, uint64_t draw)
{
    const char *at = rows->cells.data + (ptrdiff_t)chain * rows->cells.row +
                     (ptrdiff_t)draw * rows->cells.turn;

    for (size_t e = 0; e < rows->cells.count; e++)
        memcpy(rows->row + e * rows->size, at + rows->cells.cell[e], rows->size);
}

static bool
write_npy_rows(const char *path, const EbmArray *draws, DrawRows *rows, RtError *error)
{
    RtNpyWriter writer;
    bool done = true;

    if (!rt_npy_open(&writer, path, rows->cells.type, draws->rank, draws->shape, error))
        return false;
    for (uint64_t c = 0; done && c < rows->cells.rows; c++)
        for (uint64_t d = 0; done && d < rows->cells.turns; d++) {
            take_row(rows, c, d);
            done = rt_npy_append(&writer, rows->row, rows->cells.count * rows->size, error);
        }
    if (done)
        return rt_npy_commit(&writer, error);
    rt_npy_discard(&writer);
    return false;
}

static char **
make_names(const char *name, const EbmArray *draws, size_t count)
{
    char **names = calloc(count + 2, sizeof *names);
    bool done = names && (names[0] = strdup("chain")) && (names[1] = strdup("draw"));

    for (size_t e = 0; done && e < count; e++)
        done =
            (names[e + 2] = element_name(name, draws->rank - 2, draws->shape + 2, e)) != NULL;
    if (done)
        return names;
    free_names(names, count + 2);
    return NULL;
}

static double
row_number(const DrawRows *rows, size_t e)
{
    float narrow;
    double wide;

    if (rows->cells.type == RT_f64) {
        memcpy(&wide, rows->row + e * sizeof wide, sizeof wide);
        return wide;
    }
    memcpy(&narrow, rows->row + e * sizeof narrow, sizeof narrow);
    return narrow;
}

static bool
write_csv_rows(RtCsvWriter *writer, DrawRows *rows, double *line, RtError *error)
{
    for (uint64_t c = 0; c < rows->cells.rows; c++)
        for (uint64_t d = 0; d < rows->cells.turns; d++) {
            take_row(rows, c, d);
            line[0] = (double)c;
            line[1] = (double)d;
            for (size_t e = 0; e < rows->cells.count; e++)
                line[e + 2] = row_number(rows, e);
            if (!rt_csv_row(writer, line, error))
                return false;
        }
    return true;
}

static bool
write_csv(const char *path, const char *name, const EbmArray *draws, DrawRows *rows,
          RtError *error)
{
    size_t columns = rows->cells.count + 2;
    char **names = make_names(name, draws, rows->cells.count);
    double *line = malloc(columns * sizeof *line);
    RtCsvWriter writer;
    bool done = names && line;

    if (!done)
        rt_fail_memory(error, path, columns * sizeof *line);
    /* Chain and draw numbers above 2^24 would lose digits as f32. */
    bool narrow = rows->cells.type == RT_f32 && rows->cells.rows < 1u << 24 &&
                  rows->cells.turns < 1u << 24;
    done =
        done && rt_csv_open(&writer, path, (const char *const *)names, columns, narrow, error);
    if (done) {
        done = write_csv_rows(&writer, rows, line, error);
        if (done)
            done = rt_csv_commit(&writer, error);
        else
            rt_csv_discard(&writer);
    }
    free_names(names, columns);
    free(line);
    return done;
}

static bool
write_npz(const char *path, const char *name, const EbmArray *draws, const EbmNamed *more,
          size_t n_more, RtError *error)
{
    EbmNamed *all = calloc(n_more + 1, sizeof *all);
    RtNamed *named = NULL;

    if (!all)
        return rt_fail_memory(error, path, (n_more + 1) * sizeof *all);
    all[0] = (EbmNamed){name, *draws};
    if (n_more)
        memcpy(all + 1, more, n_more * sizeof *all);
    bool done = copy_named(all, n_more + 1, &named, error);
    free(all);
    if (!done)
        return false;
    done = rt_npz_write(path, named, n_more + 1, error);
    rt_named_free(named, n_more + 1);
    return done;
}

EbmStatus
ebm_draws_write(const char *path, const char *name, const EbmArray *draws, const EbmNamed *more,
                size_t n_more, EbmReport **ret_report)
{
    RtError error = {0};
    DrawRows rows;
    bool npz = rt_file_has_extension(path, ".npz");

    if (n_more && !npz)
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "'%s': only .npz holds further arrays beside the draws", path);
    if (rt_file_has_extension(path, ".safetensors"))
        return report_say(ret_report, EBM_ARGUMENT_ERROR, NULL,
                          "'%s': draws are written to .npy, .npz or .csv", path);
    if (!open_rows(draws, &rows, &error))
        return report_error(ret_report, &error);
    bool done = npz              ? write_npz(path, name, draws, more, n_more, &error)
                : is_table(path) ? write_csv(path, name, draws, &rows, &error)
                                 : write_npy_rows(path, draws, &rows, &error);
    close_rows(&rows);
    return done ? report_nothing(ret_report) : report_error(ret_report, &error);
}
