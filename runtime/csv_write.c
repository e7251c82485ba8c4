/* SPDX-License-Identifier: Apache-2.0
 *
 * csv_write.c -- tables of numbers as text, written
 *
 * A number is printed correctly rounded to the fewest digits that read back as the same
 * number.  A decimal of 15 digits (f64) or 6 (f32) survives the way there and back unless it
 * is subnormal, and 17 or 9 digits always suffice; integers take a short cut.
 */
#include "runtime/files.h"

#include <float.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER = 40 };

static int
print_integer(double x, char text[NUMBER])
{
    return snprintf(text, NUMBER, "%lld", (long long)x);
}

/* Prints in the "C" locale, which the caller has chosen. */
static int
print_number(double x, bool narrow, char text[NUMBER])
{
    int first = narrow ? 6 : 15, last = narrow ? 9 : 17, length = 0;

    if (isnan(x))
        return snprintf(text, NUMBER, "nan");
    if (fabs(x) < (narrow ? FLT_MIN : DBL_MIN))
        first = 1;
    if (fabs(x) < 1e15 && x == trunc(x) && !(x == 0 && signbit(x)))
        return print_integer(x, text);
    for (int digits = first; digits <= last; digits++) {
        length = snprintf(text, NUMBER, "%.*g", digits, x);
        if (narrow ? strtof(text, NULL) == (float)x : strtod(text, NULL) == x)
            break;
    }
    return length;
}

static bool
needs_quotes(const char *name)
{
    return strpbrk(name, ",;\"#\t\r\n ") != NULL;
}

static bool
write_text(RtCsvWriter *writer, const char *text, RtError *error)
{
    return rt_output_write(&writer->output, text, strlen(text), error);
}

static bool
write_name(RtCsvWriter *writer, const char *name, RtError *error)
{
    if (!needs_quotes(name))
        return write_text(writer, name, error);
    bool ok = write_text(writer, "\"", error);
    for (; ok && *name; name++)
        ok = rt_output_write(&writer->output, *name == '"' ? "\"\"" : name,
                             *name == '"' ? 2 : 1, error);
    return ok && write_text(writer, "\"", error);
}

static bool
write_header(RtCsvWriter *writer, const char *const *names, RtError *error)
{
    for (size_t i = 0; i < writer->columns; i++) {
        if (i && !write_text(writer, ",", error))
            return false;
        if (!write_name(writer, names[i], error))
            return false;
    }
    return write_text(writer, "\n", error);
}

static void
release(RtCsvWriter *writer)
{
    if (writer->locale)
        freelocale(writer->locale);
    writer->locale = NULL;
}

bool
rt_csv_open(RtCsvWriter *ret, const char *path, const char *const *names, size_t columns,
            bool narrow, RtError *error)
{
    *ret = (RtCsvWriter){.columns = columns, .narrow = narrow};
    ret->locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!ret->locale)
        return rt_fail_memory(error, path, 0);
    if (!rt_output_open(&ret->output, path, error)) {
        release(ret);
        return false;
    }
    if (!names || write_header(ret, names, error))
        return true;
    rt_csv_discard(ret);
    return false;
}

bool
rt_csv_row(RtCsvWriter *writer, const double *values, RtError *error)
{
    char text[NUMBER + 1];
    bool ok = true;

    locale_t before = uselocale(writer->locale);
    for (size_t i = 0; ok && i < writer->columns; i++) {
        int length = print_number(values[i], writer->narrow, text);
        text[length] = i + 1 == writer->columns ? '\n' : ',';
        ok = rt_output_write(&writer->output, text, (size_t)length + 1, error);
    }
    uselocale(before);
    return ok;
}

bool
rt_csv_commit(RtCsvWriter *writer, RtError *error)
{
    release(writer);
    return rt_output_commit(&writer->output, error);
}

void
rt_csv_discard(RtCsvWriter *writer)
{
    release(writer);
    rt_output_discard(&writer->output);
}
