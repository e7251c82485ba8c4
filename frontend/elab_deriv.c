/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_deriv.c -- derivatives: the function becomes one of the IR, whose captured values are
 * parameters too, and an operator of the IR on it.
 *
 * A function that captures nothing but inputs is made once and used by every entry function.
 */
#include <string.h>

#include "frontend/elab.h"

struct Derived {
    struct Derived *next;
    Type x;
    Mode mode;
    bool training;
    const Point *point; /* whose columns conditions are */
    uint32_t callee;
    struct {
        InputKind kind;
        const char *name;
        Type type;
        Variance variance;
    } * input;
    uint32_t n;
    Value result; /* its shape: what the leaves are put into */
};

/* An operator applied to a function, ready to be called. */
typedef struct Instance {
    uint32_t callee;
    const Frame *inner; /* NULL: made before */
    Ref *arg;           /* in the frame of the caller */
    uint32_t n_args;
    Value result;
    Type leaf[MAX_LEAVES];
    uint32_t n_leaves;
    uint32_t n_states; /* results behind them: what it makes of networks' states */
} Instance;

static void
read_leaves(Elab *e, Instance *in)
{
    in->n_leaves = function_results(e->module->function[in->callee], in->leaf, MAX_LEAVES);
    in->n_leaves -= in->n_states;
}

/* ---- functions made before ---- */

static bool
use_known(Elab *e, const Derived *known, Ref x, Instance *in)
{
    in->callee = known->callee;
    in->result = known->result;
    in->n_args = known->n + 1;
    in->arg = arena_array(e->arena, Ref, in->n_args);
    in->arg[0] = x;
    for (uint32_t i = 0; i < known->n; i++) {
        Value v = elab_entry_input(e, known->input[i].kind, known->input[i].name,
                                   known->input[i].type, known->input[i].variance);
        in->arg[i + 1] = elab_ref_of(e, v, DT_none);
    }
    read_leaves(e, in);
    return true;
}

static bool
find_known(Elab *e, const FnVal *f, Type x, Mode mode, Ref r, Instance *in)
{
    for (const Derived *d = f->derived; d; d = d->next)
        if (type_eq(d->x, x) && d->mode == mode && d->training == e->training &&
            d->point == e->point)
            return use_known(e, d, r, in);
    return false;
}

static const EntryInput *
input_of(const Frame *frame, Ref r)
{
    for (size_t i = 0; i < frame->n_inputs; i++)
        if (ref_eq(frame->input[i].ref, r))
            return &frame->input[i];
    return NULL;
}

static void
remember(Elab *e, FnVal *f, Type x, Mode mode, const Frame *inner, const Instance *in)
{
    Derived *d = arena_new(e->arena, Derived);
    const Frame *outer = inner->outer;

    d->input = arena_alloc(e->arena, inner->n_captures + 1, sizeof *d->input);
    for (size_t i = 0; i < inner->n_captures; i++) {
        Ref r = inner->capture[i].outer.ref;
        const EntryInput *from = outer->outer ? NULL : input_of(outer, r);
        if (!from || from->kind == INPUT_value)
            return;
        const Function *of = outer->b.function;
        d->input[i].kind = (InputKind)from->kind;
        d->input[i].name = from->name;
        d->input[i].type = ir_type(of, r);
        d->input[i].variance = (Variance)of->input[ir_node(of, r)->attr.i].variance;
    }
    d->n = (uint32_t)inner->n_captures;
    d->x = x;
    d->mode = mode;
    d->training = e->training;
    d->point = e->point;
    d->callee = in->callee;
    d->result = in->result;
    d->next = f->derived;
    f->derived = d;
}

/* ---- making one ---- */

static const char *
function_name(Elab *e, const FnVal *f)
{
    const char *name = f->kind == FN_decl ? f->decl->name : "fn";
    return arena_printf(e->arena, "%s.%u", name, e->n_functions++);
}

/* Results, then the states of networks that were assigned within. */
static bool
yield_results(Elab *e, Value v, Span span, uint32_t *ret_states)
{
    Value leaf[MAX_LEAVES];
    Ref r[2 * MAX_LEAVES];
    uint32_t n = 0;

    if (elab_is_poison(v))
        return false;
    if (!elab_flatten(e, v, leaf, &n, MAX_LEAVES)) {
        complain(e, elab_derive_result, span, elab_value_text(e, v));
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        DType d = (DType)elab_value_type(e, leaf[i]).dtype;
        if (d == DT_bool) {
            complain(e, elab_derive_result, span, elab_value_text(e, v));
            return false;
        }
        r[i] = elab_ref_of(e, leaf[i], dtype_is_float(d) ? d : e->real);
    }
    *ret_states = elab_export_net_states(e, e->frame, r + n, MAX_LEAVES);
    ir_yield(&e->frame->b, n + *ret_states, r);
    return true;
}

static bool
make_instance(Elab *e, FnVal *f, const Call *call, Value x, Mode mode, Instance *in)
{
    Frame *outer = e->frame, *inner = elab_frame_new(e, function_name(e, f), outer);
    Call inside = *call;
    bool draws = e->may_draw, steady = e->steady;
    uint32_t read = e->reads;
    Type t = elab_value_type(e, x);

    Value *arg = arena_array(e->arena, Value, call->n + 1);
    memcpy(arg, call->arg, call->n * sizeof *arg);
    e->frame = inner;
    e->may_draw = false;
    e->steady = true;
    e->reads = 0;
    inner->b.span = call->span;
    Ref p = ir_param(&inner->b, t);
    arg[0] = (Value){.kind = VAL_ref, .ref = p, .frame = inner};
    inside.arg = arg;
    Value v = elab_call_fn(e, f, &inside, mode);
    bool ok = yield_results(e, v, call->span, &in->n_states);
    bool alike = e->reads == 0 && e->steady;
    in->inner = inner;
    e->frame = outer;
    e->may_draw = draws;
    e->steady &= steady;
    if (e->reads < read)
        e->reads = read;
    if (!ok)
        return false;
    in->callee = inner->b.function->index;
    in->result = v;
    in->n_args = (uint32_t)inner->n_captures + 1;
    in->arg = arena_array(e->arena, Ref, in->n_args);
    in->arg[0] = elab_ref_of(e, x, DT_none);
    for (size_t i = 0; i < inner->n_captures; i++)
        in->arg[i + 1] = inner->capture[i].outer.ref;
    read_leaves(e, in);
    if (f->once && call->n == 1 && call->n_named == 0 && alike && !outer->outer)
        remember(e, f, t, mode, inner, in);
    return true;
}

/* ---- operators ---- */

static Value
get_leaf(Elab *e, Ref node, uint32_t i)
{
    return elab_value_ref(e, ir_get(&e->frame->b, node, i));
}

static Value
gather_leaves(Elab *e, Ref node, uint32_t from, const Instance *in)
{
    Value leaf[MAX_LEAVES];
    uint32_t k = 0;

    for (uint32_t i = 0; i < in->n_leaves; i++)
        leaf[i] = get_leaf(e, node, from + i);
    return elab_unflatten(e, in->result, leaf, &k);
}

/* `extra`: one a result, of those that are no states, whose cotangents are 0. */
static Ref
call_operator(Elab *e, Op op, const Instance *in, const Ref *extra, uint32_t n)
{
    Builder *b = &e->frame->b;
    uint32_t zeros = op == OP_vjp ? in->n_states : 0;
    Ref *arg = arena_array(e->arena, Ref, in->n_args + n + zeros + 1);
    Type result[2 * MAX_LEAVES];
    const int64_t first = 0;

    function_results(e->module->function[in->callee], result, 2 * MAX_LEAVES);
    memcpy(arg, in->arg, in->n_args * sizeof *arg);
    if (n)
        memcpy(arg + in->n_args, extra, n * sizeof *arg);
    for (uint32_t i = 0; i < zeros; i++)
        arg[in->n_args + n + i] = ir_full(b, result[in->n_leaves + i], 0);
    Ref node = ir_call(b, op, in->callee, in->n_args + n + zeros, arg, 1, &first);
    if (in->n_states)
        elab_import_net_states(e, in->inner, node, in->n_leaves);
    return node;
}

/* In a term the value of a function is a term too. */
static Value
narrow(Elab *e, Value v, Mode mode)
{
    return mode == MODE_term && elab_is_wide(e, v)
               ? elab_value_ref(e, elab_ref_of(e, v, e->real))
               : v;
}

static bool
one_real(Elab *e, const Instance *in, Span span, const char *what)
{
    if (in->n_leaves == 1 && in->leaf[0].rank == 0)
        return true;
    complain(e, elab_derive_scalar, span, what, elab_value_text(e, in->result));
    return false;
}

static Value
gradient(Elab *e, const FnVal *fn, const Instance *in, Mode mode, Span span)
{
    bool both = fn->deriv == DERIV_value_and_grad;

    if (!one_real(e, in, span, both ? "value_and_grad" : "grad"))
        return POISON;
    Ref one = ir_number(&e->frame->b, (DType)in->leaf[0].dtype, 1);
    Ref node = call_operator(e, OP_vjp, in, &one, 1);
    Value pair[2] = {narrow(e, get_leaf(e, node, 0), mode),
                     get_leaf(e, node, 1 + in->n_states)};
    return both ? elab_value_tuple(e, 2, pair) : pair[1];
}

static bool
is_laplacian(const FnVal *fn)
{
    return fn->deriv == DERIV_laplacian || fn->deriv == DERIV_grad_and_laplacian;
}

static Value
laplacian(Elab *e, const FnVal *fn, const Instance *in, Mode mode, Span span)
{
    bool both = fn->deriv == DERIV_grad_and_laplacian;

    if (!one_real(e, in, span, both ? "grad_and_laplacian" : "laplacian"))
        return POISON;
    Ref node = call_operator(e, OP_laplacian, in, NULL, 0);
    Value pair[2] = {POISON, narrow(e, get_leaf(e, node, 2), mode)};
    if (!both)
        return pair[1];
    pair[0] = get_leaf(e, node, 1);
    return elab_value_tuple(e, 2, pair);
}

static Value
forward_product(Elab *e, const Instance *in, Value x, Value v, Span span)
{
    if (!elab_is_number(v) || !elab_fit(e, &v, elab_value_type(e, x)))
        return FAIL(e, elab_derive_vector, span, elab_value_text(e, x), elab_value_text(e, v));
    Ref tangent = elab_ref_of(e, v, (DType)elab_value_type(e, x).dtype);
    Ref node = call_operator(e, OP_jvp, in, &tangent, 1);
    return gather_leaves(e, node, in->n_leaves + in->n_states, in);
}

static Value
reverse_product(Elab *e, const Instance *in, Value w, Span span)
{
    Value leaf[MAX_LEAVES];
    Ref r[MAX_LEAVES];
    uint32_t n = 0;

    if (!elab_flatten(e, w, leaf, &n, MAX_LEAVES) || n != in->n_leaves)
        return FAIL(e, elab_derive_vector, span, elab_value_text(e, in->result),
                    elab_value_text(e, w));
    for (uint32_t i = 0; i < n; i++) {
        if (!elab_fit(e, &leaf[i], in->leaf[i]))
            return FAIL(e, elab_derive_vector, span, elab_value_text(e, in->result),
                        elab_value_text(e, w));
        r[i] = elab_ref_of(e, leaf[i], (DType)in->leaf[i].dtype);
    }
    Ref node = call_operator(e, OP_vjp, in, r, n);
    return get_leaf(e, node, n + in->n_states);
}

static bool
real_argument(Elab *e, Value *x, Span span)
{
    if (elab_is_static(*x) && x->kind != VAL_bool)
        *x = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, *x, e->real), .frame = e->frame};
    if (elab_is_number(*x) && dtype_is_float((DType)elab_value_type(e, *x).dtype)) {
        *x = (Value){.kind = VAL_ref, .ref = elab_ref_of(e, *x, DT_none), .frame = e->frame};
        return true;
    }
    complain(e, elab_derive_argument, span, elab_value_text(e, *x));
    return false;
}

static Mode
inner_mode(const FnVal *fn, Mode mode)
{
    bool product = fn->deriv == DERIV_jvp || fn->deriv == DERIV_vjp;

    if (mode == MODE_step)
        return MODE_step;
    return product ? MODE_term : MODE_wide;
}

Value
elab_call_derived(Elab *e, FnVal *fn, const Call *call, Mode mode)
{
    bool product = fn->deriv == DERIV_jvp || fn->deriv == DERIV_vjp;
    uint32_t least = product ? 2 : 1;
    Call inside = *call;
    Instance in = {0};

    if (call->n < least)
        return FAIL(e, elab_arity, call->span, "this derivative", least, call->n);
    Value x = call->arg[0], last = call->arg[call->n - 1];
    if (!real_argument(e, &x, call->arg_span[0]) || !elab_push_depth(e, call->span))
        return POISON;
    inside.n -= product;
    Mode within = inner_mode(fn, mode);
    bool simple = inside.n == 1 && inside.n_named == 0 && fn->of->once;
    bool back = e->in_laplacian;
    e->in_laplacian |= is_laplacian(fn);
    bool ok = (simple && find_known(e, fn->of, elab_value_type(e, x), within,
                                    elab_ref_of(e, x, DT_none), &in)) ||
              make_instance(e, fn->of, &inside, x, within, &in);
    e->in_laplacian = back;
    e->depth--;
    if (!ok)
        return POISON;
    e->frame->b.span = call->span;
    switch (fn->deriv) {
    case DERIV_jvp: return forward_product(e, &in, x, last, call->span);
    case DERIV_vjp: return reverse_product(e, &in, last, call->span);
    case DERIV_laplacian:
    case DERIV_grad_and_laplacian: return laplacian(e, fn, &in, mode, call->span);
    default: return gradient(e, fn, &in, mode, call->span);
    }
}
