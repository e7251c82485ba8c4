/* SPDX-License-Identifier: Apache-2.0
 *
 * diag.c -- collecting and rendering diagnostics
 */
#include "base/diag.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    Severity severity;
    const char *format;
} diag_info[DIAG_COUNT] = {
#define DIAG(name, severity, text) {#name, SEVERITY_##severity, text},
#include "base/diag.def"
};

static const char *const severity_name[] = {"error", "warning"};

const char *
diag_name(DiagCode code)
{
    return diag_info[code].name;
}

static char *
format_text(Arena *a, const char *format, va_list ap)
{
    va_list again;

    va_copy(again, ap);
    size_t size = (size_t)vsnprintf(NULL, 0, format, again) + 1;
    va_end(again);

    char *text = arena_array(a, char, size);
    vsnprintf(text, size, format, ap);
    return text;
}

static bool
same_place(const Diag *d, DiagCode code, Span span)
{
    return d->code == code && d->span.file == span.file && d->span.begin == span.begin &&
           d->span.end == span.end;
}

static Diag *
find(DiagList *list, DiagCode code, Span span)
{
    for (size_t i = 0; i < list->count; i++)
        if (span.file && same_place(&list->diag[i], code, span))
            return &list->diag[i];
    return NULL;
}

Diag *
diag_add(DiagList *list, DiagCode code, Span span, ...)
{
    Diag *old = find(list, code, span);
    Severity severity = diag_info[code].severity;
    va_list ap;

    if (old)
        return old;
    list->errors += severity == SEVERITY_ERROR;
    list->diag = arena_grow(list->arena, list->diag, list->count, &list->cap, list->count + 1,
                            sizeof(Diag));

    va_start(ap, span);
    const char *message = format_text(list->arena, diag_info[code].format, ap);
    va_end(ap);

    Diag *d = &list->diag[list->count];
    *d = (Diag){.code = code, .severity = severity, .span = span, .message = message};
    list->count += list->errors <= DIAG_MAX_ERRORS || severity != SEVERITY_ERROR;
    return d;
}

void
diag_help(DiagList *list, Diag *d, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    d->help = format_text(list->arena, format, ap);
    va_end(ap);
}

static bool
same_note(const DiagNote *a, const DiagNote *b)
{
    return a->span.file == b->span.file && a->span.begin == b->span.begin &&
           strcmp(a->message, b->message) == 0;
}

void
diag_note(DiagList *list, Diag *d, Span span, const char *format, ...)
{
    DiagNote *note = arena_new(list->arena, DiagNote), **last = &d->notes;
    va_list ap;

    note->span = span;
    va_start(ap, format);
    note->message = format_text(list->arena, format, ap);
    va_end(ap);
    for (; *last; last = &(*last)->next)
        if (same_note(*last, note))
            return; /* a mistake met twice is said once */
    *last = note;
}

typedef struct Line {
    uint32_t number, begin, end;
} Line;

static Line
line_at(const Source *src, uint32_t at)
{
    Line line = {.number = 1};

    for (uint32_t i = 0; i < at && i < src->size; i++)
        if (src->text[i] == '\n') {
            line.number++;
            line.begin = i + 1;
        }
    for (line.end = line.begin; line.end < src->size && src->text[line.end] != '\n';)
        line.end++;
    return line;
}

/* Columns count characters, not bytes. */
static bool
starts_character(char c)
{
    return ((unsigned char)c & 0xC0) != 0x80;
}

static uint32_t
column_of(const Source *src, Line line, uint32_t at)
{
    uint32_t column = 1;

    for (uint32_t i = line.begin; i < at && i < line.end; i++)
        column += starts_character(src->text[i]);
    return column;
}

static void
underline(const Source *src, Line line, Span span, FILE *out)
{
    uint32_t end = span.end < line.end ? span.end : line.end;

    for (uint32_t i = line.begin; i < span.begin; i++)
        if (starts_character(src->text[i]))
            fputc(src->text[i] == '\t' ? '\t' : ' ', out);
    fputc('^', out);
    for (uint32_t i = span.begin + 1; i < end; i++)
        if (starts_character(src->text[i]))
            fputc('~', out);
    fputc('\n', out);
}

/* Source lines may hold anything: control characters are shown as '?'. */
static void
put_line(const Source *src, Line line, FILE *out)
{
    fprintf(out, "%5u | ", line.number);
    for (uint32_t i = line.begin; i < line.end; i++) {
        unsigned char c = (unsigned char)src->text[i];
        if (c != '\r')
            fputc(c < 0x20 && c != '\t' ? '?' : c, out);
    }
    fputs("\n      | ", out);
}

/* Of a very long line only what is around the span is shown. */
enum { SHOWN_BEFORE = 100, SHOWN_MAX = 240 };

static Line
clip(const Source *src, Line line, uint32_t at)
{
    if (line.end - line.begin <= SHOWN_MAX)
        return line;
    if (at > line.begin + SHOWN_BEFORE)
        line.begin = at - SHOWN_BEFORE;
    while (line.begin < at && !starts_character(src->text[line.begin]))
        line.begin++;
    if (line.end > line.begin + SHOWN_MAX)
        line.end = line.begin + SHOWN_MAX;
    while (line.end > at && !starts_character(src->text[line.end]))
        line.end--;
    return line;
}

static void
render_place(const DiagList *list, Span span, const char *kind, const char *message,
             const char *code, FILE *out)
{
    const Source *src = source_get(list->sources, span.file);
    Line line = src ? line_at(src, span.begin) : (Line){0};

    if (src)
        fprintf(out, "%s:%u:%u: ", src->name, line.number, column_of(src, line, span.begin));
    fprintf(out, "%s: %s", kind, message);
    if (code)
        fprintf(out, " [%s]", code);
    fputc('\n', out);
    if (src) {
        line = clip(src, line, span.begin);
        put_line(src, line, out);
        underline(src, line, span, out);
    }
}

static void
render(const DiagList *list, const Diag *d, FILE *out)
{
    render_place(list, d->span, severity_name[d->severity], d->message, diag_name(d->code),
                 out);
    if (d->help)
        fprintf(out, "      = help: %s\n", d->help);
    for (const DiagNote *note = d->notes; note; note = note->next)
        render_place(list, note->span, "note", note->message, NULL, out);
}

void
diag_render(const DiagList *list, FILE *out)
{
    for (size_t i = 0; i < list->count; i++)
        render(list, &list->diag[i], out);
}

enum { NEAR_MAX = 64 };

/* Edit distance with transpositions (restricted Damerau-Levenshtein). */
static unsigned
distance(const char *a, size_t n, const char *b, size_t m)
{
    unsigned row[3][NEAR_MAX + 1];

    for (size_t j = 0; j <= m; j++)
        row[0][j] = (unsigned)j;
    for (size_t i = 1; i <= n; i++) {
        unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *two = row[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= m; j++) {
            unsigned best = before[j - 1] + (a[i - 1] != b[j - 1]);
            best = before[j] + 1 < best ? before[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = two[j - 2] + 1 < best ? two[j - 2] + 1 : best;
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

const char *
near_miss(const char *word, const char *const *candidates, size_t count)
{
    size_t n = strlen(word);
    unsigned best = (unsigned)(n / 3) + 1;
    const char *found = NULL;

    if (n == 0 || n > NEAR_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t m = strlen(candidates[i]);
        unsigned d = m > NEAR_MAX ? best : distance(word, n, candidates[i], m);
        if (d < best) {
            best = d;
            found = candidates[i];
        }
    }
    return found;
}

bool
diag_near(DiagList *list, Diag *d, const char *word, const char *const *candidates,
          size_t count)
{
    const char *near = near_miss(word, candidates, count);

    if (near)
        diag_help(list, d, "did you mean '%s'?", near);
    return near != NULL;
}
