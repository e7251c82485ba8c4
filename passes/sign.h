/* SPDX-License-Identifier: Apache-2.0
 *
 * sign.h -- which signs a value can have
 */
#ifndef EBM_PASSES_SIGN_H
#define EBM_PASSES_SIGN_H

#include "ir/ir.h"

/* Can no evaluation of x, of a floating-point dtype, give a number above 0?  It may be NaN.
 * False where that is not seen. */
bool sign_never_above(const Function *f, Ref x);

#endif
