/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c -- the table of functions
 */
#include "ir/math/math.h"

#include <math.h>

enum { ANY, POSITIVE };

const MathInfo math_info[MATH_COUNT] = {
#define FUNCTION(name, arity, ulp32, ulp64, domain, most32, most64) \
    [MATH_##name] = {#name, arity, ulp32, ulp64, domain == POSITIVE, most32, most64},
#include "ir/math/functions.def"
};
