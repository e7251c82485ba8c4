/* SPDX-License-Identifier: Apache-2.0
 *
 * diag.h -- what the compiler tells its user.
 *
 * A Diag is data: the library collects it and goes on.  Rendering is the business of
 * whoever owns the terminal.  Nothing prints, exits or aborts because of user input.
 * Every message stands in diag.def: lower case, one line, expected before found, the
 * user's own spelling in quotes, no internal names.
 */
#ifndef EBM_BASE_DIAG_H
#define EBM_BASE_DIAG_H

#include <stdbool.h>
#include <stdio.h>

#include "base/span.h"

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING } Severity;

typedef enum DiagCode {
#define DIAG(name, severity, text) DIAG_##name,
#include "base/diag.def"
    DIAG_COUNT
} DiagCode;

/* A further place with a text of its own: "shape real[n] comes from here". */
typedef struct DiagNote {
    Span span;
    const char *message;
    struct DiagNote *next;
} DiagNote;

typedef struct Diag {
    DiagCode code;
    Severity severity;
    Span span;
    const char *message;
    const char *help; /* what to do about it, or NULL */
    DiagNote *notes;
} Diag;

/* Collects the diagnostics of one compilation; starts as {.arena, .sources}. */
typedef struct DiagList {
    Arena *arena;
    const SourceMap *sources;
    Diag *diag;
    size_t count, cap;
    unsigned errors;
} DiagList;

/* After this many errors the rest are dropped: a broken file says enough. */
enum { DIAG_MAX_ERRORS = 50 };

/* Formats and adds message `code`.  The result is valid until the next call and is used
 * to attach help and notes; it is never NULL.  One error is kept per (code, span). */
Diag *diag_add(DiagList *list, DiagCode code, Span span, ...);

/* Sets the help text. */
void diag_help(DiagList *list, Diag *d, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Appends a note. */
void diag_note(DiagList *list, Diag *d, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Each as "name:line:column: error: message [code]", the line with the span underlined, help,
 * notes. */
void diag_render(const DiagList *list, FILE *out);

const char *diag_name(DiagCode code);

/* The candidate nearest to `word`, or NULL when none is near: at most a third of the
 * letters may differ.  For "did you mean". */
const char *near_miss(const char *word, const char *const *candidates, size_t count);

/* Helps with the candidate nearest to `word`; false when none is near. */
bool diag_near(DiagList *list, Diag *d, const char *word, const char *const *candidates,
               size_t count);

#endif
