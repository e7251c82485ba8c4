/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.c -- chunks of memory that are freed together
 */
#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_MIN = 64 * 1024 };

struct ArenaChunk {
    ArenaChunk *next;
    alignas(max_align_t) char bytes[];
};

void
arena_free(Arena *a)
{
    for (ArenaChunk *c = a->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *a = (Arena){.on_oom = a->on_oom};
}

bool
arena_guard(Arena *a, void (*body)(void *user), void *user)
{
    jmp_buf here, *const outer = a->on_oom;
    bool done = setjmp(here) == 0;

    if (done) {
        a->on_oom = &here;
        body(user);
    }
    a->on_oom = outer;
    return done;
}

static _Noreturn void
arena_fail(Arena *a)
{
    assert(a->on_oom && "allocation outside arena_guard");
    longjmp(*a->on_oom, 1);
}

static void
grow(Arena *a, size_t need)
{
    size_t size = need > CHUNK_MIN ? need : CHUNK_MIN;
    ArenaChunk *c = calloc(1, sizeof *c + size);

    if (!c)
        arena_fail(a);
    c->next = a->chunks;
    a->chunks = c;
    a->at = c->bytes;
    a->end = c->bytes + size;
}

void
arena_exhausted(Arena *a)
{
    arena_fail(a);
}

void *
arena_alloc(Arena *a, size_t count, size_t size)
{
    enum { ALIGN = alignof(max_align_t) };

    if (size && count > SIZE_MAX / 2 / size)
        arena_fail(a);

    size_t need = (count * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (need > (size_t)(a->end - a->at))
        grow(a, need);

    void *p = a->at;
    a->at += need;
    return p;
}

void *
arena_grow(Arena *a, const void *old, size_t used, size_t *cap, size_t need, size_t size)
{
    size_t more = *cap ? *cap : 8;

    if (need <= *cap)
        return (void *)(uintptr_t)old;
    while (more < need)
        more = more > SIZE_MAX / 2 ? arena_fail(a), 0 : 2 * more;

    void *p = arena_alloc(a, more, size);
    if (used)
        memcpy(p, old, used * size);
    *cap = more;
    return p;
}

char *
arena_strndup(Arena *a, const char *text, size_t size)
{
    char *s = arena_array(a, char, size + 1);

    if (size)
        memcpy(s, text, size);
    return s;
}

char *
arena_printf(Arena *a, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    size_t size = (size_t)vsnprintf(NULL, 0, format, ap) + 1;
    va_end(ap);

    char *s = arena_array(a, char, size); /* may jump: no va_list open here */

    va_start(ap, format);
    vsnprintf(s, size, format, ap);
    va_end(ap);
    return s;
}
