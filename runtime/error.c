/* SPDX-License-Identifier: Apache-2.0
 *
 * error.c -- how the runtime says what went wrong
 */
#include "runtime/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Drops the bytes of a UTF-8 character that the end of the buffer cut in two. */
static void
trim_character(char *text, size_t length)
{
    size_t start = length;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)text[start - 1] >= 0xc0)
        text[start - 1] = '\0';
}

static RtCode
code_of_errno(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return RT_NO_SPACE;
    case ENOMEM: return RT_MEMORY;
    case ENOENT: return RT_NOT_FOUND;
    default: return RT_IO;
    }
}

bool
rt_fail(RtError *error, RtCode code, const char *format, ...)
{
    va_list arguments;

    error->code = code;
    va_start(arguments, format);
    int length = vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    if (length >= (int)sizeof error->message)
        trim_character(error->message, sizeof error->message - 1);
    return false;
}

bool
rt_fail_errno(RtError *error, int number, const char *path, const char *action)
{
    char buffer[128];

    return rt_fail(error, code_of_errno(number), "'%s': cannot %s: %s", path, action,
                   strerror_r(number, buffer, sizeof buffer));
}

bool
rt_fail_memory(RtError *error, const char *what, unsigned long long bytes)
{
    return rt_fail(error, RT_MEMORY, "'%s': out of memory (%llu bytes wanted)", what, bytes);
}

const char *
rt_code_name(RtCode code)
{
    switch (code) {
#define ERROR(name, text) \
    case RT_##name: return #name;
        RT_ERRORS(ERROR)
#undef ERROR
    default: return "?";
    }
}

const char *
rt_code_text(RtCode code)
{
    switch (code) {
#define ERROR(name, text) \
    case RT_##name: return text;
        RT_ERRORS(ERROR)
#undef ERROR
    default: return "?";
    }
}
