/* SPDX-License-Identifier: Apache-2.0
 *
 * files.h -- arrays in files: .npy, .npz, .csv and .safetensors, both ways.
 *
 * Reading: sizes are checked against the file before memory is asked for, and a damaged file
 * is an RT_FORMAT error whatever its bytes are.  Writing: a file appears under its name only
 * when it is complete (runtime/output.h).
 */
#ifndef EBM_RUNTIME_FILES_H
#define EBM_RUNTIME_FILES_H

#include "runtime/array.h"
#include "runtime/output.h"
#include "runtime/source.h"

/* Reads one array by the extension of `path`: .npy, .csv (also .tsv, .txt, .dat), .npz,
 * .safetensors.  Of a file with several arrays "file.npz:name" picks one, and a column by its
 * name in "file.csv:name"; without a name the file must hold one array, and a table is read
 * whole. */
bool rt_file_read(const char *path, RtArray *ret, RtError *error);

/* Reads all arrays of a .npz or .safetensors file, for rt_named_free(). */
bool rt_file_read_all(const char *path, RtNamed **ret, size_t *ret_count, RtError *error);

/* Whether the names of `path` and `extension` (".npz") agree, whatever the case. */
bool rt_file_has_extension(const char *path, const char *extension);

/* ---- .npy: NumPy's format, versions 1 to 3 */

bool rt_npy_read(RtSource *source, RtArray *ret, RtError *error);

/* A .npy file written piece by piece. */
typedef struct RtNpyWriter {
    RtOutput output;
    RtType type;
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    uint64_t expected, written; /* bytes of data */
} RtNpyWriter;

bool rt_npy_open(RtNpyWriter *ret, const char *path, RtType type, unsigned rank,
                 const uint64_t *shape, RtError *error);

/* Appends elements in C order. */
bool rt_npy_append(RtNpyWriter *writer, const void *data, size_t bytes, RtError *error);

/* Finishes the file, which needs exactly the data that the shape announces. */
bool rt_npy_commit(RtNpyWriter *writer, RtError *error);

/* Finishes a run that ended early: the first axis becomes as long as the data written, which
 * must be whole rows.  Needs a file that can be rewritten (no pipe). */
bool rt_npy_commit_short(RtNpyWriter *writer, RtError *error);

void rt_npy_discard(RtNpyWriter *writer);

/* One whole array. */
bool rt_npy_write(const char *path, const RtArray *array, RtError *error);

/* The magic, header and padding for an array of this shape, which ends at a multiple of 64
 * bytes and leaves room for the first axis to change; its size.  No array has a longer one
 * than RT_NPY_HEADER. */
enum { RT_NPY_HEADER = 384 };
size_t rt_npy_header(RtType type, unsigned rank, const uint64_t *shape,
                     char text[RT_NPY_HEADER]);

/* ---- .npz: a zip archive of .npy members, stored or deflated */

/* The member `name`, with or without its ".npy"; NULL for the only one. */
bool rt_npz_read(RtSource *source, const char *name, RtArray *ret, RtError *error);
bool rt_npz_read_all(RtSource *source, RtNamed **ret, size_t *ret_count, RtError *error);
bool rt_npz_write(const char *path, const RtNamed *named, size_t count, RtError *error);

/* ---- tables as text */

/* Reads numbers in rows, as f64: separated by commas, semicolons, tabs or blanks (found from
 * the text), `#` starts a comment, cells may be quoted, a first line without a number is a
 * header.  One column gives rank 1, several rank 2.  `column`: the name of the one to read, or
 * of the array whose elements name[0], name[1], ... or name[0,0], ... to read, as [rows, ...];
 * NULL for all columns. */
bool rt_csv_read(RtSource *source, const char *column, RtArray *ret, RtError *error);

/* A table written row by row; numbers are the shortest decimals that read back the same. */
typedef struct RtCsvWriter {
    RtOutput output;
    size_t columns;
    bool narrow;  /* values are f32, which need fewer digits */
    void *locale; /* the one with a decimal point */
} RtCsvWriter;

/* `names`: one per column, quoted where needed; NULL for no header. */
bool rt_csv_open(RtCsvWriter *ret, const char *path, const char *const *names, size_t columns,
                 bool narrow, RtError *error);
bool rt_csv_row(RtCsvWriter *writer, const double *values, RtError *error);
bool rt_csv_commit(RtCsvWriter *writer, RtError *error);
void rt_csv_discard(RtCsvWriter *writer);

/* ---- .safetensors */

/* All tensors in the order of the file's header. */
bool rt_safetensors_read(RtSource *source, RtNamed **ret, size_t *ret_count, RtError *error);
bool rt_safetensors_write(const char *path, const RtNamed *named, size_t count, RtError *error);

/* Texts that a file holds about itself. */
typedef struct RtPair {
    char *name, *text;
} RtPair;

typedef struct RtMetadata {
    RtPair *pair;
    size_t count;
} RtMetadata;

void rt_metadata_clear(RtMetadata *metadata);
const char *rt_metadata_get(const RtMetadata *metadata, const char *name); /* or NULL */

bool rt_safetensors_read_with(RtSource *source, RtNamed **ret, size_t *ret_count,
                              RtMetadata *ret_metadata, RtError *error);

/* A file in pieces: the header of all tensors, then the data of each in their order. */
bool rt_safetensors_head(RtOutput *output, const RtMetadata *metadata, const RtNamed *named,
                         size_t count, RtError *error);
bool rt_safetensors_data(RtOutput *output, const RtNamed *named, size_t count, RtError *error);

/* "A pickle is a program": how to convert it.  False. */
bool rt_fail_pickle(const char *path, RtError *error);

#endif
