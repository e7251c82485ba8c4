/* SPDX-License-Identifier: Apache-2.0
 *
 * arena.h -- region allocation.
 *
 * Everything the compiler builds lives in an Arena and dies with it.  There is
 * no per-object free: a phase that needs scratch space opens its own arena,
 * and closing it is the only deallocation in that phase.
 */
#ifndef EBM_BASE_ARENA_H
#define EBM_BASE_ARENA_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>

typedef struct ArenaChunk ArenaChunk;

typedef struct Arena {
    ArenaChunk *chunks; /* newest first */
    char *at, *end;     /* free span of the newest chunk */
    jmp_buf *on_oom;    /* owned by the arena_guard now running */
} Arena;

/* An Arena starts as {0}. */
void arena_free(Arena *a);

/* Calls body(user) and returns true; false when memory ran out within it.
 * The only setjmp in the program: every public entry point goes through here,
 * with its locals in `user`, so that no local lives across the jump. */
bool arena_guard(Arena *a, void (*body)(void *user), void *user);

/* Zeroed, aligned for any type.  Never returns NULL: exhaustion jumps to the
 * guard, so no caller between there and here tests for it. */
void *arena_alloc(Arena *a, size_t count, size_t size);

/* Jumps to the guard as if memory had run out: for sizes that cannot be meant. */
_Noreturn void arena_exhausted(Arena *a);

/* A growing array: room for `need` elements of `size` bytes, of which `used` are kept.
 * Returns `old` while it fits; doubles `*cap` otherwise. */
void *arena_grow(Arena *a, const void *old, size_t used, size_t *cap, size_t need, size_t size);

/* NUL-terminated copy of `size` bytes. */
char *arena_strndup(Arena *a, const char *text, size_t size);

/* Like sprintf, into the arena. */
char *arena_printf(Arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define arena_new(a, T) ((T *)arena_alloc((a), 1, sizeof(T)))
#define arena_array(a, T, n) ((T *)arena_alloc((a), (n), sizeof(T)))

#endif
