/* SPDX-License-Identifier: Apache-2.0
 *
 * parse_token.c -- the tokens of the IR's text
 */
#include "ir/parse.h"

#include <ctype.h>
#include <string.h>

static bool
is_letter(char c)
{
    return isalpha((unsigned char)c) || c == '_';
}

static bool
is_word(char c)
{
    return is_letter(c) || isdigit((unsigned char)c) || c == '.';
}

void
parse_fail(Parser *p, Span span, const char *expected)
{
    const char *found = "the end of the text";

    if (p->failed)
        return;
    p->failed = true;
    if (p->token != TOKEN_end)
        found = arena_printf(p->arena, "'%.*s'", (int)(p->span.end - p->span.begin),
                             p->text + p->span.begin);
    diag_add(p->diags, DIAG_syntax, span, expected, found);
}

void
parse_fail_with(Parser *p, Span span, DiagCode code)
{
    if (!p->failed)
        diag_add(p->diags, code, span);
    p->failed = true;
}

static void
skip_blanks(Parser *p)
{
    for (; p->at < p->size; p->at++) {
        if (p->text[p->at] == '#')
            while (p->at + 1 < p->size && p->text[p->at + 1] != '\n')
                p->at++;
        else if (!strchr(" \t\r\n", p->text[p->at]) || !p->text[p->at])
            return;
        p->first |= p->text[p->at] == '\n';
    }
}

static uint32_t
scan_while(const Parser *p, uint32_t at, bool (*is_part)(char))
{
    while (at < p->size && is_part(p->text[at]))
        at++;
    return at;
}

/* "1.5e-3", "-inf" */
static uint32_t
scan_number(const Parser *p, uint32_t at)
{
    for (at++; at < p->size; at++) { /* the first is a digit or the sign */
        char before = p->text[at - 1], c = p->text[at];
        bool exponent = (c == '-' || c == '+') && strchr("eEpP", before);
        if (!is_word(c) && !exponent)
            break;
    }
    return at;
}

/* A NaN's bits belong to its word: "nan(0x7fc00001)". */
static uint32_t
scan_word(const Parser *p, uint32_t begin)
{
    uint32_t at = scan_while(p, begin, is_word);

    if (at - begin != 3 || at == p->size || p->text[at] != '(' ||
        memcmp(p->text + begin, "nan", 3) != 0)
        return at;
    uint32_t end = scan_while(p, at + 1, is_word);
    return end < p->size && p->text[end] == ')' ? end + 1 : at;
}

static int
hex_digit(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                        : -1;
}

/* The character after a backslash; 0 when there is none such. */
static char
read_escape(Parser *p)
{
    char c = p->at < p->size ? p->text[p->at] : '\0';

    if (c == '"' || c == '\\') {
        p->at++;
        return c;
    }
    if (c != 'x' || p->at + 2 >= p->size)
        return '\0';
    int high = hex_digit(p->text[p->at + 1]), low = hex_digit(p->text[p->at + 2]);
    p->at += 3;
    return high < 0 || low < 0 ? '\0' : (char)(16 * high + low);
}

/* Moves to the closing quote; false when there is none in the line. */
static bool
find_quote(Parser *p)
{
    for (; p->at < p->size && p->text[p->at] != '\n'; p->at++) {
        if (p->text[p->at] == '"')
            return true;
        p->at += p->text[p->at] == '\\' && p->at + 1 < p->size;
    }
    return false;
}

/* From the opening quote on. */
static void
scan_string(Parser *p)
{
    uint32_t begin = ++p->at;
    bool closed = find_quote(p);
    uint32_t end = p->at;
    char *content = arena_array(p->arena, char, end - begin + 1);
    size_t n = 0;

    p->span.end = closed ? end + 1 : begin;
    for (p->at = begin; closed && p->at < end; n++) {
        content[n] = p->text[p->at++];
        if (content[n] == '\\')
            content[n] = read_escape(p);
        closed = content[n] != '\0';
    }
    p->string = content;
    p->at = closed ? end + 1 : end;
    if (!closed)
        parse_fail_with(p, p->span, DIAG_ir_string);
}

static void
scan_name(Parser *p)
{
    uint32_t begin = ++p->at;

    p->token = TOKEN_function;
    if (p->at < p->size && p->text[p->at] == '"') {
        scan_string(p);
        return;
    }
    p->at = p->span.end = scan_while(p, p->at, is_word);
    p->string = arena_strndup(p->arena, p->text + begin, p->at - begin);
}

static bool
is_digit(char c)
{
    return isdigit((unsigned char)c);
}

static void
scan_node(Parser *p)
{
    uint64_t id = 0;

    p->token = TOKEN_node;
    for (p->at++; p->at < p->size && is_digit(p->text[p->at]); p->at++)
        id = id > UINT32_MAX ? id : 10 * id + (uint64_t)(p->text[p->at] - '0');
    p->span.end = p->at;
    p->id = id > UINT32_MAX ? 0 : (uint32_t)id;
    if (p->id == 0)
        parse_fail_with(p, p->span, DIAG_ir_name);
}

void
parse_next(Parser *p)
{
    p->first = false;
    skip_blanks(p);
    char c = p->at < p->size ? p->text[p->at] : '\0';
    p->span = (Span){p->file, p->at, p->at};
    if (p->at == p->size) {
        p->token = TOKEN_end;
    } else if (c == '@') {
        scan_name(p);
    } else if (c == '%') {
        scan_node(p);
    } else if (c == '"') {
        p->token = TOKEN_string;
        scan_string(p);
    } else if (is_letter(c)) {
        p->token = TOKEN_word;
        p->at = p->span.end = scan_word(p, p->at);
    } else if (is_digit(c) || c == '-') {
        p->token = TOKEN_number;
        p->at = p->span.end = scan_number(p, p->at);
    } else {
        p->token = TOKEN_mark;
        p->span.end = ++p->at;
    }
}

bool
parse_is_mark(const Parser *p, char mark)
{
    return p->token == TOKEN_mark && p->text[p->span.begin] == mark;
}

bool
parse_is(const Parser *p, Token token, const char *word)
{
    size_t size = p->span.end - p->span.begin;

    return p->token == token && strlen(word) == size &&
           memcmp(p->text + p->span.begin, word, size) == 0;
}

bool
parse_take_mark(Parser *p, char mark)
{
    bool here = parse_is_mark(p, mark);

    if (here)
        parse_next(p);
    return here;
}

bool
parse_take_word(Parser *p, const char *word)
{
    bool here = parse_is(p, TOKEN_word, word);

    if (here)
        parse_next(p);
    return here;
}

void
parse_expect_mark(Parser *p, char mark)
{
    if (!parse_take_mark(p, mark))
        parse_fail(p, p->span, arena_printf(p->arena, "'%c'", mark));
}

void
parse_expect_word(Parser *p, const char *word)
{
    if (!parse_take_word(p, word))
        parse_fail(p, p->span, arena_printf(p->arena, "'%s'", word));
}

unsigned
parse_choose(Parser *p, const char *const *word, unsigned n, const char *expected)
{
    for (unsigned i = 0; i < n; i++)
        if (word[i] && parse_take_word(p, word[i]))
            return i;
    parse_fail(p, p->span, expected);
    return n;
}

int64_t
parse_int(Parser *p, int64_t min, int64_t max, const char *expected)
{
    Scalar s = {.bits = 0};
    bool good = p->token == TOKEN_number &&
                ir_number_read(p->text + p->span.begin, p->span.end - p->span.begin, DT_i64,
                               &s) == NUMBER_OK &&
                s.i64 >= min && s.i64 <= max;

    if (!good)
        parse_fail(p, p->span, expected);
    else
        parse_next(p);
    return good ? s.i64 : min;
}
