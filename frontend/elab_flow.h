/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_flow.h -- names that are assigned, as statements and loops share them.
 */
#ifndef EBM_FRONTEND_ELAB_FLOW_H
#define EBM_FRONTEND_ELAB_FLOW_H

#include "frontend/elab.h"

/* The newest entry of a slot. */
const Binding *elab_find_slot(const Env *env, uint32_t slot);
void elab_push_slot(Elab *e, Env *env, const Binding *of, Value v, uint32_t owned_region);
/* The variable of a report; 0: none has that name. */
uint32_t elab_report_slot(const Reports *r, const char *name);
/* Carries what a block assigned to names around it out of the block. */
void elab_leave_block(Elab *e, Env *outer, const Env *inner);
bool elab_values(Elab *e, const Env *env, const Stmt *s, uint32_t wanted, Value *ret);
/* The entry of a name that may be assigned here; NULL after an error. */
const Binding *elab_target_slot(Elab *e, const Env *env, const Expr *x);
void elab_run_for(Elab *e, Env *env, const Stmt *s);
void elab_run_while(Elab *e, Env *env, const Stmt *s);

#endif
