/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_batch.c -- across the batch: what data points know of one another.
 *
 * A step crosses the batch in its body only, where all data points go the same way.
 */
#include <string.h>

#include "frontend/elab_builtin.h"
#include "frontend/elab_train.h"

/* A size to check declarations with. */
enum { GUESSED_BATCH = 4 };

static uint32_t
batch_size(const Elab *e)
{
    return e->request->batch ? e->request->batch : GUESSED_BATCH;
}

bool
elab_in_body(const Elab *e)
{
    for (const Frame *f = e->frame; f; f = f->outer)
        if (f->b.region)
            return false;
    return true;
}

static bool
may_cross(Elab *e, const char *what, Span span)
{
    if (!e->training && !e->checking)
        complain(e, elab_batch_place, span, what);
    else if (!elab_in_body(e))
        complain(e, elab_batch_branch, span, what);
    else if (e->in_laplacian)
        complain(e, unsupported, span, "the laplacian of what crosses the batch");
    else
        return true;
    return false;
}

Value
elab_training_name(Elab *e, const char *name, Span span)
{
    if (name == e->word.training)
        return elab_value_bool(e->training);
    if (name != e->word.batch_size && name != e->word.batch_index)
        return NO_VALUE;
    if (!e->training && !e->checking)
        return FAIL(e, elab_batch_place, span, name);
    if (name == e->word.batch_size)
        return elab_value_int(batch_size(e));
    Value v = elab_value_ref(e, ir_chain_index(&e->frame->b));
    v.bounded = true;
    v.lo = 0;
    v.hi = (int64_t)batch_size(e) - 1;
    return v;
}

/* ---- functions ---- */

static Value
cross_sum(Elab *e, Value v)
{
    Ref r = ir_batch_sum(&e->frame->b, elab_ref_of(e, v, DT_none), batch_size(e));
    return elab_value_ref(e, r);
}

static Value
cross_all(Elab *e, Value v)
{
    return elab_value_ref(e, ir_batch(&e->frame->b, elab_ref_of(e, v, DT_none), batch_size(e)));
}

static Value
cross_max(Elab *e, Value v)
{
    const int64_t first = 0;
    Ref all = elab_ref_of(e, cross_all(e, v), DT_none);
    return elab_value_ref(e, ir_reduce(&e->frame->b, OP_amax, all, 1, &first));
}

static Value
cross_mean(Elab *e, Value v, Mode mode, Span span)
{
    return elab_arith(e, AST_OP_DIV, cross_sum(e, elab_convert(e, v, e->real)),
                      elab_value_int(batch_size(e)), mode, span);
}

/* log of the sum of exp(v), shifted by the largest v. */
static Value
cross_logsumexp(Elab *e, Value v, Mode mode, Span span)
{
    v = elab_convert(e, v, e->real);
    Value largest = cross_max(e, v);
    largest =
        elab_value_ref(e, ir_stop_gradient(&e->frame->b, elab_ref_of(e, largest, DT_none)));
    Value below = elab_arith(e, AST_OP_SUB, v, largest, elab_arg_mode(mode), span);
    Value all = cross_sum(e, elab_apply_pointwise(e, OP_exp_flush, &below, 1, span));
    return elab_shifted_log(e, largest, all, mode, span);
}

static Value
cross_any(Elab *e, Value v, Span span)
{
    Value count = cross_sum(e, elab_value_ref(e, elab_ref_of(e, v, DT_i32)));
    return elab_compare(e, AST_OP_GT, count, elab_value_int(0), span);
}

Value
elab_call_batch(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                Mode mode)
{
    (void)env;
    if (!elab_check_call(e, b, fn, call, false) || !may_cross(e, b->name, call->span))
        return POISON;
    Value v = call->arg[0];
    bool truth = elab_is_number(v) && elab_value_type(e, v).dtype == DT_bool;
    if (!elab_is_number(v) || (b->op == CROSS_any ? !truth : truth && b->op != CROSS_all))
        return FAIL(e, elab_argument, call->arg_span[0], b->name,
                    b->op == CROSS_any ? "bool" : "numbers", elab_value_text(e, v));
    e->frame->b.span = call->span;
    v = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, v, DT_none), .frame = e->frame};
    switch ((Crossing)b->op) {
    case CROSS_sum: return cross_sum(e, v);
    case CROSS_mean: return cross_mean(e, v, mode, call->span);
    case CROSS_max: return cross_max(e, v);
    case CROSS_any: return cross_any(e, v, call->span);
    case CROSS_lse: return cross_logsumexp(e, v, mode, call->span);
    default: return cross_all(e, v);
    }
}

/* ---- what is the same for all data points ---- */

typedef struct Walk {
    Elab *e;
    const Frame *frame;
    bool *seen;
} Walk;

static bool ref_uniform(Walk *w, Ref r);

static bool
is_known(const Frame *frame, Ref r)
{
    for (size_t i = 0; i < frame->n_uniform; i++)
        if (ref_eq(frame->uniform[i], r))
            return true;
    return false;
}

static bool
region_uniform(Walk *w, RegionId region)
{
    const Region *r = &w->frame->b.function->region[region];

    for (size_t i = 0; i < r->n_nodes; i++)
        if (!ref_uniform(w, (Ref){r->node[i]}))
            return false;
    return true;
}

/* A parameter: what is captured from outside, an input, or a loop's own. */
static bool
argument_uniform(Walk *w, Ref r)
{
    const Frame *frame = w->frame;
    const Region *body = &frame->b.function->region[0];

    for (size_t i = 0; i < frame->n_captures; i++)
        if (ref_eq(frame->capture[i].inner, r))
            return elab_is_uniform(w->e, frame->capture[i].outer);
    for (uint32_t i = 0; i < body->n_params; i++)
        if (ref_eq(body->param[i], r))
            return !frame->outer && frame->b.function->input[i].variance == VARY_uniform;
    return true;
}

/* A function of uniform values is uniform unless it has something of the chain's own. */
static bool
callee_uniform(Walk *w, uint32_t callee)
{
    const Function *f = w->e->module->function[callee];

    for (size_t id = 1; id < f->n; id++) {
        const Node *n = &f->node[id];
        bool draws = (n->op == OP_draw || n->op == OP_word) && !n->attr.draw.shared;
        bool calls = op_info[n->op].attr == ATTR_CALLEE;
        if (draws || n->op == OP_chain_index || (calls && !callee_uniform(w, n->attr.callee)))
            return false;
    }
    return true;
}

static bool
ref_uniform(Walk *w, Ref r)
{
    const Node *n = ir_node(w->frame->b.function, r);

    if (w->seen[r.id])
        return true;
    w->seen[r.id] = true;
    if (n->op == OP_batch || n->op == OP_batch_sum || is_known(w->frame, r))
        return true;
    if (n->op == OP_arg)
        return argument_uniform(w, r);
    if (n->op == OP_chain_index ||
        ((n->op == OP_draw || n->op == OP_word) && !n->attr.draw.shared) ||
        (op_info[n->op].attr == ATTR_CALLEE && !callee_uniform(w, n->attr.callee)))
        return false;
    for (uint32_t i = 0; i < n->n_args; i++)
        if (!ref_uniform(w, n->arg[i]))
            return false;
    for (unsigned k = 0; k < n->n_regions; k++)
        if (!region_uniform(w, n->own[k]))
            return false;
    return true;
}

bool
elab_is_uniform(Elab *e, Value v)
{
    if (elab_is_static(v))
        return true;
    Walk w = {.e = e, .frame = v.frame};
    w.seen = arena_array(e->arena, bool, v.frame->b.function->n);
    return ref_uniform(&w, v.ref);
}

void
elab_know_uniform(Elab *e, Frame *f, Ref r)
{
    f->uniform = arena_grow(e->arena, f->uniform, f->n_uniform, &f->cap_uniform,
                            f->n_uniform + 1, sizeof *f->uniform);
    f->uniform[f->n_uniform++] = r;
}
