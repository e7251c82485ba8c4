/* SPDX-License-Identifier: Apache-2.0
 *
 * sign.h -- which signs a value can have, and what can be multiplied by exactly
 */
#ifndef EBM_PASSES_SIGN_H
#define EBM_PASSES_SIGN_H

#include "ir/ir.h"

/* Can no evaluation of x, of a floating-point dtype, give a number above 0?  It may be NaN.
 * False where that is not seen.  A subnormal number counts as 0. */
bool sign_never_above(const Function *f, Ref x);

/* Is x one power of two of either sign, everywhere, and at most 1 in magnitude?  Products with
 * it are exact unless they are subnormal. */
bool is_small_power(const Function *f, Ref x, double *ret);

#endif
