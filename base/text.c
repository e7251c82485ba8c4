/* SPDX-License-Identifier: Apache-2.0
 *
 * text.c -- text that grows in an arena
 */
#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static char *
reserve(Text *t, size_t more)
{
    t->data = arena_grow(t->arena, t->data, t->size, &t->cap, t->size + more + 1, 1);
    return t->data + t->size;
}

void
text_add(Text *t, const char *bytes, size_t size)
{
    char *to = reserve(t, size);

    if (size)
        memcpy(to, bytes, size);
    t->size += size;
    t->data[t->size] = '\0';
}

void
text_printf(Text *t, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    int size = vsnprintf(NULL, 0, format, ap);
    va_end(ap);

    char *to = reserve(t, (size_t)size);

    va_start(ap, format);
    vsnprintf(to, (size_t)size + 1, format, ap);
    va_end(ap);
    t->size += (size_t)size;
}

const char *
text_str(const Text *t)
{
    return t->data ? t->data : "";
}
