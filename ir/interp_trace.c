/* SPDX-License-Identifier: Apache-2.0
 *
 * interp_trace.c -- which operation a number that is not finite came from
 *
 * While a function runs, a second plan of it holds a cause for every number: 0 where the number
 * is finite, else which break it came from.  A break is an operation that gave such a number
 * though none of its operands' numbers was one.  Operations that only move numbers move their
 * causes in the same way, by the same functions; so what a branch, a selection or an index
 * leaves out blames nothing.
 */
#include <math.h>
#include <stdlib.h>

#include "ir/interp_state.h"

enum { MOST_BREAKS = 1 << 20 }; /* later ones are taken for the last of these */

typedef struct Trace {
    InterpBreak *broken; /* [0] is none */
    uint32_t n, cap;
} Trace;

/* A node's value or one of its results: the numbers, and their causes. */
typedef struct Traced {
    uint32_t id, result;
    Type type;
    void *number, *cause;
} Traced;

static double
number_at(const void *data, Type t, uint64_t e)
{
    return scalar_to_double(interp_load(data, (DType)t.dtype, e), (DType)t.dtype);
}

static uint32_t
cause_at(const void *data, Type t, uint64_t e)
{
    return (uint32_t)interp_load(data, (DType)t.dtype, e).bits;
}

static void
set_cause(const Traced *v, uint64_t e, uint32_t cause)
{
    interp_store(v->cause, (DType)v->type.dtype, e, (Scalar){.bits = cause});
}

static Traced
traced(Plan *p, uint32_t id, uint32_t result)
{
    const Node *n = &p->f->node[id];
    bool several = n->n_results > 0;
    uint32_t k = p->first_result[id] + result;
    Traced v = {.id = id, .result = result, .type = several ? n->result[result] : n->type};

    v.number = interp_elements(several ? &p->result[k] : &p->value[id], v.type);
    v.cause = interp_elements(several ? &p->causes->result[k] : &p->causes->value[id], v.type);
    return v;
}

/* ---- breaks */

static void
note_operands(const Plan *p, const Traced *v, uint64_t e, InterpBreak *b)
{
    const Node *n = &p->f->node[v->id];

    if (!op_is_pointwise(n->op))
        return;
    b->n_operands = n->n_args;
    for (uint32_t i = 0; i < n->n_args; i++)
        b->operand[i] = number_at(interp_arg(p, n, i), interp_arg_type(p, n, i), e);
}

static uint32_t
new_break(Interp *s, const Plan *p, const Traced *v, uint64_t e)
{
    Trace *t = s->trace;

    if (t->n + 1 >= t->cap && t->cap < MOST_BREAKS) {
        uint32_t cap = t->cap ? 2 * t->cap : 64;
        InterpBreak *more = realloc(t->broken, cap * sizeof *more);
        if (more) {
            t->broken = more;
            t->cap = cap;
        }
    }
    if (t->n + 1 >= t->cap)
        return t->n;
    InterpBreak *b = &t->broken[++t->n];
    *b = (InterpBreak){
        .function = p->f,
        .node = &p->f->node[v->id],
        .type = v->type,
        .element = e,
        .value = number_at(v->number, v->type, e),
    };
    note_operands(p, v, e, b);
    return t->n;
}

/* Gives every number that is not finite a cause, and no other. */
static void
settle(Interp *s, const Plan *p, const Traced *v)
{
    for (uint64_t e = 0; e < type_size(v->type); e++) {
        uint32_t cause = cause_at(v->cause, v->type, e);
        if (isfinite(number_at(v->number, v->type, e)))
            set_cause(v, e, 0);
        else if (cause == 0 || cause > s->trace->n) /* from out of range comes NaN */
            set_cause(v, e, new_break(s, p, v, e));
    }
}

/* ---- operations */

/* The likeliest of several causes: one that gave what the result is, then the earliest. */
typedef struct Choice {
    uint32_t cause;
    bool alike;
} Choice;

static void
choose(Choice *best, uint32_t cause, bool alike)
{
    bool better = alike == best->alike ? cause < best->cause : alike;

    if (cause && (!best->cause || better))
        *best = (Choice){cause, alike};
}

static void
choose_operand(const Plan *p, const Node *n, uint32_t i, uint64_t e, bool nan, Choice *best)
{
    Type t = interp_arg_type(p, n, i);

    if (!dtype_is_float((DType)t.dtype))
        return;
    double x = number_at(interp_arg(p, n, i), t, e);
    if (!isfinite(x))
        choose(best, cause_at(interp_arg(p->causes, n, i), t, e), isnan(x) == nan);
}

static void
trace_pointwise(Plan *p, const Traced *v)
{
    const Node *n = &p->f->node[v->id];

    for (uint64_t e = 0; e < type_size(v->type); e++) {
        double x = number_at(v->number, v->type, e);
        Choice best = {.cause = 0};
        bool left_out[3] = {false};
        if (n->op == OP_select)
            left_out[interp_load(interp_arg(p, n, 0), DT_bool, e).b ? 2 : 1] = true;
        for (uint32_t i = 0; !isfinite(x) && i < n->n_args; i++)
            if (!left_out[i])
                choose_operand(p, n, i, e, isnan(x), &best);
        set_cause(v, e, best.cause);
    }
}

/* What mixes its operands' numbers: any of theirs may be the cause. */
static void
trace_mixed(Plan *p, const Traced *v)
{
    const Node *n = &p->f->node[v->id];
    Choice best[2] = {{.cause = 0}};

    for (uint32_t i = 0; i < n->n_args; i++)
        for (uint64_t e = 0; e < type_size(interp_arg_type(p, n, i)); e++)
            for (int nan = 0; nan < 2; nan++)
                choose_operand(p, n, i, e, nan, &best[nan]);
    for (uint64_t e = 0; e < type_size(v->type); e++)
        set_cause(v, e, best[isnan(number_at(v->number, v->type, e)) != 0].cause);
}

/* Does the op give its operands' numbers as they are? */
static InterpEval *
mover(const Node *n)
{
    switch (n->op) {
    case OP_get: return eval_get;
    case OP_broadcast: return eval_broadcast;
    case OP_reshape: return eval_reshape;
    case OP_transpose: return eval_transpose;
    case OP_slice: return eval_slice;
    case OP_pad: return eval_pad;
    case OP_concat: return eval_concat;
    case OP_at: return eval_at;
    case OP_take: return eval_take;
    case OP_update: return n->attr.i & 2 ? NULL : eval_update;
    default: return NULL;
    }
}

/* Indices have no causes: they are what they are. */
static void
lend_indices(Plan *p, const Node *n)
{
    for (uint32_t i = 0; i < n->n_args; i++)
        if (!dtype_is_float((DType)interp_arg_type(p, n, i).dtype) && n->op != OP_get)
            p->causes->value[n->arg[i].id] = p->value[n->arg[i].id];
}

static void
trace_value(Interp *s, Plan *p, const Traced *v)
{
    const Node *n = &p->f->node[v->id];
    InterpEval *move = mover(n);

    if (op_is_pointwise(n->op)) {
        trace_pointwise(p, v);
    } else if (move) {
        lend_indices(p, n);
        move(s, p->causes, v->id);
    } else if (n->n_regions == 0) {
        trace_mixed(p, v);
    }
    settle(s, p, v);
}

void
interp_trace_node(Interp *s, Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];
    uint32_t many = n->n_results ? n->n_results : 1;

    for (uint32_t i = 0; i < many; i++) {
        Traced v = traced(p, id, i);
        if (dtype_is_float((DType)v.type.dtype))
            trace_value(s, p, &v);
    }
}

void
interp_trace_fold(const Plan *p, uint32_t id, uint32_t result, Type t, const Value *value,
                  bool first)
{
    Value *to = &p->causes->result[p->first_result[id] + result];
    void *at = interp_elements(to, t);

    for (uint64_t e = 0; e < type_size(t); e++) {
        uint32_t old = first ? 0 : cause_at(at, t, e);
        uint32_t new =
            value ? cause_at(interp_elements((Value *)(uintptr_t)value, t), t, e) : 0;
        interp_store(at, (DType)t.dtype, e,
                     (Scalar){.bits = old && (!new || old < new) ? old : new});
    }
}

/* ---- the second plan */

static bool
is_given(const Plan *p, uint32_t id)
{
    const Node *n = &p->f->node[id];

    return (n->op == OP_const || (n->op == OP_arg && n->region == 0)) &&
           dtype_is_float((DType)n->type.dtype) && (n->type.rank == 0 || p->value[id].data);
}

static size_t
given_bytes(const Plan *p, uint32_t id)
{
    Type t = p->f->node[id].type;

    return ((size_t)type_size(t) * dtype_size((DType)t.dtype) + 63) / 64 * 64;
}

/* Where the first plan's arrays lie in its memory, the second's do in its own. */
static void
mirror(const Plan *p, Plan *causes, const Value *from, Value *to, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const unsigned char *at = from[i].data;
        if (at >= p->memory && at < p->memory + p->bytes)
            to[i].data = causes->memory + (at - p->memory);
    }
}

static void
close_causes(Plan *p)
{
    if (p->causes) {
        free(p->causes->value);
        free(p->causes->result);
        free(p->causes->memory);
    }
    free(p->causes);
    p->causes = NULL;
}

/* Parameters and constants lie outside of the plan's memory: their causes follow it. */
static bool
open_causes(Interp *s, Plan *p)
{
    Plan *c = calloc(1, sizeof *c);
    size_t bytes = (p->bytes + 63) / 64 * 64, at = bytes;

    if (!c)
        return false;
    for (uint32_t id = 1; id < p->f->n; id++)
        bytes += is_given(p, id) ? given_bytes(p, id) : 0;
    *c = *p;
    c->causes = NULL;
    c->value = calloc(p->f->n, sizeof *c->value);
    c->result = calloc((size_t)p->n_results + 1, sizeof *c->result);
    c->memory = calloc(1, bytes + 64);
    p->causes = c;
    if (!c->value || !c->result || !c->memory)
        return false;
    mirror(p, c, p->value, c->value, (uint32_t)p->f->n);
    mirror(p, c, p->result, c->result, p->n_results);
    for (uint32_t id = 1; id < p->f->n; id++)
        if (is_given(p, id)) {
            c->value[id].data = c->memory + at;
            at += given_bytes(p, id);
            Traced v = traced(p, id, 0);
            settle(s, p, &v);
        }
    return true;
}

/* ---- functions */

static void
find_break(const Interp *s, const Plan *p, InterpBreak *ret)
{
    const Function *f = p->f;
    uint32_t first = UINT32_MAX;

    for (uint32_t i = 0; i < f->region[0].n_yields; i++) {
        uint32_t id = f->region[0].yield[i].id;
        Type t = f->node[id].type;
        const void *cause = interp_elements(&p->causes->value[id], t);
        if ((f->output && f->output[i].kind == OUTPUT_report) ||
            !dtype_is_float((DType)t.dtype))
            continue;
        for (uint64_t e = 0; e < type_size(t); e++) {
            uint32_t c = cause_at(cause, t, e);
            first = c && c < first ? c : first;
        }
    }
    *ret = first == UINT32_MAX ? (InterpBreak){.node = NULL} : s->trace->broken[first];
}

InterpStatus
interp_trace(Interp *s, const Function *f, const InterpPlace *place, const void *const *arg,
             void *const *ret_result, InterpBreak *ret_break)
{
    Trace trace = {.n = 0};
    Plan *p = interp_bind(s, f, arg);

    if (!p)
        return s->status;
    s->trace = &trace;
    InterpStatus status =
        open_causes(s, p) ? interp_run(s, f, place, arg, ret_result) : INTERP_MEMORY;
    if (status == INTERP_OK)
        find_break(s, p, ret_break);
    close_causes(p);
    free(trace.broken);
    s->trace = NULL;
    return status;
}
