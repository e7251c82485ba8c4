/* SPDX-License-Identifier: Apache-2.0
 *
 * require.h -- what a program requires of the values that it is given
 */
#ifndef EBM_API_REQUIRE_H
#define EBM_API_REQUIRE_H

#include "api/values.h"

/* Checks what is known before a run with the interpreter; reports what does not hold, with the
 * numbers that it compares and the first row of the data that breaks it. */
EbmStatus requirements_check(const Values *v, const ValueRows *rows, EbmReport **ret_report);

#endif
