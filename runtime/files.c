/* SPDX-License-Identifier: Apache-2.0
 *
 * files.c -- which reader a file name means
 */
#include "runtime/files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

typedef enum Format { NPY, NPZ, CSV, SAFETENSORS, PICKLE, UNKNOWN } Format;

static const struct {
    const char *extension;
    Format format;
} formats[] = {
    {".npy", NPY},
    {".npz", NPZ},
    {".csv", CSV},
    {".tsv", CSV},
    {".txt", CSV},
    {".dat", CSV},
    {".safetensors", SAFETENSORS},
    {".pt", PICKLE},
    {".pth", PICKLE},
    {".pkl", PICKLE},
};

enum { FORMATS = sizeof formats / sizeof *formats };

static Format
find_format(const char *path)
{
    for (size_t i = 0; i < FORMATS; i++) {
        if (rt_file_has_extension(path, formats[i].extension))
            return formats[i].format;
    }
    return UNKNOWN;
}

/* The colon of "file.npz:name", or NULL.  It follows an extension, and no file has the whole
 * as its name. */
static const char *
find_colon(const char *path)
{
    if (access(path, F_OK) == 0)
        return NULL;
    for (const char *colon = strchr(path, ':'); colon; colon = strchr(colon + 1, ':')) {
        for (size_t i = 0; i < FORMATS; i++) {
            size_t length = strlen(formats[i].extension);
            if ((size_t)(colon - path) > length &&
                !strncasecmp(colon - length, formats[i].extension, length))
                return colon;
        }
    }
    return NULL;
}

static bool
fail_unknown(const char *path, RtError *error)
{
    return rt_fail(
        error, RT_ARGUMENT,
        "'%s': cannot tell its format: the name should end in .npy, .npz, .csv, .tsv, "
        ".txt or .safetensors",
        path);
}

bool
rt_fail_pickle(const char *path, RtError *error)
{
    return rt_fail(
        error, RT_FORMAT,
        "'%.100s': a pickle, which is a program and is not run; convert it in Python:\n"
        "    import torch, safetensors.torch\n"
        "    safetensors.torch.save_file(torch.load('%.100s', weights_only=True), "
        "'weights.safetensors')",
        path, path);
}

static bool
pick_tensor(RtSource *source, const char *name, RtArray *ret, RtError *error)
{
    RtNamed *named;
    size_t count, i = 0;

    if (!rt_safetensors_read(source, &named, &count, error))
        return false;
    while (i < count && name && strcmp(named[i].name, name) != 0)
        i++;
    bool ok = i < count && (name || count == 1);
    if (ok) {
        *ret = named[i].array;
        named[i].array = (RtArray){0};
    } else if (name)
        rt_fail(error, RT_NOT_FOUND, "'%s': holds no tensor '%s'", source->name, name);
    else
        rt_fail(error, RT_NOT_FOUND, "'%s': holds %zu tensors, name one as %s:name",
                source->name, count, source->name);
    rt_named_free(named, count);
    return ok;
}

static bool
read_format(Format format, RtSource *source, const char *name, RtArray *ret, RtError *error)
{
    switch (format) {
    case NPY:
        if (name)
            return rt_fail(error, RT_ARGUMENT,
                           "'%s': a .npy file holds one array, without "
                           "a name ('%s')",
                           source->name, name);
        return rt_npy_read(source, ret, error);
    case NPZ: return rt_npz_read(source, name, ret, error);
    case CSV: return rt_csv_read(source, name, ret, error);
    case SAFETENSORS: return pick_tensor(source, name, ret, error);
    case PICKLE: return rt_fail_pickle(source->name, error);
    default: return fail_unknown(source->name, error);
    }
}

bool
rt_file_has_extension(const char *path, const char *extension)
{
    size_t length = strlen(path), tail = strlen(extension);

    return length >= tail && !strcasecmp(path + length - tail, extension);
}

bool
rt_file_read(const char *path, RtArray *ret, RtError *error)
{
    RtSource source;

    const char *colon = find_colon(path);
    char *file = colon ? strndup(path, (size_t)(colon - path)) : strdup(path);
    if (!file)
        return rt_fail_memory(error, path, strlen(path));
    Format format = find_format(file);
    bool ok =
        format == UNKNOWN ? fail_unknown(path, error) : rt_source_open(&source, file, error);
    if (ok) {
        ok = read_format(format, &source, colon ? colon + 1 : NULL, ret, error);
        rt_source_close(&source);
    }
    free(file);
    return ok;
}

bool
rt_file_read_all(const char *path, RtNamed **ret, size_t *ret_count, RtError *error)
{
    RtSource source;
    Format format = find_format(path);

    if (format == PICKLE)
        return rt_fail_pickle(path, error);
    if (format != NPZ && format != SAFETENSORS)
        return rt_fail(error, RT_ARGUMENT,
                       "'%s': cannot tell its format: the name should end in .npz or "
                       ".safetensors",
                       path);
    if (!rt_source_open(&source, path, error))
        return false;
    bool ok = format == NPZ ? rt_npz_read_all(&source, ret, ret_count, error)
                            : rt_safetensors_read(&source, ret, ret_count, error);
    rt_source_close(&source);
    return ok;
}
