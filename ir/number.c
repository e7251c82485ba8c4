/* SPDX-License-Identifier: Apache-2.0
 *
 * number.c -- numbers as text that gives back the same bits, whatever the locale
 */
#include "ir/text.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* C prints and reads the locale's decimal point; the text has a point. */
static void
exchange_point(char *text, size_t size, const char *from, const char *to)
{
    char *at = strstr(text, from);
    size_t old = strlen(from), new = strlen(to), rest = at ? strlen(at + old) + 1 : 0;

    if (at && (size_t)(at - text) + new + rest <= size) {
        memmove(at + new, at + old, rest);
        memcpy(at, to, new);
    }
}

static uint64_t
quiet_nan(DType d)
{
    return d == DT_f32 ? UINT64_C(0x7FC00000) : UINT64_C(0x7FF8000000000000);
}

static uint64_t
float_bits(Scalar s, DType d)
{
    uint32_t narrow;

    if (d == DT_f64)
        return s.bits;
    memcpy(&narrow, &s.f32, sizeof narrow);
    return narrow;
}

static void
print_nan(uint64_t bits, DType d, char ret[NUMBER_TEXT])
{
    if (bits == quiet_nan(d))
        snprintf(ret, NUMBER_TEXT, "nan");
    else
        snprintf(ret, NUMBER_TEXT, "nan(0x%" PRIx64 ")", bits);
}

/* Whole numbers below this are written without an exponent: 100, not 1e+02. */
#define WHOLE_BELOW 1e9

static void
print_float(Scalar s, DType d, char ret[NUMBER_TEXT])
{
    int most = d == DT_f32 ? 9 : 17;
    double x = scalar_to_double(s, d);

    if (x != x) {
        print_nan(float_bits(s, d), d, ret);
        return;
    }
    for (int digits = 1; digits <= most; digits++) {
        snprintf(ret, NUMBER_TEXT, "%.*g", digits, x);
        if (d == DT_f32 ? strtof(ret, NULL) == s.f32 : strtod(ret, NULL) == x)
            break;
    }
    if (fabs(x) < WHOLE_BELOW && x == trunc(x) && x != 0)
        snprintf(ret, NUMBER_TEXT, "%.0f", x);
    exchange_point(ret, NUMBER_TEXT, localeconv()->decimal_point, ".");
}

void
ir_number_print(Scalar s, DType d, char ret[NUMBER_TEXT])
{
    switch (d) {
    case DT_bool: snprintf(ret, NUMBER_TEXT, s.b ? "true" : "false"); break;
    case DT_i32: snprintf(ret, NUMBER_TEXT, "%" PRId32, s.i32); break;
    case DT_i64: snprintf(ret, NUMBER_TEXT, "%" PRId64, s.i64); break;
    default: print_float(s, d, ret);
    }
}

static NumberStatus
read_bool(const char *text, Scalar *ret)
{
    ret->b = strcmp(text, "true") == 0;
    return ret->b || strcmp(text, "false") == 0 ? NUMBER_OK : NUMBER_MALFORMED;
}

static NumberStatus
read_int(const char *text, DType d, Scalar *ret)
{
    char *end;

    if (!isdigit((unsigned char)text[text[0] == '-']))
        return NUMBER_MALFORMED;
    errno = 0;
    long long i = strtoll(text, &end, 10);
    if (*end)
        return NUMBER_MALFORMED;
    if (errno || (d == DT_i32 && (i < INT32_MIN || i > INT32_MAX)))
        return NUMBER_RANGE;
    if (d == DT_i32)
        ret->i32 = (int32_t)i;
    else
        ret->i64 = i;
    return NUMBER_OK;
}

/* "nan" or "nan(0x...)" with the bits of a NaN. */
static NumberStatus
read_nan(const char *text, DType d, Scalar *ret)
{
    char *end;
    uint64_t bits = quiet_nan(d),
             infinite = d == DT_f32 ? UINT64_C(0x7F800000) : UINT64_C(0x7FF0000000000000);

    if (text[3]) {
        if (strncmp(text, "nan(0x", 6) != 0 || !isxdigit((unsigned char)text[6]))
            return NUMBER_MALFORMED;
        bits = strtoull(text + 6, &end, 16);
        if (strcmp(end, ")") != 0)
            return NUMBER_MALFORMED;
    }
    if ((d == DT_f32 && bits > UINT32_MAX) ||
        (bits & (d == DT_f32 ? UINT64_C(0x7FFFFFFF) : INT64_MAX)) <= infinite)
        return NUMBER_RANGE;
    ret->bits = bits;
    return NUMBER_OK;
}

static NumberStatus
read_float(char *text, size_t size, DType d, Scalar *ret)
{
    char *end;

    if (strncmp(text, "nan", 3) == 0)
        return read_nan(text, d, ret);
    if (strcmp(text, "inf") == 0 || strcmp(text, "-inf") == 0) {
        *ret = scalar_from_double(text[0] == '-' ? -HUGE_VAL : HUGE_VAL, d);
        return NUMBER_OK;
    }
    if (!isdigit((unsigned char)text[text[0] == '-']))
        return NUMBER_MALFORMED;
    exchange_point(text, size, ".", localeconv()->decimal_point);
    if (d == DT_f32)
        ret->f32 = strtof(text, &end);
    else
        ret->f64 = strtod(text, &end);
    if (*end)
        return NUMBER_MALFORMED;
    return isinf(scalar_to_double(*ret, d)) ? NUMBER_RANGE : NUMBER_OK;
}

NumberStatus
ir_number_read(const char *text, size_t size, DType d, Scalar *ret)
{
    char copy[512]; /* room for the exact value of any double, and a longer decimal point */

    *ret = (Scalar){.bits = 0};
    if (size == 0 || size > sizeof copy - 16)
        return NUMBER_MALFORMED;
    memcpy(copy, text, size);
    copy[size] = '\0';
    switch (d) {
    case DT_bool: return read_bool(copy, ret);
    case DT_i32:
    case DT_i64: return read_int(copy, d, ret);
    default: return read_float(copy, sizeof copy, d, ret);
    }
}
