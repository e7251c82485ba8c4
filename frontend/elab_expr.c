/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_expr.c -- expressions, kind by kind.
 */
#include <stdio.h>
#include <string.h>

#include "frontend/elab_chain.h"

/* ---- limits ---- */

/* Elaboration ends in an error, not in minutes or in a stack overflow. */
enum { MAX_WORK = 1 << 19, MAX_DEPTH = 2000 };

static void
stop(Elab *e, Span span)
{
    if (!e->stopped)
        complain(e, elab_too_large, span, "the program");
    e->stopped = true;
}

bool
elab_push_depth(Elab *e, Span span)
{
    if (e->stopped)
        return false;
    if (++e->work > MAX_WORK || e->module->n_nodes > IR_MAX_NODES / 2) {
        stop(e, span);
        return false;
    }
    if (e->depth >= MAX_DEPTH) {
        complain(e, too_deep, span);
        e->stopped = true;
        return false;
    }
    e->depth++;
    return true;
}

Mode
elab_arg_mode(Mode mode)
{
    return mode == MODE_step ? MODE_step : MODE_term;
}

/* ---- arrays ---- */

static DType
element_dtype(const Elab *e, const Value *v, uint32_t n)
{
    DType d = (DType)elab_value_type(e, v[0]).dtype;

    for (uint32_t i = 1; i < n; i++) {
        DType other = (DType)elab_value_type(e, v[i]).dtype;
        if (other == d)
            continue;
        if (d == DT_bool || other == DT_bool)
            return DT_none;
        d = d == DT_f64 || other == DT_f64 ? DT_f64 : e->real;
    }
    return d;
}

static bool
is_constant(Elab *e, Ref r)
{
    return ir_is(e->frame->b.function, r, OP_const);
}

/* Elements that are constants make a constant. */
static Ref
constant_array(Elab *e, Type part, Type whole, const Ref *item, uint32_t n)
{
    size_t size = (size_t)type_size(part) * dtype_size((DType)part.dtype);
    char *data = arena_alloc(e->arena, n, size ? size : 1);

    for (uint32_t i = 0; i < n; i++)
        memcpy(data + i * size, ir_node(e->frame->b.function, item[i])->attr.data, size);
    return ir_const(&e->frame->b, whole, data);
}

static Value
stack_values(Elab *e, const Value *v, uint32_t n, Span span)
{
    DType d = element_dtype(e, v, n);
    Type part = type_with(elab_value_type(e, v[0]), d), row = part, whole;
    Ref *item = arena_array(e->arena, Ref, n);
    bool constant = true;

    if (d == DT_none || part.rank == MAX_RANK)
        return FAIL(e, elab_array, span, elab_value_text(e, v[0]),
                    elab_value_text(e, v[n - 1]));
    for (uint32_t i = 0; i < n; i++) {
        if (!type_same_shape(elab_value_type(e, v[i]), part))
            return FAIL(e, elab_array, span, elab_value_text(e, v[0]),
                        elab_value_text(e, v[i]));
        item[i] = elab_ref_of(e, v[i], d);
        constant &= is_constant(e, item[i]);
    }
    row.rank++;
    for (unsigned i = 0; i < part.rank; i++)
        row.dim[i + 1] = part.dim[i];
    row.dim[0] = 1;
    whole = row;
    whole.dim[0] = n;
    if (type_size(whole) > IR_MAX_ELEMENTS)
        return FAIL(e, elab_too_large, span, elab_type_text(e, whole));
    if (constant)
        return elab_value_ref(e, constant_array(e, part, whole, item, n));
    for (uint32_t i = 0; i < n; i++)
        item[i] = ir_reshape(&e->frame->b, item[i], row);
    return elab_value_ref(e, ir_concat(&e->frame->b, n, item, 0));
}

static Value
eval_array(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value *v = arena_array(e->arena, Value, x->n_args);

    for (uint32_t i = 0; i < x->n_args; i++)
        v[i] = elab_eval(e, env, x->args[i]->value, elab_arg_mode(mode));
    for (uint32_t i = 0; i < x->n_args; i++) {
        if (elab_is_poison(v[i]))
            return POISON;
        if (!elab_is_number(v[i]))
            return FAIL(e, elab_element, x->args[i]->span, elab_value_text(e, v[i]));
    }
    e->frame->b.span = x->span;
    return stack_values(e, v, x->n_args, x->span);
}

static Value
eval_tuple(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value *v = arena_array(e->arena, Value, x->n_args);

    for (uint32_t i = 0; i < x->n_args; i++)
        v[i] = elab_eval(e, env, x->args[i]->value, elab_arg_mode(mode));
    return elab_value_tuple(e, x->n_args, v);
}

/* ---- members ---- */

static Value
transpose_last(Elab *e, Value v, Span span)
{
    Type t = elab_value_type(e, v);
    int64_t perm[MAX_RANK];

    if (t.rank < 2)
        return FAIL(e, elab_transpose, span, elab_value_text(e, v));
    for (unsigned i = 0; i < t.rank; i++)
        perm[i] = i;
    perm[t.rank - 1] = t.rank - 2;
    perm[t.rank - 2] = t.rank - 1;
    e->frame->b.span = span;
    return elab_value_ref(e, ir_transpose(&e->frame->b, elab_ref_of(e, v, DT_none), perm));
}

static Value
no_member(Elab *e, const Env *env, Value v, const Expr *x)
{
    Diag *d = complain(e, elab_no_member, x->at, elab_value_text(e, v), x->name);
    File *f;

    if (elab_find_builtin(x->name) || elab_find_decl(env->file, x->name, &f))
        diag_help(e->diags, d, "a function is called as %s(x), or as x |> %s", x->name,
                  x->name);
    else
        diag_help(e->diags, d, "'.T' transposes an array");
    return POISON;
}

static Value
eval_member(Elab *e, const Env *env, const Expr *x)
{
    Value v = elab_eval(e, env, x->left, MODE_term);

    if (elab_is_poison(v))
        return POISON;
    if (elab_is_number(v) && x->name == e->word.transpose)
        return transpose_last(e, v, x->span);
    if (v.kind == VAL_buffer || v.kind == VAL_slot)
        return elab_buffer_member(e, env, v, x);
    if (v.kind == VAL_chain)
        return elab_chain_member(e, env, v.chain, x);
    if (v.kind == VAL_fn && v.fn->kind == FN_opaque)
        return POISON; /* only checked: which energy it is, and what it has, is not known */
    if (v.kind == VAL_fn && v.fn->kind == FN_decl &&
        (v.fn->decl->kind == DECL_NETWORK || v.fn->decl->kind == DECL_ENERGY))
        return elab_network_member(e, v.fn, x);
    return no_member(e, env, v, x);
}

/* ---- if ---- */

static bool
is_empty(const Elab *e, RegionId r)
{
    return e->frame->b.function->region[r].n_nodes == 0;
}

static Value
select_leaves(Elab *e, Value condition, Value a, Value b)
{
    Value x[MAX_LEAVES], y[MAX_LEAVES];
    uint32_t n = 0, m = 0, k = 0;
    Builder *to = &e->frame->b;

    elab_flatten_all(e, a, x, &n, MAX_LEAVES);
    elab_flatten_all(e, b, y, &m, MAX_LEAVES);
    for (uint32_t i = 0; i < n; i++)
        if (!(elab_is_static(x[i]) && elab_is_static(y[i])))
            x[i] = elab_value_ref(e, ir_select(to, elab_ref_of(e, condition, DT_bool),
                                               elab_ref_of(e, x[i], DT_none),
                                               elab_ref_of(e, y[i], DT_none)));
    return elab_unflatten(e, a, x, &k);
}

static void
yield_leaves(Elab *e, RegionId region, const Value *v, uint32_t n)
{
    Builder *b = &e->frame->b;
    RegionId back = b->region;
    Ref r[MAX_LEAVES];

    b->region = region;
    for (uint32_t i = 0; i < n; i++)
        r[i] = elab_ref_of(e, v[i], DT_none);
    ir_yield(b, n, r);
    b->region = back;
}

static Value
build_if(Elab *e, Value condition, RegionId then, Value a, RegionId otherwise, Value b)
{
    Value x[MAX_LEAVES], y[MAX_LEAVES];
    uint32_t n = 0, m = 0, k = 0;
    Builder *to = &e->frame->b;

    elab_flatten_all(e, a, x, &n, MAX_LEAVES);
    elab_flatten_all(e, b, y, &m, MAX_LEAVES);
    yield_leaves(e, then, x, n);
    yield_leaves(e, otherwise, y, n);
    Ref node = ir_if(to, elab_ref_of(e, condition, DT_bool), then, otherwise);
    for (uint32_t i = 0; i < n; i++)
        if (!(elab_is_static(x[i]) && elab_is_static(y[i])))
            x[i] = elab_value_ref(e, ir_get(to, node, i));
    return elab_unflatten(e, a, x, &k);
}

/* Branches that compute nothing leave no regions behind. */
Value
elab_join_regions(Elab *e, Value condition, RegionId then, Value a, RegionId otherwise, Value b,
                  Mode mode, Span span)
{
    Function *f = e->frame->b.function;
    bool empty = is_empty(e, then) && is_empty(e, otherwise) && otherwise == then + 1 &&
                 f->n_regions == (size_t)otherwise + 1;
    RegionId here = e->frame->b.region;
    Value leaf[MAX_LEAVES];
    uint32_t n = 0;

    e->frame->b.span = span;
    if (elab_is_poison(a) || elab_is_poison(b))
        return POISON;
    if (a.kind == VAL_fn && b.kind == VAL_fn && a.fn == b.fn)
        return a;
    if (a.kind == VAL_fn || b.kind == VAL_fn)
        return FAIL(e, elab_choose_fn, span);
    if (!elab_flatten_all(e, a, leaf, &n, MAX_LEAVES) ||
        !elab_unify(e, &a, empty ? here : then, &b, empty ? here : otherwise, mode))
        return FAIL(e, elab_branches, span, elab_value_text(e, a), elab_value_text(e, b));
    if (n == 0)
        return a;
    if (!empty)
        return build_if(e, condition, then, a, otherwise, b);
    f->n_regions -= 2;
    return select_leaves(e, condition, a, b);
}

static Value
eval_branch(Elab *e, const Env *env, const Body *body, Mode mode)
{
    Env inner = *env;
    return elab_run_body(e, &inner, body, mode);
}

static Value
eval_if(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value c = elab_eval(e, env, x->left, elab_arg_mode(mode));
    Builder *b = &e->frame->b;

    if (elab_is_poison(c))
        return POISON;
    if (!elab_is_number(c) || !type_eq(elab_value_type(e, c), type_scalar(DT_bool)))
        return FAIL(e, elab_condition, x->left->span, elab_value_text(e, c));
    c = elab_decide(e, c);
    if (c.kind == VAL_bool)
        return eval_branch(e, env, c.b ? x->body : x->other, mode);
    RegionId then = region_begin(b);
    Value yes = eval_branch(e, env, x->body, mode);
    region_end(b);
    RegionId otherwise = region_begin(b);
    Value no = eval_branch(e, env, x->other, mode);
    region_end(b);
    return elab_join_regions(e, c, then, yes, otherwise, no, mode, x->span);
}

/* ---- operators ---- */

static Value
matrix_product(Elab *e, Value a, Value b, Span span)
{
    Type ta, tb;
    const char *letters = "abcdef"; /* of the leading axes */
    char spec[40];
    unsigned batch;

    if (elab_is_poison(a) || elab_is_poison(b))
        return POISON;
    ta = elab_value_type(e, a);
    tb = elab_value_type(e, b);
    if (!elab_is_number(a) || !elab_is_number(b) || ta.rank == 0 || tb.rank == 0 ||
        ta.dtype == DT_bool || tb.dtype == DT_bool)
        return FAIL(e, elab_operand, span, "@", "arrays",
                    elab_value_text(e, ta.rank == 0 ? a : b));
    unsigned inner_b = tb.rank == 1 ? 0 : tb.rank - 2u;
    if (ta.dim[ta.rank - 1] != tb.dim[inner_b])
        return FAIL(e, elab_product, span, elab_value_text(e, a), elab_value_text(e, b));
    unsigned batch_a = ta.rank > 2 ? ta.rank - 2u : 0, batch_b = tb.rank > 2 ? tb.rank - 2u : 0;
    batch = batch_a > batch_b ? batch_a : batch_b;
    for (unsigned i = 0; i < batch_a && i < batch_b; i++)
        if (ta.dim[batch_a - 1 - i] != tb.dim[batch_b - 1 - i])
            return FAIL(e, elab_product, span, elab_value_text(e, a), elab_value_text(e, b));
    if (batch + (ta.rank > 1) + (tb.rank > 1) > MAX_RANK)
        return FAIL(e, elab_product, span, elab_value_text(e, a), elab_value_text(e, b));
    const char *y = ta.rank > 1 ? "y" : "", *w = tb.rank > 1 ? "w" : "";
    snprintf(spec, sizeof spec, "%.*s%sz,%.*sz%s->%.*s%s%s", (int)batch_a,
             letters + batch - batch_a, y, (int)batch_b, letters + batch - batch_b, w,
             (int)batch, letters, y, w);
    DType d = ta.dtype == DT_f64 || tb.dtype == DT_f64 ? DT_f64 : e->real;
    e->frame->b.span = span;
    return elab_value_ref(
        e, ir_contract(&e->frame->b, spec, elab_ref_of(e, a, d), elab_ref_of(e, b, d), NO_REF));
}

static Value
eval_pipe(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value left = elab_eval(e, env, x->left, elab_arg_mode(mode));

    if (x->right->kind == EXPR_CALL && !x->right->parens)
        return elab_call(e, env, x->right, &left, x->left->span, mode);
    Value f = elab_eval(e, env, x->right, mode);
    Call call = {.span = x->span, .arg = &left, .arg_span = &x->left->span, .n = 1};
    if (elab_is_poison(f) || elab_is_poison(left))
        return POISON;
    if (f.kind != VAL_fn)
        return FAIL(e, elab_not_function, x->right->span, elab_value_text(e, f));
    return elab_call_fn(e, f.fn, &call, mode);
}

static Value
eval_logic(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value a = elab_eval(e, env, x->left, elab_arg_mode(mode));

    if (a.kind == VAL_bool && a.b == (x->op == AST_OP_OR))
        return a;
    Value b = elab_eval(e, env, x->right, elab_arg_mode(mode));
    return elab_logic(e, x->op, a, b, x->span);
}

static Value
eval_binary(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    bool linear = x->op == AST_OP_ADD || x->op == AST_OP_SUB || x->op == AST_OP_MUL ||
                  x->op == AST_OP_DIV;
    Mode inner = linear ? mode : elab_arg_mode(mode);

    if (x->op == AST_OP_PIPE)
        return eval_pipe(e, env, x, mode);
    if (x->op == AST_OP_AND || x->op == AST_OP_OR)
        return eval_logic(e, env, x, mode);
    Value a = elab_eval(e, env, x->left, inner), b = elab_eval(e, env, x->right, inner);
    switch (x->op) {
    case AST_OP_AT: return matrix_product(e, a, b, x->span);
    case AST_OP_EQ:
    case AST_OP_NE:
    case AST_OP_LT:
    case AST_OP_LE:
    case AST_OP_GT:
    case AST_OP_GE: return elab_compare(e, x->op, a, b, x->span);
    default: return elab_arith(e, x->op, a, b, mode, x->span);
    }
}

static Value
eval_unary(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    if (x->op == AST_OP_NEG)
        return elab_negate(e, elab_eval(e, env, x->left, mode), mode, x->span);
    Value v = elab_eval(e, env, x->left, elab_arg_mode(mode));
    if (elab_is_poison(v))
        return POISON;
    if (!elab_is_number(v) || elab_value_type(e, v).dtype != DT_bool)
        return FAIL(e, elab_operand, x->span, "not", "bool", elab_value_text(e, v));
    if (v.kind == VAL_bool)
        return elab_value_bool(!v.b);
    e->frame->b.span = x->span;
    return elab_value_ref(e, ir_not(&e->frame->b, elab_ref_of(e, v, DT_bool)));
}

static Value
eval_lambda(Elab *e, const Env *env, const Expr *x)
{
    FnVal *fn = arena_new(e->arena, FnVal);

    fn->kind = FN_lambda;
    fn->env = *env;
    fn->lambda = x;
    return elab_value_fn(fn);
}

static Value
eval_indexed(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    Value base = elab_eval(e, env, x->left, MODE_term);

    if (elab_is_poison(base))
        return POISON;
    if (base.kind == VAL_fn)
        return elab_with_statics(e, env, base.fn, x);
    return elab_index(e, env, base, x, elab_arg_mode(mode));
}

static Value
eval_pack(Elab *e, const Env *env, const Expr *x)
{
    Value v = elab_lookup(e, env, x->name, x->span);

    if (!elab_is_poison(v) && v.kind != VAL_shape)
        return FAIL(e, elab_not_shape, x->span, x->name);
    return v;
}

/* What a `let` of an energy names is computed again, wide, where the energy's value is made of
 * it; unused, the first computation is dropped. */
static Value
eval_wide(Elab *e, WideLet *let)
{
    const Frame *f = e->frame;

    if (let->frame == f && region_within(f->b.function, f->b.region, let->region))
        return let->value;
    let->value = elab_eval(e, &let->env, let->expr, MODE_wide);
    let->frame = f;
    let->region = f->b.region;
    return let->value;
}

static Value
eval_name(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    const Binding *b = mode == MODE_wide ? elab_find_local(env, x->name) : NULL;

    if (b && b->wide)
        return eval_wide(e, b->wide);
    return elab_lookup(e, env, x->name, x->span);
}

static Value
eval_kind(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    switch (x->kind) {
    case EXPR_NAME: return eval_name(e, env, x, mode);
    case EXPR_INT: return elab_value_int(x->integer);
    case EXPR_REAL: return elab_value_real(x->real);
    case EXPR_BOOL: return elab_value_bool(x->boolean);
    case EXPR_UNARY: return eval_unary(e, env, x, mode);
    case EXPR_BINARY: return eval_binary(e, env, x, mode);
    case EXPR_CALL: return elab_call(e, env, x, NULL, x->span, mode);
    case EXPR_INDEX: return eval_indexed(e, env, x, mode);
    case EXPR_MEMBER: return eval_member(e, env, x);
    case EXPR_TUPLE: return eval_tuple(e, env, x, mode);
    case EXPR_ARRAY: return eval_array(e, env, x, mode);
    case EXPR_FOR: return elab_comprehension(e, env, x, elab_arg_mode(mode));
    case EXPR_IF: return eval_if(e, env, x, mode);
    case EXPR_LAMBDA: return eval_lambda(e, env, x);
    case EXPR_PACK: return eval_pack(e, env, x);
    case EXPR_STRING: return FAIL(e, elab_string, x->span);
    default: return FAIL(e, elab_slice_place, x->span);
    }
}

Value
elab_eval(Elab *e, const Env *env, const Expr *x, Mode mode)
{
    if (!elab_push_depth(e, x->span))
        return POISON;
    Value v = eval_kind(e, env, x, mode);
    e->depth--;
    return v;
}

bool
elab_static_int(Elab *e, const Env *env, const Expr *x, const char *what, int64_t *ret)
{
    Value v = elab_eval(e, env, x, MODE_term);

    if (v.kind == VAL_int) {
        *ret = v.i;
        return true;
    }
    if (!elab_is_poison(v))
        complain(e, elab_not_static, x->span, what, elab_value_text(e, v));
    return false;
}
