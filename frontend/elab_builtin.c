/* SPDX-License-Identifier: Apache-2.0
 *
 * elab_builtin.c -- the functions that are not written in the language itself.
 *
 * Elementwise ones are the op table's; the rest are reductions, shapes, products, draws and
 * derivative operators, in files of their own.  Everything else is in std/prelude.
 */
#include <math.h>
#include <string.h>

#include "frontend/elab_builtin.h"

const Value *
elab_named_arg(const Call *call, const char *name)
{
    for (uint32_t i = 0; i < call->n_named; i++)
        if (strcmp(call->named[i].name, name) == 0)
            return &call->named[i].value;
    return NULL;
}

/* ---- checks shared by all ---- */

static bool
allows(const Builtin *b, const char *name)
{
    size_t size = strlen(name);

    for (const char *at = b->named; at && *at; at += strcspn(at, " "), at += *at == ' ')
        if (strncmp(at, name, size) == 0 && (at[size] == ' ' || at[size] == '\0'))
            return true;
    return false;
}

bool
elab_check_call(Elab *e, const Builtin *b, const FnVal *fn, const Call *call, bool statics)
{
    for (uint32_t i = 0; i < call->n_named; i++)
        if (!allows(b, call->named[i].name)) {
            complain(e, elab_no_argument, call->named[i].span, b->name, call->named[i].name);
            return false;
        }
    if (call->n < b->least || call->n > b->most) {
        complain(e, elab_arity, call->span, b->name, b->least, call->n);
        return false;
    }
    if (fn->n_statics && !statics) {
        complain(e, elab_no_statics, call->span, arena_printf(e->arena, "'%s'", b->name));
        return false;
    }
    return true;
}

/* A number, not bool. */
bool
elab_check_number(Elab *e, const Builtin *b, const Call *call, uint32_t i)
{
    Value v = call->arg[i];

    if (elab_is_number(v) && elab_value_type(e, v).dtype != DT_bool)
        return true;
    complain(e, elab_argument, call->arg_span[i], b->name, "numbers", elab_value_text(e, v));
    return false;
}

bool
elab_check_array(Elab *e, const Builtin *b, const Call *call, uint32_t i, const char *what)
{
    Value v = call->arg[i];

    if (elab_is_number(v) && elab_value_type(e, v).rank > 0)
        return true;
    complain(e, elab_argument, call->arg_span[i], b->name, what, elab_value_text(e, v));
    return false;
}

/* Sizes in brackets: `normal[n, m]`. */
bool
elab_static_dims(Elab *e, const FnVal *fn, Dims *ret)
{
    *ret = (Dims){0};
    for (uint32_t i = 0; i < fn->n_statics; i++) {
        const Named *s = &fn->statics[i];
        uint32_t n = s->value.kind == VAL_shape ? s->value.dims->rank : 1;
        for (uint32_t k = 0; k < n; k++) {
            int64_t size = s->value.kind == VAL_shape ? s->value.dims->dim[k]
                           : s->value.kind == VAL_int ? s->value.i
                                                      : -1;
            uint64_t all = size < 0 ? 0 : (uint64_t)size;
            for (uint32_t j = 0; j < ret->rank && all <= IR_MAX_ELEMENTS; j++)
                all *= ret->dim[j];
            if (size < 1 || all > IR_MAX_ELEMENTS || ret->rank == MAX_RANK) {
                complain(e, elab_too_large, s->span, elab_expr_text(e, s->span));
                return false;
            }
            ret->dim[ret->rank++] = (uint32_t)size;
        }
    }
    return true;
}

/* ---- elementwise ---- */

static Value
call_pointwise(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
               Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    return elab_apply_pointwise(e, (Op)b->op, call->arg, call->n, call->span);
}

static Value
call_rsqrt(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    Value r = elab_apply_pointwise(e, OP_sqrt, call->arg, 1, call->span);
    return elab_arith(e, AST_OP_DIV, elab_value_int(1), r, MODE_term, call->span);
}

static Value
call_where(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    return elab_choose(e, call->arg[0], call->arg[1], call->arg[2], call->span);
}

static Value
call_stop_gradient(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                   Mode mode)
{
    Value leaf[MAX_LEAVES];
    uint32_t n = 0, k = 0;

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_flatten(e, call->arg[0], leaf, &n, MAX_LEAVES))
        return FAIL(e, elab_argument, call->span, b->name, "numbers",
                    elab_value_text(e, call->arg[0]));
    e->frame->b.span = call->span;
    for (uint32_t i = 0; i < n; i++)
        if (!elab_is_static(leaf[i]))
            leaf[i] = elab_value_ref(
                e, ir_stop_gradient(&e->frame->b, elab_ref_of(e, leaf[i], DT_none)));
    return elab_unflatten(e, call->arg[0], leaf, &k);
}

static Value
call_real(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Value v = call->arg[0];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->span, b->name, "a number", elab_value_text(e, v));
    if (elab_is_static(v))
        return v.kind == VAL_bool ? elab_value_real(v.b) : elab_convert(e, v, e->real);
    if (dtype_is_float((DType)elab_value_type(e, v).dtype))
        return v;
    return elab_value_ref(e, elab_ref_of(e, v, e->real));
}

static Value
call_int(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call, Mode mode)
{
    Value v = call->arg[0];

    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (!elab_is_number(v))
        return FAIL(e, elab_argument, call->span, b->name, "a number", elab_value_text(e, v));
    if (v.kind == VAL_int || v.kind == VAL_bool)
        return v.kind == VAL_int ? v : elab_value_int(v.b);
    if (v.kind == VAL_real)
        return fabs(v.r) < 2147483648.0 ? elab_value_int((int64_t)v.r)
                                        : FAIL(e, elab_int_range, call->span);
    return elab_value_ref(e, elab_ref_of(e, v, DT_i32));
}

/* ---- derivatives ---- */

static Value
call_derivative(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                Mode mode)
{
    (void)env;
    (void)mode;
    if (!elab_check_call(e, b, fn, call, false))
        return POISON;
    if (call->arg[0].kind != VAL_fn)
        return FAIL(e, elab_argument, call->arg_span[0], b->name, "a function",
                    elab_value_text(e, call->arg[0]));
    FnVal *r = arena_new(e->arena, FnVal);
    r->kind = FN_derived;
    r->deriv = (Deriv)b->op;
    r->of = call->arg[0].fn;
    return elab_value_fn(r);
}

static Value
call_unsupported(Elab *e, const Env *env, const Builtin *b, FnVal *fn, const Call *call,
                 Mode mode)
{
    (void)env;
    (void)fn;
    (void)mode;
    return FAIL(e, unsupported, call->span, arena_printf(e->arena, "'%s'", b->name));
}

/* ---- the table ---- */

#define ELEMENTWISE(name) \
    { \
#name, call_pointwise, 1, 1, OP_##name, true, false, NULL \
    }

static const Builtin table[] = {
    ELEMENTWISE(exp),
    ELEMENTWISE(expm1),
    ELEMENTWISE(log),
    ELEMENTWISE(log1p),
    ELEMENTWISE(sigmoid),
    ELEMENTWISE(softplus),
    ELEMENTWISE(sqrt),
    ELEMENTWISE(sin),
    ELEMENTWISE(cos),
    ELEMENTWISE(tan),
    ELEMENTWISE(tanh),
    ELEMENTWISE(atan),
    ELEMENTWISE(erf),
    ELEMENTWISE(lgamma),
    ELEMENTWISE(digamma),
    ELEMENTWISE(abs),
    ELEMENTWISE(sign),
    ELEMENTWISE(floor),
    ELEMENTWISE(ceil),
    ELEMENTWISE(round),
    ELEMENTWISE(trunc),
    ELEMENTWISE(isfinite),
    {"pow", call_pointwise, 2, 2, OP_pow, true, false, NULL},
    {"rsqrt", call_rsqrt, 1, 1, 0, true, false, NULL},
    {"where", call_where, 3, 3, 0, true, false, NULL},
    {"stop_gradient", call_stop_gradient, 1, 1, 0, true, false, NULL},
    {"real", call_real, 1, 1, 0, true, false, NULL},
    {"int", call_int, 1, 1, 0, true, false, NULL},
    {"min", elab_call_reduce, 1, 2, FOLD_min, true, true, "axis keep"},
    {"max", elab_call_reduce, 1, 2, FOLD_max, true, true, "axis keep"},
    {"sum", elab_call_reduce, 1, 1, FOLD_sum, false, true, "axis keep"},
    {"mean", elab_call_reduce, 1, 1, FOLD_sum, false, true, "axis keep"},
    {"prod", elab_call_reduce, 1, 1, FOLD_prod, false, true, "axis keep"},
    {"all", elab_call_reduce, 1, 1, FOLD_all, false, true, "axis keep"},
    {"any", elab_call_reduce, 1, 1, FOLD_any, false, true, "axis keep"},
    {"logsumexp", elab_call_logsumexp, 1, 1, 0, false, false, "axis keep"},
    {"argmax", elab_call_argmax, 1, 1, 0, false, false, "axis"},
    {"size", elab_call_size, 1, 1, 0, false, false, NULL},
    {"len", elab_call_size, 1, 1, 1, false, false, NULL},
    {"zeros_like", elab_call_like, 1, 1, 0, false, false, NULL},
    {"ones_like", elab_call_like, 1, 1, 1, false, false, NULL},
    {"reshape", elab_call_reshape, 1, 1, 0, false, false, NULL},
    {"broadcast_to", elab_call_reshape, 1, 1, 1, false, false, NULL},
    {"transpose", elab_call_transpose, 1, 1, 0, false, false, NULL},
    {"concat", elab_call_concat, 1, 64, 0, false, false, "axis"},
    {"stack", elab_call_concat, 1, 64, 1, false, false, NULL},
    {"gather", elab_call_gather, 2, 2, 0, false, false, NULL},
    {"embedding", elab_call_gather, 2, 2, 0, false, false, NULL},
    {"split", elab_call_split, 2, 2, 0, false, false, "axis"},
    {"pad", elab_call_pad, 2, 3, 0, false, false, "axis"},
    {"cholesky", elab_call_cholesky, 1, 1, 0, false, false, NULL},
    {"solve_triangular", elab_call_trisolve, 2, 2, 0, false, false, "transpose"},
    {"normal", elab_call_draw, 0, 2, DRAW_normal, false, false, NULL},
    {"uniform", elab_call_draw, 0, 2, DRAW_uniform, false, false, NULL},
    {"normal_like", elab_call_draw_like, 1, 1, DRAW_normal, false, false, NULL},
    {"uniform_like", elab_call_draw_like, 1, 1, DRAW_uniform, false, false, NULL},
    {"rademacher", elab_call_rademacher, 0, 0, 0, false, false, NULL},
    {"rademacher_like", elab_call_rademacher, 1, 1, 0, false, false, NULL},
    {"bernoulli", elab_call_bernoulli, 1, 1, 0, false, false, NULL},
    {"randint", elab_call_randint, 1, 1, 0, false, false, NULL},
    {"shared", elab_call_shared, 1, 1, 0, false, false, NULL},
    {"grad", call_derivative, 1, 1, DERIV_grad, false, false, NULL},
    {"value_and_grad", call_derivative, 1, 1, DERIV_value_and_grad, false, false, NULL},
    {"jvp", call_derivative, 1, 1, DERIV_jvp, false, false, NULL},
    {"vjp", call_derivative, 1, 1, DERIV_vjp, false, false, NULL},
    {"laplacian", call_derivative, 1, 1, DERIV_laplacian, false, false, NULL},
    {"grad_and_laplacian", call_derivative, 1, 1, DERIV_grad_and_laplacian, false, false, NULL},
    {"run", elab_call_run, 3, 3, 0, false, false, "steps"},
    {"batch", elab_call_batch, 1, 1, CROSS_all, false, false, NULL},
    {"batch_mean", elab_call_batch, 1, 1, CROSS_mean, false, false, NULL},
    {"batch_sum", elab_call_batch, 1, 1, CROSS_sum, false, false, NULL},
    {"batch_max", elab_call_batch, 1, 1, CROSS_max, false, false, NULL},
    {"batch_logsumexp", elab_call_batch, 1, 1, CROSS_lse, false, false, NULL},
    {"batch_any", elab_call_batch, 1, 1, CROSS_any, false, false, NULL},
    {"model_sum", elab_call_model_sum, 1, 1, 0, false, false, NULL},
    {"sort", call_unsupported, 0, 64, 0, false, false, NULL},
    {"conv2d", elab_call_conv2d, 2, 2, 0, false, false, "stride padding"},
};

const Builtin *
elab_builtin_table(size_t *ret_n)
{
    *ret_n = sizeof table / sizeof table[0];
    return table;
}

const Builtin *
elab_find_builtin(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}
