/* SPDX-License-Identifier: Apache-2.0
 *
 * csv_read.c -- tables of numbers as text, read
 *
 * The text is split into lines, a line into cells.  The second line that holds something (the
 * first may be a header with any text) tells the separator, or the first if that has none.  A
 * first line without a number is the header, but only if no cell begins like a number: a slip
 * of the pen must not make a row disappear.  The rest must be numbers in equally many columns.
 */
#include "runtime/files.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Table {
    const char *name; /* of the file, for messages */
    const char *at, *end;
    RtError *error;
    locale_t locale;         /* whose decimal point is a point */
    char separator;          /* ' ' stands for any blanks */
    unsigned long long line; /* from 1 */

    const char *wanted; /* the name of the column to keep, or of an array's; or NULL */
    size_t keep, kept;  /* the first from 0, and how many */
    size_t columns;     /* 0 before the first row */
    double *value;
    size_t count, room;
} Table;

typedef struct Cell {
    const char *begin, *end;
    bool quoted;
} Cell;

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static const char *
line_end(const Table *table, const char *at)
{
    while (at < table->end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

/* Behind a line's end: LF, CR LF or CR. */
static const char *
next_line(const Table *table, const char *end)
{
    if (end < table->end && *end == '\r')
        end++;
    else if (end < table->end)
        return end + 1;
    return end < table->end && *end == '\n' ? end + 1 : end;
}

/* Where a line's content ends: before a comment, without the blanks at its end. */
static const char *
content_end(const char *at, const char *end)
{
    bool quoted = false;
    const char *stop = at;

    for (; stop < end && (quoted || *stop != '#'); stop++)
        quoted ^= *stop == '"';
    while (stop > at && is_blank(stop[-1]))
        stop--;
    return stop;
}

/* Finds the next line with content and moves behind it; false at the end of the text. */
static bool
take_line(Table *table, const char **ret_begin, const char **ret_end)
{
    while (table->at < table->end) {
        const char *begin = table->at, *end = line_end(table, begin);
        table->at = next_line(table, end);
        table->line++;
        const char *stop = content_end(begin, end);
        const char *first = begin;
        while (first < stop && is_blank(*first))
            first++;
        if (first < stop) {
            *ret_begin = begin;
            *ret_end = stop;
            return true;
        }
    }
    return false;
}

static char
find_separator(const char *at, const char *end)
{
    static const char order[] = ";,\t";
    bool seen[sizeof order] = {false}, quoted = false;

    for (; at < end; at++) {
        quoted ^= *at == '"';
        const char *which = quoted || !*at ? NULL : strchr(order, *at);
        if (which)
            seen[which - order] = true;
    }
    for (size_t i = 0; order[i]; i++) {
        if (seen[i])
            return order[i];
    }
    return ' ';
}

static void
choose_separator(Table *table)
{
    Table look = *table;
    const char *begin, *end;

    table->separator = ' ';
    if (!take_line(&look, &begin, &end))
        return;
    char first = find_separator(begin, end);
    char second = take_line(&look, &begin, &end) ? find_separator(begin, end) : first;
    /* Tabs in one line only are blanks among others. */
    bool blanks = (first == ' ' && second == '\t') || (first == '\t' && second == ' ');
    table->separator = blanks ? ' ' : second == ' ' ? first : second;
}

/* Moves *at behind the cell and its separator; *ret_last: no separator followed. */
static bool
take_cell(const Table *table, const char **at, const char *end, Cell *ret, bool *ret_last)
{
    const char *c = *at;
    bool quoted = false;

    while (c < end && is_blank(*c) && (*c == ' ' || *c != table->separator))
        c++;
    *ret = (Cell){.begin = c, .quoted = c < end && *c == '"'};
    for (; c < end; c++) {
        quoted ^= *c == '"';
        if (!quoted && (*c == table->separator || (table->separator == ' ' && *c == '\t')))
            break;
    }
    ret->end = c;
    *ret_last = c == end;
    *at = c == end ? end : c + 1;
    while (ret->end > ret->begin && is_blank(ret->end[-1]))
        ret->end--;
    if (ret->quoted && !quoted && ret->end - ret->begin >= 2 && ret->end[-1] == '"') {
        ret->begin++;
        ret->end--;
    }
    return !quoted;
}

/* A decimal number, "nan" or "inf", and nothing else.  Cells end at a separator, a line's end
 * or the NUL behind the text, where strtod stops as well. */
static bool
read_number(const Table *table, Cell cell, double *ret)
{
    char *stop;

    if (cell.begin == cell.end || isspace((unsigned char)*cell.begin))
        return false;
    for (const char *c = cell.begin; c < cell.end; c++) {
        if (*c == 'x' || *c == 'X' || *c == '(') /* hexadecimal, nan(...) */
            return false;
    }
    *ret = strtod_l(cell.begin, &stop, table->locale);
    bool overflow = isinf(*ret) && !memchr("iI", cell.begin[strspn(cell.begin, "+-")], 2);
    return stop == cell.end && !overflow;
}

/* Words for a missing value; they are no header. */
static bool
is_missing(Cell cell)
{
    static const char *const words[] = {"NA",   "N/A",  "na", "n/a", "null",
                                        "NULL", "None", "?",  "-",   "."};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if ((size_t)(cell.end - cell.begin) == length && !memcmp(cell.begin, words[i], length))
            return true;
    }
    return false;
}

static bool
begins_like_number(Cell cell)
{
    const char *c = cell.begin;

    while (c < cell.end && strchr("+-.", *c))
        c++;
    return !cell.quoted && c < cell.end && *c >= '0' && *c <= '9';
}

static bool
fail_cell(const Table *table, Cell cell, size_t column, const char *what)
{
    int length = cell.end - cell.begin > 40 ? 40 : (int)(cell.end - cell.begin);

    if (length == 0)
        return rt_fail(
            table->error, RT_FORMAT,
            "'%s': line %llu, column %zu: empty cell (write nan for a missing value)",
            table->name, table->line, column + 1);
    return rt_fail(table->error, RT_FORMAT, "'%s': line %llu, column %zu: %s '%.*s'",
                   table->name, table->line, column + 1, what, length, cell.begin);
}

static bool
append(Table *table, double x)
{
    if (table->count == table->room) {
        size_t room = table->room ? table->room * 2 : 1024;
        double *larger = realloc(table->value, room * sizeof *larger);
        if (!larger)
            return rt_fail_memory(table->error, table->name, room * sizeof *larger);
        table->value = larger;
        table->room = room;
    }
    table->value[table->count++] = x;
    return true;
}

static bool
check_columns(Table *table, size_t columns)
{
    if (!table->columns)
        table->columns = columns;
    return columns == table->columns ||
           rt_fail(table->error, RT_FORMAT, "'%s': line %llu: %zu columns expected, %zu found",
                   table->name, table->line, table->columns, columns);
}

static bool
read_row(Table *table, const char *at, const char *end)
{
    size_t column = 0;
    bool last = false;
    double x;
    Cell cell;

    for (; !last; column++) {
        if (!take_cell(table, &at, end, &cell, &last))
            return fail_cell(table, cell, column, "a quote is not closed in");
        if (table->wanted && (column < table->keep || column >= table->keep + table->kept))
            continue;
        if (table->columns && column >= table->columns)
            continue; /* counted only, for the message below */
        if (!read_number(table, cell, &x))
            return fail_cell(table, cell, column, "expected a number, found");
        if (!append(table, x))
            return false;
    }
    return check_columns(table, column);
}

/* Whether a cell's text is `name`, or that of an element of it, as x[0] of x; a doubled quote
 * stands for one. */
static bool
names(Cell cell, const char *name)
{
    const char *c = cell.begin;

    for (; c < cell.end && *name && *c == *name; c++, name++)
        c += cell.quoted && *c == '"' && c + 1 < cell.end;
    return !*name && (c == cell.end || (c > cell.begin && *c == '[' && cell.end[-1] == ']'));
}

/* Tells a header from a row: in a header no cell is a number. */
static bool
examine_first(Table *table, const char *at, const char *end, bool *ret_header)
{
    size_t column = 0, texts = 0, text_column = 0;
    bool last = false, found = false;
    Cell cell, text = {0};
    double x;

    for (; !last; column++) {
        if (!take_cell(table, &at, end, &cell, &last))
            return fail_cell(table, cell, column, "a quote is not closed in");
        if (table->wanted && names(cell, table->wanted)) {
            table->keep = found ? table->keep : column;
            table->kept += column == table->keep + table->kept;
            found = true;
        }
        if (read_number(table, cell, &x))
            continue;
        if (is_missing(cell) || begins_like_number(cell))
            return fail_cell(table, cell, column, "expected a number, found");
        if (!texts++) {
            text = cell;
            text_column = column;
        }
    }
    *ret_header = texts == column;
    if (texts && texts < column)
        return fail_cell(table, text, text_column, "expected a number, found");
    if (table->wanted && (!found || !texts))
        return rt_fail(table->error, RT_NOT_FOUND, "'%s': holds no column named '%s'",
                       table->name, table->wanted);
    return !texts || check_columns(table, column);
}

static bool
read_rows(Table *table)
{
    const char *begin, *end;
    bool header = false;

    if (!take_line(table, &begin, &end))
        return rt_fail(table->error, RT_FORMAT, "'%s': holds no numbers", table->name);
    if (!examine_first(table, begin, end, &header))
        return false;
    if (!header && !read_row(table, begin, end))
        return false;
    while (take_line(table, &begin, &end)) {
        if (!read_row(table, begin, end))
            return false;
    }
    return table->count > 0 || rt_fail(table->error, RT_FORMAT,
                                       "'%s': holds no numbers below its header", table->name);
}

static bool
check_text(const Table *table)
{
    size_t size = (size_t)(table->end - table->at);

    if (size >= 2 && (!memcmp(table->at, "\xff\xfe", 2) || !memcmp(table->at, "\xfe\xff", 2)))
        return rt_fail(table->error, RT_FORMAT, "'%s': is UTF-16: save it as UTF-8",
                       table->name);
    if (memchr(table->at, '\0', size))
        return rt_fail(table->error, RT_FORMAT, "'%s': is not text: it holds NUL bytes",
                       table->name);
    return true;
}

static bool
make_array(const Table *table, RtArray *ret)
{
    size_t columns = table->wanted ? table->kept : table->columns;
    uint64_t shape[2] = {table->count / columns, columns};

    if (!rt_array_create(ret, RT_f64, columns > 1 ? 2 : 1, shape, table->name, table->error))
        return false;
    memcpy(ret->data, table->value, ret->bytes);
    return true;
}

bool
rt_csv_read(RtSource *source, const char *column, RtArray *ret, RtError *error)
{
    char *text;
    size_t size;
    Table table = {.name = source->name, .error = error, .wanted = column};

    if (!rt_source_slurp(source, &text, &size, error))
        return false;
    table.at = text;
    table.end = text + size;
    table.locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!table.locale) {
        free(text);
        return rt_fail_memory(error, source->name, 0);
    }
    if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
        table.at += 3;
    choose_separator(&table);
    bool ok = check_text(&table) && read_rows(&table) && make_array(&table, ret);
    freelocale(table.locale);
    free(table.value);
    free(text);
    return ok;
}
