/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c -- reports: what the library has to say, as data and as text
 */
#include "api/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

typedef struct Note {
    EbmPlace place;
    const char *message;
} Note;

struct EbmReport {
    Arena arena;
    EbmStatus status;
    const char *text;
    EbmDiagnostic *diag;
    Note **note; /* a list for each diagnostic */
    size_t count;
};

_Static_assert((int)EBM_IO_ERROR == (int)RT_IO + 2 &&
                   (int)EBM_NOT_FINITE == (int)RT_NOT_FINITE + 1,
               "status_of lists the codes");

static EbmStatus
status_of(RtCode code)
{
    static const EbmStatus status[RT_CODE_COUNT] = {
        [RT_OK] = EBM_OK,
        [RT_IO] = EBM_IO_ERROR,
        [RT_NOT_FOUND] = EBM_NOT_FOUND,
        [RT_FORMAT] = EBM_FORMAT_ERROR,
        [RT_SHAPE] = EBM_SHAPE_ERROR,
        [RT_TYPE] = EBM_TYPE_ERROR,
        [RT_RANGE] = EBM_RANGE_ERROR,
        [RT_ARGUMENT] = EBM_ARGUMENT_ERROR,
        [RT_MEMORY] = EBM_MEMORY_ERROR,
        [RT_NO_SPACE] = EBM_NO_SPACE,
        [RT_CANCELLED] = EBM_CANCELLED,
        [RT_DEVICE] = EBM_DEVICE_ERROR,
        [RT_INTERNAL] = EBM_INTERNAL_ERROR,
        [RT_NOT_FINITE] = EBM_NOT_FINITE,
    };
    return status[code];
}

const char *
ebm_status_name(EbmStatus status)
{
    static const char *const name[] = {
        [EBM_OK] = "ok",
        [EBM_PROGRAM_ERROR] = "program error",
        [EBM_ARGUMENT_ERROR] = "argument error",
        [EBM_IO_ERROR] = "input or output error",
        [EBM_NOT_FOUND] = "not found",
        [EBM_FORMAT_ERROR] = "format error",
        [EBM_SHAPE_ERROR] = "shape error",
        [EBM_TYPE_ERROR] = "type error",
        [EBM_RANGE_ERROR] = "range error",
        [EBM_MEMORY_ERROR] = "out of memory",
        [EBM_NO_SPACE] = "no space",
        [EBM_CANCELLED] = "cancelled",
        [EBM_DEVICE_ERROR] = "device error",
        [EBM_INTERNAL_ERROR] = "internal error",
        [EBM_NOT_FINITE] = "not finite",
    };
    return (unsigned)status < sizeof name / sizeof *name ? name[status] : "?";
}

/* ---- diagnostics */

/* Characters begin at bytes that are not of the form 10xxxxxx. */
static EbmPlace
place_of(Arena *arena, const SourceMap *sources, Span span)
{
    const Source *source = source_get(sources, span.file);
    EbmPlace place = {.begin = span.begin, .end = span.end};

    if (!source)
        return (EbmPlace){0};
    place.file = arena_strndup(arena, source->name, strlen(source->name));
    place.line = place.column = 1;
    for (uint32_t i = 0; i < span.begin && i < source->size; i++) {
        unsigned char c = (unsigned char)source->text[i];
        place.column = c == '\n' ? 1 : place.column + ((c & 0xC0) != 0x80);
        place.line += c == '\n';
    }
    return place;
}

static const char *
copy_text(Arena *arena, const char *text)
{
    return text ? arena_strndup(arena, text, strlen(text)) : NULL;
}

static void
add_diag(EbmReport *r, const DiagList *list, const Diag *d)
{
    EbmDiagnostic *to = &r->diag[r->count];
    size_t n = 0;

    *to = (EbmDiagnostic){
        .is_warning = d->severity == SEVERITY_WARNING,
        .code = diag_name(d->code),
        .message = copy_text(&r->arena, d->message),
        .help = copy_text(&r->arena, d->help),
        .place = place_of(&r->arena, list->sources, d->span),
    };
    for (const DiagNote *note = d->notes; note; note = note->next)
        to->notes++;
    r->note[r->count] = arena_array(&r->arena, Note, to->notes);
    for (const DiagNote *note = d->notes; note; note = note->next)
        r->note[r->count][n++] = (Note){place_of(&r->arena, list->sources, note->span),
                                        copy_text(&r->arena, note->message)};
    r->count++;
}

/* What building a report needs, for the guard. */
typedef struct Draft {
    EbmReport *report;
    const DiagList *diags;
    const char *message, *help; /* instead of diags */
    const char *text;           /* rendered, outside the arena */
} Draft;

static void
fill_diags(void *user)
{
    const Draft *draft = user;
    EbmReport *r = draft->report;
    size_t n = draft->diags->count;

    r->text = copy_text(&r->arena, draft->text);
    r->diag = arena_array(&r->arena, EbmDiagnostic, n);
    r->note = arena_array(&r->arena, Note *, n);
    for (size_t i = 0; i < n; i++)
        add_diag(r, draft->diags, &draft->diags->diag[i]);
}

static void
fill_message(void *user)
{
    const Draft *draft = user;
    EbmReport *r = draft->report;
    const char *help = draft->help;

    r->diag = arena_new(&r->arena, EbmDiagnostic);
    *r->diag = (EbmDiagnostic){
        .code = ebm_status_name(r->status),
        .message = copy_text(&r->arena, draft->message),
        .help = copy_text(&r->arena, help),
    };
    r->note = arena_new(&r->arena, Note *);
    r->text = arena_printf(&r->arena, "error: %s\n%s%s%s", draft->message,
                           help ? "  = help: " : "", help ? help : "", help ? "\n" : "");
    r->count = 1;
}

/* Hands out the report that `fill` makes of the draft. */
static EbmStatus
make_report(EbmReport **ret, EbmStatus status, void (*fill)(void *), Draft *draft)
{
    if (!ret)
        return status;
    *ret = NULL;
    EbmReport *r = calloc(1, sizeof *r);
    if (!r)
        return status;
    r->status = status;
    draft->report = r;
    if (!arena_guard(&r->arena, fill, draft)) {
        ebm_report_free(r);
        return status;
    }
    *ret = r;
    return status;
}

static char *
render(const DiagList *diags)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out)
        return NULL;
    diag_render(diags, out);
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

EbmStatus
report_nothing(EbmReport **ret)
{
    if (ret)
        *ret = NULL;
    return EBM_OK;
}

EbmStatus
report_diags(EbmReport **ret, const DiagList *diags)
{
    return report_diags_as(ret, diags, EBM_PROGRAM_ERROR);
}

EbmStatus
report_diags_as(EbmReport **ret, const DiagList *diags, EbmStatus status)
{
    status = diags->errors ? status : EBM_OK;
    if (!ret || diags->count == 0) {
        report_nothing(ret);
        return status;
    }
    char *text = render(diags);
    Draft draft = {.diags = diags, .text = text};
    make_report(ret, status, fill_diags, &draft);
    free(text);
    return status;
}

EbmStatus
report_error(EbmReport **ret, const RtError *error)
{
    Draft draft = {.message = error->message};
    return make_report(ret, status_of(error->code), fill_message, &draft);
}

static EbmStatus
say(EbmReport **ret, EbmStatus status, const char *help, const char *format, va_list arguments)
{
    char *message = NULL;
    int length = vasprintf(&message, format, arguments);
    Draft draft = {.message = length < 0 ? "out of memory" : message, .help = help};

    make_report(ret, status, fill_message, &draft);
    if (length >= 0)
        free(message);
    return status;
}

EbmStatus
report_say(EbmReport **ret, EbmStatus status, const char *help, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    say(ret, status, help, format, arguments);
    va_end(arguments);
    return status;
}

EbmStatus
report_unknown(EbmReport **ret, const char *name, const char *const *names, size_t count,
               const char *help, const char *format, ...)
{
    const char *near = near_miss(name, names, count);
    char text[128];
    va_list arguments;

    snprintf(text, sizeof text, "did you mean '%s'?", near ? near : "");
    va_start(arguments, format);
    say(ret, EBM_ARGUMENT_ERROR, near ? text : help, format, arguments);
    va_end(arguments);
    return EBM_ARGUMENT_ERROR;
}

EbmStatus
report_memory(EbmReport **ret)
{
    return report_say(ret, EBM_MEMORY_ERROR, NULL, "out of memory");
}

bool
take_options(void *defaults, size_t size, const void *given)
{
    size_t known;

    if (!given)
        return true;
    memcpy(&known, given, sizeof known);
    if (known <= sizeof known || known > 1 << 16)
        return false;
    memcpy(defaults, given, known < size ? known : size);
    return true;
}

void
give_results(void *ret, const void *results, size_t size)
{
    size_t known;

    memcpy(&known, ret, sizeof known);
    if (known > sizeof known) {
        memcpy(ret, results, known < size ? known : size);
        memcpy(ret, &known, sizeof known);
    }
}

/* ---- for clients */

void
ebm_report_free(EbmReport *report)
{
    if (!report)
        return;
    arena_free(&report->arena);
    free(report);
}

EbmStatus
ebm_report_status(const EbmReport *report)
{
    return report ? report->status : EBM_OK;
}

const char *
ebm_report_text(const EbmReport *report)
{
    return report && report->text ? report->text : "";
}

const char *
ebm_report_message(const EbmReport *report)
{
    size_t i = 0;

    if (!report || report->count == 0)
        return "";
    while (i + 1 < report->count && report->diag[i].is_warning)
        i++;
    return report->diag[report->diag[i].is_warning ? 0 : i].message;
}

size_t
ebm_report_count(const EbmReport *report)
{
    return report ? report->count : 0;
}

void
ebm_report_get(const EbmReport *report, size_t index, EbmDiagnostic *ret)
{
    *ret = report->diag[index];
}

const char *
ebm_report_note(const EbmReport *report, size_t index, size_t note, EbmPlace *ret_place)
{
    if (ret_place)
        *ret_place = report->note[index][note].place;
    return report->note[index][note].message;
}
