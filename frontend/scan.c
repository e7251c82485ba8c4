/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.c -- the newline rule, words, literals and comments
 */
#include "frontend/scan.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "frontend/build.h"
#include "parse.tab.h"

enum { NAME_MAX_BYTES = 1000 };

const char *
scan_quote(Syntax *s, Span span)
{
    uint32_t size = span.end - span.begin;
    bool cut = size > QUOTE_MAX;

    if (cut)
        for (size = QUOTE_MAX; size && (s->source->text[span.begin + size] & 0xC0) == 0x80;)
            size--;

    char *text = arena_printf(s->arena, "%.*s%s", (int)size, s->source->text + span.begin,
                              cut ? "..." : "");
    for (char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20)
            *c = ' ';
    return text;
}

/* ---- statements and lines ---- */

static bool
is_word_of_one_place(int token)
{
    switch (token) {
    case ENERGY:
    case NETWORK:
    case SAMPLER:
    case LOSS:
    case OPTIMIZER:
    case DATASET:
    case DATA:
    case TRAIN:
    case SAMPLE:
    case PARAM:
    case LAYER:
    case BUFFER:
    case STATE:
    case CACHE:
    case STEP:
    case REPORT:
    case REQUIRE:
    case GIVEN:
    case AT:
    case MOST:
    case DERIVATIVE: return true;
    default: return false;
    }
}

static bool
can_end(int token)
{
    switch (token) {
    case NAME:
    case INT:
    case REAL:
    case STRING:
    case TRUE:
    case FALSE:
    case RPAREN:
    case RBRACKET:
    case RBRACE: return true;
    default: return is_word_of_one_place(token);
    }
}

/* No statement, and no value of a branch, begins with such a token: the line goes on. */
static bool
continues(const Syntax *s, int token)
{
    switch (token) {
    case ELSE:
    case PIPE:
    case OR:
    case AND:
    case EQ:
    case NE:
    case LT:
    case LE:
    case GT:
    case GE:
    case PLUS:
    case MINUS:
    case STAR:
    case SLASH:
    case SLASHES:
    case PERCENT:
    case MATMUL:
    case HAT:
    case ADD_TO:
    case SUB_FROM:
    case MUL_BY:
    case DIV_BY:
    case ASSIGN:
    case TILDE:
    case ARROW:
    case COMMA:
    case DOT:
    case DOTDOT:
    case COLON:
    case LBRACE: return true;
    case DERIVATIVE: return s->n_open == 0;
    default: return false;
    }
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool
begins_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

/* A word of a declaration in a line's first column, blanks, a name: its head. */
static bool
heads_declaration(const Syntax *s, int token, Span span)
{
    const char *p = s->source->text + span.end;

    switch (token) {
    case FN:
    case ENERGY:
    case NETWORK:
    case SAMPLER:
    case LOSS:
    case OPTIMIZER:
    case DATASET:
    case DATA: break;
    default: return false;
    }
    if (!is_blank(*p) || (span.begin && s->source->text[span.begin - 1] != '\n'))
        return false;
    while (is_blank(*p))
        p++;
    return begins_name(*p);
}

static bool
in_brackets(const Syntax *s)
{
    return s->n_open && s->open[s->n_open - 1].kind != '{';
}

/* Inside ( or [ a newline counts only before what plainly begins something new: then the
 * bracket was forgotten, and it is given up here. */
static bool
bracket_was_forgotten(Syntax *s, int token, Span span)
{
    bool head = heads_declaration(s, token, span);

    switch (token) {
    case LET:
    case VAR:
    case RETURN:
    case WHILE:
    case IMPORT:
    case CONST: break;
    default:
        if (!head)
            return false;
    }
    s->unclosed = s->open[s->n_open - 1];
    while (head ? s->n_open > 0 : in_brackets(s))
        s->n_open--;
    return true;
}

bool
scan_separates(Syntax *s, int token, Span span)
{
    bool separates = s->newline && (in_brackets(s) ? bracket_was_forgotten(s, token, span)
                                                   : s->ended && !continues(s, token));

    s->newline = false;
    s->ended = s->ended && !separates;
    return separates;
}

static void
open_bracket(Syntax *s, char kind, uint32_t at)
{
    s->open =
        arena_grow(s->arena, s->open, s->n_open, &s->cap_open, s->n_open + 1, sizeof *s->open);
    s->open[s->n_open++] = (Bracket){kind, at};
}

static void
close_bracket(Syntax *s, char kind)
{
    if (!s->n_open)
        return;
    if (s->open[s->n_open - 1].kind != kind)
        s->unclosed = s->open[s->n_open - 1];
    if (kind == '{') /* closes whatever was left open within */
        while (in_brackets(s))
            s->n_open--;
    if (s->n_open && s->open[s->n_open - 1].kind == kind)
        s->n_open--;
}

void
scan_note(Syntax *s, int token, Span span)
{
    s->ended = can_end(token);
    s->last_end = span.end;
    s->code_on_line = true;
    switch (token) {
    case LPAREN: open_bracket(s, '(', span.begin); break;
    case LBRACKET: open_bracket(s, '[', span.begin); break;
    case LBRACE: open_bracket(s, '{', span.begin); break;
    case RPAREN: close_bracket(s, '('); break;
    case RBRACKET: close_bracket(s, '['); break;
    case RBRACE: close_bracket(s, '{'); break;
    default: break;
    }
}

/* ---- words ---- */

static const struct Word {
    const char *text;
    int token;
} words[] = {
    {"and", AND},       {"at", AT},           {"buffer", BUFFER},   {"cache", CACHE},
    {"const", CONST},   {"data", DATA},       {"dataset", DATASET}, {"derivative", DERIVATIVE},
    {"else", ELSE},     {"energy", ENERGY},   {"false", FALSE},     {"fn", FN},
    {"for", FOR},       {"given", GIVEN},     {"if", IF},           {"import", IMPORT},
    {"in", IN},         {"layer", LAYER},     {"let", LET},         {"loss", LOSS},
    {"most", MOST},     {"network", NETWORK}, {"not", NOT},         {"optimizer", OPTIMIZER},
    {"or", OR},         {"param", PARAM},     {"report", REPORT},   {"require", REQUIRE},
    {"return", RETURN}, {"sample", SAMPLE},   {"sampler", SAMPLER}, {"state", STATE},
    {"step", STEP},     {"train", TRAIN},     {"true", TRUE},       {"var", VAR},
    {"while", WHILE},
};

static int
compare_word(const void *key, const void *word)
{
    return strcmp(key, ((const struct Word *)word)->text);
}

static int
word_token(const char *name)
{
    const struct Word *w =
        bsearch(name, words, sizeof words / sizeof *words, sizeof *words, compare_word);

    return w ? w->token : NAME;
}

/* What looks like a piece of ASCII: the text to write, and what it is read as meanwhile. */
static const struct LookAlike {
    uint32_t c;
    const char *text;
    int token;
} look_alikes[] = {
    {0xA0, " ", 0},        {0xAC, "not", NOT},        {0xB2, "^2", 0},
    {0xB3, "^3", 0},       {0xB7, "*", STAR},         {0xD7, "*", STAR},
    {0xF7, "/", SLASH},    {0x2013, "-", MINUS},      {0x2014, "-", MINUS},
    {0x2018, "\"", 0},     {0x2019, "\"", 0},         {0x201C, "\"", 0},
    {0x201D, "\"", 0},     {0x2026, "...", ELLIPSIS}, {0x2192, "->", ARROW},
    {0x2208, "in", IN},    {0x2212, "-", MINUS},      {0x2215, "/", SLASH},
    {0x2217, "*", STAR},   {0x221A, "sqrt", 0},       {0x221E, "inf", NAME},
    {0x2223, "|", BAR},    {0x2227, "and", AND},      {0x2228, "or", OR},
    {0x223C, "~", TILDE},  {0x2260, "!=", NE},        {0x2264, "<=", LE},
    {0x2265, ">=", GE},    {0x22C5, "*", STAR},       {0xFF08, "(", LPAREN},
    {0xFF09, ")", RPAREN}, {0xFF0C, ",", COMMA},      {0xFF1A, ":", COLON},
    {0xFF1D, "=", ASSIGN},
};

/* Subscript digits stand in names as digits do; marks are what NFC leaves uncombined. */
static bool
is_letter(utf8proc_int32_t c, bool first)
{
    switch (utf8proc_category(c)) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_NL: return true;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC: return !first;
    default:
        return c == '_' || (!first && ((c >= '0' && c <= '9') || (c >= 0x2080 && c <= 0x2089)));
    }
}

/* The character at `text` and its length; the scanner's patterns admit UTF-8 only. */
static utf8proc_int32_t
character(const char *text, uint32_t size, uint32_t *length)
{
    utf8proc_int32_t c = -1;
    utf8proc_ssize_t n =
        utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)size, &c);

    *length = n > 0 ? (uint32_t)n : 1;
    return c;
}

/* The length of the name that `text` begins with. */
static uint32_t
name_length(const char *text, uint32_t size)
{
    uint32_t at = 0, n;

    while (at < size && is_letter(character(text + at, size - at, &n), at == 0))
        at += n;
    return at;
}

/* The name in NFC, with the micro sign as the Greek letter. */
static const char *
normal_name(Syntax *s, const char *text, uint32_t size)
{
    utf8proc_option_t how = UTF8PROC_STABLE | UTF8PROC_COMPOSE;
    const utf8proc_uint8_t *bytes = (const utf8proc_uint8_t *)text;
    utf8proc_ssize_t n = utf8proc_decompose(bytes, size, NULL, 0, how);
    utf8proc_int32_t *c = arena_array(s->arena, utf8proc_int32_t, n > 0 ? (size_t)n + 1 : 1);

    n = utf8proc_decompose(bytes, size, c, n, how);
    for (utf8proc_ssize_t i = 0; i < n; i++)
        c[i] = c[i] == 0xB5 ? 0x3BC : c[i];
    n = utf8proc_reencode(c, n, how);
    return n > 0 ? intern(s->names, (const char *)c, (size_t)n) : intern(s->names, text, size);
}

static bool
is_ascii(const char *text, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        if (text[i] & 0x80)
            return false;
    return true;
}

/* Reports once a place, as a token that is put back for a SEP is read again. */
static bool
is_new(Syntax *s, Span span)
{
    if (span.end <= s->bad_to)
        return false;
    s->bad_to = span.end;
    return true;
}

/* A character that is no letter: what it looks like takes its place. */
static int
no_letter(Syntax *s, Span span, const char *text, uint32_t size, uint32_t *used,
          const char **name)
{
    utf8proc_int32_t c = character(text, size, used);
    bool fresh = is_new(s, (Span){span.file, span.begin, span.begin + *used});

    span.end = span.begin + *used;
    for (size_t i = 0; i < sizeof look_alikes / sizeof *look_alikes; i++) {
        const struct LookAlike *look = &look_alikes[i];
        if (look->c != (uint32_t)c)
            continue;
        if (fresh)
            syntax_error(s, DIAG_look_alike, span, scan_quote(s, span), (unsigned)c,
                         look->text);
        *name = intern_str(s->names, look->text);
        return look->token;
    }
    if (fresh)
        syntax_error(s, DIAG_not_a_letter, span, scan_quote(s, span), (unsigned)c);
    return 0;
}

int
scan_word(Syntax *s, Span span, const char *text, uint32_t size, uint32_t *used,
          const char **name)
{
    bool ascii = is_ascii(text, size);
    uint32_t n = ascii ? size : name_length(text, size);

    if (n == 0)
        return no_letter(s, span, text, size, used, name);
    *used = n;
    span.end = span.begin + n;
    if (n > NAME_MAX_BYTES) {
        if (is_new(s, span))
            syntax_error(s, DIAG_name_length, span, NAME_MAX_BYTES);
        *name = intern(s->names, "_", 1);
        return NAME;
    }
    *name = ascii ? intern(s->names, text, n) : normal_name(s, text, n);
    return word_token(*name);
}

/* ---- literals ---- */

static uint32_t
digits(const char *text, uint32_t at, uint32_t size)
{
    while (at < size && text[at] >= '0' && text[at] <= '9')
        at++;
    return at;
}

static uint32_t
number_length(const char *text, uint32_t size)
{
    uint32_t at = digits(text, 0, size);

    if (at + 1 < size && text[at] == '.' && digits(text, at + 1, size) > at + 1)
        at = digits(text, at + 1, size);
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        uint32_t sign = at + 1 < size && (text[at + 1] == '+' || text[at + 1] == '-');
        uint32_t end = digits(text, at + 1 + sign, size);
        at = end > at + 1 + sign ? end : at;
    }
    return at;
}

uint32_t
scan_number(Syntax *s, Span span, const char *text, uint32_t size)
{
    uint32_t n = number_length(text, size), length;

    if (!is_letter(character(text + n, size - n, &length), false))
        return n;
    n += name_length(text + n, size - n) ? name_length(text + n, size - n) : length;
    span.end = span.begin + n;
    if (is_new(s, span)) {
        Diag *d = syntax_error(s, DIAG_number_name, span, scan_quote(s, span));
        if (d)
            diag_help(s->diags, d, "a product is written with '*'");
    }
    return n;
}

/* The first byte that is neither text nor a tab, or the size. */
static uint32_t
first_bad_byte(const char *text, uint32_t size)
{
    uint32_t at = 0, n;

    while (at < size) {
        utf8proc_int32_t c = character(text + at, size - at, &n);
        if (c < 0 || (c < 0x20 && c != '\t') || c == 0x7F)
            break;
        at += n;
    }
    return at;
}

const char *
scan_string(Syntax *s, Span span, const char *text, uint32_t size, bool closed)
{
    uint32_t n = size - 1 - closed, bad = first_bad_byte(text + 1, n);

    if (!closed && is_new(s, span))
        syntax_error(s, DIAG_open_string, span);
    if (bad < n && is_new(s, span))
        syntax_error(s, DIAG_string_text, span, (unsigned)(unsigned char)text[1 + bad]);
    return build_text(s, text + 1, bad);
}

void
scan_bad_byte(Syntax *s, Span span, unsigned char byte)
{
    bool follows = span.begin && s->bad_to == span.begin;

    if (!is_new(s, span) || follows)
        return;
    if (byte >= 0x80)
        syntax_error(s, DIAG_not_utf8, span, (unsigned)byte);
    else if (byte < 0x20 || byte == 0x7F)
        syntax_error(s, DIAG_bad_character, span,
                     arena_printf(s->arena, "byte 0x%02x", (unsigned)byte));
    else
        syntax_error(s, DIAG_bad_character, span, arena_printf(s->arena, "'%c'", byte));
}

/* ---- comments ---- */

void
scan_comment(Syntax *s, Span span)
{
    const char *text = s->source->text + span.begin;

    while (span.end > span.begin + 1 && (is_blank(text[span.end - span.begin - 1]) ||
                                         text[span.end - span.begin - 1] == '\r'))
        span.end--;
    s->comments = arena_grow(s->arena, s->comments, s->n_comments, &s->cap_comments,
                             s->n_comments + 1, sizeof *s->comments);
    s->comments[s->n_comments++] = (Comment){
        .span = span,
        .line = s->line,
        .doc = span.end - span.begin >= 2 && text[1] == '#' &&
               (span.end - span.begin == 2 || text[2] != '#'),
        .alone = !s->code_on_line,
    };
}

/* How many newlines stand between two places, or 2 if there is anything else but what may
 * open or part the things that are documented. */
static unsigned
newlines_between(const Syntax *s, uint32_t begin, uint32_t end)
{
    unsigned newlines = 0;

    for (const char *c = s->source->text + begin; c < s->source->text + end && newlines < 2;
         c++) {
        newlines += *c == '\n';
        if (*c == 0 || !strchr(" \t\r\f\n,;([{", *c))
            return 2;
    }
    return newlines;
}

/* How many comments end before `at`. */
static size_t
comments_before(const Syntax *s, uint32_t at)
{
    size_t lo = 0, hi = s->n_comments;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->comments[mid].span.end <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Comments [first, end) without their marks. */
static const char *
join_comments(const Syntax *s, size_t first, size_t end)
{
    Text text = {.arena = s->arena};

    for (size_t i = first; i < end; i++) {
        uint32_t begin = s->comments[i].span.begin + 2, to = s->comments[i].span.end;
        if (i > first)
            text_add(&text, "\n", 1);
        begin += begin < to && s->source->text[begin] == ' ';
        text_add(&text, s->source->text + begin, to - begin);
    }
    return text_str(&text);
}

static bool
is_doc_line(const Comment *c)
{
    return c->doc && c->alone;
}

const char *
scan_doc(const Syntax *s, uint32_t at)
{
    size_t end = comments_before(s, at), first = end;

    while (first > 0 && is_doc_line(&s->comments[first - 1]) &&
           newlines_between(s, s->comments[first - 1].span.end, at) == 1)
        at = s->comments[--first].span.begin;
    return first < end ? join_comments(s, first, end) : NULL;
}

const char *
scan_file_doc(const Syntax *s, const Decl *first)
{
    size_t limit = first ? comments_before(s, first->span.begin) : s->n_comments, begin = 0,
           end;

    while (begin < limit && !is_doc_line(&s->comments[begin]))
        begin++;
    for (end = begin; end < limit && is_doc_line(&s->comments[end]); end++)
        if (end > begin && s->comments[end].line != s->comments[end - 1].line + 1)
            break;
    if (begin == end)
        return NULL;

    bool above = end == limit && first && first->kind != DECL_IMPORT &&
                 newlines_between(s, s->comments[end - 1].span.end, first->span.begin) == 1;
    return above ? NULL : join_comments(s, begin, end);
}
