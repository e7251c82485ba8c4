/* SPDX-License-Identifier: Apache-2.0
 *
 * laplacian.c -- value, gradient and trace of the Hessian in one forward sweep
 *
 * The forward Laplacian (R. Li et al., arXiv 2307.08214): next to each value stand its d
 * tangents, side by side in one array, and one second-order term.  Of r = f(x, y):
 *
 *   tangents     f_x T_x + f_y T_y
 *   second       f_x L_x + f_y L_y + sum_kl f_kl (sum over the tangents of T_k T_l)
 *
 * Parts 0 and 1 of jvp.c give all but the last sum, which is 0 for linear ops and is made here.
 */
#include "passes/ad/ad.h"

#include <assert.h>

#include "passes/ad/vocabulary.h"

Function *
ad_scratch(Ad *a, Builder *ret_b)
{
    Module *m = module_new(a->ctx->arena);
    Function *f = function_new(m, "scratch");

    *ret_b = builder_at(m, f);
    ret_b->span = a->copy.b.span;
    return f;
}

static Ref
tangents(const Ad *a, const Node *n, uint32_t k)
{
    return a->tan[0][n->arg[k].id];
}

/* ---- pointwise ops */

/* The op's first partials by its smooth operands, as a function of the operands. */
static Function *
slopes_of(Ad *a, const Node *n, unsigned mask)
{
    Builder b;
    Function *f = ad_scratch(a, &b);
    Ref x[3] = {{0}}, out[3], one[3];

    for (uint32_t k = 0; k < n->n_args; k++)
        x[k] = ir_param(&b, ir_type(a->f, n->arg[k]));
    Ref r = ir_build(&b, n->op, n->type, n->n_args, x, n->attr, 0, NULL);
    one[0] = one[1] = one[2] = ir_full(&b, n->type, 1);
    ad_partials(&b, n->op, mask, x, r, one, out);
    for (uint32_t k = 0; k < n->n_args; k++)
        out[k] = out[k].id ? out[k] : one[0];
    ir_yield(&b, n->n_args, out);
    return f;
}

/* The sum over the tangents of T_k T_l. */
static Ref
moment(Ad *a, const Node *n, uint32_t k, uint32_t l)
{
    int64_t last = n->type.rank;
    Ref x = tangents(a, n, k), y = tangents(a, n, l);

    return ir_reduce(&a->copy.b, OP_sum, ir_mul(&a->copy.b, x, y), 1, &last);
}

/* Terms of the second partials f_kl for one l. */
static Ref
second_by(Ad *a, const Node *n, const Function *slopes, unsigned mask, uint32_t l)
{
    Builder *b = &a->copy.b;
    Ref arg[3] = {{0}}, tan[3] = {{0}}, value[3], second[3], sum = NO_REF;

    for (uint32_t k = 0; k < n->n_args; k++)
        arg[k] = ad_arg(a, n, k);
    tan[l] = ir_full(b, ir_type(a->f, n->arg[l]), 1);
    if (!ad_forward(a->ctx, b, slopes, arg, tan, value, second))
        return NO_REF;
    for (uint32_t k = 0; k <= l; k++) {
        if (!second[k].id || !(mask >> k & 1))
            continue;
        Ref term = ir_mul(b, second[k], moment(a, n, k, l));
        if (k != l)
            term = ad_add(b, term, term);
        sum = ad_add(b, sum, term);
    }
    return sum;
}

static Ref
second_pointwise(Ad *a, const Node *n)
{
    unsigned mask = 0;
    Ref sum = NO_REF;

    for (uint32_t k = 0; k < n->n_args; k++)
        mask |= (unsigned)(tangents(a, n, k).id != 0) << k;
    mask &= ad_smooth(n->op);
    const Function *slopes = slopes_of(a, n, mask);
    for (uint32_t l = 0; l < n->n_args; l++)
        if (mask >> l & 1)
            sum = ad_add(&a->copy.b, sum, second_by(a, n, slopes, mask, l));
    return sum;
}

/* ---- other ops: by a second derivative in each direction */

/* The op's tangent, as a function of operands and tangents. */
static Function *
tangent_of(Ad *a, const Node *n)
{
    Builder b, outer;
    Function *f = ad_scratch(a, &b), *t = ad_scratch(a, &outer);
    Ref *x = arena_array(a->ctx->arena, Ref, n->n_args);
    Ref *arg = arena_array(a->ctx->arena, Ref, n->n_args);
    Ref *tan = arena_array(a->ctx->arena, Ref, n->n_args);
    Ref value, out;

    for (uint32_t k = 0; k < n->n_args; k++)
        x[k] = ir_param(&b, ir_type(a->f, n->arg[k]));
    Ref r = ir_build(&b, n->op, n->type, n->n_args, x, n->attr, 0, NULL);
    ir_yield(&b, 1, &r);
    for (uint32_t k = 0; k < n->n_args; k++)
        arg[k] = ir_param(&outer, ir_type(a->f, n->arg[k]));
    for (uint32_t k = 0; k < n->n_args; k++)
        if (tangents(a, n, k).id)
            tan[k] = ir_param(&outer, ir_type(a->f, n->arg[k]));
    ad_forward(a->ctx, &outer, f, arg, tan, &value, &out);
    out = out.id ? out : ad_zero(&outer, n->type);
    ir_yield(&outer, 1, &out);
    return t;
}

/* T with the axis of the tangents first. */
static Ref
tangents_first(Ad *a, Ref t)
{
    int64_t perm[MAX_RANK];
    unsigned rank = ir_type(a->copy.b.function, t).rank;

    perm[0] = rank - 1;
    for (unsigned i = 1; i < rank; i++)
        perm[i] = i - 1;
    return ir_transpose(&a->copy.b, t, perm);
}

/* The sum over the tangents u of the second derivative in direction u. */
static Ref
second_by_direction(Ad *a, const Node *n)
{
    Builder *b = &a->copy.b;
    Function *f = tangent_of(a, n);
    uint32_t count = f->region[0].n_params, k = 0;
    Ref *arg = arena_array(a->ctx->arena, Ref, count),
        *tan = arena_array(a->ctx->arena, Ref, count);
    Ref *first = arena_array(a->ctx->arena, Ref, n->n_args), value, out;

    for (uint32_t i = 0; i < n->n_args; i++)
        if (tangents(a, n, i).id)
            first[i] = tangents_first(a, tangents(a, n, i));
    RegionId own = region_begin(b);
    Ref turn = ir_param(b, type_scalar(DT_i32));
    for (uint32_t i = 0; i < n->n_args; i++)
        arg[k++] = ad_arg(a, n, i);
    for (uint32_t i = 0; i < n->n_args; i++)
        if (first[i].id)
            tan[i] = arg[k++] = ir_at(b, first[i], 1, &turn, true);
    bool right = ad_forward(a->ctx, b, f, arg, tan, &value, &out);
    if (!right || !out.id)
        out = ad_zero(b, n->type);
    ir_yield(b, 1, &out);
    region_end(b);
    return ir_get(b, ir_loop(b, 1, &a->columns, (FoldKind[]){FOLD_sum}, own), 0);
}

/* amax and amin are linear but where elements tie. */
static bool
is_linear(Op op)
{
    switch (op) {
    case OP_broadcast:
    case OP_reshape:
    case OP_transpose:
    case OP_slice:
    case OP_pad:
    case OP_window:
    case OP_concat:
    case OP_at:
    case OP_update:
    case OP_take:
    case OP_put_add:
    case OP_batch:
    case OP_batch_sum:
    case OP_sum:
    case OP_amax:
    case OP_amin: return true;
    default: return false;
    }
}

Ref
ad_second(Ad *a, const Node *n)
{
    if (op_is_pointwise(n->op))
        return second_pointwise(a, n);
    if (n->op == OP_contract)
        return ad_second_contract(a, n);
    return is_linear(n->op) ? NO_REF : second_by_direction(a, n);
}

/* ---- the whole function */

/* d tangents of the argument: the identity. */
static Ref
identity(Builder *b, Type t, uint32_t d)
{
    Type square = {.dtype = DT_i32, .rank = 2, .dim = {d, d}}, wide = t;
    Ref diagonal = ir_eq(b, ir_iota(b, square, 0), ir_iota(b, square, 1));

    wide.dim[wide.rank++] = d;
    Ref one = ir_full(b, type_with(square, (DType)t.dtype), 1);
    return ir_reshape(b, ir_select(b, diagonal, one, ad_zero(b, ir_type(b->function, one))),
                      wide);
}

static bool
check_ranks(Ad *a)
{
    for (uint32_t id = 1; id < a->f->n; id++) {
        const Node *n = &a->f->node[id];
        if (!ad_is_active(a, id) ||
            (n->type.rank < MAX_RANK && type_size(n->type) * a->columns <= IR_MAX_ELEMENTS))
            continue;
        diag_add(a->ctx->diags, DIAG_unsupported, n->span,
                 "a laplacian through an array as large as this");
        return false;
    }
    return true;
}

static Ad
start(PassContext *ctx, const Function *f, Builder b)
{
    Ad a = {.copy = rebuild_of(NULL, f, b, ctx), .f = f, .ctx = ctx, .parts = MAX_PARTS};

    a.copy.live = live_all(f, ctx->arena);
    for (unsigned p = 0; p < a.parts; p++) {
        a.tan[p] = arena_array(ctx->arena, Ref, f->n);
        a.tans[p] = arena_array(ctx->arena, Ref *, f->n);
    }
    return a;
}

Function *
ad_laplacian(PassContext *ctx, Module *out, const Function *f, const char *name, int64_t active)
{
    Function *to = function_new(out, name);
    const Region *body = &f->region[0];
    Ad a = start(ctx, f, builder_at(out, to));
    Builder *b = &a.copy.b;
    bool *is_active = arena_array(ctx->arena, bool, body->n_params);
    uint32_t x = body->param[active].id, r = body->yield[0].id;
    Type t = f->node[x].type;
    unsigned errors = ctx->diags->errors;

    rebuild_params(&a.copy);
    a.columns = (uint32_t)type_size(t);
    is_active[active] = a.columns > 0;
    if (!ad_activity(ctx, f, is_active, &a.active) || !check_ranks(&a))
        return NULL;
    if (a.columns)
        a.tan[0][x] = a.seed = identity(b, t, a.columns);
    ad_forward_nodes(&a, 0);
    Ref gradient = a.tan[0][r], trace = a.tan[1][r];
    Type value = f->node[r].type;
    Ref result[3] = {
        a.copy.map[r],
        gradient.id ? ir_reshape(b, gradient, t) : ad_zero(b, t),
        trace.id ? trace : ad_zero(b, value),
    };
    result[1] = ir_convert(b, result[1], (DType)t.dtype);
    ir_yield(b, 3, result);
    return ctx->diags->errors == errors ? to : NULL;
}
