/* SPDX-License-Identifier: Apache-2.0
 *
 * npz.c -- several arrays in a zip archive of .npy members
 *
 * libzip does the archive.  It reads from and writes to our own sources and outputs, so that
 * archives in memory can be read, and files appear only when they are complete.
 */
#include "runtime/files.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

/* Deflate cannot pack better than this (zlib's technical notes: 1032 to 1); a member which
 * claims to is damaged. */
static const uint64_t max_ratio = 1032;

/* ---- reading */

typedef struct Archive {
    zip_t *zip;
    char *text; /* of a source that is not in memory */
    size_t size;
    const char *name;
} Archive;

static bool
fail_zip(const char *name, zip_error_t *zip_error, const char *action, RtError *error)
{
    int system =
        zip_error_system_type(zip_error) == ZIP_ET_SYS ? zip_error_code_system(zip_error) : 0;
    bool memory = zip_error_code_zip(zip_error) == ZIP_ER_MEMORY;

    if (system)
        rt_fail_errno(error, system, name, action);
    else
        rt_fail(error, memory ? RT_MEMORY : RT_FORMAT, "'%s': cannot %s: %s", name, action,
                zip_error_strerror(zip_error));
    return false;
}

static void
close_archive(Archive *archive)
{
    if (archive->zip)
        zip_discard(archive->zip);
    free(archive->text);
}

/* libzip seeks, hence the whole archive is taken into memory. */
static bool
open_archive(Archive *ret, RtSource *source, RtError *error)
{
    zip_error_t zip_error;

    *ret = (Archive){.name = source->name};
    if (!rt_source_slurp(source, &ret->text, &ret->size, error))
        return false;
    zip_error_init(&zip_error);
    zip_source_t *bytes = zip_source_buffer_create(ret->text, ret->size, 0, &zip_error);
    if (bytes)
        ret->zip = zip_open_from_source(bytes, ZIP_RDONLY, &zip_error);
    if (!ret->zip) {
        fail_zip(ret->name, &zip_error, "read it as a zip archive", error);
        zip_source_free(bytes);
        close_archive(ret);
    }
    zip_error_fini(&zip_error);
    return ret->zip != NULL;
}

static bool
read_member(RtSource *source, void *bytes, size_t size, RtError *error)
{
    zip_file_t *file = source->handle;
    unsigned char *to = bytes;

    while (size) {
        zip_int64_t got = zip_fread(file, to, size);
        if (got < 0)
            return fail_zip(source->name, zip_file_get_error(file), "unpack", error);
        if (got == 0)
            return rt_fail(error, RT_FORMAT, "'%s': truncated member", source->name);
        to += got;
        size -= (size_t)got;
    }
    return true;
}

/* Unpacks member i.  Its last read also compares the checksum. */
static bool
read_array(Archive *archive, zip_uint64_t i, RtArray *ret, RtError *error)
{
    char name[1024], extra;
    zip_stat_t status;

    if (zip_stat_index(archive->zip, i, 0, &status) != 0)
        return fail_zip(archive->name, zip_get_error(archive->zip), "read a member", error);
    snprintf(name, sizeof name, "%s:%s", archive->name, status.name);
    if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) && status.encryption_method != ZIP_EM_NONE)
        return rt_fail(error, RT_FORMAT, "'%s': the member is encrypted", name);
    if (status.comp_size > archive->size || status.size / max_ratio > status.comp_size)
        return rt_fail(error, RT_FORMAT, "'%s': damaged: its sizes cannot be true", name);
    zip_file_t *file = zip_fopen_index(archive->zip, i, 0);
    if (!file)
        return fail_zip(name, zip_get_error(archive->zip), "unpack", error);
    RtSource member = {.name = name, .left = status.size, .read = read_member, .handle = file};
    bool ok = rt_npy_read(&member, ret, error);
    zip_int64_t more = ok ? zip_fread(file, &extra, 1) : 0;
    if (more != 0) {
        rt_array_clear(ret);
        ok = more > 0 ? rt_fail(error, RT_FORMAT, "'%s': damaged: longer than it says", name)
                      : fail_zip(name, zip_file_get_error(file), "unpack", error);
    }
    zip_fclose(file);
    return ok;
}

/* The length of a member's name without ".npy". */
static size_t
stem_length(const char *name)
{
    size_t length = strlen(name);

    return rt_file_has_extension(name, ".npy") ? length - 4 : length;
}

static const char *
member_name(Archive *archive, zip_uint64_t i)
{
    const char *name = zip_get_name(archive->zip, i, ZIP_FL_ENC_RAW);

    return name ? name : "";
}

/* "a, b, c": what there is, as far as it fits. */
static void
list_members(Archive *archive, char *text, size_t room)
{
    zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    size_t used = 0;

    text[0] = '\0';
    for (zip_int64_t i = 0; i < count && used < room; i++) {
        const char *name = member_name(archive, (zip_uint64_t)i);
        used += (size_t)snprintf(text + used, room - used, "%s%.*s", i ? ", " : "",
                                 (int)stem_length(name), name);
    }
}

static bool
find_member(Archive *archive, const char *wanted, zip_uint64_t *ret, RtError *error)
{
    zip_int64_t count = zip_get_num_entries(archive->zip, 0);
    char list[256];

    for (zip_int64_t i = 0; wanted && i < count; i++) {
        const char *name = member_name(archive, (zip_uint64_t)i);
        size_t stem = stem_length(name);
        *ret = (zip_uint64_t)i;
        if (!strcmp(name, wanted) || (strlen(wanted) == stem && !memcmp(name, wanted, stem)))
            return true;
    }
    *ret = 0;
    if (!wanted && count == 1)
        return true;
    if (count <= 0)
        return rt_fail(error, RT_NOT_FOUND, "'%s': the archive is empty", archive->name);
    list_members(archive, list, sizeof list);
    if (!wanted)
        return rt_fail(error, RT_NOT_FOUND,
                       "'%s': holds several arrays, name one of them as file.npz:name (%s)",
                       archive->name, list);
    return rt_fail(error, RT_NOT_FOUND, "'%s': holds no array '%s' (there is %s)",
                   archive->name, wanted, list);
}

static bool
read_members(Archive *archive, RtNamed *named, size_t count, RtError *error)
{
    uint64_t packed = 0;
    zip_stat_t status;

    for (size_t i = 0; i < count; i++) {
        const char *name = member_name(archive, i);
        /* Members that share their bytes could ask for any amount of memory. */
        if (zip_stat_index(archive->zip, i, 0, &status) == 0 &&
            (packed += status.comp_size) > archive->size)
            return rt_fail(error, RT_FORMAT, "'%s': damaged: members overlap", archive->name);
        named[i].name = strndup(name, stem_length(name));
        if (!named[i].name)
            return rt_fail_memory(error, archive->name, strlen(name));
        if (!read_array(archive, i, &named[i].array, error))
            return false;
    }
    return true;
}

/* ---- writing */

typedef struct Sink {
    RtOutput *output;
    zip_error_t error;
    uint64_t offset, end;
} Sink;

static zip_int64_t
fail_sink(Sink *sink)
{
    zip_error_set(&sink->error, ZIP_ER_WRITE, sink->output->failed);
    return -1;
}

static zip_int64_t
write_sink(Sink *sink, const void *bytes, zip_uint64_t size)
{
    RtError error;

    if (!rt_output_write(sink->output, bytes, size, &error))
        return fail_sink(sink);
    sink->offset += size;
    if (sink->offset > sink->end)
        sink->end = sink->offset;
    return (zip_int64_t)size;
}

static zip_int64_t
seek_sink(Sink *sink, void *data, zip_uint64_t size)
{
    RtError error;
    zip_int64_t offset =
        zip_source_seek_compute_offset(sink->offset, sink->end, data, size, &sink->error);

    if (offset < 0)
        return -1;
    if (!rt_output_seek(sink->output, (uint64_t)offset, &error))
        return fail_sink(sink);
    sink->offset = (uint64_t)offset;
    return 0;
}

static zip_int64_t
stat_sink(void *data, zip_uint64_t size)
{
    zip_stat_t *status = data;

    if (size < sizeof *status)
        return -1;
    zip_stat_init(status);
    status->size = 0;
    status->valid = ZIP_STAT_SIZE;
    return sizeof *status;
}

/* A new archive: empty to read, written in one go. */
static zip_int64_t
run_sink(void *user, void *data, zip_uint64_t size, zip_source_cmd_t command)
{
    Sink *sink = user;

    switch (command) {
    case ZIP_SOURCE_SUPPORTS:
        return zip_source_make_command_bitmap(
            ZIP_SOURCE_OPEN, ZIP_SOURCE_READ, ZIP_SOURCE_CLOSE, ZIP_SOURCE_STAT,
            ZIP_SOURCE_ERROR, ZIP_SOURCE_FREE, ZIP_SOURCE_SEEK, ZIP_SOURCE_TELL,
            ZIP_SOURCE_BEGIN_WRITE, ZIP_SOURCE_COMMIT_WRITE, ZIP_SOURCE_ROLLBACK_WRITE,
            ZIP_SOURCE_WRITE, ZIP_SOURCE_SEEK_WRITE, ZIP_SOURCE_TELL_WRITE, ZIP_SOURCE_REMOVE,
            -1);
    case ZIP_SOURCE_ERROR: return zip_error_to_data(&sink->error, data, size);
    case ZIP_SOURCE_STAT: return stat_sink(data, size);
    case ZIP_SOURCE_WRITE: return write_sink(sink, data, size);
    case ZIP_SOURCE_SEEK_WRITE: return seek_sink(sink, data, size);
    case ZIP_SOURCE_TELL_WRITE: return (zip_int64_t)sink->offset;
    default: return 0; /* nothing to do to open, read, close, begin, commit, remove */
    }
}

/* Adds one member.  libzip keeps pointers to `header` and the data until it closes. */
static bool
add_member(zip_t *zip, const RtNamed *named, char header[RT_NPY_HEADER])
{
    const RtArray *array = &named->array;
    size_t length = strlen(named->name);
    char *name = malloc(length + 5);
    if (!name)
        return false;
    memcpy(name, named->name, length);
    memcpy(name + length, ".npy", 5);
    zip_buffer_fragment_t part[2] = {
        {(zip_uint8_t *)header, rt_npy_header(array->type, array->rank, array->shape, header)},
        {array->data, array->bytes},
    };
    zip_source_t *source = zip_source_buffer_fragment(zip, part, array->bytes ? 2 : 1, 0);
    zip_int64_t i = source ? zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) : -1;
    free(name);
    if (i < 0) {
        zip_source_free(source);
        return false;
    }
    /* Stored: draws do not deflate.  A fixed date (1980-01-01, as NumPy writes) makes equal
     * content equal files. */
    return zip_set_file_compression(zip, (zip_uint64_t)i, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(zip, (zip_uint64_t)i, 0, 0x21, 0) == 0;
}

static bool
write_members(Sink *sink, const RtNamed *named, size_t count, char (*header)[RT_NPY_HEADER],
              RtError *error)
{
    const char *path = sink->output->path;
    zip_t *zip = NULL;
    zip_error_t zip_error;

    zip_error_init(&zip_error);
    zip_source_t *source = zip_source_function_create(run_sink, sink, &zip_error);
    if (source)
        zip = zip_open_from_source(source, ZIP_CREATE | ZIP_TRUNCATE, &zip_error);
    if (!zip) {
        fail_zip(path, &zip_error, "write", error);
        zip_source_free(source);
        zip_error_fini(&zip_error);
        return false;
    }
    zip_error_fini(&zip_error);
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = add_member(zip, &named[i], header[i]);
    if (ok && zip_close(zip) == 0)
        return true;
    fail_zip(path, zip_get_error(zip), "write", error);
    zip_discard(zip);
    return false;
}

/* ---- entries */

bool
rt_npz_read(RtSource *source, const char *name, RtArray *ret, RtError *error)
{
    Archive archive;
    zip_uint64_t i;

    if (!open_archive(&archive, source, error))
        return false;
    bool ok = find_member(&archive, name, &i, error) && read_array(&archive, i, ret, error);
    close_archive(&archive);
    return ok;
}

bool
rt_npz_read_all(RtSource *source, RtNamed **ret, size_t *ret_count, RtError *error)
{
    Archive archive;

    if (!open_archive(&archive, source, error))
        return false;
    zip_int64_t entries = zip_get_num_entries(archive.zip, 0);
    size_t count = entries > 0 ? (size_t)entries : 0;
    RtNamed *named = calloc(count + 1, sizeof *named);
    bool ok = named ? read_members(&archive, named, count, error)
                    : rt_fail_memory(error, archive.name, count * sizeof *named);
    close_archive(&archive);
    if (!ok) {
        rt_named_free(named, count);
        return false;
    }
    *ret = named;
    *ret_count = count;
    return true;
}

bool
rt_npz_write(const char *path, const RtNamed *named, size_t count, RtError *error)
{
    RtOutput output;

    char(*header)[RT_NPY_HEADER] = calloc(count + 1, sizeof *header);
    if (!header)
        return rt_fail_memory(error, path, (count + 1) * sizeof *header);
    if (!rt_output_open(&output, path, error)) {
        free(header);
        return false;
    }
    Sink sink = {.output = &output};
    zip_error_init(&sink.error);
    bool ok = write_members(&sink, named, count, header, error);
    zip_error_fini(&sink.error);
    free(header);
    if (ok)
        return rt_output_commit(&output, error);
    rt_output_discard(&output);
    return false;
}
