/* SPDX-License-Identifier: Apache-2.0
 *
 * front.h -- what the targets of the front end share
 */
#ifndef EBM_TESTS_FUZZ_FRONT_H
#define EBM_TESTS_FUZZ_FRONT_H

#include <stdio.h>
#include <stdlib.h>

#include "base/diag.h"

static inline void
demand(bool holds)
{
    if (!holds)
        abort();
}

/* Messages can be shown. */
static inline void
try_render(const DiagList *diags)
{
    FILE *null = fopen("/dev/null", "w");

    if (!null)
        return;
    diag_render(diags, null);
    fclose(null);
}

#endif
