/* SPDX-License-Identifier: Apache-2.0
 *
 * verify.h -- the rules of a module, handed to whoever asks
 */
#ifndef EBM_IR_VERIFY_H
#define EBM_IR_VERIFY_H

#include "ir/ir.h"

/* A rule that is broken: in function `f` (NULL: the module's), at node `node` (0: the
 * function's). */
typedef void IrComplaint(void *user, const Function *f, uint32_t node, const char *message);

/* Calls `complain` for every broken rule; true when there is none.  Survives any content but
 * wild pointers.  Scratch memory comes from `arena`. */
bool ir_check(const Module *m, Arena *arena, IrComplaint *complain, void *user);

#endif
