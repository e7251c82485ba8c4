/* SPDX-License-Identifier: Apache-2.0
 *
 * text.h -- text that grows in an arena.
 */
#ifndef EBM_BASE_TEXT_H
#define EBM_BASE_TEXT_H

#include "base/arena.h"

/* Starts as {.arena = a}; `data` is NUL-terminated after each append and NULL before. */
typedef struct Text {
    Arena *arena;
    char *data;
    size_t size, cap;
} Text;

void text_add(Text *t, const char *bytes, size_t size);
void text_printf(Text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The content, "" when empty. */
const char *text_str(const Text *t);

#endif
