/* SPDX-License-Identifier: Apache-2.0
 *
 * source.c -- bytes to read, of known length, from a file, from memory or from an archive
 */
#include "runtime/source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FIRST_PIECE = 1 << 16 };

static bool
read_file(RtSource *source, void *bytes, size_t size, RtError *error)
{
    FILE *file = source->handle;

    errno = 0;
    if (fread(bytes, 1, size, file) == size)
        return true;
    if (ferror(file))
        return rt_fail_errno(error, errno, source->name, "read");
    return rt_fail(error, RT_IO, "'%s': the file became shorter while it was read",
                   source->name);
}

static void
close_file(RtSource *source)
{
    fclose(source->handle);
}

static bool
read_memory(RtSource *source, void *bytes, size_t size, RtError *error)
{
    (void)error;
    if (size)
        memcpy(bytes, source->memory, size);
    source->memory += size;
    return true;
}

static void
close_memory(RtSource *source)
{
    free(source->handle);
}

/* Makes room for at least one more byte. */
static bool
grow(char **text, size_t *room, const char *name, RtError *error)
{
    size_t wanted = *room ? *room * 2 : FIRST_PIECE;
    char *larger = wanted > *room ? realloc(*text, wanted) : NULL;

    if (!larger)
        return rt_fail_memory(error, name, wanted);
    *text = larger;
    *room = wanted;
    return true;
}

/* Reads a stream without length to its end and makes a memory source of it. */
static bool
slurp_stream(RtSource *source, FILE *file, RtError *error)
{
    char *text = NULL;
    size_t size = 0, room = 0;
    const char *name = source->name;

    do {
        if (size == room && !grow(&text, &room, name, error))
            goto failed;
        size += fread(text + size, 1, room - size, file);
    } while (!feof(file) && !ferror(file));
    if (ferror(file)) {
        rt_fail_errno(error, errno, name, "read");
        goto failed;
    }
    fclose(file);
    rt_source_memory(source, name, text, size);
    source->handle = text;
    return true;
failed:
    free(text);
    fclose(file);
    return false;
}

bool
rt_source_open(RtSource *ret, const char *path, RtError *error)
{
    struct stat status;
    FILE *file = fopen(path, "rbe");

    if (!file)
        return rt_fail_errno(error, errno, path, "open");
    *ret = (RtSource){.name = path, .read = read_file, .close = close_file, .handle = file};
    if (fstat(fileno(file), &status) != 0) {
        rt_fail_errno(error, errno, path, "examine");
        fclose(file);
        return false;
    }
    if (S_ISDIR(status.st_mode)) {
        fclose(file);
        return rt_fail(error, RT_IO, "'%s': is a directory, not a file", path);
    }
    /* Files of /proc are regular and say 0. */
    if (!S_ISREG(status.st_mode) || status.st_size == 0)
        return slurp_stream(ret, file, error);
    ret->left = (uint64_t)status.st_size;
    return true;
}

void
rt_source_memory(RtSource *ret, const char *name, const void *bytes, size_t size)
{
    *ret = (RtSource){.name = name,
                      .left = size,
                      .read = read_memory,
                      .close = close_memory,
                      .memory = bytes};
}

bool
rt_source_read(RtSource *source, void *bytes, size_t size, RtError *error)
{
    if (size > source->left)
        return rt_fail(error, RT_FORMAT,
                       "'%s': truncated: %zu more bytes expected, %llu are left", source->name,
                       size, (unsigned long long)source->left);
    if (!source->read(source, bytes, size, error))
        return false;
    source->left -= size;
    return true;
}

bool
rt_source_slurp(RtSource *source, char **ret_text, size_t *ret_size, RtError *error)
{
    if (source->left >= PTRDIFF_MAX)
        return rt_fail(error, RT_MEMORY, "'%s': too large to read into memory", source->name);
    size_t size = (size_t)source->left;
    char *text = malloc(size + 1);
    if (!text)
        return rt_fail_memory(error, source->name, size);
    if (!rt_source_read(source, text, size, error)) {
        free(text);
        return false;
    }
    text[size] = '\0';
    *ret_text = text;
    *ret_size = size;
    return true;
}

void
rt_source_close(RtSource *source)
{
    if (source->close)
        source->close(source);
    *source = (RtSource){0};
}
