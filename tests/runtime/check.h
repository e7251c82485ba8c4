/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h -- what the tests of files share.
 */
#ifndef EBM_TESTS_RUNTIME_CHECK_H
#define EBM_TESTS_RUNTIME_CHECK_H

#include <CUnit/Basic.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/files.h"

/* Fails unless `ok` is false and the error has this code and says this; shows it then. */
#define CHECK_ERROR(ok, error, wanted, text) \
    CU_ASSERT(check_error((ok), &(error), (wanted), (text), __FILE__, __LINE__))

/* Fails unless `ok`; shows the message. */
#define CHECK_OK(ok, error) CU_ASSERT_FATAL(check_ok((ok), &(error), __FILE__, __LINE__))

static inline bool
check_error(bool ok, const RtError *error, RtCode wanted, const char *text, const char *file,
            int line)
{
    bool as_wanted = !ok && error->code == wanted && strstr(error->message, text);

    if (!as_wanted)
        fprintf(stderr, "%s:%d: wanted %s '%s', got %s '%s'\n", file, line,
                rt_code_name(wanted), text, ok ? "success" : rt_code_name(error->code),
                ok ? "" : error->message);
    return as_wanted;
}

static inline bool
check_ok(bool ok, const RtError *error, const char *file, int line)
{
    if (!ok)
        fprintf(stderr, "%s:%d: %s: %s\n", file, line, rt_code_name(error->code),
                error->message);
    return ok;
}

/* A path built by printf into one of a few buffers used in turn. */
__attribute__((format(printf, 1, 2))) static inline const char *
path_of(const char *format, ...)
{
    static char buffer[4][4096];
    static unsigned next;
    char *path = buffer[next++ % 4];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(path, sizeof buffer[0], format, arguments);
    va_end(arguments);
    return path;
}

static inline char *
slurp(const char *path, size_t *ret_size)
{
    RtSource source;
    RtError error = {0};
    char *text = NULL;

    CHECK_OK(rt_source_open(&source, path, &error), error);
    CHECK_OK(rt_source_slurp(&source, &text, ret_size, &error), error);
    rt_source_close(&source);
    return text;
}

static inline void
spill(const char *path, const void *bytes, size_t size)
{
    FILE *file = fopen(path, "wb");

    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    CU_ASSERT_EQUAL(fwrite(bytes, 1, size, file), size);
    CU_ASSERT_EQUAL(fclose(file), 0);
}

static inline unsigned
count_entries(const char *directory)
{
    DIR *list = opendir(directory);
    unsigned count = 0;

    CU_ASSERT_PTR_NOT_NULL_FATAL(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count - 2;
}

#endif
