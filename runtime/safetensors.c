/* SPDX-License-Identifier: Apache-2.0
 *
 * safetensors.c -- named tensors, the format weights are kept in
 *
 * Eight bytes of length, a JSON object {name: {dtype, shape, data_offsets}}, then the data,
 * little endian.  As the format's definition wants, the offsets must cover the data without
 * holes and without overlaps.  https://github.com/huggingface/safetensors
 */
#include "runtime/files.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/element.h"

static const char metadata_name[] = "__metadata__";

enum { MAX_HEADER = 100000000, LENGTH_BYTES = 8, ALIGNMENT = 8 };

typedef struct Dtype {
    const char *name;
    char kind;
    unsigned width;
} Dtype;

static const Dtype dtypes[] = {
    {"F16", 'f', 2}, {"BF16", 'g', 2}, {"F32", 'f', 4},  {"F64", 'f', 8}, {"I8", 'i', 1},
    {"I16", 'i', 2}, {"I32", 'i', 4},  {"I64", 'i', 8},  {"U8", 'u', 1},  {"U16", 'u', 2},
    {"U32", 'u', 4}, {"U64", 'u', 8},  {"BOOL", 'b', 1},
};

/* One entry of the header. */
typedef struct Entry {
    size_t index; /* in the header's order */
    const char *name;
    RtElement element;
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    uint64_t begin, end;
} Entry;

static bool
fail_entry(const char *file, const char *name, const char *what, RtError *error)
{
    return rt_fail(error, RT_FORMAT, "'%s': damaged: tensor '%.100s': %s", file, name, what);
}

static bool
read_dtype(const char *file, const char *name, const json_t *json, RtElement *ret,
           RtError *error)
{
    const char *text = json_string_value(json);

    if (!text)
        return fail_entry(file, name, "no dtype", error);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (strcmp(text, dtypes[i].name) != 0)
            continue;
        *ret =
            (RtElement){.kind = dtypes[i].kind,
                        .width = dtypes[i].width,
                        .swap = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ && dtypes[i].width > 1};
        return true;
    }
    return rt_fail(error, RT_TYPE,
                   "'%s': tensor '%.100s': numbers of type %.20s are not supported: convert "
                   "to F32 or F64",
                   file, name, text);
}

static bool
read_size(const json_t *json, uint64_t *ret)
{
    if (!json_is_integer(json) || json_integer_value(json) < 0)
        return false;
    *ret = (uint64_t)json_integer_value(json);
    return true;
}

static bool
read_shape(const char *file, const json_t *json, Entry *entry, RtError *error)
{
    size_t rank = json_array_size(json);

    if (!json_is_array(json))
        return fail_entry(file, entry->name, "no shape", error);
    if (rank > RT_MAX_RANK)
        return rt_fail(error, RT_SHAPE,
                       "'%s': tensor '%.100s': more than %d axes are not supported", file,
                       entry->name, RT_MAX_RANK);
    entry->rank = (unsigned)rank;
    for (size_t a = 0; a < rank; a++) {
        if (!read_size(json_array_get(json, a), &entry->shape[a]))
            return fail_entry(file, entry->name, "a size of its shape is no count", error);
    }
    return true;
}

/* Whether the offsets are as far apart as the shape needs. */
static bool
check_extent(const char *file, const Entry *entry, RtError *error)
{
    uint64_t bytes = entry->element.width;
    bool empty = false;

    for (unsigned a = 0; a < entry->rank; a++) {
        empty = empty || entry->shape[a] == 0;
        if (__builtin_mul_overflow(bytes, entry->shape[a] ? entry->shape[a] : 1, &bytes))
            return fail_entry(file, entry->name, "its shape is too large", error);
    }
    if (entry->end < entry->begin || entry->end - entry->begin != (empty ? 0 : bytes))
        return fail_entry(file, entry->name, "its offsets do not fit its shape", error);
    return true;
}

static bool
read_entry(const char *file, const json_t *json, Entry *entry, RtError *error)
{
    const json_t *offsets = json_object_get(json, "data_offsets");

    if (!json_is_object(json))
        return fail_entry(file, entry->name, "not described by an object", error);
    if (!read_dtype(file, entry->name, json_object_get(json, "dtype"), &entry->element,
                    error) ||
        !read_shape(file, json_object_get(json, "shape"), entry, error))
        return false;
    if (json_array_size(offsets) != 2 ||
        !read_size(json_array_get(offsets, 0), &entry->begin) ||
        !read_size(json_array_get(offsets, 1), &entry->end))
        return fail_entry(file, entry->name, "no data_offsets", error);
    return check_extent(file, entry, error);
}

/* What torch.save writes: a zip archive, or a bare pickle of some protocol from 2 to 5. */
static bool
is_pickle(const unsigned char *bytes)
{
    return memcmp(bytes, "PK\3\4", 4) == 0 ||
           (bytes[0] == 0x80 && bytes[1] >= 2 && bytes[1] <= 5);
}

/* Reads the header of `source` into a JSON object. */
static json_t *
read_header(RtSource *source, RtError *error)
{
    unsigned char bytes[LENGTH_BYTES];
    uint64_t length = 0;
    json_error_t json_error;

    if (!rt_source_read(source, bytes, sizeof bytes, error))
        return NULL;
    for (int i = LENGTH_BYTES; i-- > 0;)
        length = length << 8 | bytes[i];
    if (length > source->left || length > MAX_HEADER) {
        if (is_pickle(bytes)) {
            rt_fail_pickle(source->name, error);
            return NULL;
        }
        rt_fail(error, RT_FORMAT,
                "'%s': not a .safetensors file: its header would have %" PRIu64
                " bytes, %llu are left",
                source->name, length, (unsigned long long)source->left);
        return NULL;
    }
    char *text = malloc((size_t)length + 1);
    if (!text) {
        rt_fail_memory(error, source->name, length);
        return NULL;
    }
    json_t *json = NULL;
    if (rt_source_read(source, text, (size_t)length, error)) {
        json = json_loadb(text, (size_t)length, JSON_REJECT_DUPLICATES, &json_error);
        if (!json)
            rt_fail(error, RT_FORMAT, "'%s': damaged .safetensors header: %s", source->name,
                    json_error.text);
    }
    free(text);
    if (json && !json_is_object(json)) {
        rt_fail(error, RT_FORMAT, "'%s': damaged .safetensors header: not an object",
                source->name);
        json_decref(json);
        return NULL;
    }
    return json;
}

/* By place in the file; empty tensors first, so that they do not seem to overlap. */
static int
compare_entries(const void *x, const void *y)
{
    const Entry *a = x, *b = y;

    if (a->begin != b->begin)
        return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

static bool
check_cover(const RtSource *source, Entry *entry, size_t count, RtError *error)
{
    uint64_t end = 0;

    qsort(entry, count, sizeof *entry, compare_entries);
    for (size_t i = 0; i < count; end = entry[i++].end) {
        if (entry[i].begin < end)
            return fail_entry(source->name, entry[i].name, "overlaps another tensor", error);
        if (entry[i].begin > end)
            return fail_entry(source->name, entry[i].name, "a gap precedes its data", error);
    }
    if (end != source->left)
        return rt_fail(error, RT_FORMAT,
                       "'%s': %s: its tensors need %" PRIu64 " bytes of data, %llu are there",
                       source->name, end > source->left ? "truncated" : "damaged", end,
                       (unsigned long long)source->left);
    return true;
}

static bool
read_tensors(RtSource *source, const Entry *entry, size_t count, RtNamed *named, RtError *error)
{
    for (size_t i = 0; i < count; i++) {
        RtNamed *to = &named[entry[i].index];
        to->name = strdup(entry[i].name);
        if (!to->name)
            return rt_fail_memory(error, source->name, strlen(entry[i].name));
        if (!rt_element_read(source, entry[i].element, false, entry[i].rank, entry[i].shape,
                             &to->array, error))
            return false;
    }
    return true;
}

/* Reads the entries of `json`, at most `room`, in their order. */
static bool
read_entries(const RtSource *source, json_t *json, Entry *entry, size_t *ret_count,
             RtError *error)
{
    const char *name;
    json_t *value;
    size_t count = 0;

    json_object_foreach(json, name, value)
    {
        if (!strcmp(name, metadata_name))
            continue;
        entry[count] = (Entry){.index = count, .name = name};
        if (!read_entry(source->name, value, &entry[count++], error))
            return false;
    }
    *ret_count = count;
    return true;
}

/* ---- texts about the file */

static bool
add_pair(RtMetadata *metadata, const char *name, const char *text)
{
    RtPair *pair = &metadata->pair[metadata->count++];

    pair->name = strdup(name);
    pair->text = strdup(text);
    return pair->name && pair->text;
}

static bool
read_metadata(const RtSource *source, json_t *json, RtMetadata *ret, RtError *error)
{
    json_t *object = json_object_get(json, metadata_name), *value;
    const char *name;

    if (object && !json_is_object(object))
        return rt_fail(error, RT_FORMAT, "'%s': damaged: its metadata is not an object",
                       source->name);
    ret->pair = calloc(json_object_size(object) + 1, sizeof *ret->pair);
    if (!ret->pair)
        return rt_fail_memory(error, source->name, json_object_size(object));
    json_object_foreach(object, name, value)
    {
        if (!json_is_string(value))
            return rt_fail(error, RT_FORMAT, "'%s': damaged: metadata '%.100s' is not a text",
                           source->name, name);
        if (!add_pair(ret, name, json_string_value(value)))
            return rt_fail_memory(error, source->name, strlen(name));
    }
    return true;
}

void
rt_metadata_clear(RtMetadata *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        free(metadata->pair[i].name);
        free(metadata->pair[i].text);
    }
    free(metadata->pair);
    *metadata = (RtMetadata){0};
}

const char *
rt_metadata_get(const RtMetadata *metadata, const char *name)
{
    for (size_t i = 0; i < metadata->count; i++)
        if (strcmp(metadata->pair[i].name, name) == 0)
            return metadata->pair[i].text;
    return NULL;
}

/* ---- writing */

static const char *
dtype_name(RtType type)
{
    switch (type) {
    case RT_f32: return "F32";
    case RT_f64: return "F64";
    case RT_i32: return "I32";
    case RT_i64: return "I64";
    case RT_u8: return "U8";
    default: return "BOOL";
    }
}

static json_t *
describe(const RtArray *array, uint64_t begin)
{
    json_t *shape = json_array();

    for (unsigned a = 0; a < array->rank; a++)
        json_array_append_new(shape, json_integer((json_int_t)array->shape[a]));
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(array->type), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)(begin + array->bytes));
}

static bool
describe_metadata(json_t *json, const RtMetadata *metadata)
{
    json_t *object = json_object();
    bool ok = object != NULL;

    for (size_t i = 0; ok && i < metadata->count; i++)
        ok = json_object_set_new(object, metadata->pair[i].name,
                                 json_string(metadata->pair[i].text)) == 0;
    return json_object_set_new(json, metadata_name, object) == 0 && ok;
}

/* The header as text; NULL when a name is no UTF-8 or memory is out. */
static char *
describe_all(const RtMetadata *metadata, const RtNamed *named, size_t count)
{
    json_t *json = json_object();
    uint64_t begin = 0;
    size_t entries = count + (metadata != NULL);
    bool ok = json && (!metadata || describe_metadata(json, metadata));

    for (size_t i = 0; ok && i < count; begin += named[i++].array.bytes)
        ok = json_object_set_new(json, named[i].name, describe(&named[i].array, begin)) == 0;
    ok = ok && json_object_size(json) == entries;
    char *text = ok ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

bool
rt_safetensors_head(RtOutput *output, const RtMetadata *metadata, const RtNamed *named,
                    size_t count, RtError *error)
{
    static const char blanks[ALIGNMENT] = "        ";
    unsigned char bytes[LENGTH_BYTES];
    char *text = describe_all(metadata, named, count);

    if (!text)
        return rt_fail(error, RT_ARGUMENT,
                       "'%s': cannot describe its tensors: names must be distinct UTF-8",
                       output->path);
    size_t length = strlen(text), padding = (ALIGNMENT - length % ALIGNMENT) % ALIGNMENT;
    for (int i = 0; i < LENGTH_BYTES; i++)
        bytes[i] = (unsigned char)((uint64_t)(length + padding) >> 8 * i);
    bool ok = rt_output_write(output, bytes, sizeof bytes, error) &&
              rt_output_write(output, text, length, error) &&
              rt_output_write(output, blanks, padding, error);
    free(text);
    return ok;
}

bool
rt_safetensors_data(RtOutput *output, const RtNamed *named, size_t count, RtError *error)
{
    for (size_t i = 0; i < count; i++)
        if (!rt_output_write(output, named[i].array.data, named[i].array.bytes, error))
            return false;
    return true;
}

/* ---- entries */

bool
rt_safetensors_read_with(RtSource *source, RtNamed **ret, size_t *ret_count,
                         RtMetadata *ret_metadata, RtError *error)
{
    size_t count = 0;
    RtMetadata metadata = {0};

    json_t *json = read_header(source, error);
    if (!json)
        return false;
    size_t room = json_object_size(json) + 1;
    Entry *entry = calloc(room, sizeof *entry);
    RtNamed *named = calloc(room, sizeof *named);
    bool ok = entry && named ? read_entries(source, json, entry, &count, error)
                             : rt_fail_memory(error, source->name, room * sizeof *entry);
    ok = ok && check_cover(source, entry, count, error) &&
         read_metadata(source, json, &metadata, error) &&
         read_tensors(source, entry, count, named, error);
    free(entry);
    json_decref(json);
    if (!ok) {
        rt_named_free(named, room);
        rt_metadata_clear(&metadata);
        return false;
    }
    *ret = named;
    *ret_count = count;
    *ret_metadata = metadata;
    return true;
}

bool
rt_safetensors_read(RtSource *source, RtNamed **ret, size_t *ret_count, RtError *error)
{
    RtMetadata metadata;

    if (!rt_safetensors_read_with(source, ret, ret_count, &metadata, error))
        return false;
    rt_metadata_clear(&metadata);
    return true;
}

bool
rt_safetensors_write(const char *path, const RtNamed *named, size_t count, RtError *error)
{
    RtOutput output;

    if (!rt_output_open(&output, path, error))
        return false;
    if (rt_safetensors_head(&output, NULL, named, count, error) &&
        rt_safetensors_data(&output, named, count, error))
        return rt_output_commit(&output, error);
    rt_output_discard(&output);
    return false;
}
