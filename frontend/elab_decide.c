/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_decide.c -- branches that hyperparameters of a loss alone decide.
 *
 * `if weight > 0` asks something that is known while compiling, though the weight is a number
 * that the kernel reads: the branch is taken here, and of the other nothing is left.  A loss is
 * differentiated, and across a branch the loss and its reverse share nothing.  Such a
 * hyperparameter is fixed: another value may need another kernel.  The kernel is the same for
 * all values that take the same branches.
 */
#include <string.h>

#include "frontend/elab.h"

enum { MOST_STEPS = 64 }; /* operations that a condition is followed through */

typedef struct Decision {
    Elab *e;
    size_t *hyper; /* those that were asked for */
    size_t n;
    unsigned steps;
} Decision;

static bool value_of(Decision *d, const Frame *frame, Ref r, Scalar *ret);

static bool
value_of_input(Decision *d, const EntryInput *in, DType type, Scalar *ret)
{
    Elab *e = d->e;

    for (size_t i = 0; in->kind == INPUT_hyper && i < e->n_hypers; i++)
        if (e->hyper[i].owner == HYPER_loss && e->hyper[i].has_value &&
            strcmp(e->hyper[i].input, in->name) == 0) {
            *ret = scalar_from_double(e->hyper[i].value, type);
            d->hyper[d->n++] = i;
            return true;
        }
    return false;
}

/* A parameter of an IR function: an input, or captured from outside. */
static bool
value_of_param(Decision *d, const Frame *frame, Ref r, Scalar *ret)
{
    for (size_t i = 0; i < frame->n_inputs; i++)
        if (ref_eq(frame->input[i].ref, r))
            return value_of_input(d, &frame->input[i],
                                  (DType)ir_type(frame->b.function, r).dtype, ret);
    for (size_t i = 0; i < frame->n_captures; i++)
        if (ref_eq(frame->capture[i].inner, r))
            return value_of(d, frame->capture[i].outer.frame, frame->capture[i].outer.ref, ret);
    return false;
}

static bool
value_of(Decision *d, const Frame *frame, Ref r, Scalar *ret)
{
    const Function *f = frame->b.function;
    const Node *n = ir_node(f, r);
    Scalar arg[3] = {{0}};

    if (n->type.rank > 0 || d->steps++ == MOST_STEPS)
        return false;
    if (ir_is_splat(f, r, ret))
        return true;
    if (n->op == OP_arg)
        return value_of_param(d, frame, r, ret);
    if (!op_is_pointwise(n->op))
        return false;
    for (uint32_t i = 0; i < n->n_args; i++)
        if (!value_of(d, frame, n->arg[i], &arg[i]))
            return false;
    DType of = (DType)ir_type(f, n->arg[n->op == OP_select]).dtype;
    *ret = ir_eval(n->op, of, (DType)n->type.dtype, arg);
    return true;
}

Value
elab_decide(Elab *e, Value condition)
{
    size_t hyper[MOST_STEPS];
    Decision d = {.e = e, .hyper = hyper};
    Scalar known;

    if (condition.kind != VAL_ref || !value_of(&d, condition.frame, condition.ref, &known))
        return condition;
    for (size_t i = 0; i < d.n; i++)
        e->hyper[hyper[i]].fixed = true;
    return elab_value_bool(known.b);
}
