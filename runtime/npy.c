/* SPDX-License-Identifier: Apache-2.0
 *
 * npy.c -- one array in NumPy's .npy format
 *
 * "\x93NUMPY", version, length of the header, header, data.  The header is a Python
 * dictionary of three known keys; a small reader for just that is enough and refuses the rest.
 * https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
#include "runtime/files.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/element.h"

enum { MAGIC = 6, MAX_HEADER = 1 << 20, DESCR = 32, ROW_DIGITS = 20 };

static const char magic[] = "\x93NUMPY";

typedef struct Header {
    const char *name; /* of the file, for messages */
    const char *at, *end;
    RtError *error;

    char descr[DESCR];
    bool fortran;
    unsigned rank;
    uint64_t shape[RT_MAX_RANK];
    bool has_descr, has_fortran, has_shape;
} Header;

static bool
fail_header(Header *header, const char *expected)
{
    return rt_fail(header->error, RT_FORMAT, "'%s': damaged .npy header: expected %s",
                   header->name, expected);
}

static void
skip_blanks(Header *header)
{
    while (header->at < header->end && strchr(" \t\r\n", *header->at) && *header->at)
        header->at++;
}

/* Takes `word` if it comes next. */
static bool
accept(Header *header, const char *word)
{
    size_t length = strlen(word);

    skip_blanks(header);
    if ((size_t)(header->end - header->at) < length || memcmp(header->at, word, length) != 0)
        return false;
    header->at += length;
    return true;
}

/* A quoted string without escapes; a longer one than `room` is cut, as it is known to none. */
static bool
read_string(Header *header, char *text, size_t room)
{
    size_t length = 0;

    skip_blanks(header);
    if (header->at == header->end || (*header->at != '\'' && *header->at != '"'))
        return fail_header(header, "a quoted word");
    char quote = *header->at++;
    for (; header->at < header->end && *header->at != quote; header->at++) {
        if (length + 1 < room)
            text[length++] = *header->at;
    }
    text[length] = '\0';
    return accept(header, quote == '"' ? "\"" : "'") || fail_header(header, "a closing quote");
}

static bool
read_size(Header *header, uint64_t *ret)
{
    uint64_t size = 0;

    skip_blanks(header);
    if (header->at == header->end || *header->at < '0' || *header->at > '9')
        return fail_header(header, "a size of the shape");
    for (; header->at < header->end && *header->at >= '0' && *header->at <= '9'; header->at++) {
        if (__builtin_mul_overflow(size, 10, &size) ||
            __builtin_add_overflow(size, (uint64_t)(*header->at - '0'), &size))
            return rt_fail(header->error, RT_SHAPE, "'%s': the shape is too large",
                           header->name);
    }
    accept(header, "L"); /* Python 2 wrote long integers so */
    *ret = size;
    return true;
}

static bool
read_shape(Header *header)
{
    if (!accept(header, "("))
        return fail_header(header, "a shape in parentheses");
    while (!accept(header, ")")) {
        if (header->rank == RT_MAX_RANK)
            return rt_fail(header->error, RT_SHAPE, "'%s': more than %d axes are not supported",
                           header->name, RT_MAX_RANK);
        if (!read_size(header, &header->shape[header->rank++]))
            return false;
        if (accept(header, ","))
            continue;
        if (!accept(header, ")"))
            return fail_header(header, "',' or ')' in the shape");
        break;
    }
    header->has_shape = true;
    return true;
}

static bool
read_descr(Header *header)
{
    if (accept(header, "["))
        return rt_fail(header->error, RT_TYPE,
                       "'%s': structured arrays are not supported: save one field as a plain "
                       "array",
                       header->name);
    header->has_descr = true;
    return read_string(header, header->descr, sizeof header->descr);
}

static bool
read_fortran(Header *header)
{
    header->has_fortran = true;
    header->fortran = accept(header, "True");
    return header->fortran || accept(header, "False") || fail_header(header, "True or False");
}

static bool
read_entry(Header *header)
{
    char key[DESCR];

    if (!read_string(header, key, sizeof key))
        return false;
    if (!accept(header, ":"))
        return fail_header(header, "':'");
    if (!strcmp(key, "descr") && !header->has_descr)
        return read_descr(header);
    if (!strcmp(key, "fortran_order") && !header->has_fortran)
        return read_fortran(header);
    if (!strcmp(key, "shape") && !header->has_shape)
        return read_shape(header);
    return fail_header(header, "descr, fortran_order and shape, once each");
}

static bool
read_dictionary(Header *header)
{
    if (!accept(header, "{"))
        return fail_header(header, "'{'");
    while (!accept(header, "}")) {
        if (!read_entry(header))
            return false;
        if (accept(header, ","))
            continue;
        if (!accept(header, "}"))
            return fail_header(header, "',' or '}'");
        break;
    }
    skip_blanks(header);
    if (header->at != header->end)
        return fail_header(header, "nothing after '}'");
    if (!header->has_descr || !header->has_fortran || !header->has_shape)
        return fail_header(header, "descr, fortran_order and shape");
    return true;
}

static bool
fail_type(const Header *header, const char *what)
{
    return rt_fail(header->error, RT_TYPE,
                   "'%s': %s ('%s') are not supported: convert with "
                   ".astype('f4') or .astype('f8') before saving",
                   header->name, what, header->descr);
}

/* What a descr such as "<f8" says. */
static bool
read_element(const Header *header, RtElement *ret)
{
    const char *text = header->descr;
    bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;
    RtType type;

    if (*text && strchr("<>=|", *text)) {
        big = *text == '>' || (*text != '<' && big);
        text++;
    }
    if (*text == 'O')
        return fail_type(header, "Python objects");
    if (*text == 'c')
        return fail_type(header, "complex numbers");
    if (*text && strchr("SUaV", *text))
        return fail_type(header, "texts and records");
    if (*text && strchr("Mm", *text))
        return fail_type(header, "dates and times");
    *ret = (RtElement){.kind = *text, .swap = big != (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)};
    if (*text == '?' && !text[1])
        *ret = (RtElement){.kind = 'b', .width = 1};
    else if (*text && strchr("fiub", *text) && text[1] >= '1' && text[1] <= '8' && !text[2])
        ret->width = (unsigned)(text[1] - '0');
    return rt_element_type(*ret, &type) || fail_type(header, "elements of this type");
}

/* The length of the header text from what precedes it. */
static bool
read_preamble(RtSource *source, uint32_t *ret_length, RtError *error)
{
    unsigned char bytes[MAGIC + 2], length[4] = {0};

    if (source->left < sizeof bytes)
        return rt_fail(error, RT_FORMAT, "'%s': not a .npy file: only %llu bytes long",
                       source->name, (unsigned long long)source->left);
    if (!rt_source_read(source, bytes, sizeof bytes, error))
        return false;
    if (memcmp(bytes, magic, MAGIC) != 0)
        return rt_fail(error, RT_FORMAT,
                       "'%s': not a .npy file: it does not start with "
                       "'\\x93NUMPY'",
                       source->name);
    unsigned version = bytes[MAGIC];
    if (version < 1 || version > 3)
        return rt_fail(error, RT_FORMAT, "'%s': .npy version %u.%u is not supported",
                       source->name, version, bytes[MAGIC + 1]);
    if (!rt_source_read(source, length, version == 1 ? 2 : 4, error))
        return false;
    *ret_length = (uint32_t)length[0] | (uint32_t)length[1] << 8 | (uint32_t)length[2] << 16 |
                  (uint32_t)length[3] << 24;
    if (*ret_length > source->left || *ret_length > MAX_HEADER)
        return rt_fail(error, RT_FORMAT,
                       "'%s': damaged .npy header: its length, %" PRIu32
                       ", is not plausible (%llu bytes are left)",
                       source->name, *ret_length, (unsigned long long)source->left);
    return true;
}

static const char *
type_descr(RtType type)
{
    bool big = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

    switch (type) {
    case RT_f32: return big ? ">f4" : "<f4";
    case RT_f64: return big ? ">f8" : "<f8";
    case RT_i32: return big ? ">i4" : "<i4";
    case RT_i64: return big ? ">i8" : "<i8";
    case RT_u8: return "|u1";
    default: return "|b1";
    }
}

bool
rt_npy_read(RtSource *source, RtArray *ret, RtError *error)
{
    Header header = {.name = source->name, .error = error};
    RtElement element;
    uint32_t length = 0;

    if (!read_preamble(source, &length, error))
        return false;
    char *text = malloc(length + 1);
    if (!text)
        return rt_fail_memory(error, source->name, length);
    header.at = text;
    header.end = text + length;
    bool ok = rt_source_read(source, text, length, error) && read_dictionary(&header) &&
              read_element(&header, &element);
    free(text);
    if (!ok || !rt_element_read(source, element, header.fortran, header.rank, header.shape, ret,
                                error))
        return false;
    if (source->left == 0)
        return true;
    rt_array_clear(ret);
    return rt_fail(error, RT_FORMAT,
                   "'%s': %llu bytes follow the data that the header announces", source->name,
                   (unsigned long long)source->left);
}

size_t
rt_npy_header(RtType type, unsigned rank, const uint64_t *shape, char text[RT_NPY_HEADER])
{
    char sizes[RT_MAX_RANK * (ROW_DIGITS + 2) + 1] = "";
    size_t used = 0;

    for (unsigned a = 0; a < rank; a++)
        used += (size_t)snprintf(sizes + used, sizeof sizes - used, "%s%" PRIu64, a ? ", " : "",
                                 shape[a]);
    int length = snprintf(text + MAGIC + 4, RT_NPY_HEADER - MAGIC - 4,
                          "{'descr': '%s', 'fortran_order': False, 'shape': (%s%s), }",
                          type_descr(type), sizes, rank == 1 ? "," : "");
    /* The blanks let the first axis have any other size. */
    size_t first = rank ? (size_t)snprintf(NULL, 0, "%" PRIu64, shape[0]) : ROW_DIGITS;
    size_t body = MAGIC + 4 + (size_t)length;
    size_t total = (body + (ROW_DIGITS - first) + 1 + 63) / 64 * 64;
    assert(total <= RT_NPY_HEADER);
    memset(text + body, ' ', total - body);
    text[total - 1] = '\n';
    memcpy(text, magic, MAGIC);
    text[MAGIC] = 1;
    text[MAGIC + 1] = 0;
    text[MAGIC + 2] = (char)((total - MAGIC - 4) & 0xff);
    text[MAGIC + 3] = (char)((total - MAGIC - 4) >> 8);
    return total;
}

bool
rt_npy_open(RtNpyWriter *ret, const char *path, RtType type, unsigned rank,
            const uint64_t *shape, RtError *error)
{
    char text[RT_NPY_HEADER];
    size_t bytes;

    if (rank > RT_MAX_RANK || !rt_shape_bytes(type, rank, shape, &bytes))
        return rt_fail(error, RT_SHAPE, "'%s': the array is too large to be written", path);
    *ret = (RtNpyWriter){.type = type, .rank = rank, .expected = bytes};
    if (rank)
        memcpy(ret->shape, shape, rank * sizeof *shape);
    if (!rt_output_open(&ret->output, path, error))
        return false;
    size_t size = rt_npy_header(type, rank, shape, text);
    if (rt_output_write(&ret->output, text, size, error))
        return true;
    rt_output_discard(&ret->output);
    return false;
}

bool
rt_npy_append(RtNpyWriter *writer, const void *data, size_t bytes, RtError *error)
{
    if (bytes > writer->expected - writer->written)
        return rt_fail(error, RT_SHAPE, "'%s': more data than its shape announces",
                       writer->output.path);
    if (!rt_output_write(&writer->output, data, bytes, error))
        return false;
    writer->written += bytes;
    return true;
}

bool
rt_npy_commit(RtNpyWriter *writer, RtError *error)
{
    if (writer->written == writer->expected)
        return rt_output_commit(&writer->output, error);
    rt_fail(error, RT_SHAPE, "'%s': %llu bytes of data were written, its shape announces %llu",
            writer->output.path, (unsigned long long)writer->written,
            (unsigned long long)writer->expected);
    rt_output_discard(&writer->output);
    return false;
}

bool
rt_npy_commit_short(RtNpyWriter *writer, RtError *error)
{
    char text[RT_NPY_HEADER];

    if (writer->written == writer->expected || writer->rank == 0)
        return rt_npy_commit(writer, error);
    uint64_t row = writer->expected / writer->shape[0];
    if (writer->written % row)
        return rt_npy_commit(writer, error);
    writer->shape[0] = writer->written / row;
    size_t size = rt_npy_header(writer->type, writer->rank, writer->shape, text);
    if (!rt_output_seek(&writer->output, 0, error) ||
        !rt_output_write(&writer->output, text, size, error)) {
        rt_output_discard(&writer->output);
        return false;
    }
    return rt_output_commit(&writer->output, error);
}

void
rt_npy_discard(RtNpyWriter *writer)
{
    rt_output_discard(&writer->output);
}

bool
rt_npy_write(const char *path, const RtArray *array, RtError *error)
{
    RtNpyWriter writer;

    if (!rt_npy_open(&writer, path, array->type, array->rank, array->shape, error))
        return false;
    if (!rt_npy_append(&writer, array->data, array->bytes, error)) {
        rt_npy_discard(&writer);
        return false;
    }
    return rt_npy_commit(&writer, error);
}
