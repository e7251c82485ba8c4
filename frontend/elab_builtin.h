/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_builtin.h -- what the functions that are not written in the language share.
 *
 * The checks report what is wrong with a call and say whether it is right.
 */
#ifndef EBM_FRONTEND_ELAB_BUILTIN_H
#define EBM_FRONTEND_ELAB_BUILTIN_H

#include "frontend/elab.h"

/* Names and number of arguments; `statics`: sizes in brackets are allowed. */
bool elab_check_call(Elab *e, const Builtin *b, const FnVal *fn, const Call *call,
                     bool statics);
/* Argument i is made of numbers, not bool. */
bool elab_check_number(Elab *e, const Builtin *b, const Call *call, uint32_t i);
bool elab_check_array(Elab *e, const Builtin *b, const Call *call, uint32_t i,
                      const char *what);
/* Sizes in brackets: `normal[n, m]`. */
bool elab_static_dims(Elab *e, const FnVal *fn, Dims *ret);
/* `axis = k` of an array of type t, from 0; -1 if it is not given. */
bool elab_read_axis(Elab *e, const Call *call, Type t, int64_t *ret);

/* What crosses the batch, and how (elab_batch.c). */
typedef enum Crossing {
    CROSS_all,
    CROSS_sum,
    CROSS_mean,
    CROSS_max,
    CROSS_any,
    CROSS_lse
} Crossing;

/* Entries of the table. */
BuiltinFn elab_call_batch;
BuiltinFn elab_call_model_sum;
BuiltinFn elab_call_size;
BuiltinFn elab_call_like;
BuiltinFn elab_call_reshape;
BuiltinFn elab_call_transpose;
BuiltinFn elab_call_concat;
BuiltinFn elab_call_split;
BuiltinFn elab_call_pad;
BuiltinFn elab_call_gather;
BuiltinFn elab_call_conv2d;
BuiltinFn elab_call_cholesky;
BuiltinFn elab_call_trisolve;
BuiltinFn elab_call_run;
BuiltinFn elab_call_reduce;
BuiltinFn elab_call_logsumexp;
BuiltinFn elab_call_argmax;
BuiltinFn elab_call_draw;
BuiltinFn elab_call_draw_like;
BuiltinFn elab_call_rademacher;
BuiltinFn elab_call_bernoulli;
BuiltinFn elab_call_randint;
BuiltinFn elab_call_shared;

#endif
